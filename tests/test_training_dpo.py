"""Preference pairs from samples, the DPO loss by hand, reference log-probabilities, and a margin that grows."""

import json
import math
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.test_training_finetune import ROOT, wait_for_losses
from training.__main__ import main
from training.adapters import Lora
from training.preferences import Pair, PairOptions, agrees, make_preferences, pair_samples
from training.push_plan import plan_push
from workbench.backends.local import load_local
from workbench.errors import InputError
from workbench.judge_options import prompt_of_record, prompt_record
from workbench.prompts import load_prompt
from workbench.replies import Criterion
from workbench.schema import Item, Judgment, Video, VideoPolicy
from workbench.store import Run


def sample(score=None, text="why", number=0, *, item="i", choice=None, order=(0,), status="scored", judge="hf:j"):
    verdict = {"score": score, "choice": choice} if status == "scored" else {}
    reply = f"<thinking>{text}</thinking><score>{score or choice}</score>"
    settings = {"order": list(order), "judge": {"model": "j"}}
    return Judgment(item, judge, "pointwise@1", status, **verdict, reply=reply, sample=number, settings=settings)


def label(score=None, choice=None):
    return Judgment("i", "target", "w", "scored", score=score, choice=choice)


@pytest.mark.parametrize(
    "given, told, same",
    [
        (sample(4), label(4), True),
        (sample(4), label(3), False),
        (sample(4), label(3.5), True),
        (sample(3), label(3.4), True),
        (sample(4), label(3.4), False),
        (sample(choice="A"), label(choice="A"), True),
        (sample(choice="B"), label(choice="A"), False),
        (sample(choice="tie"), label(choice="A"), False),
    ],
)
def test_a_sample_agrees_with_the_label_when_it_says_the_same(given, told, same):
    assert agrees(given, told) == same


PAIRED = [  # scores of the samples, label, options: pairs as (chosen, rejected) scores, or why there is none
    ([4, 2], 4, {}, [("4", "2")]),
    ([4, 3, 2], 4, {"margin": 2}, [("4", "2")]),
    ([4, 3], 4, {"margin": 2}, "scores closer than the margin"),
    ([4, 4], 4, {}, "all samples agree with the label"),
    ([1, 2], 4, {}, "no sample agrees with the label"),
    ([4], 4, {}, "all samples are the same text"),
    ([], 4, {}, "no scored sample"),
    ([4, 2], None, {}, "no label"),
    ([3, 4, 1], 3.5, {"most": 9}, [("3", "1"), ("4", "1")]),
]


@pytest.mark.parametrize("scores, told, options, expected", PAIRED)
def test_pairs_or_why_there_are_none(scores, told, options, expected):
    samples = [sample(score, f"why {n}", n) for n, score in enumerate(scores)]
    samples.append(sample(status="unparsed", number=99))
    gold = [] if told is None else [label(told)]
    made = pair_samples(samples, {"i": gold}, PairOptions(**options))
    if isinstance(expected, str):
        assert (made.pairs, [line["reason"] for line in made.left_out]) == ([], [expected])
    else:
        assert sorted((pair.chosen_verdict, pair.rejected_verdict) for pair in made.pairs) == expected
        assert made.left_out == []


def test_labels_that_disagree_make_no_pair():
    made = pair_samples([sample(4), sample(2)], {"i": [label(4), label(2)]}, PairOptions())
    assert made.left_out == [{"item": "i", "order": [0], "reason": "labels disagree"}]


def test_both_replies_of_a_pair_answer_the_same_request():
    samples = [sample(choice=choice, order=order, text=f"{choice}{order}")
               for order in ((0, 1), (1, 0)) for choice in "AB"]  # fmt: skip
    made = pair_samples(samples, {"i": [label(choice="A")]}, PairOptions())
    assert {pair.order for pair in made.pairs} == {(0, 1), (1, 0)}
    for pair in made.pairs:
        assert str(pair.order) in pair.chosen and str(pair.order) in pair.rejected


def test_most_pairs_an_item_by_seed_and_no_sample_twice_before_all_are_used_once():
    samples = [sample(score, f"why {n}", n) for n, score in enumerate([5] * 4 + [1, 2, 3, 2])]
    made = [pair_samples(samples, {"i": [label(5)]}, PairOptions(most=4, seed=seed)).pairs for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]
    assert len({pair.chosen for pair in made[0]}) == len({pair.rejected for pair in made[0]}) == 4


@pytest.mark.parametrize(
    "wishes", [{}, {"low": 0, "high": 10, "labels": {0: "bad"}, "criteria": [Criterion("a", "b", 2)]}]
)
def test_the_prompt_comes_back_from_its_record(wishes):
    prompt = load_prompt("pointwise", **wishes)
    record = json.loads(json.dumps(prompt_record(prompt)))
    assert prompt_of_record(record) == prompt
    with pytest.raises(InputError, match="rendering has changed"):
        prompt_of_record({**record, "guide": "another"})


@pytest.fixture
def judged(tmp_path):
    """A run with three samples of two items, and a folder with the label of one."""
    items = [Item(Video("ab"), f"Question {n}?", ("Red.",), description="d") for n in range(2)]
    prompt = load_prompt("pointwise")
    run = Run.create(tmp_path / "run", config={}, prompts=[prompt_record(prompt)])
    with run.writing():
        run.add_items(items)
        for item in items:
            for number, score in enumerate((4, 2, 4)):
                run.append(replace(sample(score, f"why {number}", number, item=item.id), prompt=prompt.id))
    labels = tmp_path / "labels"
    labels.mkdir()
    bare = replace(items[0], description=None)  # the same question, with other fields
    told = Judgment(bare.id, "target", "w", "scored", score=4)
    (labels / "items.jsonl").write_text(json.dumps(bare.to_dict()) + "\n")
    (labels / "judgments.jsonl").write_text(json.dumps(told.to_dict()) + "\n")
    return run, labels


def test_a_folder_of_pairs(judged, tmp_path, capsys):
    run, labels = judged
    out = tmp_path / "pairs"
    assert main(["preferences", str(run.folder), "--labels", str(labels), "--out", str(out)]) == 0
    assert "2 pairs of 1 of 2 requests" in (said := capsys.readouterr().out) and "1: no label" in said
    pairs = [Pair.from_dict(json.loads(line)) for line in (out / "pairs.jsonl").read_text().splitlines()]
    assert {(pair.chosen_verdict, pair.rejected_verdict, pair.label) for pair in pairs} == {("4", "2", "4")}
    record = json.loads((out / "preferences.json").read_text())
    assert record["left_out"] == {"no label": 1} and record["samples"] == {"scored": 6}
    assert prompt_of_record(record["prompt"]) == load_prompt("pointwise")
    assert len((out / "items.jsonl").read_text().splitlines()) == 1
    assert json.loads((out / "left_out.jsonl").read_text())["reason"] == "no label"


def test_what_cannot_be_paired_is_refused(judged, tmp_path):
    run, labels = judged
    with pytest.raises(InputError, match="no pair from 6 samples"):
        make_preferences(run, labels, tmp_path / "x", PairOptions(), by="human:ann")
    with pytest.raises(InputError, match="the run run has hf:j"):
        make_preferences(run, labels, tmp_path / "x", PairOptions(), judge="hf:k")
    with run.writing():
        run.append(replace(sample(4), judge="hf:k", item=next(iter(run.items())), prompt=run.judgments()[0].prompt))
    with pytest.raises(InputError, match="name the one whose own samples"):
        make_preferences(run, labels, tmp_path / "x", PairOptions())
    with pytest.raises(InputError, match="margin"):
        PairOptions(margin=-1)


# -- the loss


def test_the_loss_by_hand():
    from training.dpo import Preferred, dpo_loss

    policy = Preferred(torch.tensor([-10.0, -5.0]), torch.tensor([-12.0, -4.0]))
    reference = Preferred(torch.tensor([-11.0, -5.0]), torch.tensor([-11.0, -5.0]))
    # margins 0.5 * ((-10 + 11) - (-12 + 11)) = 1 and 0.5 * (0 - 1) = -0.5
    plain = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(0.5))]
    assert dpo_loss(policy, reference, beta=0.5).tolist() == pytest.approx(plain, rel=1e-6)
    turned = [math.log(1 + math.exp(1)), math.log(1 + math.exp(-0.5))]
    smooth = [0.9 * one + 0.1 * other for one, other in zip(plain, turned, strict=True)]
    assert dpo_loss(policy, reference, beta=0.5, smoothing=0.1).tolist() == pytest.approx(smooth, rel=1e-6)
    assert dpo_loss(reference, reference, beta=0.5).tolist() == pytest.approx([math.log(2)] * 2)


def test_the_gradient_by_hand():
    """beta * sigmoid(-margin) on the log-ratio: equation 7's gradient."""
    from training.dpo import Preferred, dpo_loss

    policy = Preferred(torch.tensor([-3.0], requires_grad=True), torch.tensor([-2.0], requires_grad=True))
    dpo_loss(policy, Preferred(torch.tensor([-3.0]), torch.tensor([-3.0])), beta=0.2).sum().backward()
    weight = 0.2 / (1 + math.exp(-0.2))
    assert policy.chosen.grad.item() == pytest.approx(-weight) and policy.rejected.grad.item() == pytest.approx(weight)


# -- training on a tiny model

GOOD, BAD, WORSE = (f"<thinking>{why}</thinking>\n<score>{score}</score>"
                    for why, score in (("it is red", 4), ("it is blue", 2), ("nothing is seen", 1)))  # fmt: skip


def make_pairs(folder, videos=4):
    """A run with samples about tiny clips, its labels, and the folder of pairs."""
    from PIL import Image

    from workbench.video import sha256_of

    rng, items = np.random.default_rng(0), []
    for number in range(videos):
        clip = folder / f"clip{number}"
        clip.mkdir(parents=True)
        for frame in range(2):
            Image.fromarray(rng.integers(0, 255, (56, 56, 3), np.uint8)).save(clip / f"{frame}.png")
        items.append(Item(Video(sha256_of(clip), str(clip)), "What colour?", (f"Red {number}.",)))
    prompt = load_prompt("pointwise")
    run = Run.create(folder / "run", config={}, prompts=[prompt_record(prompt)])
    video = VideoPolicy(frames=2).to_dict()
    labels = folder / "labels"
    labels.mkdir()
    with run.writing():
        run.add_items(items)
        for item in items:
            for number, (score, reply) in enumerate(((4, GOOD), (2, BAD), (1, WORSE))):
                settings = {"order": [0], "judge": {}, "video": video, "view": "video"}
                run.append(Judgment(item.id, "hf:j", prompt.id, "scored", score=score, reply=reply, sample=number,
                                    settings=settings))  # fmt: skip
    told = [Judgment(item.id, "target", "w", "scored", score=4) for item in items]
    for name, records in (("items", items), ("judgments", told)):
        (labels / f"{name}.jsonl").write_text("".join(json.dumps(each.to_dict()) + "\n" for each in records))
    make_preferences(run, labels, folder / "pairs", PairOptions())
    return folder / "pairs"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return make_pairs(tmp_path_factory.mktemp("preferences"))


def run(pairs, base, out, *, lora=True, beta=0.1, **changes):
    from training.dpo import DpoOptions
    from training.dpo_run import run_dpo

    changes = {"lr": 3e-3, "epochs": 4, "batch": 2, "accumulation": 1, "checkpointing": False, **changes}
    options = DpoOptions(beta=beta, validation=0.25)
    return run_dpo(pairs, str(base), out, options, lora=Lora(4, 8) if lora else None, say=lambda line: None, **changes)


def lines_of(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line], [line for line in lines if "validation_loss" in line]


def logprobs(base, adapter, pairs):
    """Log-probabilities of every reply, by separate sequences through the library's own forward."""
    from training.dpo_requests import read_preferences
    from workbench.backends.encoding import encode_chats
    from workbench.prompts import render
    from workbench.video import sample_frames

    judge = load_local(str(base), adapter and str(adapter))
    found = {}
    preferences = read_preferences(pairs)
    for task, replies, _ in preferences.requests:
        chat = render(
            task.prompt, task.example.item, frames=sample_frames(task.example.item.video.path, preferences.policy)
        )
        for reply in replies:
            batch = encode_chats(judge._processor, [chat], judge._rule, replies=[reply])
            labels = batch.pop("labels")[0, 1:]
            with torch.inference_mode():
                logs = judge._model(**batch).logits[0, :-1].log_softmax(-1)
            told = labels != -100
            found[task.example.item.id, reply] = logs[told].gather(1, labels[told].unsqueeze(1)).sum().item()
    return found


@pytest.fixture(scope="module")
def trained(pairs, qwen25_checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp("dpo") / "run"
    run(pairs, qwen25_checkpoint, out)
    return out


def test_the_reference_is_what_separate_sequences_give_and_is_computed_once(
    pairs, qwen25_checkpoint, trained, tmp_path
):
    known = {line["request"]: line["logprobs"] for line in map(json.loads, (trained / "reference-0.jsonl").open())}
    wanted = logprobs(qwen25_checkpoint, None, pairs)
    assert [len(found) for found in known.values()] == [3] * 4
    told = sorted(value for one in known.values() for value in one)
    assert told == pytest.approx(sorted(wanted.values()), rel=1e-4)


def test_the_margin_grows_and_the_chosen_gains_on_the_rejected(pairs, qwen25_checkpoint, trained):
    steps, checks = lines_of(trained)
    assert steps[0]["loss"] == pytest.approx(math.log(2), rel=1e-4)  # before the first step policy = reference
    assert steps[0]["reward_margin"] == pytest.approx(0, abs=1e-4)
    assert steps[-1]["reward_margin"] > 0.1 and steps[-1]["accuracy"] == 1
    assert {"reward_chosen", "reward_rejected", "kl"} <= set(steps[-1])
    assert checks[-1]["validation_accuracy"] == 1
    before, after = (logprobs(qwen25_checkpoint, adapter, pairs) for adapter in (None, trained / "final"))
    gains = {key: after[key] - before[key] for key in before}
    good = [gain for (_, reply), gain in gains.items() if reply == GOOD]
    bad = [gain for (_, reply), gain in gains.items() if reply != GOOD]
    assert min(good) > max(bad)


def test_held_out_pairs_are_measured_with_an_interval(trained):
    figures = json.loads((trained / "figures.json").read_text())["held-out pairs"]
    assert figures["accuracy"]["n"] == 2 and figures["accuracy"]["value"] == 1
    assert figures["reward margin"]["low"] <= figures["reward margin"]["value"] <= figures["reward margin"]["high"]


def test_the_card_counts_the_pairs_and_says_what_its_figures_are_of(trained, qwen25_checkpoint):
    card = plan_push(trained, "ann/dpo", merge=str(qwen25_checkpoint), say=lambda line: None).card
    for said in ("| labels by | target |", "| train.pairs | 6 |", "| train.videos | 3 |", "| held out.pairs | 2 |",
                 "by `python -m training dpo`, on pairs", "Not measured: how far its verdicts"):  # fmt: skip
        assert said in card, said
    assert "intervals over videos. Ratings and" not in card  # that is what evaluate measures


def test_full_tuning_has_the_same_reference_and_learns(pairs, qwen25_checkpoint, trained, tmp_path):
    final = run(pairs, qwen25_checkpoint, tmp_path / "run", lora=False, lr=1e-3)
    references = [sorted(map(str, map(json.loads, (folder / "reference-0.jsonl").open())))
                  for folder in (trained, tmp_path / "run")]  # fmt: skip
    assert references[0] == references[1]
    steps, _ = lines_of(tmp_path / "run")
    assert steps[0]["loss"] == pytest.approx(math.log(2), rel=1e-4)
    assert steps[-1]["reward_margin"] > 0.1
    assert load_local(str(final)).view == "video"


def test_a_killed_training_goes_on_with_the_losses_it_would_have_had(
    pairs, qwen25_checkpoint, trained, tmp_path, monkeypatch
):
    from training import dpo_feed

    whole, _ = lines_of(trained)
    first, calls = dpo_feed.preference_loss, []

    def dies(*args):
        calls.append(args)
        if len(calls) > 4:
            raise RuntimeError("killed")
        return first(*args)

    monkeypatch.setattr(dpo_feed, "preference_loss", dies)
    with pytest.raises(RuntimeError, match="killed"):
        run(pairs, qwen25_checkpoint, tmp_path / "run", save_every=2)
    monkeypatch.setattr(dpo_feed, "preference_loss", first)
    reference = (tmp_path / "run" / "reference-0.jsonl").read_text()
    (tmp_path / "run" / "reference-0.jsonl").write_text(reference + '{"request": "ab')  # a line that the kill broke off
    run(pairs, qwen25_checkpoint, tmp_path / "run", save_every=2)
    again, _ = lines_of(tmp_path / "run")
    assert [line["step"] for line in again] == [line["step"] for line in whole]
    assert [line["loss"] for line in again] == pytest.approx([line["loss"] for line in whole], rel=1e-5)
    assert (tmp_path / "run" / "reference-0.jsonl").read_text() == reference  # computed once


@pytest.mark.slow
def test_a_killed_process_goes_on_with_the_same_loss_curve(pairs, qwen25_checkpoint, trained, tmp_path):
    words = ["--lr", "3e-3", "--epochs", "4", "--batch", "2", "--accumulation", "1", "--save-every", "2", "--rank", "4",
             "--alpha", "8", "--validation", "0.25"]  # fmt: skip
    command = [sys.executable, "-m", "training", "dpo", str(pairs), "--base", str(qwen25_checkpoint), *words]
    command += ["--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_losses(tmp_path / "run", 3, process)
    process.kill()  # SIGKILL
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "run" / "final").exists()
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    again, whole = lines_of(tmp_path / "run"), lines_of(trained)
    for some, wanted, name in zip(again, whole, ("loss", "validation_loss"), strict=True):
        assert [line["step"] for line in some] == [line["step"] for line in wanted]
        assert [line[name] for line in some] == pytest.approx([line[name] for line in wanted], rel=1e-5)


def test_from_the_command_line_of_judging_to_pairs(pairs, tmp_path, capsys):
    """Samples of a scripted judge over the items of a folder, by the very commands of docs/preference.md."""
    from workbench.__main__ import main as workbench

    labels = pairs.parent / "labels"
    rules = tmp_path / "judge.yaml"
    rules.write_text(json.dumps({"rules": [{"reply": [GOOD, BAD, "no verdict", GOOD]}]}))
    spec = ["--judge", f"scripted:{rules}", "--samples", "4", "--temperature", "1"]
    workbench(["judge", "--items", str(labels / "items.jsonl"), *spec, "--out", str(tmp_path / "samples")])
    out = tmp_path / "pairs"
    assert main(["preferences", str(tmp_path / "samples"), "--labels", str(labels), "--out", str(out)]) == 0
    record = json.loads((out / "preferences.json").read_text())
    assert (record["pairs"], record["requests"]) == (4, 4)
    assert record["samples"] == {"scored": 12, "unparsed": 4} and record["left_out"] == {}
    assert (record["chosen"], record["rejected"]) == ({"4": 4}, {"2": 4})
    assert record["view"] == "video" and record["sampling"]["temperature"] == 1
