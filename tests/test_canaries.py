"""Canaries: which are drawn, what passes and fails, that they are kept apart, and that a failure is said loudly."""

import json

import pytest

from workbench.__main__ import main
from workbench.canaries import OFF_TOPIC, draw_canaries
from workbench.canary_watch import KINDS, CanaryCount, canary_lines, canary_outcome, canary_run
from workbench.errors import InputError
from workbench.page.canary_note import canary_note, has_failed_canaries
from workbench.prompts import load_prompt
from workbench.quality import ITSELF, OVERALL
from workbench.schema import Item, Judgment
from workbench.store import Run

POINT, PAIR, RANK = (load_prompt(name) for name in ("pointwise", "pairwise", "ranking"))
FORM = {"low": 1, "high": 5}


def items(count, responses=1, reference="A ball rolls."):
    return [Item(None, f"Question {number}?", tuple(f"Answer {number} {place}." for place in range(responses)), reference)
            for number in range(count)]  # fmt: skip


def kinds(found):
    return [item.tags["canary"] for item in found]


# -- drawing


@pytest.mark.parametrize("prompt, responses", [(POINT, 1), (PAIR, 2), (RANK, 3)])
def test_each_kind_is_drawn_from_the_batch_and_is_none_of_it(prompt, responses):
    batch = items(20, responses)
    found = draw_canaries(batch, prompt, 3, view="none")
    assert sorted(kinds(found)) == sorted([*KINDS] * 3)
    assert not {item.id for item in found} & {item.id for item in batch} and len({item.id for item in found}) == 9
    assert all(item.kind == prompt.kind and item.tags["canary_of"] in {one.id for one in batch} for item in found)
    assert found == draw_canaries(batch, prompt, 3, view="none") != draw_canaries(batch, prompt, 3, view="none", seed=1)
    by_kind = dict(zip(kinds(found), found, strict=True))
    assert by_kind["known best"].responses[0] == "A ball rolls."
    assert by_kind["known worst"].responses[-1] in OFF_TOPIC
    own = next(item for item in batch if item.id == by_kind["padded twin"].tags["canary_of"])
    assert (
        by_kind["padded twin"].responses[-1].startswith(own.responses[0])
        and by_kind["padded twin"].responses[:-1]
        == (own.responses[: {"pointwise": 0, "pairwise": 1, "ranking": 3}[prompt.kind]])
    )


def test_without_references_the_bundled_examples_stand_in_where_videos_are_shown():
    batch = items(5, reference=None)
    assert "known best" not in kinds(draw_canaries(batch, POINT, 2, view="none"))
    bests = [item for item in draw_canaries(batch, POINT, 2) if item.tags["canary"] == "known best"]
    assert len(bests) == 2 and all(item.video and item.video.path for item in bests)


def test_the_worst_is_about_something_else():
    cooking = [Item(None, "How long does the pasta boil in the water?", ("Nine minutes, then drain it.",))]
    (worst,) = [item for item in draw_canaries(cooking, POINT, 1, view="none") if item.tags["canary"] == "known worst"]
    assert "pasta" not in worst.responses[0]


def test_a_small_batch_has_fewer_and_what_cannot_be_is_refused():
    assert kinds(draw_canaries(items(1), POINT, 50, view="none")) == [*KINDS]
    with pytest.raises(InputError, match="expected 1 to 200"):
        draw_canaries(items(1), POINT, 10**6)
    with pytest.raises(InputError, match="video itself"):
        draw_canaries([Item(None, OVERALL, (ITSELF,))], POINT, 1)


# -- outcomes


def scored(*values, **settings):
    name = "score" if isinstance(values[0], (int, float)) else "choice" if isinstance(values[0], str) else "ranking"
    return [Judgment("i", "j", "p@1", "scored", settings=settings, **{name: value}) for value in values]


OUTCOMES = [
    ("known best", scored(5), (), "passed"), ("known best", scored(4), (), "passed"), ("known best", scored(3), (), "failed"),
    ("known worst", scored(1), (), "passed"), ("known worst", scored(2), (), "passed"), ("known worst", scored(3), (), "failed"),
    ("padded twin", scored(4), scored(4), "passed"), ("padded twin", scored(3), scored(4), "passed"),
    ("padded twin", scored(5), scored(4), "failed"), ("padded twin", scored(5), (), "not comparable"),
    ("known best", scored(80, judge={"backend": "metric", "scale": [0, 100]}), (), "passed"),
    ("known best", scored(5, judge={"backend": "metric", "scale": [0, 100]}), (), "failed"),
    ("known best", scored(-3.5, judge={"backend": "reward", "scale": None}), (), "not comparable"),
    ("known best", scored("A", "A"), (), "passed"), ("known best", scored("A", "B"), (), "failed"),
    ("known best", scored("A", "tie"), (), "failed"),
    ("known worst", scored("A", "A"), (), "passed"), ("known worst", scored("A", "tie"), (), "passed"),
    ("known worst", scored("A", "B"), (), "failed"),
    ("padded twin", scored("A", "B"), (), "passed"), ("padded twin", scored("B", "B"), (), "failed"),
    ("padded twin", scored("tie", "tie"), (), "passed"),
    ("known best", scored((0, 2, 1), (0, 1, 2)), (), "passed"), ("known best", scored((0, 2, 1), (1, 0, 2)), (), "failed"),
    ("known worst", scored((0, 1, 2, 3)), (), "passed"), ("known worst", scored((3, 1, 2, 0)), (), "failed"),
    ("padded twin", scored((3, 0, 1, 2)), (), "failed"), ("padded twin", scored((3, 0, 1, 2), (0, 3, 1, 2)), (), "passed"),
    ("known best", [Judgment("i", "j", "p@1", "unparsed", error="noise")], (), "no verdict"),
    ("known best", [*scored("A"), Judgment("i", "j", "p@1", "failed", error="down")], (), "no verdict"),
]  # fmt: skip


@pytest.mark.parametrize("kind, judgments, own, outcome", OUTCOMES)
def test_outcomes(kind, judgments, own, outcome):
    assert canary_outcome(kind, judgments, own, FORM) == outcome


def test_lines():
    good = CanaryCount("fine", "known best", 3, 0, 0, 1)
    bad = [CanaryCount("poor", "known best", 3, 2, 0, 0), CanaryCount("poor", "known worst", 3, 0, 1, 0)]
    lines = canary_lines([good, *bad])
    assert lines[0] == "canaries passed: fine: 2 of 3 (1 could not be compared)"
    assert lines[1].startswith("CANARIES FAILED: poor: 2 of 3 known best, 1 of 6 without a verdict. Look at")
    note = canary_note({"canaries": [*lines, "CANARIES FAILED: <b>"]})
    assert note.count('role="alert"') == 2 and note.count('role="status"') == 1 and "<b>" not in note
    assert (
        canary_note({}) == ""
        and has_failed_canaries({"canaries": lines})
        and not has_failed_canaries({"canaries": lines[:1]})
    )


# -- a whole run


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"question": f"Question {n}?", "response": f"Answer {n}.", "reference": f"A ball rolls {n} times."}
        for n in range(6)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    worst = "{matches: '(Boil|parliament|library|glaciers)', reply: <score>1</score>}"
    best = "{where: {response: A ball rolls}, reply: <score>5</score>}"
    (tmp_path / "good.yaml").write_text(f"rules: [{worst}, {best}, {{reply: <score>3</score>}}]")
    (tmp_path / "kind.yaml").write_text(
        "rules: [{matches: other words, reply: <score>5</score>}, {reply: <score>4</score>}]"
    )
    (tmp_path / "mute.yaml").write_text("rules: [{reply: ''}]")
    return tmp_path


def judge(*words):
    return main(["judge", "--items=t.jsonl", "--no-video", *words])


def test_a_good_judge_passes_and_the_run_counts_no_canary(work, capsys):
    assert judge("--judge=scripted:good.yaml", "--canaries=2", "--out=r") == 0
    said = capsys.readouterr()
    assert "canaries: 2 known best, 2 known worst, 2 padded twin" in said.err
    assert "canaries passed: scripted:good.yaml: 6 of 6" in said.err
    run = Run.open("r")
    assert len(run.items()) == len(run.judgments()) == 6 and len(canary_run(run).judgments()) == 6
    assert not any("canary" in item.tags for item in run.items().values())
    summary = json.loads((work / "r" / "summary.json").read_text())
    assert summary["judgments"] == 6 and summary["by_status"] == {"scored": 6}
    assert len(run.to_frame()) == 6 and canary_run(run).state() == "done"
    assert run.status()["done"] == run.status()["total"] == 6


def test_a_failure_is_said_by_the_command_show_status_and_json(work, capsys):
    assert judge("--judge=scripted:kind.yaml", "--judge=scripted:good.yaml", "--canaries=2", "--out=r") == 1
    alarm = "CANARIES FAILED: scripted:kind.yaml: 2 of 2 known worst, 2 of 2 padded twin."
    assert alarm in capsys.readouterr().err
    status = Run.open("r").status()
    assert any(alarm in line for line in status["canaries"]) and any(
        "passed: scripted:good" in line for line in status["canaries"]
    )
    assert main(["show", "r"]) == 0 and alarm in capsys.readouterr().out
    assert main(["show", "r/canaries"]) == 0 and "12 of 12" in capsys.readouterr().out
    assert judge("--judge=scripted:kind.yaml", "--canaries=2", "--out=r", "--json") == 1  # nothing is asked again
    found = json.loads(capsys.readouterr().out)["canaries"]
    assert [one["failed"] for one in found if one["judge"] == "scripted:kind.yaml"] == [0, 2, 2]
    assert len(canary_run(Run.open("r")).judgments()) == 12


def test_a_silent_judge_fails(work, capsys):
    assert judge("--judge=scripted:mute.yaml", "--canaries=1", "--out=r") == 1
    assert "CANARIES FAILED: scripted:mute.yaml: 3 of 3 without a verdict." in capsys.readouterr().err


def test_canaries_may_join_a_run_later_and_belong_to_batches(work, capsys):
    assert judge("--judge=scripted:good.yaml", "--out=r") == 0 and canary_run(Run.open("r")) is None
    assert judge("--judge=scripted:good.yaml", "--canaries=1", "--out=r") == 0
    assert len(canary_run(Run.open("r")).judgments()) == 3 and len(Run.open("r").judgments()) == 6
    assert main(["judge", "--no-video", "--instruction=q", "--response=r", "--canaries=1"]) == 2
    assert "--canaries is for a table" in capsys.readouterr().err


@pytest.mark.parametrize("mode, count", [("pairwise", 6), ("ranking", 6)])
def test_pairs_and_rankings(work, mode, count, capsys):
    rows = [{"question": f"Q{n}?", "reference": f"Right {n}.", "responses": [f"a{n}", f"b{n}", f"c{n}"][: 2 + (mode == "ranking")]}
            for n in range(4)]  # fmt: skip
    (work / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rules = ["{contains: response_d, reply: <ranking>A>B>C>D</ranking>}",
             "{contains: response_c, reply: <ranking>A>B>C</ranking>}", "{reply: <answer>A</answer>}"]  # fmt: skip
    (work / "first.yaml").write_text(f"rules: [{', '.join(rules)}]")
    assert judge("--judge=scripted:first.yaml", "--canaries=1", f"--mode={mode}", "--out=r") == 1
    said = capsys.readouterr().err
    assert (
        "1 of 1 known best, 1 of 1 known worst." in said
    )  # what is always the first is no preference for the padded twin
    assert len(canary_run(Run.open("r")).judgments()) == count
