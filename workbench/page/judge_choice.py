"""Choosing a judge and how it judges: the fields that all forms share, and why what is chosen would be refused."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from workbench.page.form import MODES, JudgeForm
from workbench.page.known_judge import about_judges, common_mode
from workbench.page.served_judge import offered_judges, served_judge
from workbench.page.show import refusal_note

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def judge_field(elem_id: str, several: bool = False) -> gr.Dropdown:
    """The judge, or the judges where `several` may be chosen; it begins with the served one, and what that can do."""
    first = served_judge().spec
    return gr.Dropdown(
        offered_judges(),
        value=[first] if several else first,
        multiselect=several,
        label="Judges" if several else "Judge",
        allow_custom_value=True,
        info=about_judges([first]),
        elem_id=elem_id,
    )


def mode_field(elem_id: str, among: Sequence[str] = tuple(MODES)) -> gr.Radio:
    """The way of judging, one `among` those named; it begins with one that the served judge knows."""
    start = common_mode([served_judge().spec], among=among)
    choices = [(MODES[name].label, name) for name in among]
    return gr.Radio(choices, value=start, label="How to judge", info=MODES[start].help, elem_id=elem_id)


def told_judge(chosen: list[str] | str | None):
    """The judge's field, which tells what the chosen one can do, or what all of several can."""
    return gr.update(info=about_judges(chosen if isinstance(chosen, list) else [chosen or ""]))


def told_mode(chosen: str):
    """The field of the way of judging, which tells what the chosen one is."""
    return gr.update(info=MODES[chosen].help)


def wire_choice(judge: gr.Dropdown, mode: gr.Radio) -> None:
    """Both fields tell about what is chosen."""
    judge.change(told_judge, judge, judge, **QUIET)
    mode.change(told_mode, mode, mode, **QUIET)


def wire_fit(
    bounded: Sequence[gr.components.Component],
    inputs: Sequence[gr.components.Component],
    asked: Callable[..., Sequence[JudgeForm]],
    fit: gr.HTML,
    message: gr.HTML,
    among: Sequence[str] = tuple(MODES),
) -> None:
    """Say in `fit`, whenever a `bounded` field changes, why the judges would refuse what the form asks, and clear the
    `message` of an earlier try. `asked` makes a JudgeForm for each judge from the values of `inputs`; `among` are the ways
    of judging that the form offers."""

    def told(*values: Any) -> tuple[str, str]:
        return refusal_note(*asked(*values), among=among), ""

    gr.on([field.change for field in bounded], told, list(inputs), [fit, message], trigger_mode="always_last", **QUIET)
