"""Verdicts without a reply through the command line, and how far they agree with reasoned ones."""

import json

import pytest

from workbench.__main__ import main
from workbench.backends import load_backend
from workbench.batch import Assignment
from workbench.errors import InputError
from workbench.judge import judge_items, plan_judging
from workbench.prompts import load_prompt
from workbench.schema import Item, Judgment, Sampling
from workbench.score_only import Agreement, agreements


def verdict(item, score=None, choice=None, judge="a", **options):
    return Judgment(item, judge, "p@1", "scored", score=score, choice=choice, **options)


def test_agreement_by_hand():
    fast = [
        verdict(item, score, judge="a (score only)") for item, score in (("1", 4.0), ("2", 2.0), ("3", 5.0), ("4", 1.0))
    ]
    reasoned = [
        verdict("1", 4.0),
        verdict("2", 5.0),
        verdict("3", 4.0),
        verdict("1", 1.0, sample=1),
        verdict("4", 1.0, judge="b"),
    ]
    (found,) = agreements([*fast, *reasoned])
    assert found == Agreement("a", 3, 1, pytest.approx(4 / 3), 1)
    assert "1 of 3 verdicts are the reasoned one, 1.33 apart on average (1 have none" in str(found)


def test_choices_are_compared_order_by_order():
    orders = [{"order": [0, 1]}, {"order": [1, 0]}]
    fast = [verdict("1", choice="A", judge="a (score only)", settings=one) for one in orders]
    reasoned = [verdict("1", choice=choice, settings=one) for choice, one in zip("AB", orders, strict=True)]
    assert agreements([*fast, *reasoned]) == [Agreement("a", 2, 1, None, 0)]
    assert agreements(reasoned) == []
    assert "not known" in str(agreements(fast)[0])


def test_through_the_command_line(text_checkpoint, tmp_path, capsys):
    table = tmp_path / "answers.jsonl"
    rows = [
        {"instruction": "What happens?", "response": text, "description": "A dog runs."} for text in ("A dog.", "Rain.")
    ]
    table.write_text("\n".join(map(json.dumps, rows)))
    asked = [
        "judge",
        "--items",
        str(table),
        "--judge",
        str(text_checkpoint),
        "--no-video",
        "--max-new-tokens",
        "3",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main([*asked, "--score-only", "--json"]) == 0
    judgments = json.loads(capsys.readouterr().out)["judgments"]
    assert {one["judge"] for one in judgments} == {f"{text_checkpoint} (score only)"}
    for one in judgments:
        assert one["score"] == float(max(one["probs"], key=one["probs"].get)) and sum(
            one["probs"].values()
        ) == pytest.approx(1)
        assert one["settings"]["score_only"] is True and one["usage"]["reply_tokens"] == 0
    # The judge that writes joins the same run; its verdicts are its own.
    assert main(asked) == 1  # three tokens are no verdict
    captured = capsys.readouterr()
    assert f"{text_checkpoint}: 2 unparsed" in captured.out and "not known here" in captured.err


def test_what_cannot_be_scored_without_a_reply(text_checkpoint):
    backend = load_backend(str(text_checkpoint))
    ranking = load_prompt("ranking")
    (failed,) = judge_items(
        [Item(None, "Which?", ("a", "b", "c"))], backend, ranking, view="none", orders="given", score_only=True
    )
    assert failed.status == "failed" and "one choice from a menu" in failed.error
    with pytest.raises(InputError, match="cannot score without"):
        plan_judging(load_backend("metric:rouge_l"), load_prompt("pointwise"), score_only=True)
    with pytest.raises(InputError, match="nothing is drawn"):
        plan_judging(backend, load_prompt("pointwise"), sampling=Sampling(), samples=2, score_only=True)


def test_runs_made_before_go_on():
    prompt = load_prompt("pointwise")
    assert "score_only" not in Assignment(("a",)).config(prompt)
    assert Assignment(("a",), score_only=True).config(prompt) == Assignment(("a",)).config(prompt)
