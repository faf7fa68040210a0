"""Verdicts without a reply through the command line, and how far they agree with reasoned ones."""

import json

import pytest

from analysis.__main__ import main as analyse
from workbench.__main__ import main
from workbench.backends import load_backend
from workbench.backends.judge_file import JudgeFile, read_judge_file, write_judge_file
from workbench.batch import Assignment
from workbench.errors import InputError
from workbench.judge import judge_items, plan_judging
from workbench.page.fast_mode import fast_mode_help
from workbench.page.form import JudgeForm, assignment_of
from workbench.page.kept import form_of
from workbench.page.receipt import repeat_command
from workbench.prompts import load_prompt
from workbench.schema import Item, Judgment, Sampling, Video
from workbench.score_only import Agreement, agreements
from workbench.store import Run


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


def test_agreement_with_intervals(tmp_path, capsys):
    """Of a run with both: the share and the distance, drawn by video; the sentence goes to where pages find it."""
    items = [Item(Video(sha256="ab"[number % 2] * 64), f"What {number}?", ("x",)) for number in range(4)]
    run = Run.create(tmp_path / "run", config={}, prompts=[], command="test")
    with run.writing():
        run.add_items(items)
        for item, fast, slow in zip(items, (4.0, 2.0, 5.0, 1.0), (4.0, 5.0, 4.0, None), strict=True):
            run.append(verdict(item.id, fast, judge="a (score only)"))
            if slow:
                run.append(verdict(item.id, slow))
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    write_judge_file(folder, JudgeFile(scale=(1, 5)))
    assert analyse(["score-only", str(run.folder), "--into", str(folder), "--json", str(tmp_path / "found.json")]) == 0
    told = json.loads((tmp_path / "found.json").read_text())["judges"]["a"]
    assert told["equal verdicts"]["value"] == pytest.approx(1 / 3) and told["apart"]["value"] == pytest.approx(4 / 3)
    assert told["apart"]["n"] == 3 and told["apart"]["left_out"] == 1 and told["apart"]["videos"] == 2
    kept = read_judge_file(folder)
    assert kept.scale == (1, 5) and "33% of 3 fast ratings, on 2 videos" in kept.score_only
    assert kept.score_only in fast_mode_help(str(folder)) and "not known" in fast_mode_help("hf:owner/name")
    assert "equal verdicts" in capsys.readouterr().out


def test_one_kind_alone_has_no_agreement(tmp_path, capsys):
    item = Item(None, "What?", ("x",))
    run = Run.create(tmp_path / "run", config={}, prompts=[], command="test")
    with run.writing():
        run.add_items([item])
        run.append(verdict(item.id, 3.0, judge="a (score only)"))
    assert analyse(["score-only", str(run.folder)]) == 2
    assert "judge them twice" in capsys.readouterr().err


def test_the_page_s_fast_mode_is_the_command_s():
    form = JudgeForm(video="clip.mp4", instruction="What?", responses=("a",), score_only=True)
    assert assignment_of(form).score_only and not assignment_of(JudgeForm()).score_only
    assert repeat_command(form).endswith(" --score-only") and "--score-only" not in repeat_command(JudgeForm())
    assert form_of(repeat_command(form)).score_only
