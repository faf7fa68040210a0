"""The Compare tab: judges side by side on one video, blind if wanted, and over runs. It only lays out, calls and shows."""

import shlex
from functools import partial
from html import escape
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from analysis.comparison import compare
from analysis.explorer import folders_of
from analysis.records import judge_columns, read_runs
from analysis.report_confidence import comparison_sections
from analysis.side_by_side import blind_sides, chosen_judges, judge_sides, missing_sides, open_sides
from analysis.sides import people_of
from analysis.tab import with_gold, with_runs
from analysis.tab_compare_panels import Live, OverRuns, live_panel, runs_panel
from analysis.tab_sections import cleared, filled
from analysis.votes import Ballot, ballot_of, draw_two, keep_vote, leaders, leaders_section
from workbench.errors import WorkbenchError
from workbench.page.examples import Example, load_examples
from workbench.page.form_panel import FormPanel, read_form, with_example, with_reference_in_sight
from workbench.page.resident import ResidentJudge
from workbench.page.show import error_note, note, working
from workbench.page.stages import Finished, stages_of
from workbench.page.stop_requests import StopRequests
from workbench.page.verbatim import verbatim_command
from workbench.page.verdict import Stopped
from workbench.tab import ONE_AT_A_TIME, filled_by_example, wire_responses, wire_video

# On a narrow screen the verdicts stand below the form.
SHOW_SIDES = """() => {
  const sides = document.querySelector('#vj-cmp-sides');
  if (sides && sides.innerText && sides.getBoundingClientRect().top > innerHeight * 0.8) sides.scrollIntoView({behavior: 'smooth'});
}"""
QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(runs: Path, tab: gr.Tab, resident: ResidentJudge) -> None:
    """Lay out the tab inside the Blocks at hand and wire it. `resident` is the judge that all tabs share."""
    live = live_panel()
    with gr.Column(elem_classes="vj-browse", elem_id="vj-cmp-runs-box"):
        over = runs_panel(runs)
    wire_responses(live.form)
    wire_video(live.form)
    _wire_live(Comparing(live, resident, StopRequests(), runs), tab)
    _wire_runs(over, runs, tab)


# -- live


class Comparing(NamedTuple):
    """What a live comparison involves."""

    live: Live
    resident: ResidentJudge
    stops: StopRequests
    runs: Path

    def begin(self, request: gr.Request, judges, blind, who, *values) -> dict:
        """At once: say what is missing, or that the work has begun."""
        live, form = self.live, read_form(*values)
        self.stops.forget(request.session_hash)
        if missing := missing_sides(form, judges or [], blind):
            return {live.message: note(escape(missing), "warn")} | with_reference_in_sight(
                live.form, form, judges or []
            )
        return {live.message: "", live.working: gr.update(visible=True, value=working("waiting for the judges", 0)),
                live.start: gr.update(interactive=False), live.stop: gr.update(visible=True, interactive=True)}  # fmt: skip

    def compare(self, request: gr.Request, judges, blind, who, *values):
        """The stages as they come, then the verdicts, or the ballot."""
        form, live, stop = read_form(*values), self.live, self.stops.of(request.session_hash)
        names = chosen_judges(judges)
        if missing_sides(form, names, blind):  # the page has said so
            yield {live.message: gr.skip()}
            return
        names = draw_two(names) if blind else names
        try:
            for step in stages_of(lambda tell: judge_sides(form, names, self.runs, self.resident, tell, stop, blind)):
                if isinstance(step, Finished):
                    shown = self.voting(ballot_of(step.result)) if blind else self.opened(open_sides(step.result))
                    yield {live.message: ""} | shown  # a form that was filled in meanwhile lacks nothing any more
                else:
                    yield {live.working: gr.update(visible=True, value=working(*step))}
        except Stopped as error:
            yield {live.message: note(escape(str(error)), "warn")}
        except WorkbenchError as error:
            yield {live.message: error_note(error)}

    def opened(self, html: str, told: str = "") -> dict:
        """Verdicts under their names."""
        live = self.live
        return {live.sides: html, live.empty: gr.update(visible=False), live.voting: gr.update(visible=False),
                live.told: told, live.ballot: None}  # fmt: skip

    def voting(self, ballot: Ballot) -> dict:
        """Verdicts without names, and the vote."""
        shown = self.opened(blind_sides(ballot.sides, ballot.order))
        return {**shown, self.live.voting: gr.update(visible=True), self.live.ballot: ballot}

    def vote(self, shown: str, ballot: Ballot | None, who: str) -> dict:
        """Keep a vote, and say who the two were."""
        if ballot is None:
            return {self.live.told: gr.skip()}
        try:
            keep_vote(self.runs, ballot, who or "", shown)
        except WorkbenchError as error:
            return {self.live.told: error_note(error)}
        first, second = (ballot.sides[place].judge for place in ballot.order)
        said = {"first": f"You chose {first}.", "second": f"You chose {second}.", "tie": "You called it a tie."}[shown]
        told = note(
            f"The first was <strong>{escape(first)}</strong>, the second <strong>{escape(second)}</strong>. {escape(said)}"
        )
        return {**self.opened(open_sides([ballot.sides[place] for place in ballot.order]), told), **self.leading()}

    def leading(self) -> dict:
        """Who leads, once there is a vote."""
        try:
            lines = leaders(self.runs)
        except WorkbenchError as error:
            return {self.live.told: error_note(error)}
        return filled(self.live.leaders, [leaders_section(lines)] if lines else [])

    def request_stop(self, request: gr.Request):
        """The judges stop at the next step."""
        self.stops.stop(request.session_hash)
        return gr.update(interactive=False)

    def done(self) -> dict:
        """Give the button back."""
        return {self.live.start: gr.update(interactive=True), self.live.stop: gr.update(visible=False),
                self.live.working: gr.update(visible=False)}  # fmt: skip


def with_reference(form: FormPanel, example: Example) -> dict:
    """An example with its reference, which metrics need."""
    return {**with_example(form, example), form.reference: example.reference}


def _wire_live(comparing: Comparing, tab: gr.Tab) -> None:
    live = comparing.live
    shown = [live.sides, live.empty, live.voting, live.told, live.ballot]
    table = [part for place in live.leaders.values() for part in place.parts]
    for pill, example in zip(live.examples, load_examples(), strict=True):
        pill.click(partial(with_reference, live.form, example), None, filled_by_example(live.form), **QUIET)
    live.blind.change(lambda blind: gr.update(visible=blind), live.blind, live.who, **QUIET)
    begun = live.start.click(
        comparing.begin, live.inputs, [live.message, live.working, live.start, live.stop, live.form.fold], **QUIET
    )
    judged = begun.then(comparing.compare, live.inputs, [live.message, live.working, *shown], show_progress="hidden",
                        api_visibility="private", **ONE_AT_A_TIME)  # fmt: skip
    judged.then(comparing.done, None, [live.start, live.stop, live.working], **QUIET).then(
        None, js=SHOW_SIDES, api_visibility="private"
    )
    live.stop.click(comparing.request_stop, None, live.stop, **QUIET)
    for button, name in zip(live.votes, ("first", "tie", "second"), strict=True):
        button.click(partial(comparing.vote, name), [live.ballot, live.who], [*shown, *table], show_progress="minimal",
                     api_visibility="private")  # fmt: skip
    tab.select(comparing.leading, None, [live.told, *table], **QUIET)


# -- over runs


def _wire_runs(over: OverRuns, runs: Path, tab: gr.Tab) -> None:
    tab.select(partial(with_runs, runs), over.runs, over.runs, **QUIET)
    changed = over.runs.change(partial(with_gold, runs), [over.runs, over.gold], [over.gold, over.message], **QUIET)
    against = {"fn": partial(baselines, runs), "inputs": [over.runs, over.gold], "outputs": over.baseline, **QUIET}
    changed.then(**against)
    over.gold.input(trigger_mode="always_last", **against)
    places = [part for place in over.places.values() for part in place.parts]
    over.start.click(partial(compared, over, runs), [over.runs, over.gold, over.baseline],
                     [over.message, over.command, *places], show_progress="minimal", show_progress_on=[over.message],
                     api_visibility="private")  # fmt: skip


def baselines(runs: Path, names: list[str] | None, gold: str | None):
    """The judges and people that others may be compared against."""
    choices = [("none: all pairs", "")]
    if names and gold:
        try:
            records = read_runs(folders_of(runs, names))
            choices += [(name, name) for name in [*judge_columns(records, gold), *people_of(records, gold)]]
        except WorkbenchError:  # said when comparing
            return gr.update(choices=choices, value="")
    return gr.update(choices=choices, value="")


def compared(over: OverRuns, runs: Path, names: list[str] | None, gold: str | None, baseline: str | None) -> dict:
    """Compare over runs, as the command does."""
    blank = {**cleared(over.places), over.command: ""}
    if not names or not gold:
        missing = "choose runs" if not names else "choose whose verdicts are gold"
        return {**blank, over.message: note(f"Almost there: {missing}.", "warn")}
    try:
        folders = folders_of(runs, names)
        found = compare(read_runs(folders), gold, baseline=baseline or None)
    except WorkbenchError as error:
        return {**blank, over.message: error_note(error)}
    command = shlex.join(["python", "-m", "analysis", "compare", *map(str, folders), f"--gold={gold}",
                          *([f"--baseline={baseline}"] if baseline else [])])  # fmt: skip
    return {**filled(over.places, comparison_sections(found)), over.message: "",
            over.command: verbatim_command("The command that does the same", command)}  # fmt: skip
