"""Rubric against rubric, by the pairwise machinery: both orders, no tie, people's preferences beside the judge's."""

import json

import pytest

from analysis.__main__ import main as analysis
from workbench.__main__ import main as workbench
from workbench.errors import InputError
from workbench.prompts import load_prompt, render
from workbench.replies import Unparsed, read_reply
from workbench.schema import Item
from workbench.store import Run

GOOD, BAD = "5: names the red ball and its way left. 1: neither.", "5: well written. 1: badly written."
ROWS = [
    {"instruction": "What happens?", "reference": "A red ball rolls left.", "response_a": GOOD, "response_b": BAD, "choice": "A"},
    {"instruction": "Who comes?", "reference": "A dog.", "response_a": BAD, "response_b": GOOD, "choice": "B"},
]  # fmt: skip


def test_it_reads_instruction_reference_and_both_rubrics_in_this_order():
    item = Item(None, "What happens?", (GOOD, BAD), reference="A red ball rolls left.")
    text = render(load_prompt("rubric_comparison"), item, view="none", order=(1, 0)).text
    places = [text.index(part) for part in ("What happens?", "A red ball rolls left.", BAD, GOOD)]
    assert places == sorted(places)
    with pytest.raises(InputError, match="has no reference"):
        render(load_prompt("rubric_comparison"), Item(None, "What happens?", (GOOD, BAD)), view="none")


@pytest.mark.parametrize("reply, choice", [("A", "A"), ("b", "B"), ("tie", None)])
def test_there_is_no_tie(reply, choice):
    read = read_reply(load_prompt("rubric_comparison").form, f"<thinking>t</thinking><answer>{reply}</answer>")
    assert isinstance(read, Unparsed) if choice is None else read.choice == choice


def test_from_a_table_of_rubrics_to_agreement_with_people(tmp_path, capsys):
    table, script, run = tmp_path / "rubrics.jsonl", tmp_path / "judge.yaml", str(tmp_path / "run")
    table.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    script.write_text(
        "view: none\nrules:\n"
        f"  - matches: '<response_a>\\s+{GOOD[:20]}'\n    reply: <thinking>t</thinking><answer>A</answer>\n"
        "  - reply: <thinking>t</thinking><answer>B</answer>\n"
    )
    assert analysis(["import", "labels", "--data", str(table), "--out", run]) == 0
    judge = ["judge", "--items", run, "--mode", "rubric_comparison", "--judge", f"scripted:{script}"]
    assert workbench(judge) == 0
    judged = [one for one in Run.open(run).judgments() if one.judge.startswith("scripted")]
    assert len(judged) == 4 and [one.choice for one in judged] == ["A", "A", "B", "B"]  # two items, both orders
    capsys.readouterr()
    assert analysis(["agree", run]) == 0
    assert "1.000" in capsys.readouterr().out
