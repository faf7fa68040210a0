"""A whole run: its records, its budget, failures, many seeds at a time, and resuming after being killed anywhere."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from bootstrap_world import plain_seed, write_world_folder

from bootstrap.__main__ import main
from bootstrap.attempts import TARGET, finished_lines, read_sets
from bootstrap.budget import Budget
from bootstrap.loop import LoopSettings
from bootstrap.participants import load_participants
from bootstrap.runner import bootstrap_run, open_run, plan_run
from bootstrap.seeds import read_seeds
from workbench.backends.base import Declared, Reply
from workbench.errors import BackendError, InputError, StoreError
from workbench.schema import Sampling, VideoPolicy
from workbench.store import Run

ROOT = Path(__file__).parent.parent
TEXTS = {4: "four", 3: "three", 2: "two", 1: "one"}


@dataclass
class Writer:
    """A participant by hand: writes the four texts, rates them truly, and notes how it was called."""

    name: str = "server:writer"
    identity: dict = field(default_factory=lambda: {"backend": "by hand"})
    view: str = "video"
    sampling: Sampling = Sampling()
    video_policy: VideoPolicy = VideoPolicy(frames=1)
    declared: Declared = Declared()
    table: dict = field(default_factory=lambda: {text: target for target, text in TEXTS.items()})
    calls: list = field(default_factory=list)  # (size of the batch, sampling, samples)
    fails: set = field(default_factory=set)  # ids of videos

    def generate(self, chats, sampling):
        self.calls.append((len(chats), sampling, {chat.sample for chat in chats}))
        return [self.answer(chat) for chat in chats]

    def answer(self, chat):
        if chat.item.video.sha256 in self.fails:
            return BackendError("overloaded")
        usage = {"prompt_tokens": 100, "reply_tokens": 10}
        if chat.item.tags["task"] == "evaluate":
            ratings = {f"response_{n}": {"reasoning": f"on {t}", "rating": self.table.get(t)}
                       for n, t in enumerate(chat.item.responses, 1)}  # fmt: skip
            return Reply(json.dumps(ratings), usage=usage)
        if chat.item.tags["task"] == "regenerate":
            return Reply(
                json.dumps({f"rating_{t}": f"again {t}" for t in chat.item.tags["intended"].split(",")}), usage=usage
            )
        return Reply(json.dumps({f"rating_{target}": text for target, text in TEXTS.items()}), usage=usage)

    def close(self):
        pass


def carry_out(folder, seeds, generator, evaluator, *, settings=None, **options):
    plan = plan_run(generator, evaluator, settings or LoopSettings())
    run = open_run(folder, plan)
    with run.writing():
        outcome = bootstrap_run(run, seeds, plan, **options)
    return run, outcome


SEEDS = [plain_seed(number) for number in range(6)]


def test_the_records_of_a_set(tmp_path):
    evaluator = Writer("server:judge", table={"four": 4, "three": 4, "again 3": 3, "two": None, "one": 1})
    run, outcome = carry_out(tmp_path / "run", SEEDS[:1], Writer(), evaluator, settings=LoopSettings(rounds=2))
    (one,) = read_sets(run)
    assert [(a.round, a.target, a.rating, a.accepted, a.text) for a in one.attempts] == [
        (1, 4, 4, True, "four"),
        (1, 3, 4, False, "three"),
        (1, 2, None, False, "two"),
        (1, 1, 1, True, "one"),
        (2, 3, 3, True, "again 3"),
        (2, 2, None, False, "two"),
    ]
    assert {rating: item.responses[0] for rating, item in one.accepted.items()} == {
        5: SEEDS[0].reference, 4: "four", 3: "again 3", 1: "one"}  # fmt: skip
    assert not one.complete and one.rounds == 2 and one.calls == 4
    rejected = one.attempts[1]
    assert rejected.wanted.judge == TARGET and rejected.wanted.score == 3 and rejected.given.score == 4
    assert rejected.wanted.prompt.startswith("generate@") and one.attempts[4].wanted.prompt.startswith("regenerate@")
    assert rejected.given.judge == "server:judge" and rejected.reasoning == "on three"
    assert rejected.given.settings["sampling"]["temperature"] == 0 and rejected.seed == SEEDS[0].id
    assert one.attempts[2].given.status == "unparsed" and "None" in one.attempts[2].given.error
    assert [(u["task"], u["round"], u["target"]) for u in one.unreadable] == [("evaluate", 1, 2), ("evaluate", 2, 2)]
    (line,) = finished_lines(run)
    told = sorted(line["attempts"], key=lambda one: (one[0], -one[1]))  # as they were shown
    assert told == [[a.round, a.target, a.rating, a.accepted] for a in one.attempts]
    gold = next(j for j in run.judgments() if j.prompt == "gold")
    assert (gold.item, gold.score, gold.judge) == (SEEDS[0].id, 5, TARGET)
    assert one.attempts[0].item.reference == SEEDS[0].reference and one.attempts[0].item.video == SEEDS[0].video
    assert outcome.progress.incomplete == 1 and run.status()["state"] == "done"


def test_run_json_tells_prompts_and_participants_and_other_settings_are_refused(tmp_path):
    run, _ = carry_out(tmp_path / "run", SEEDS[:1], Writer(), Writer())
    head = run.head()
    assert [prompt["name"] for prompt in head["prompts"]] == ["generate", "regenerate", "evaluate"]
    assert head["config"]["generator"]["sampling"]["temperature"] == 0.7 and head["config"]["alpha"] == 0
    with pytest.raises(StoreError, match="alpha"):
        carry_out(tmp_path / "run", SEEDS, Writer(), Writer(), settings=LoopSettings(alpha=1))


def test_a_finished_run_asks_nothing_and_further_seeds_are_added(tmp_path):
    carry_out(tmp_path / "run", SEEDS[:2], Writer(), Writer())
    writer = Writer()
    run, outcome = carry_out(tmp_path / "run", SEEDS[:2], writer, writer)
    assert not writer.calls and outcome.progress.complete == 2
    run, outcome = carry_out(tmp_path / "run", SEEDS, writer, writer)
    assert sum(size for size, *_ in writer.calls) == 8 and outcome.progress.complete == 6
    assert [one.seed.id for one in read_sets(run)] == [seed.id for seed in SEEDS]


def test_both_sample_with_the_runs_seed_and_the_round(tmp_path):
    writer, judge = Writer(), Writer(table={})
    carry_out(tmp_path / "run", SEEDS[:1], writer, judge, settings=LoopSettings(rounds=2, seed=7))
    assert [(s.seed, s.temperature, samples) for _, s, samples in writer.calls] == [(7, 0.7, {1})]
    assert [(s.seed, s.temperature, samples) for _, s, samples in judge.calls] == [(7, 0.0, {1}), (7, 0.0, {2})]


def test_a_failing_participant_costs_its_seed_which_is_tried_again(tmp_path):
    writer = Writer(fails={"video 1"})
    run, outcome = carry_out(tmp_path / "run", SEEDS[:3], writer, writer)
    assert (outcome.progress.complete, outcome.progress.failed) == (2, 1)
    assert [row["reason"] for row in run.rejected()] == ["overloaded"]
    writer.fails.clear()
    run, outcome = carry_out(tmp_path / "run", SEEDS[:3], writer, writer)
    assert outcome.progress.complete == 3 and run.rejected() == [] and run.status()["failed"] == 0


def test_a_participant_that_is_gone_does_not_cost_every_seed(tmp_path):
    many = [plain_seed(number) for number in range(80)]
    gone = Writer(fails={seed.video.sha256 for seed in many})
    run, outcome = carry_out(tmp_path / "run", many, gone, gone)
    assert "50 seeds failed in a row" in outcome.stopped and len(gone.calls) == 50
    assert run.status()["state"] == "stopped" and "overloaded" in run.status()["last_error"]


def test_seeds_without_description_are_told_and_the_others_go_on(tmp_path):
    mute = replace(SEEDS[0], description=None)
    run, outcome = carry_out(tmp_path / "run", [mute, SEEDS[1]], Writer(), Writer())
    assert outcome.progress.complete == 1 and "no description" in run.rejected()[0]["reason"]
    with pytest.raises(InputError, match="none has a description"):
        carry_out(tmp_path / "other", [mute], Writer(), Writer())


def test_one_backend_in_both_parts_is_asked_one_batch_at_a_time(tmp_path):
    model = Writer("a-model-in-this-process")
    _, outcome = carry_out(tmp_path / "run", SEEDS, model, model, concurrency=3)
    assert outcome.progress.complete == 6
    assert [size for size, *_ in model.calls] == [3, 3, 3, 3]
    temperatures = [sampling.temperature for _, sampling, _ in model.calls]
    assert sorted(temperatures) == [0.0, 0.0, 0.7, 0.7]


def test_batches_stay_full_when_conversations_are_at_different_points(tmp_path):
    """Every other seed needs a second round, so that generating and rating get out of step."""

    class Model(Writer):
        def answer(self, chat):
            if chat.item.tags["task"] == "evaluate" and int(chat.item.video.sha256.split()[1]) % 2 and chat.sample == 1:
                return Reply("Hm.")
            return super().answer(chat)

    model = Model("a-model-in-this-process")
    many = [plain_seed(number) for number in range(16)]
    _, outcome = carry_out(tmp_path / "run", many, model, model, concurrency=8)
    assert outcome.progress.complete == 16 and outcome.progress.calls == 40
    assert len(model.calls) <= 10  # five full batches of eight were possible; one call at a time would be forty


def test_a_server_is_asked_in_parallel(tmp_path):
    together = threading.Barrier(3, timeout=20)

    class Server(Writer):
        def answer(self, chat):
            together.wait()  # goes on only when three calls are under way at once
            return super().answer(chat)

    server = Server()
    _, outcome = carry_out(tmp_path / "run", SEEDS, server, server, concurrency=3)
    assert outcome.progress.complete == 6 and {size for size, *_ in server.calls} == {1}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_calls_never_pass_their_limit_and_a_larger_one_goes_on(tmp_path, concurrency):
    writer = Writer()
    run, outcome = carry_out(tmp_path / "run", SEEDS, writer, writer, budget=Budget(calls=5), concurrency=concurrency)
    assert outcome.progress.calls == 5 and "max-calls" in outcome.stopped
    assert run.status()["state"] == "stopped" and not (run.folder / "summary.json").exists()
    run, outcome = carry_out(tmp_path / "run", SEEDS, writer, writer, budget=Budget(calls=12), concurrency=concurrency)
    assert outcome.progress.calls == 12 and outcome.stopped is None and outcome.progress.complete == 6
    assert sum(size for size, *_ in writer.calls) == 12  # none was asked twice
    assert run.status()["state"] == "done" and run.status()["last_error"] is None


def test_tokens_and_seconds_stop_a_run_too(tmp_path):
    _, outcome = carry_out(tmp_path / "tokens", SEEDS, Writer(), Writer(), budget=Budget(tokens=300))
    assert "max-tokens" in outcome.stopped and outcome.progress.calls == 3
    spent = Budget(seconds=1, started=time.monotonic() - 2)
    _, outcome = carry_out(tmp_path / "seconds", SEEDS, Writer(), Writer(), budget=spent)
    assert "max-seconds" in outcome.stopped and outcome.progress.calls == 0
    with pytest.raises(InputError, match="max-calls"):
        Budget(calls=0)


def test_a_programming_error_is_no_value(tmp_path):
    class Broken(Writer):
        def answer(self, chat):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        carry_out(tmp_path / "run", SEEDS, Broken(), Broken())
    assert Run.open(tmp_path / "run").status()["state"] == "failed"


# -- resuming


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world_folder(tmp_path_factory.mktemp("worlds") / "world", 80)


SPECS = ["--generator", "world:miss=0.3", "--evaluator", "world:noise=0.1", "--seed", "3"]


def told(run: Run) -> list:
    """What a run comes to, without the moments at which it was written."""
    judgments = {j.key: {**j.to_dict(), "created": ""} for j in run.judgments()}
    sets = sorted(map(json.loads, (run.folder / "sets.jsonl").read_text().splitlines()), key=lambda line: line["seed"])
    return [
        sets,
        judgments,
        set(run.items()),
        [one.complete for one in read_sets(run)],
    ]


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture(scope="module")
def undisturbed(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert main(["run", "--seeds", str(world), *SPECS, "--out", str(folder)]) == 0
    return Run.open(folder)


def test_killed_anywhere_and_resumed_it_comes_to_the_same_sets(world, undisturbed, tmp_path):
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "bootstrap", "run", "--seeds", str(world), *SPECS, "--out", str(out)]
    killed = 0
    for share in (0.05, 0.4, 0.8):
        stop_at = share * lines(undisturbed.folder / "replies.jsonl")
        process = subprocess.Popen([*command, "--concurrency", "4"], cwd=ROOT, stderr=subprocess.DEVNULL)
        while process.poll() is None and lines(out / "replies.jsonl") < stop_at:
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed  # a slow machine may let one of them finish
    assert subprocess.run([*command, "--concurrency", "2"], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0
    assert told(Run.open(out)) == told(undisturbed)
    keys = [json.loads(line)["key"] for line in (out / "replies.jsonl").read_text().splitlines()]
    assert len(keys) == len(set(keys)) == lines(undisturbed.folder / "replies.jsonl")


def test_half_written_lines_and_lost_set_lines_are_made_good(world, undisturbed, tmp_path):
    """What a crash may leave: a torn line in every file, judgments without the line that makes them count."""
    out = tmp_path / "torn"
    out.mkdir()
    for file in undisturbed.folder.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    sets = (out / "sets.jsonl").read_bytes().splitlines(keepends=True)
    (out / "sets.jsonl").write_bytes(b"".join(sets[:10]) + sets[10][:20])
    for name in ("replies.jsonl", "judgments.jsonl", "items.jsonl"):
        data = (out / name).read_bytes()
        (out / name).write_bytes(data[: int(len(data) * 0.7)])
    assert main(["run", "--seeds", str(world), *SPECS, "--out", str(out)]) == 0
    assert told(Run.open(out)) == told(undisturbed)


def test_seeds_one_at_a_time_or_many_come_to_the_same(world, undisturbed, tmp_path):
    assert main(["run", "--seeds", str(world), *SPECS, "--out", str(tmp_path / "many"), "--concurrency", "16"]) == 0
    assert told(Run.open(tmp_path / "many")) == told(undisturbed)


# -- the command line


def test_command_line(world, tmp_path, capsys):
    arguments = ["run", "--seeds", str(world), *SPECS, "--out", str(tmp_path / "run"), "--limit", "5"]
    assert main([*arguments, "--max-calls", "4"]) == 1
    shown = capsys.readouterr()
    assert "4 calls" in shown.out and "max-calls reached" in shown.err
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "of 5 seeds" in shown and re.search(r"written for 3 +\d+ +\d+ +\d+ +\d+ +0 +\d+", shown)
    assert Run.open(tmp_path / "run").head()["command"].startswith("python -m bootstrap run --seeds")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--rounds", "0"], "rounds"),
        (["--alpha", "9"], "alpha"),
        (["--max-seconds", "0"], "max-seconds"),
        (["--generator", "world:noise=1"], "miss"),
        (["--generator-temperature", "9"], "temperature"),
        (["--seeds", "nowhere"], "nowhere"),
    ],
)
def test_command_line_refuses(world, tmp_path, capsys, more, told):
    assert main(["run", "--seeds", str(world), *SPECS, "--out", str(tmp_path / "run"), *more]) == 2
    assert told in capsys.readouterr().err


def test_a_model_of_random_weights_is_a_generator_that_cannot_be_read(world, tmp_path, qwen25_checkpoint):
    """The road of real checkpoints: text alone, a batch of several seeds, and nothing guessed from nonsense."""
    both = load_participants(str(qwen25_checkpoint), str(qwen25_checkpoint))
    plan = plan_run(both["generator"], both["evaluator"], LoopSettings(rounds=2), max_new_tokens=8)
    run = open_run(tmp_path / "run", plan)
    with run.writing():
        outcome = bootstrap_run(run, read_seeds(world).seeds[:2], plan, concurrency=2)
    both["generator"].close()
    assert (outcome.progress.incomplete, outcome.progress.failed, outcome.progress.calls) == (2, 0, 4), run.rejected()
    assert all(len(one.unreadable) == 8 and not one.attempts for one in read_sets(run))


def test_importing_the_bootstrap_loads_no_heavy_library():
    code = ("import bootstrap.commands, bootstrap.world_participants, bootstrap.sources, sys;"
            "print(sorted({'torch', 'transformers', 'gradio', 'datasketch', 'scipy'} & set(sys.modules)))")  # fmt: skip
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
