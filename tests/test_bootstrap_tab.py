"""The Bootstrap tab's plain functions, on a run that was really made: forms, counts, browsing, marks, clips, export."""

import json
import os
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest

from bootstrap.__main__ import main
from bootstrap.attempts import finished_lines
from bootstrap.audit import audit_run
from bootstrap.browse import Filters, examples_of, kinds_of, load_sets, neighbour, rounds_of
from bootstrap.example_card import set_card
from bootstrap.figures import funnel_figure, matrix_figure
from bootstrap.live import live_figures, status_card
from bootstrap.marks import mark_example, read_marks, wrong_sets
from bootstrap.run_files import export_dataset, seed_clip
from bootstrap.run_form import (
    COMMAND,
    RunForm,
    bootstrap_jobs,
    missing_sentence,
    resume_run,
    run_command,
    shown_command,
    start_run,
)
from tests.bootstrap_sets import rated_set
from tests.test_jobs import wait_for
from workbench.errors import InputError, StoreError, VideoError
from workbench.jobs import Job, find, stop
from workbench.run_folders import chosen_folder, own_command, run_label
from workbench.store import Run

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a small world and, under runs/, a run of it."""
    place = tmp_path_factory.mktemp("place")
    small = ["--scenes=4", "--split=train", "--setting=core", "--objects-max=1", "--seconds-min=1", "--seconds-max=1.5"]
    assert main(["world", f"--out={place / 'world'}", *small]) == 0
    form = form_for(place, name="sets")
    assert main(run_command(form, place / "runs" / "sets")[3:]) == 0
    return place


def form_for(place: Path, **fields) -> RunForm:
    given = {"seeds": str(place / "world"), "generator": "world:miss=0.3", "evaluator": "world:noise=0.2,bias@3=+1"}
    return RunForm(**{**given, **fields})


@pytest.fixture
def folder(place) -> Path:
    return place / "runs" / "sets"


# -- starting


@pytest.mark.parametrize(("form", "sentence"), [
    (RunForm("s", "g", "e"), ""),
    (RunForm(), "Almost there: name the seeds, name a generator and name an evaluator."),
    (RunForm("s", " ", "e"), "Almost there: name a generator."),
])  # fmt: skip
def test_everything_missing_is_said_at_once(form, sentence):
    assert missing_sentence(form) == sentence


def test_the_command_is_read_by_the_command_line_as_it_is_meant(tmp_path):
    form = RunForm("it's; rm -rf $HOME", "world:miss=0.2", "-e", rounds=2, alpha=1, limit=7, name="mine")
    words = shlex.split(shown_command(form, tmp_path))
    assert words == run_command(form, tmp_path / "mine") and words[:4] == ["python", "-m", "bootstrap", "run"]
    assert "--limit" not in shown_command(RunForm(), tmp_path)


@pytest.mark.parametrize(("fields", "message"), [
    ({"seeds": ""}, "name the seeds"), ({"seeds": "/nowhere/at all"}, "not there"), ({"name": "../up"}, "name: got"),
    ({"name": ".hidden"}, "name: got"), ({"generator": "nobody"}, "no judge"), ({"name": "sets"}, "there already"),
])  # fmt: skip
def test_what_would_fail_at_once_is_refused_and_leaves_nothing(place, fields, message):
    before = sorted((place / "runs").iterdir())
    with pytest.raises(InputError, match=message):
        start_run(form_for(place, **fields), place / "runs")
    assert sorted((place / "runs").iterdir()) == before


def test_a_run_is_started_watched_stopped_and_resumed(place):
    """A generator that takes its time, so that there is something to stop."""
    script = place / "slow.yaml"
    script.write_text("rules: [{reply: '[]', delay_seconds: 0.3}]")
    runs = place / "slow runs"
    job = start_run(form_for(place, generator=f"scripted:{script}", name="slow", rounds=1), runs)
    try:
        wait_for(job.folder, "running")
        assert [run_label(found).partition(" · ")[0] for found in bootstrap_jobs(runs)] == ["slow"]
        with pytest.raises(StoreError, match="being worked on"):
            resume_run(job.folder)
        assert stop(job.folder).state == "stopped"
        done = find(job.folder).status["done"]
        resume_run(job.folder)
        job = wait_for(job.folder, "done")
        assert job.status["done"] == job.status["total"] > done
    finally:
        stop(job.folder, grace_seconds=0.2)


def test_resuming_repeats_the_runs_own_command_in_its_own_folder(folder, tmp_path):
    assert own_command(folder, COMMAND) == [
        word for word in run_command(form_for(folder.parents[1]), folder) if "--out" not in word
    ]
    other = tmp_path / "other"
    Run.create(other, config={}, command="python -c 'print(1)'")
    with pytest.raises(InputError, match="not one of"):
        resume_run(other)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc"])
def test_a_run_is_chosen_by_its_plain_name(place, name):
    with pytest.raises(InputError, match="name of a run"):
        chosen_folder(place / "runs", name)


# -- watching


def test_live_figures_count_what_the_sets_hold(folder):
    lines = list(finished_lines(Run.open(folder)))
    funnel, matrix = live_figures(lines)
    attempts = [attempt for one in load_sets(folder) for attempt in one.attempts]
    assert sum(funnel.accepted) == sum(attempt.accepted for attempt in attempts)
    assert sum(funnel.accepted) + sum(funnel.rejected) + sum(funnel.unreadable) == len(attempts)
    assert sum(map(sum, matrix.counts)) == len(attempts)
    assert funnel_figure(funnel).data and matrix_figure(matrix).data
    empty = [
        figure.layout.annotations[0].text
        for figure in (funnel_figure(live_figures([])[0]), matrix_figure(live_figures([])[1]))
    ]
    assert empty == ["No response has been evaluated yet."] * 2


@pytest.mark.parametrize(("state", "status", "words"), [
    ("running", {"done": 5, "total": 10, "eta_seconds": 300, "complete": 4}, ["Running", "5 of 10", "about 5 min", "50.0%", "4"]),
    ("starting", {}, ["Starting", "no seed yet"]),
    ("failed", {"last_error": EVIL}, ["Failed", "&lt;img", "The end of its log"]),
    ("stopped", {"done": 1, "total": 2, "last_error": "limit of calls reached"}, ["Stopped", "limit of calls"]),
])  # fmt: skip
def test_the_status_says_how_the_run_stands(tmp_path, state, status, words):
    (tmp_path / "log.txt").write_text(EVIL)
    card = status_card(Job(tmp_path, state, "", status))
    assert all(word in card for word in words) and "<img" not in card


# -- browsing


def test_filters_take_what_they_say(folder):
    sets = load_sets(folder)
    everything = examples_of(sets)
    assert len(everything) == len(sets) + sum(len(one.attempts) for one in sets)
    threes = examples_of(sets, Filters(rating=3))
    assert threes and {example.rating for example in threes} == {3}
    assert {example.attempt.round for example in examples_of(sets, Filters(round=2))} == {2}
    assert len(examples_of(sets, Filters(rating=5))) == len(sets)
    rejected, accepted = (examples_of(sets, Filters(outcome=outcome)) for outcome in ("rejected", "accepted"))
    assert len(rejected) + len(accepted) == len(everything)
    assert not any(example.accepted for example in rejected) and all(example.accepted for example in accepted)
    kind = kinds_of(sets)[0]
    assert {example.kind for example in examples_of(sets, Filters(kind=kind))} == {kind}
    assert rounds_of(sets) == [1, 2, 3] and examples_of(sets, Filters(kind="none such")) == []
    assert load_sets(folder.parent / "nowhere") == ()


def test_paging_goes_round_and_survives_examples_that_come_before(folder):
    sets = load_sets(folder)
    found = examples_of(sets, Filters(rating=4))
    keys = [example.key for example in found]
    assert len(set(keys)) == len(keys)
    assert [neighbour(found, keys[0], step) for step in (0, 1, -1)] == [0, 1, len(found) - 1]
    assert neighbour(found, None, 1) == neighbour(found, ("gone", 4, 1), 1) == 0
    assert neighbour([*examples_of(sets, Filters(rating=5)), *found], keys[0], 0) == len(sets)


def test_a_card_shows_five_ratings_their_history_and_the_truth(folder):
    example = next(one for one in examples_of(load_sets(folder)) if not one.accepted)
    card = set_card(example, {})
    assert card.count("<li") >= 5 and "rejected" in card and "truly a" in card and "the gold response" in card
    assert card.count('aria-current="true"') == 2  # the rating, and the attempt in its history
    assert example.attempt.reasoning in card.replace("&#x27;", "'")


def test_whatever_others_wrote_is_escaped(tmp_path):
    texts = {rating: f"{EVIL} {rating}" for rating in range(1, 6)}
    one = rated_set(
        1,
        tries=[(1, 4, None), (2, 4, 4), (1, 3, 2)],
        texts=texts,
        reasoning=EVIL + "{}",
        tags={"instruction_kind": EVIL},
    )
    one = one._replace(unreadable=({"task": EVIL, "round": EVIL, "reason": EVIL},))
    for example in examples_of([one]):
        mark = mark_example(tmp_path, example, "ann", 1, EVIL)
        card = set_card(example, {example.item.id: [mark]})
        assert "<img" not in card and "&lt;img" in card


# -- marks


def test_a_mark_is_a_human_judgment_and_the_last_word_counts(place, folder):
    example = examples_of(load_sets(folder), Filters(rating=2))[0]
    mark_example(folder, example, "ann", 4, "it is right")
    mark_example(folder, example, "ann", 3, " half right ")
    mark_example(folder, example, "bob.2", 2, "")
    marks = read_marks(folder)[example.item.id]
    assert [(mark.judge, mark.score, mark.reasoning) for mark in marks] == [
        ("human:ann", 3.0, "half right"), ("human:bob.2", 2.0, None)]  # fmt: skip
    assert marks[0].settings == {"seed": example.rated_set.seed.id, "target": 2}
    card = set_card(example, read_marks(folder))
    assert "ann says 3 (wrong): half right" in card and "bob.2 says 2" in card
    marked = examples_of(load_sets(folder), Filters(outcome="marked"), read_marks(folder))
    assert {one.item.id for one in marked} == {example.item.id}
    assert len((folder / "marks.jsonl").read_text().splitlines()) == 3
    with (folder / "marks.jsonl").open("a") as file:
        file.write('{"item": "half of a mark, as a power cut le')
    mark_example(folder, example, "cleo", 5, "")
    marks = read_marks(folder)[example.item.id]
    assert [mark.judge for mark in marks] == ["human:ann", "human:bob.2", "human:cleo"]


@pytest.mark.parametrize(("who", "rating", "message"), [
    ("ann", None, "rating"), ("ann", 6, "rating"), ("", 3, "name"), ("a/b", 3, "name"), (EVIL, 3, "name"),
])  # fmt: skip
def test_a_mark_without_a_name_or_rating_is_refused(folder, tmp_path, who, rating, message):
    with pytest.raises(InputError, match=message):
        mark_example(tmp_path, examples_of(load_sets(folder))[0], who, rating, "")
    assert not (tmp_path / "marks.jsonl").exists()


# -- files


def test_a_clip_is_shown_as_a_copy(place, folder):
    seed = load_sets(folder)[0].seed
    shown = Path(seed_clip(seed).playable)
    assert not shown.is_relative_to(place) and shown.read_bytes() == Path(seed.video.path).read_bytes()


def test_a_clip_is_shown_wherever_it_lies(place, folder, tmp_path):
    """Seeds are in one folder and the videos of a public dataset in another."""
    seed = load_sets(folder)[0].seed
    elsewhere, link = tmp_path / "videos" / "other.mp4", tmp_path / "link.mp4"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(Path(seed.video.path).read_bytes())
    link.symlink_to(elsewhere)
    for path in (elsewhere, link):
        assert Path(seed_clip(seed_at(seed, path)).playable).read_bytes() == elsewhere.read_bytes()


def test_no_other_file_is_handed_out(place, folder, tmp_path):
    sets = load_sets(folder)
    seed, other = sets[0].seed, next(one.seed for one in sets if one.seed.video != sets[0].seed.video)
    secret, pipe = tmp_path / "secret.txt", tmp_path / "pipe"
    secret.write_text("private")
    os.mkfifo(pipe)
    for path in (tmp_path / "gone.mp4", tmp_path, pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="not where the run found it"):
            seed_clip(seed_at(seed, path))
    for path, why in ((other.video.path, "changed"), (secret, "secret.txt"), ("/etc/passwd", "passwd")):
        with pytest.raises(VideoError, match=why):
            seed_clip(seed_at(seed, path))


def seed_at(seed, path):
    return type(seed).from_dict({**seed.to_dict(), "video": {"sha256": seed.video.sha256, "path": str(path)}})


@pytest.mark.parametrize("form", ["workbench", "llama-factory"])
def test_an_export_is_a_folder_and_a_file(folder, form):
    exported = export_dataset(folder, form)
    assert "complete sets" in exported.told and shlex.split(exported.command)[:4] == [
        "python",
        "-m",
        "bootstrap",
        "export",
    ]
    names = zipfile.ZipFile(exported.archive).namelist()
    assert "README.md" in names and (folder / "exports" / form / "README.md").exists()
    assert json.loads((folder / "exports" / form / "dataset.json").read_text())


# -- marks in the audit and the export


@pytest.fixture
def marked_run(place, tmp_path) -> Path:
    """A copy of the run in which two people marked examples: a kept 4 wrong and right, a kept gold right, a rejected one."""
    folder = tmp_path / "marked"
    shutil.copytree(place / "runs" / "sets", folder)
    (folder / "marks.jsonl").unlink(missing_ok=True)
    sets = [one for one in load_sets(folder) if one.complete]
    kept = next(one for one in examples_of(sets[:1], Filters(rating=4)) if one.accepted)
    mark_example(folder, kept, "ann", 2, "it is worse")
    mark_example(folder, kept, "bob", 4, "")
    mark_example(folder, examples_of(sets[1:2], Filters(rating=5))[0], "ann", 5, "")
    rejected = next(one for one in examples_of(load_sets(folder)) if not one.accepted)
    mark_example(folder, rejected, "ann", rejected.rating, "")
    return folder


def test_marks_are_counted_by_the_audit(marked_run, capsys):
    audit = audit_run(Run.open(marked_run), [])
    found = audit.marks
    assert (found.people, found.responses, found.wrong_sets) == (2, 3, 1)
    assert (found.wrong[4].value, found.wrong[4].n, found.gap[4].value) == (0.5, 2, -1.0)
    assert (found.wrong[5].value, found.wrong[5].n, found.wrong[3].n) == (0.0, 1, 0)
    assert (found.rejected.value, found.rejected.n) == (1.0, 1)
    assert main(["audit", str(marked_run)]) == 0
    assert "People (2) marked 3 responses; 1 sets hold one marked as wrong" in capsys.readouterr().out
    assert audit_run(Run.open(marked_run.parent / "marked"), []).marks == found


def test_a_set_marked_as_wrong_is_left_out_of_exports_unless_it_is_kept(marked_run, tmp_path, capsys):
    assert main(["export", str(marked_run), f"--to={tmp_path / 'clean'}"]) == 0
    assert "1 marked as wrong by people" in capsys.readouterr().out
    assert main(["export", str(marked_run), f"--to={tmp_path / 'all'}", "--keep-marked"]) == 0
    clean, everything = (
        json.loads((tmp_path / name / "dataset.json").read_text())["counts"] for name in ("clean", "all")
    )
    assert everything["sets"] == clean["sets"] + 1 and clean["left_out"]["marked as wrong by people"] == 1
    cards = [(tmp_path / name / "README.md").read_text() for name in ("clean", "all")]
    assert "marked as wrong by people: 1" in cards[0] and "a response of 1 of the sets used as wrong" in cards[1]
    assert main(["export", str(marked_run), f"--to={tmp_path / 'clean'}", "--keep-marked"]) == 2


def test_changing_ones_mind_brings_a_set_back(marked_run):
    sets = load_sets(marked_run)
    (wrong,) = wrong_sets(sets, read_marks(marked_run))
    example = next(
        one for one in examples_of(sets, Filters(rating=4)) if one.accepted and one.rated_set.seed.id == wrong
    )
    mark_example(marked_run, example, "ann", 4, "")
    assert wrong_sets(sets, read_marks(marked_run)) == frozenset()
