"""Training: rows are what inference reads, loss is on the target only, packing changes nothing, stages resume."""

import json
import random
import re
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.__main__ import main
from training.base import fixed_lines
from training.presets import EMBEDDED, Stage, load_preset
from workbench.errors import InputError
from workbench.prompts.render import NO_VIDEO
from workbench.schema import Item, Judgment, Video

TINY = replace(
    EMBEDDED,
    sizes={
        **EMBEDDED.sizes,
        **{"vocabulary": 700, "hidden": 32, "layers": 1, "heads": 2, "key_value_heads": 1, "intermediate": 64},
        **{"vision_hidden": 32, "vision_layers": 1, "vision_heads": 2, "vision_intermediate": 64},
    },
    stages={
        "reading": Stage(steps=3, lr=3e-3, mix={"claims": 1, "compare": 1}),
        "dense": Stage(steps=12, lr=3e-3, videos=4),
        "looking": Stage(
            steps=4, lr=3e-3, frames={8: 0.5, 4: 0.5}, mix={"look": 2, "claims": 1}
        ),
        "judge": Stage(
            steps=12, lr=3e-3, rows=3, misled=0.5,
            mix={"look": 0.5, "pointwise": 2, "rubric": 0.5, "pairwise": 0.5, "pairwise_reasoning": 0.5},
        ),
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    recipe = ["--scenes", "6", "--split", "train", "--setting", "core", "--objects-max", "1", "--questions", "2"]
    recipe += ["--seconds-min", "2", "--seconds-max", "3"]
    subprocess.run([sys.executable, "-m", "bootstrap", "world", "--out", str(folder), *recipe], check=True)
    return folder


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory) -> Path:
    from training.fit import fit

    out = tmp_path_factory.mktemp("fit")
    fit(TINY, data, out, say=lambda line: None)
    return out


@pytest.fixture(scope="module")
def learner(fitted):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from training.learner import Learner
    from training.loop import Place

    model = AutoModelForImageTextToText.from_pretrained(fitted / "judge")
    place = Place("again", fitted / "again.jsonl", fitted / "again.pt")
    return Learner(model, AutoProcessor.from_pretrained(fitted / "judge"), place)


@pytest.fixture(scope="module")
def world(data, fitted):
    from training.data import World

    return World(data, TINY.policy, fitted / "frames")


def rows_of(world, learner, prompt, video=None):
    from training.rows import encode_example

    video = video or world.videos[0]
    clip = learner.clips(world)[video]
    fitting = [each for each in world.examples[video] if each.item.kind == prompt.kind]
    orders = [tuple(range(len(each.item.responses))) for each in fitting]
    return fitting, clip, [
        encode_example(learner.processor, learner.rule, prompt, each, clip, order)
        for each, order in zip(fitting, orders, strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["pointwise", "rubric", "pairwise", "pairwise_reasoning"])
@pytest.mark.parametrize("reference", [False, True])
def test_a_row_is_what_inference_reads_and_the_target_after_it(world, learner, name, reference):
    from training.rows import verdict_as_shown
    from workbench.backends.encoding import encode_chat
    from workbench.prompts import load_prompt, render
    from workbench.replies import read_reply

    prompt = load_prompt(name, reference=reference)
    examples, _, rows = rows_of(world, learner, prompt)
    for example, row in zip(examples, rows, strict=True):
        asked = encode_chat(
            learner.processor, render(prompt, example.item, frames=world.frames(world.videos[0])), learner.rule
        )
        length = len(asked)
        assert row.ids[:length].tolist() == asked.ids.tolist()
        assert row.positions[:, :length].tolist() == asked.positions.tolist()
        assert (row.labels[:length] == -100).all()
        assert row.labels[length:].tolist() == row.ids[length:].tolist()
        tokenizer = learner.processor.tokenizer
        assert row.ids[-1] == tokenizer.eos_token_id
        reply = tokenizer.decode(row.ids[length:-1])
        order = tuple(range(len(example.item.responses)))
        assert read_reply(prompt.form, reply) == verdict_as_shown(example.target, order, prompt)


def test_rows_packed_behind_one_prefix_give_the_loss_and_gradients_of_separate_ones(world, learner):
    import torch

    from training.sft import pack, target_loss, vision_features
    from workbench.prompts import load_prompt

    _, clip, rows = rows_of(world, learner, load_prompt("pointwise"))
    features = vision_features(learner.model, [clip.inputs.tensors])[0].detach()
    found = []
    for packs in ([pack(rows)], [pack([row]) for row in rows]):
        learner.model.zero_grad()
        loss, _ = target_loss(learner.model, packs, [features] * len(packs))
        loss.backward()
        grads = [parameter.grad.clone() for parameter in learner.model.model.language_model.parameters()]
        found.append((loss.item(), torch.cat([grad.flatten() for grad in grads])))
    (packed, packed_grad), (separate, separate_grad) = found
    assert packed == pytest.approx(separate, rel=1e-5)
    assert torch.linalg.norm(packed_grad - separate_grad) <= 1e-4 * torch.linalg.norm(separate_grad)
    shared = int((pack(rows).branches == 0).sum())
    assert len(pack(rows).ids) == sum(len(row) for row in rows) - (len(rows) - 1) * shared


def test_an_answer_in_the_other_order_is_swapped_in_the_target():
    from training.rows import verdict_as_shown
    from workbench.prompts import load_prompt

    target = Judgment("i", "target", "world", "scored", choice="A", reasoning="because")
    assert verdict_as_shown(target, (0, 1), load_prompt("pairwise")).choice == "A"
    swapped = verdict_as_shown(target, (1, 0), load_prompt("pairwise"))
    assert (swapped.choice, swapped.reasoning) == ("B", None)


def test_what_can_be_seen_of_a_scene(learner, world):
    from training.rows import Sight, encode_look, sights

    things = [
        {"colour": "red", "size": "small", "texture": "plain", "shape": "star", "event": "stays",
         "segments": [{"motion": "left", "speed": 0.2}], "visible": [100, 100]},
        {"colour": "blue", "size": "large", "texture": "dotted", "shape": "cross", "event": "appears late",
         "segments": [{"motion": "up"}, {"motion": "still"}], "visible": [0, 100]},
    ]  # fmt: skip
    found = sights({"objects": things, "background": [{"colour": "grey"}]})
    assert [each.subject for each in found] == [
        "the scene", "the red object", "the star", "the blue object", "the cross", "the star and the cross",
        "the cross and the star",
    ]  # fmt: skip
    assert found[0].seen == {"background": "grey", "count": "two"}
    assert found[4].seen == {
        "colour": "blue", "size": "large", "texture": "dotted", "first": "up", "then": "still",
        "event": "appears late", "time": "late", "span": "short",
    }  # fmt: skip
    assert found[5].seen == {"colour": "red", "colour2": "blue", "larger": "smaller"}
    clip = learner.clips(world)[world.videos[0]]
    row = encode_look(learner.processor, learner.rule, Sight("the star", {"colour": "red", "size": "small"}), clip)
    told = learner.processor.tokenizer.decode(row.ids[row.labels != -100][:-1])
    assert told == "colour: seen red. size: seen small."


def test_some_instructions_come_up_more_often(world):
    from training.packs import share
    from training.presets import TEXT_FLAWS

    rows = next(iter(world.examples.values()))[:1]
    rows = [
        each._replace(item=replace(each.item, tags={"instruction_kind": "when", "video_dependent": "no"}))
        for each in rows
    ]
    assert share(rows, {}) == 1 and share(rows, {"when": 2.0}) == 2 and share(rows, {"caption": 2.0}) == 1
    assert share(rows, {"when": 2.0, TEXT_FLAWS: 3.0}) == 6


def test_a_sentence_about_nothing_changes_neither_the_target_nor_the_words_beside_it(world):
    row = next(iter(world.examples.values()))[0]
    other = row.with_aside(random.Random(0))
    [before], [after] = row.item.responses, other.item.responses
    assert before in after and len(after) > len(before) + 10 and other.target == row.target


def test_a_step_has_as_many_packs_of_each_task_as_the_mix_says(world, learner):
    from training.packs import COMPARISONS, draw_packs, task_of

    clips, mix = learner.clips(world), {"look": 2, "claims": 1, "compare": 1, "pairwise_reasoning": 1}
    tasks = {name: task_of(name, learner, world, clips, Stage(steps=1, lr=1e-3, rows=4)) for name in mix}
    loads = draw_packs(tasks, mix, dict.fromkeys(mix, world.videos), random.Random(0))
    told = [task for task, _, _ in loads]
    assert told.count("look") == 2 and told.count("pairwise_reasoning") == 1  # one pack each, of several rows
    assert told.count("claims") == 1 and told.count("compare") == COMPARISONS  # rows without a video stand alone
    pairs = next(packed for task, _, packed in loads if task == "pairwise_reasoning")
    assert int(pairs.branches.max()) % 2 == 0  # each in both orders


def test_a_few_rows_say_that_there_is_no_video_and_judge_by_what_they_say_is_seen(world, learner, monkeypatch):
    from training import packs

    monkeypatch.setattr(packs, "BLIND_SHARE", 1.0)
    plan = Stage(steps=1, lr=1e-3, rows=4, misled=0.25)
    task = packs.task_of("pointwise", learner, world, learner.clips(world), plan)
    rows = [row for seed in range(20) for row in task(random.Random(seed), world.told[seed % len(world.told)])]
    blind = [row for row in rows if not (row.types == 2).any()]
    assert len(blind) > len(rows) / 2  # the others have a rationale in which nothing is seen
    texts = [learner.processor.tokenizer.decode(row.ids) for row in blind]
    assert all(NO_VIDEO in text and re.search(r"score>\s*\d", text) for text in texts)


@pytest.mark.slow
def test_two_processes_learn_as_one_model_and_one_alone_makes_its_features_again(data, tmp_path):
    command = [sys.executable, "-m", "training", "fit", "--data", str(data), "--out", str(tmp_path), "--processes", "2"]
    command += ["--steps", "dense=2", "reading=2", "looking=1", "judge=1"]
    judge = tmp_path / "judge" / "model.safetensors"

    def fitted() -> bytes:
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return judge.read_bytes()

    weights = fitted()
    logged = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert len(logged) == len(load_preset("embedded").stages)  # the first process alone writes
    features = sorted((tmp_path / "features").iterdir())
    assert len(features) == 2
    features[1].unlink()  # as after a kill between the two files
    judge.parent.rename(tmp_path / "before")
    assert fitted() == weights
    assert sorted((tmp_path / "features").iterdir()) == features


def test_the_tokens_that_decide_weigh_more(world, learner):
    from training.heavy_tokens import heavy_tokens
    from training.sft import IGNORE, pack
    from workbench.prompts import load_prompt

    video = next(video for video in world.told if any(each.item.kind == "pairwise" for each in world.examples[video]))
    examples, _, rows = rows_of(world, learner, load_prompt("pairwise_reasoning"), video)
    packed, processor = pack(rows[:2]), learner.processor
    weights = heavy_tokens(processor, 20.0).weights([packed])
    words = processor.tokenizer.convert_ids_to_tokens(packed.ids[packed.labels != IGNORE].tolist())
    heavy = [word for word, weight in zip(words, weights.tolist(), strict=True) if weight == 20.0]
    decides = r"(?<=\b[AB]:) \w+| (?=\d wrong)|\d(?= wrong)| Broken| [AB](?= is better)"
    wanted = [["<thinking", *re.findall(decides, each.target.reasoning)] for each in examples[:2]]
    assert [word.replace("Ġ", " ") for word in heavy] == [*wanted[0], *wanted[1]]
    moments = {"appears", "vanishes", "stays", "early", "middle", "late", "short", "half", "most"}
    weighed = {word.removeprefix("Ġ") for word, weight in zip(words, weights.tolist(), strict=True) if weight == 5.0}
    assert {"correct", "wrong"} <= weighed and {word for word in weighed if len(word) > 2} <= {
        "correct",
        "wrong",
    } | moments


def test_claims_are_read_without_a_video(learner):
    from training.rows import Example, encode_claims

    item = Item(Video("s"), "What?", ("A red star.",))
    reasoning = "colour: seen blue, said red: wrong (1). shape: seen star, said nothing: wrong (2). 2 wrong: score 3."
    example = Example(item, Judgment(item.id, "target", "world", "scored", score=3, reasoning=reasoning))
    row = encode_claims(learner.processor, learner.rule, example, random.Random(0))
    told = learner.processor.tokenizer.decode(row.ids[row.labels != -100][:-1])
    assert told == "colour: said red. shape: said nothing."
    assert (row.types == 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_words_turned_around_are_told_behind_the_claims(learner, seed):
    from training.rows import Example, encode_claims

    text = "A red star appears. It goes up and then left."
    item = Item(Video("s"), "What?", (text,))
    reasoning = "colour: seen blue, said red: wrong (1). 1 wrong: score 4."
    example = Example(item, Judgment(item.id, "target", "world", "scored", score=4, reasoning=reasoning))
    row = encode_claims(learner.processor, learner.rule, example, random.Random(seed), turned=0.5)
    shown = learner.processor.tokenizer.decode(row.ids[row.labels == -100])
    told = learner.processor.tokenizer.decode(row.ids[row.labels != -100][:-1])
    if text in shown:
        assert told == "colour: said red."
    else:
        words = re.fullmatch(r"colour: said red\. Broken grammar: (.+)\.", told)[1]
        assert words in shown and " ".join(reversed(words.split())) in text


def test_words_that_punctuation_parts_are_not_turned():
    from training.rows import turned_around

    assert turned_around("It goes. Up it goes.", random.Random(0)) == ("It goes. it Up goes.", "it Up")
    assert turned_around("Red, red.", random.Random(0)) == ("Red, red.", "")


@pytest.mark.parametrize("seed", range(8))
def test_comparisons_are_right_and_only_what_follows_is_learned(learner, seed):
    from training.rows import STEP, encode_comparison

    values = {"colour": ["red", "blue"], "shape": ["star", "circle"]}
    row = encode_comparison(learner.processor, learner.rule, values, random.Random(seed))
    told = learner.processor.tokenizer.decode(row.ids[row.ids != learner.processor.tokenizer.eos_token_id])
    steps = re.findall(STEP.pattern + r" (correct|wrong)", told)
    assert all((seen == said) == (verdict == "correct") for _, seen, said, verdict in steps)
    learned = learner.processor.tokenizer.decode(row.ids[row.labels != -100])
    assert "seen" not in learned and len(re.findall(r"correct|wrong(?! *\.)", learned)) == len(steps)
    if pair := re.search(r"A: (.*) (\d) wrong\. B: (.*) (\d) wrong\. ([AB]) is better\.", told):
        assert [part.count("wrong (") for part in pair.group(1, 3)] == [int(each) for each in pair.group(2, 4)]
        assert pair[5] == ("A" if pair[2] < pair[4] else "B") and f"{pair[5]} is" in learned
    else:
        assert len(steps) == 10


def test_a_short_fit_lowers_the_loss(world, learner, fitted):
    from training.stages import run_dense, run_rows

    dense = run_dense(learner, world, Stage(steps=12, lr=3e-3, videos=4), seed=1)
    assert np.mean(dense[-3:]) < np.mean(dense[:3])
    plan = replace(TINY.stages["judge"], mix={"pointwise": 2})
    before = learner.model.model.visual.state_dict()["patch_embed.proj.weight"].clone()
    judge = run_rows(learner, world, plan, seed=1)
    assert np.mean(judge[-3:]) < np.mean(judge[:3])
    assert (learner.model.model.visual.state_dict()["patch_embed.proj.weight"] == before).all()  # frozen


@pytest.mark.parametrize("stage", ["dense", "judge"])
def test_what_a_stage_learns_on_another_device_is_what_it_learns_on_the_processor(
    world, fitted, stage, tmp_path, monkeypatch
):
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from tests.other_device import DEVICE, lower_right, other_device
    from training import branches, stages
    from training.learner import Learner
    from training.loop import Place

    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: nullcontext())
    monkeypatch.setattr(branches, "causal_lower_right", lower_right)
    monkeypatch.setitem(stages.DRAWERS, DEVICE.type, 1)
    plan = replace(TINY.stages[stage], steps=3, lr=1e-5)  # larger steps make much of little
    processor = AutoProcessor.from_pretrained(fitted / "judge")

    def losses(name: str, device: torch.device) -> list[float]:
        model = AutoModelForImageTextToText.from_pretrained(fitted / "judge").train()
        place = Place(name, tmp_path / name / "metrics.jsonl", tmp_path / name / "state.pt")
        place.metrics.parent.mkdir()
        torch.manual_seed(0)
        with other_device() if device == DEVICE else nullcontext():
            run = stages.run_dense if stage == "dense" else stages.run_rows
            return run(Learner(model.to(device), processor, place), world, plan, seed=1)

    assert losses("there", DEVICE) == pytest.approx(losses("here", torch.device("cpu")), rel=1e-4)


def test_stages_that_are_there_are_not_made_again_and_one_made_again_is_the_same(data, fitted):
    import shutil

    from safetensors.torch import load_file

    from training.fit import fit

    weights = {
        name: load_file(fitted / name / "model.safetensors") for name in ("reading", "dense", "looking", "judge")
    }
    shutil.rmtree(fitted / "judge")
    (fitted / "judge.part").mkdir()  # what an early kill leaves
    told: list[str] = []
    assert fit(TINY, data, fitted, say=told.append) == fitted / "judge"
    assert [line.split(":")[1] for line in told[:4]] == [" is there already"] * 4
    again = load_file(fitted / "judge" / "model.safetensors")
    assert all((again[name] == weights["judge"][name]).all() for name in again)
    tower = {name for name in again if "visual." in name}
    assert tower and all((again[name] == weights["dense"][name]).all() for name in tower)  # frozen after dense
    assert any((weights["reading"][name] != weights["dense"][name]).any() for name in tower)


def test_a_killed_stage_goes_on_with_the_losses_it_would_have_had(tmp_path, monkeypatch):
    import torch

    from training import loop

    monkeypatch.setattr(loop, "SAVE_EVERY", 4)
    plan = Stage(steps=10, lr=0.1)

    def run(state: str, stop: int | None = None) -> list[float]:
        weight = torch.nn.Parameter(torch.zeros(3, 3))

        def loss_of(step: int):
            if step == stop:
                raise KeyboardInterrupt
            target = torch.full((3, 3), float(step % 3))
            return ((weight - target) ** 2).mean(), {}

        return loop.train([weight], loss_of, plan, loop.Place("s", tmp_path / "metrics.jsonl", tmp_path / state))

    whole = run("whole.pt")
    with pytest.raises(KeyboardInterrupt):
        run("killed.pt", stop=6)
    assert run("killed.pt") == whole[4:]


def test_metrics_are_one_json_line_each(fitted):
    lines = [json.loads(line) for line in (fitted / "metrics.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines[:4]] == ["reading", "dense", "looking", "judge"]
    assert {"step", "seconds", "loss", "pointwise_loss", "pointwise_accuracy"} <= set(lines[3])


def test_dense_labels_by_hand():
    from training.dense import FINE, IGNORE, dense_labels

    vocabulary = {
        "colour": ["red", "blue"], "shape": ["circle", "star"], "size": ["small", "large"],
        "texture": ["plain", "dotted"], "background": ["white", "black"],
    }  # fmt: skip
    thing = {"colour": "blue", "shape": "star", "size": "small", "texture": "plain"}
    # a quarter of the frame wide; in the upper left cell, then half a cell further to the right; then not there
    thing |= {"box": [[0, 0, 250, 250], [125, 0, 375, 250], [0, 0, 250, 250], [0, 0, 250, 250]]}
    thing |= {"visible": [100, 100, 0, 0]}
    facts = {"fps": 2, "frames": 4, "objects": [thing], "background": [{"colour": "black", "from": 0.0}]}
    labels = dense_labels(facts, vocabulary, (0.0, 0.5, 1.0, 1.5), (4, 4))
    assert labels["object"][0].tolist() == [[1, 1, 0, 0], [0] * 4, [0] * 4, [0] * 4]
    assert labels["object"][1].sum() == 0
    assert labels["colour"][0, 0].tolist() == [1, 1, IGNORE, IGNORE]
    assert labels["shape"][0, 0, 0] == 1
    assert (labels["across"][0, 0, 0], labels["along"][0, 0, 0]) == (2, 1)  # to the right, not up or down
    assert labels["shown"][0, 0, 0] == 0  # in both frames
    assert (labels["background"] == 1).all()
    gone = {**thing, "visible": [100, 0, 0, 100]}
    shown = dense_labels({**facts, "objects": [gone]}, vocabulary, (0.0, 0.5, 1.0, 1.5), (4, 4))["shown"]
    assert (shown[0, 0, 0], shown[1, 0, 0], shown[1, 3, 3]) == (1, 2, IGNORE)  # goes, comes, is not there
    first, second = labels["place"][0, 0, 0].reshape(2, FINE, FINE)
    assert first.min() == 1
    assert second[:, :2].max() == 0 and second[:, 2:].min() == 1


def test_fixed_lines_are_those_all_renderings_share():
    same = "a line that stays"
    assert fixed_lines([[f"{same}\nWhat is this?\nshort", f"{same}\nAnd what is that?\nshort"]]) == [same]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["fit", "--preset", "none", "--out", "x"], "embedded"),
        (["fit", "--out", "x", "--steps", "judge=many"], "STAGE=N"),
        (["fit", "--out", "x", "--steps", "sleep=3"], "reading, dense, looking, judge"),
        (["ship", "nowhere", "--figures", "nowhere.json", "--out", "x"], "nowhere.json"),
    ],
)
def test_the_door_refuses_with_a_reason(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_data_that_is_no_world_is_refused(tmp_path):
    from training.rows import read_examples

    with pytest.raises(InputError, match="bootstrap world"):
        read_examples(tmp_path)
    item = Item(Video("s", "c.mp4"), "What?", ("It.",))
    (tmp_path / "items.jsonl").write_text(json.dumps(item.to_dict()) + "\n{broken\n")
    (tmp_path / "judgments.jsonl").write_text("")
    with pytest.raises(InputError, match="line 2"):
        read_examples(tmp_path)


def test_steps_of_a_preset():
    assert load_preset("embedded", {"judge": 7}).stages["judge"].steps == 7
    assert load_preset("embedded").stages["judge"] == EMBEDDED.stages["judge"]
