"""Choosing a judge in every form that starts work: it begins with what the served judge knows and says at once what it does not."""

from dataclasses import replace

import gradio as gr
import pytest

from analysis.audit.ask import prompt_words, prompts_known_to
from analysis.sensitivity_form import MODES as SWEPT
from analysis.sensitivity_form import SweepForm, plan_form
from analysis.sensitivity_panels import start_panel
from tests.test_page import COMPLETE, RUBRIC_JUDGE, folder_judge
from workbench.errors import InputError
from workbench.page.judge_choice import wire_fit
from workbench.page.known_judge import about_judge, about_judges, common_mode
from workbench.page.show import refusal_note
from workbench.page.table_panel import table_panel
from workbench.table_form import TableForm, start_table


@pytest.fixture
def pairs_only(tmp_path):
    (tmp_path / "pairs").mkdir()
    return folder_judge(tmp_path / "pairs", kinds=("pairwise",))


def test_forms_begin_with_the_served_judge_and_a_way_of_judging_that_it_knows(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_JUDGE", RUBRIC_JUDGE)
    monkeypatch.setattr("workbench.page.served_judge.has_gpu", lambda: True)
    with gr.Blocks():
        table, sweep = table_panel(tmp_path), start_panel(tmp_path)
    assert (table.judge.value, table.mode.value) == (RUBRIC_JUDGE, "rubric")
    assert (sweep.judges.value, sweep.mode.value) == ([RUBRIC_JUDGE], "rubric")
    for field in (table.judge, sweep.judges):
        assert field.info == about_judge(RUBRIC_JUDGE)
    for command in (table.command, sweep.command):
        assert f"--judge={RUBRIC_JUDGE}" in command.value and "--mode=rubric" in command.value


def test_several_judges_say_what_all_of_them_were_made_for(pairs_only):
    assert about_judges([]) == about_judge("") and about_judges(["embedded"]) == about_judge("embedded")
    assert about_judges(["qwen2.5-vl-7b", "hf:who/knows"]) == ""
    assert about_judges(["embedded", RUBRIC_JUDGE]) == "All were made for: Rubric, then score."
    assert about_judges([pairs_only, RUBRIC_JUDGE]) == "No way of judging is one that all were made for."


@pytest.mark.parametrize(("judges", "mode", "among", "found"), [
    (["embedded", RUBRIC_JUDGE], "pointwise", SWEPT, "rubric"), (["embedded", "PAIRS"], "pointwise", SWEPT, "pairwise"),
    (["PAIRS", RUBRIC_JUDGE], "pointwise", SWEPT, "pointwise"), (["embedded"], "ranking", SWEPT, "pointwise"),
    ([RUBRIC_JUDGE], "pairwise", ("pairwise", "pairwise_reasoning"), "pairwise"), ([], "ranking", SWEPT, "ranking"),
])  # fmt: skip
def test_a_way_of_judging_that_all_know(pairs_only, judges, mode, among, found):
    judges = [pairs_only if judge == "PAIRS" else judge for judge in judges]
    assert common_mode(judges, mode, (*among, mode) if not judges else among) == found


def test_a_refusal_says_what_to_choose_instead(pairs_only):
    two = [replace(COMPLETE, judge=judge) for judge in ("embedded", RUBRIC_JUDGE)]
    assert refusal_note(two[0]) == ""
    said = refusal_note(*two)
    assert "Not with all of these judges." in said and "it knows rubric. Choose “Rubric, then score”." in said
    assert "Not with this judge." in refusal_note(two[1]) and "Choose “Rubric, then score”." in refusal_note(two[1])
    said = refusal_note(two[1], replace(COMPLETE, judge=pairs_only))
    assert "it knows rubric." in said and "it knows pairwise." in said and "Choose" not in said
    ranks = replace(COMPLETE, judge="embedded", mode="ranking")
    assert "Choose “Score”." in refusal_note(ranks), "the first that it knows"


def test_what_the_judge_does_not_know_starts_no_run(tmp_path, pairs_only):
    table = tmp_path / "t.csv"
    table.write_text("instruction,response\nWhat?,it moves\n")
    for judge in (RUBRIC_JUDGE, pairs_only):
        with pytest.raises(InputError, match="was not made for"):
            start_table(TableForm(path=str(table), judge=judge, text_only=True), tmp_path / "runs")
        with pytest.raises(InputError, match="was not made for"):
            plan_form(SweepForm(judges=("embedded", judge)), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_field_that_bounds_the_judge_is_heard():
    with gr.Blocks() as page:
        mode, fit, message = gr.Radio(["pointwise", "rubric"]), gr.HTML(), gr.HTML()
        wire_fit([mode], [mode], lambda mode: [replace(COMPLETE, judge=RUBRIC_JUDGE, mode=mode)], fit, message)
    (told,) = page.fns.values()
    assert told.targets == [(mode._id, "change")] and told.outputs == [fit, message]
    assert "Not with this judge." in told.fn("pointwise")[0] and told.fn("rubric") == ("", "")


def test_an_audit_asks_in_the_ways_that_its_judges_know():
    assert prompt_words(prompts_known_to(["embedded"])) == []
    assert prompt_words(prompts_known_to(["embedded", RUBRIC_JUDGE])) == ["--mode=rubric"]
