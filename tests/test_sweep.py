"""Sweeps: the grid, one batch a video and frame count, figures by hand, kill and resume, refusals, choice, preflight."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from analysis.__main__ import main
from analysis.estimate import Estimate
from analysis.sweep_cells import read_sweep, repeats
from analysis.sweep_choice import choice_sentences, choose
from analysis.sweep_grid import Cell, Clip, Sweep, given_frames, read_values
from analysis.sweep_items import read_clips, read_source, write_clips
from analysis.sweep_plan import Call, plan_sweep, plan_words, rates_of, visual_tokens
from analysis.sweep_run import run_sweep
from tests import clips
from workbench.backends.base import Declared, Reply, sampling_of_each
from workbench.errors import InputError
from workbench.judge_options import prompt_record
from workbench.prompts import load_prompt
from workbench.schema import Item, Judgment, Sampling, Video, VideoPolicy
from workbench.store import Run
from workbench.video import sha256_of

POINT, PAIR = load_prompt("pointwise"), load_prompt("pairwise")
GOLD = {"one": 1.0, "two": 2.0, "four": 4.0, "five": 5.0}


class Known:
    """A judge of known behaviour: right at temperature 0 with 4 frames or more; at 0.5 its samples go up and down by one;
    at temperature 1 every second reply cannot be read. It keeps what it was asked in one call."""

    name, view, declared = "known", "video", Declared(max_frames=64)
    identity, sampling, video_policy = {"backend": "known"}, Sampling(max_new_tokens=8), VideoPolicy(frames=8)
    takes_at_once = 1

    def __init__(self):
        self.batches = []

    def generate(self, chats, sampling):
        sampling = sampling_of_each(chats, sampling)
        self.batches.append(
            [(len(c.frames.images), s.temperature, c.sample) for c, s in zip(chats, sampling, strict=True)]
        )
        return [self._reply(chat, one) for chat, one in zip(chats, sampling, strict=True)]

    def _reply(self, chat, one):
        count = len(chat.frames.images)
        usage = {
            "prompt_tokens": 10 * count,
            "video_tokens": 8 * count,
            "reply_tokens": 5,
            "generate_seconds": 0.5 * count,
        }
        if len(chat.item.responses) == 2:  # prefers what is shown first, unless it sees enough
            return Reply(
                "<answer>A</answer>" if count < 4 or chat.order == (0, 1) else "<answer>B</answer>", usage=usage
            )
        if one.temperature == 1 and chat.sample % 2:
            return Reply("no idea", usage=usage)
        score = GOLD[chat.item.responses[0]] if count >= 4 else 3
        if one.temperature == 0.5:
            score = min(5, max(1, score + chat.sample - 1))
        return Reply(f"<score>{score:g}</score>", usage=usage)

    def close(self):
        pass


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    found = []
    for number, frames in enumerate((6, 30)):
        path = clips.Clip(frames=frames, size=(64, 48)).write(folder / f"{number}.mp4")
        video = Video(sha256_of(path), str(path))
        found += [Item(video, "What?", (text,)) for text in list(GOLD)[2 * number : 2 * number + 2]]
    return found


def swept(folder, items, sweep, prompt=POINT, labels=True):
    """The judge, and the run of a sweep with it."""
    judge = Known()
    run = Run.create_or_resume(folder, config=sweep.config(prompt), prompts=[prompt_record(prompt)])
    with run.writing():
        run.add_items(items)
        headers = read_clips(items)
        write_clips(run, headers)
        if labels and prompt is POINT:
            for item in items:
                run.append(Judgment(item.id, "human:a", "", "scored", score=GOLD[item.responses[0]]))
        run_sweep(run, items, headers, [judge], prompt, sweep)
    return judge, run


@pytest.fixture(scope="module")
def found(items, tmp_path_factory):
    sweep = Sweep(("known",), (0, 0.5, 1), (2, 4, 16, 100), samples=3)
    judge, run = swept(tmp_path_factory.mktemp("run") / "r", items, sweep)
    return judge, run, read_sweep(run.folder)


# -- the grid


@pytest.mark.parametrize(("text", "whole", "values"), [
    ("0,0.2,..,1", False, (0, 0.2, 0.4, 0.6, 0.8, 1)),
    ("8,16,..,180", True, (8, 16, 32, 64, 128, 180)),
    ("0.1, 0.4, ..., 1", False, (0.1, 0.4, 0.7, 1)),
    ("8", True, (8,)),
])  # fmt: skip
def test_lists_of_values(text, whole, values):
    assert read_values(text, "x", whole) == pytest.approx(values)


@pytest.mark.parametrize(("text", "whole", "message"), [
    ("0,..,1", False, "after two values"),
    ("a", False, "expected numbers"),
    ("1.5", True, "expected whole numbers"),
    ("4,2", True, "ascending"),
    ("0,0.0001,..,1", False, "more than 200"),
    ("", True, "expected whole numbers"),
])  # fmt: skip
def test_lists_that_are_none(text, whole, message):
    with pytest.raises(InputError, match=message):
        read_values(text, "x", whole)


def test_a_grid_is_checked_before_a_judge_is_loaded():
    with pytest.raises(InputError, match="temperature: got 9"):
        Sweep(("a",), (9,), (8,))
    with pytest.raises(InputError, match="frames: got frames=0|expected 1 to"):
        Sweep(("a",), (0,), (0,))
    sweep = Sweep(("a", "a"), (1, 0), (8, 4), samples=5)
    assert sweep.cells[0] == Cell("a", 0.0, 4) and len(sweep.cells) == 4 and sweep.samples_of_all == 6
    assert given_frames(180, Clip(24, 64, 48, 1.0)) == 24 and given_frames(180, None) == 180


# -- running


def test_all_temperatures_and_samples_of_a_video_and_frame_count_are_one_batch(found):
    judge, *_ = found
    # Two responses about each of two videos, 1 + 3 + 3 samples; 16 and 100 frames of the clip of 6 are judged once.
    assert [(len(batch), {frames for frames, _, _ in batch}) for batch in judge.batches] == [
        (14, {2}), (14, {2}), (14, {4}), (14, {4}), (14, {6}), (14, {16}),
    ]  # fmt: skip
    assert {(t, s) for _, t, s in judge.batches[0]} == {(0.0, 0), *((t, s) for t in (0.5, 1.0) for s in range(3))}


def test_judgments_carry_their_cell_in_their_settings(found):
    _, run, _ = found
    judged = [one for one in run.judgments() if one.judge == "known"]
    assert {(one.settings["sampling"]["temperature"], one.settings["video"]["frames"]) for one in judged} == {
        (t, f) for t in (0, 0.5, 1) for f in (2, 4, 6, 16)
    }
    assert run.status()["state"] == "done" and run.status()["done"] == run.status()["total"] == len(judged) == 84


def test_figures_by_hand(found):
    _, run, result = found
    cells = {(one.cell.temperature, one.cell.frames): one for one in result.cells}
    right, blind, moved, broken = (cells[place] for place in ((0, 4), (0, 2), (0.5, 4), (1, 4)))
    assert right.figures["spearman"].value == pytest.approx(1) and right.figures["mae"].value == 0
    assert blind.figures["spearman"].value is None and blind.figures["mae"].value == pytest.approx(1.5)
    assert right.figures["spread"].value is None and "greedy" in right.figures["spread"].reason
    # Scores at 0.5: one 1,1,2; two 1,2,3; four 3,4,5; five 4,5,5. Sample standard deviations 0.577, 1, 1, 0.577.
    assert moved.figures["spread"].value == pytest.approx((1 + 3**-0.5) / 2)
    assert moved.figures["mode_share"].value == pytest.approx((2 / 3 + 1 / 3 + 1 / 3 + 2 / 3) / 4)
    assert moved.figures["accuracy"].value == pytest.approx((2 + 1 + 1 + 2) / 12)
    assert moved.figures["mae"].value == pytest.approx((1 + 2 + 2 + 1) / 12)
    assert broken.figures["invalid"].value == pytest.approx(1 / 3) and broken.coverage.unparsed == 4
    assert (right.cost.tokens, right.cost.video_tokens, right.cost.total_tokens) == (45, 32, 180)
    column = [one.usage for one in run.judgments() if _frames_asked(one) == 4]
    taken = [sum(value for name, value in usage.items() if name.endswith("_seconds")) for usage in column]
    assert right.cost.seconds == pytest.approx(sum(taken) / len(taken)) and right.cost.seconds >= 2  # 0.5 s a frame


def _frames_asked(judgment):
    return (judgment.settings.get("video") or {}).get("frames")


def test_clips_that_are_too_short_give_what_they_have_and_are_counted(found):
    *_, result = found
    many = {one.cell.frames: one for one in result.cells if one.cell.temperature == 0}
    assert (many[4].capped, many[16].capped) == (0, 2)
    assert many[16].coverage.scored == 4 and many[16].cost.tokens == pytest.approx((65 * 2 + 165 * 2) / 4)


def test_a_frame_count_that_the_judge_refuses_is_marked_and_not_invented(found):
    *_, result = found
    refused = [one for one in result.cells if one.state == "refused"]
    assert {one.cell.frames for one in refused} == {100} and "made for at most 64 frames" in refused[0].reason
    assert all(not one.figures and one.coverage.scored == 0 for one in refused)


def test_a_judge_that_refuses_every_frame_count_is_an_error(items, tmp_path):
    with pytest.raises(InputError, match="at most 64 frames"):
        swept(tmp_path / "r", items, Sweep(("known",), (0,), (100,)))


def test_pairs_are_asked_in_both_orders_and_flips_are_counted(items, tmp_path):
    pairs = [Item(items[0].video, "Which?", ("good", "bad")), Item(items[2].video, "Which?", ("good", "bad"))]
    _, run = swept(tmp_path / "r", pairs, Sweep(("known",), (0,), (2, 4)), PAIR)
    with run.writing():
        for pair in pairs:
            run.append(Judgment(pair.id, "human", "", "scored", choice="A"))
    found = read_sweep(run.folder)
    few, enough = found.cells
    assert (few.figures["order_flips"].value, few.figures["accuracy"].value) == (1.0, 0.5)
    assert (enough.figures["order_flips"].value, enough.figures["accuracy"].value) == (0.0, 1.0)
    assert choose(found).best.cell.frames == 4


def test_without_labels_there_is_spread_and_no_recommendation(items, tmp_path):
    _, run = swept(tmp_path / "r", items, Sweep(("known",), (0.5,), (4,), samples=2), labels=False)
    found = read_sweep(run.folder)
    assert found.gold is None and found.cells[0].figures["spearman"].reason == "no labels for these items"
    assert found.cells[0].figures["spread"].value is not None
    assert "no labels" in choice_sentences(choose(found))[0]


def test_spread_of_requests_with_one_verdict_is_left_out():
    assert repeats([], {}, True)["spread"].reason == "one sample: ask for more"


# -- choosing


def test_the_cheapest_cell_close_to_the_best_is_taken_and_unreadable_ones_are_not(found):
    *_, result = found
    choice = choose(result)
    assert choice.best.cell == choice.cheapest.cell == Cell("known", 0.0, 4) and choice.significant is False
    assert {cell.temperature for cell in choice.passed_over} == {1.0}
    wide = choose(result, "mae", epsilon=0.6)
    assert wide.best.cell.temperature == 0 and wide.cheapest.cell.frames == 4
    said = " ".join(choice_sentences(wide))
    assert "No difference from the best is significant" in said and "Passed over" in said
    far = next(one for one in wide.distances if one.cell == Cell("known", 0.5, 4))
    assert far.worse_by.value == pytest.approx(0.5)  # mean absolute error, higher is worse


def test_cells_that_are_not_complete_are_not_chosen(found):
    *_, result = found
    cells = [one._replace(coverage=one.coverage._replace(absent=1)) for one in result.cells]
    assert choose(result._replace(cells=cells)).reason == "No cell can be recommended: none is complete yet."


# -- kill and resume, by the command line


def killed_sweep(tmp_path: Path) -> tuple[list[str], Path]:
    clip = clips.Clip(frames=12, size=(64, 48)).write(tmp_path / "clip.mp4")
    rows = [{"video": str(clip), "instruction": "What?", "response": f"text {n}"} for n in range(2)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rule = {"reply": ["<score>4</score>", "<score>2</score>"], "delay_seconds": 0.15}
    (tmp_path / "judge.yaml").write_text(yaml.safe_dump({"rules": [rule]}))
    out = tmp_path / "run"
    words = ["sweep", str(tmp_path / "items.jsonl"), f"--judge=scripted:{tmp_path / 'judge.yaml'}", f"--out={out}",
             "--temperatures=0,0.5", "--frames=2,4,8", "--samples=2"]  # fmt: skip
    return words, out


def test_a_killed_sweep_goes_on_with_what_is_missing(tmp_path, capsys):
    words, out = killed_sweep(tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "analysis", *words], cwd=Path(__file__).parent.parent)
    try:
        deadline = time.monotonic() + 240  # a machine may be busy; a process that ends is told at once
        while time.monotonic() < deadline and process.poll() is None and not _lines(out):
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    lines = _lines(out)
    assert 0 < len(lines) < 18
    with (out / "judgments.jsonl").open("a") as file:
        file.write('{"item": "cut o')
    assert main(words) == 0
    assert _lines(out)[: len(lines)] == lines and len(_lines(out)) == 18  # 2 items, 3 frame counts, 1 + 2 samples
    assert len({one.key for one in Run.open(out).judgments()}) == 18
    shown = capsys.readouterr().out
    assert "temperature 0: one sample" in shown and "There are no labels" in shown
    record = json.loads((out / "sweep.json").read_text())
    assert len(record["cells"]) == 6 and record["cells"][1]["figures"]["spread"]["value"] == pytest.approx(2**0.5)


def _lines(out: Path) -> list[str]:
    path = out / "judgments.jsonl"
    return [line for line in path.read_text().splitlines(True) if line.endswith("\n")] if path.exists() else []


def test_another_grid_needs_another_folder(tmp_path, capsys):
    words, out = killed_sweep(tmp_path)
    small = [*words[:-3], "--temperatures=0", "--frames=2", "--samples=1"]
    assert main(small) == 0
    assert main([*small[:-1], "--samples=3"]) == 2
    assert "was run with other settings" in capsys.readouterr().err


# -- items


def test_bundled_examples_come_with_their_ratings():
    source = read_source("examples:2", POINT)
    assert len(source.items) == len(source.labels) == 8 and {one.judge for one in source.labels} == {"target"}
    with pytest.raises(InputError, match="examples:2 for the first two"):
        read_source("examples:few", POINT)
    with pytest.raises(InputError, match="no items for the pairwise prompt"):
        read_source("examples:1", PAIR)


def test_labels_of_a_run_come_along(found):
    _, run, _ = found
    source = read_source(str(run.folder), POINT)
    assert len(source.items) == 4 and {one.judge for one in source.labels} == {"human:a"}


# -- preflight


def test_visual_tokens_are_those_of_the_header():
    policy = VideoPolicy(frames=60)  # at most 25,088 pixels: 32 cells of 28 x 28 for two frames
    assert visual_tokens(Clip(900, 1920, 1080, 30.0), 60, policy) == 30 * 28  # 7 x 4 cells keep the shape
    assert visual_tokens(Clip(3, 1920, 1080, 30.0), 60, policy) == 2 * 28
    assert visual_tokens(None, 60, policy) == 0


def test_rates_are_lines_through_the_calls():
    calls = [Call(4, 1, 40, 80, 1.0, 0.5, 100), Call(8, 1, 80, 160, 1.8, 0.5, 180), Call(4, 8, 40, 80, 0.9, 1.9, 170)]
    rates = rates_of(calls)
    assert rates.tokens_factor == 2 and rates.token_seconds == pytest.approx(0.01)
    assert rates.video_seconds == pytest.approx(0.2)
    assert rates.request_seconds == pytest.approx(0.2) and rates.batch_seconds == pytest.approx(0.3)
    assert rates.memory(160, 1) == pytest.approx(190)  # no less than was seen


def test_preflight_counts_what_will_be_asked(items, monkeypatch):
    monkeypatch.setattr("analysis.sweep_plan.loaded_judges", lambda specs, options: iter([Known()]))
    plan = plan_sweep(items, read_clips(items), POINT, Sweep(("known",), (0, 0.5), (4, 16, 20, 100), samples=2))
    columns = {one.frames: one for one in plan.judges[0].columns}
    assert [columns[frames].requests for frames in (4, 16, 20)] == [
        12,
        12,
        6,
    ]  # the clip of 6 frames has no more to show
    assert "at most 64 frames" in columns[100].refused
    assert columns[16].visual_tokens == pytest.approx(8 * (6 + 16))  # what the judge says its tokens are
    said = plan_words(plan)
    assert "All in all: 30 verdicts" in said and "16 (1 of 2)" in said and "more were not tried" in said


def test_an_estimate_without_a_value_is_told_as_none():
    assert str(Estimate(None, None, None, 0)) == "none"
