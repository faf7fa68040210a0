"""Quality: which rows each stage learns from, what each trains, levels in words, and scores from their probabilities."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from training.__main__ import main
from training.adapters import Lora
from training.quality import (
    QUALITY_PRESETS,
    fit_quality,
    level_score,
    load_quality_preset,
    measure_levels,
    quality_tasks,
)
from training.rows import verdict_as_shown
from training.sources import LeftOut
from workbench.backends import load_backend
from workbench.backends.base import Declared, Reply
from workbench.errors import InputError
from workbench.judge import judge_items
from workbench.prompts import load_prompt
from workbench.replies import read_reply, write_reply
from workbench.schema import Item, Judgment, Sampling, VideoPolicy

SMALL = VideoPolicy(frames=2, max_pixels=3_136)
LEVELS = ("bad", "poor", "fair", "good", "excellent")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    recipe = ["--scenes", "3", "--split", "train", "--questions", "2"]
    subprocess.run([sys.executable, "-m", "bootstrap", "quality", "--out", str(folder), *recipe], check=True)
    return folder


def tiny(base):
    changes = {"policy": SMALL, "max_steps": 6, "checkpointing": False, "save_every": 9, "eval_every": 9, "lr": 5e-3}
    preset = load_quality_preset("quality-3b", str(base), **changes)
    stages = dict(preset.stages)
    stages["justification"] = replace(stages["justification"], lora=Lora(4, 8), max_steps=3)
    return replace(preset, stages=stages)


@pytest.fixture(scope="module")
def fitted(data, qwen25_checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp("fitted")
    fit_quality(tiny(qwen25_checkpoint), [data], out, say=lambda line: None)
    return out


def test_the_rows_of_each_stage_are_asked_with_their_prompt(data):
    levels, justification = (quality_tasks([data], stage, LeftOut()) for stage in ("levels", "justification"))
    assert {task.prompt.name for task in levels} == {"quality"} and len(levels) == 3 * 6
    kinds = {(task.example.item.tags["instruction_kind"], task.prompt.name) for task in justification}
    assert kinds == {("quality overall", "quality_reasoning"), ("quality question", "pointwise")}
    assert len(justification) == 3 * (1 + 2)


def test_targets_are_levels_in_words_and_justifications_from_dimension_to_group_to_the_whole(data):
    for stage in ("levels", "justification"):
        for task in quality_tasks([data], stage, LeftOut()):
            verdict = verdict_as_shown(task.example.target, task.order, task.prompt)
            reply = write_reply(task.prompt.form, verdict)
            assert read_reply(task.prompt.form, reply).score == task.example.target.score
            level = LEVELS[int(task.example.target.score) - 1]
            if task.prompt.name == "quality":
                assert reply == f"<score>{level}</score>"
            if task.prompt.name == "quality_reasoning":
                assert reply.endswith(f"<score>{level}</score>")
                steps = ("surfaces", "So freedom from distortion", "So look of the light", "Overall")
                places = [reply.lower().index(step.lower()) for step in steps]
                assert places == sorted(places)


def test_the_first_stage_trains_vision_and_merger_the_second_an_adapter_on_the_language_model(
    fitted, qwen25_checkpoint
):
    before = load_file(qwen25_checkpoint / "model.safetensors")
    after = load_file(fitted / "levels" / "final" / "model.safetensors")
    changed = {name for name in after if not (after[name] == before[name]).all()}
    looks = {name for name in after if "visual." in name}
    assert changed and changed <= looks
    assert any("merger" in name for name in changed) and any("blocks" in name for name in changed)
    adapter = load_file(fitted / "justification" / "final" / "adapter_model.safetensors")
    assert adapter and all("language_model" in name and "lora_" in name for name in adapter)


def test_the_loss_of_both_stages_falls(fitted):
    for stage in ("levels", "justification"):
        lines = [json.loads(line) for line in (fitted / stage / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1]["loss"] < lines[0]["loss"]


def test_the_whole_run_tells_the_steps_of_both_stages(fitted):
    whole, *stages = (
        json.loads((fitted / name / "status.json").read_text()) for name in ("", "levels", "justification")
    )
    assert whole["done"] == whole["total"] == sum(stage["done"] for stage in stages) > 0


def test_the_judge_of_both_stages_is_loaded_and_says_what_it_is_for(fitted, data):
    spec = f"{fitted / 'levels' / 'final'}+{fitted / 'justification' / 'final'}"
    judge = load_backend(spec)
    assert judge.report["adapter_largest_logit_change"] > 0
    assert judge.declared.prompts == ("quality", "quality_reasoning", "pointwise")
    levels = load_backend(str(fitted / "levels" / "final"))
    assert levels.declared.prompts == ("quality",) and levels.video_policy == SMALL


def test_the_judge_of_both_stages_is_measured_on_the_prompt_of_the_first_by_the_printed_command(
    fitted, data, qwen25_checkpoint, tmp_path, monkeypatch, capsys
):
    """Trained for so few steps it may write no level; that it is asked is what counts."""
    monkeypatch.setattr("training.quality.load_quality_preset", lambda *_, **__: tiny(qwen25_checkpoint))
    assert main(["quality", "--data", str(data), "--out", str(fitted)]) == 0
    (printed,) = [line for line in capsys.readouterr().out.splitlines() if "quality-levels" in line]
    command = printed.partition("-m training ")[2].replace("TEST", str(data))
    assert main([*shlex.split(command), "--out", str(tmp_path / "figures.json")]) == 0
    assert capsys.readouterr().out.count(" of 3 ") == 6  # a line a dimension, each with how many clips were asked about
    assert "quality levels" in json.loads((tmp_path / "figures.json").read_text())


def test_a_stage_that_is_there_is_not_made_again_and_the_second_needs_the_first(
    fitted, data, qwen25_checkpoint, tmp_path
):
    told = []
    fit_quality(tiny(qwen25_checkpoint), [data], fitted, say=told.append)
    assert [line.endswith("is there already") for line in told] == [True, True]
    with pytest.raises(InputError, match="no finished stage 'levels'"):
        fit_quality(tiny(qwen25_checkpoint), [data], tmp_path, stages=("justification",))


def test_the_presets_are_two_recipes_in_a_row():
    for preset in QUALITY_PRESETS.values():
        levels, justification = preset.stages["levels"], preset.stages["justification"]
        assert (levels.tuned, levels.lora) == ("vision and merger", None)
        assert (justification.tuned, justification.lora.rank) == ("lora", 16)
    with pytest.raises(InputError, match="quality-3b, quality-7b"):
        load_quality_preset("quality-1b")


# -- from probabilities to a score


@pytest.mark.parametrize(
    "probs, score",
    [
        ({"5": 1.0}, 1.0),
        ({"1": 1.0}, 0.0),
        ({"1": 0.2, "2": 0.2, "3": 0.2, "4": 0.2, "5": 0.2}, 0.5),
        ({"4": 0.3, "5": 0.1}, 0.8125),  # shares of 3/4 and 1/4: 0.75 * 0.75 + 0.25 * 1
        (None, None),
    ],
)
def test_a_score_from_level_probabilities(probs, score):
    judgment = Judgment("i", "j", "p", "scored", score=5, probs=probs)
    assert level_score(judgment) == (score if score is None else pytest.approx(score))


class Says:
    """A judge that says what `answer` gives for an item."""

    name, identity, view, sampling = "says", {}, "none", Sampling()
    video_policy, declared = SMALL, Declared()

    def __init__(self, answer):
        self.answer = answer

    def generate(self, chats, sampling):
        return [self.answer(chat) for chat in chats]


def test_levels_in_words_are_judged_by_their_number():
    probs = dict(zip(LEVELS, (0.0, 0.1, 0.2, 0.3, 0.4), strict=True))
    judge = Says(lambda chat: Reply(f"<score>{chat.menu[3]}</score>", probs))
    (judgment,) = judge_items([Item(None, "How sharp?", ("The video itself.",))], judge, load_prompt("quality"))
    assert (judgment.score, judgment.probs) == (4.0, {"1": 0.0, "2": 0.1, "3": 0.2, "4": 0.3, "5": 0.4})


def test_the_local_backend_gives_probabilities_of_the_words(fitted, data):
    """Trained for so few steps, it may write no level; where it does, the five words share all."""
    from training.rows import read_records
    from workbench.backends.slots import find_slot
    from workbench.prompts import render

    judge = load_backend(str(fitted / "levels" / "final"))
    item = next(read_records(data / "items.jsonl", Item))
    chat = render(load_prompt("quality"), item, view="none")
    tokens = judge._tokenizer("<score>good</score>")["input_ids"]
    slot = find_slot(judge._tokenizer, tokens, chat.slot, chat.menu)
    assert set(slot.labels) == set(LEVELS)


def test_rank_correlations_by_dimension_with_n_and_coverage(data, tmp_path):
    """A judge that knows the truth is right wherever the truth differs; one without a level is counted, not guessed."""
    truth = {}
    for line in (data / "judgments.jsonl").read_text().splitlines():
        judgment = Judgment.from_dict(json.loads(line))
        truth[judgment.item] = judgment.criteria

    def knows(chat):
        (score,) = truth[chat.item.id].values()
        return Reply("<score>fair</score>", {"excellent": score, "bad": 1 - score})

    told = []
    found = measure_levels(Says(knows), data, say=told.append)
    assert len(told) == 6
    for figure in found.values():
        assert figure["value"] == pytest.approx(1) and (figure["n"], figure["of"]) == (3, 3)
    assert measure_levels(Says(lambda chat: Reply("good", None)), data, say=told.append) == {}
    assert "0 of 3 replies had a level" in told[-1]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["quality", "--preset", "quality-1b", "--data", "x", "--out", "y"], "quality-3b, quality-7b"),
        (["quality", "--data", "nowhere", "--out", "y", "--base", "b"], "nowhere"),
    ],
)
def test_the_door_refuses_with_a_reason(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
