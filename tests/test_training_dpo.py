"""Preference pairs from samples, the DPO loss by hand, reference log-probabilities, and a margin that grows."""

import json
from dataclasses import replace

import pytest

from training.__main__ import main
from training.preferences import Pair, PairOptions, agrees, make_preferences, pair_samples
from workbench.errors import InputError
from workbench.judge_options import prompt_of_record, prompt_record
from workbench.prompts import load_prompt
from workbench.replies import Criterion
from workbench.schema import Item, Judgment, Video
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
