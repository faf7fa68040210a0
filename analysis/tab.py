"""The Meta-eval tab: choose runs and gold, see how far judges can be trusted, open the cases, audit. It only shows."""

import shlex
import tempfile
from functools import partial
from html import escape
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from analysis.explorer import folders_of, run_names
from analysis.findings import find_out
from analysis.records import labels, read_runs
from analysis.report import write_report
from analysis.tab_audit import audit_panel, wire_audit
from analysis.tab_failures import explorer_panel, wire_explorer
from analysis.tab_sections import Place, cleared, filled, judges_in, jump_list, section_places
from analysis.tab_texts import NO_RUNS, WHAT_IT_IS
from workbench.errors import WorkbenchError
from workbench.page.show import error_note, note
from workbench.page.verbatim import COPY_SCRIPT, verbatim_command

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# The sections in their order, with the most figures that each may have.
FIGURES = {"people": 1, "ratings": 3, "errors": 2, "spread": 1, "superiority": 1, "preferences": 3, "dimensions": 1,
           "standings": 2, "rankings": 1, "confidence-ratings": 2, "confidence-choices": 2, "scaling-ratings": 2,
           "scaling-preferences": 1, "comparison-ratings": 2, "comparison-preferences": 2, "comparison": 0}  # fmt: skip
BELOW = {"vj-cases": "The cases behind the numbers", "vj-audit-source": "Audit of a judge"}
WHOLE_GOLD = [("people (human)", "human"), ("bootstrap targets (target)", "target")]


class Measure(NamedTuple):
    """Choosing, and what came of it; `found` keeps the sections, so that another judge is drawn at once."""

    runs: gr.Dropdown
    gold: gr.Dropdown
    by: gr.Textbox
    start: gr.Button
    report: gr.DownloadButton
    message: gr.HTML
    empty: gr.HTML
    judge: gr.Dropdown
    places: dict[str, Place]
    command: gr.HTML
    found: gr.State

    @property
    def shown(self) -> list:
        places = [part for place in self.places.values() for part in place.parts]
        return [self.report, self.message, self.empty, self.judge, self.command, self.found, *places]


def build(runs: Path, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks at hand and wire it; `tab` is the one it is in, `runs` where the runs are."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            chosen, gold, by, start, report, message = _choice(runs)
        with gr.Column(scale=6, min_width=300):
            empty = gr.HTML(NO_RUNS, elem_id="vj-meta-empty")
            judge = gr.Dropdown([], label="Figures of one judge are those of", visible=False, elem_id="vj-meta-judge")
            command = gr.HTML(js_on_load=COPY_SCRIPT)
    measure = Measure(chosen, gold, by, start, report, message, empty, judge, section_places(FIGURES, "vj-meta"), command,
                      gr.State(None))  # fmt: skip
    with gr.Column(elem_classes="vj-browse", elem_id="vj-cases"):
        explorer = explorer_panel()
    audit = audit_panel()
    changed = _wire(measure, runs, tab)
    wire_explorer(explorer, chosen, gold, runs, changed)
    wire_audit(audit, runs, tab)


def _choice(runs: Path):
    gr.HTML(WHAT_IT_IS)
    chosen = gr.Dropdown([], label="Runs", multiselect=True, elem_id="vj-meta-runs",
                         info=f"Of the folder {runs}. Together they hold the judges and the gold labels.")  # fmt: skip
    gold = gr.Dropdown(WHOLE_GOLD, value="human", label="Gold", elem_id="vj-meta-gold",
                       info="Whose verdicts count as right.")  # fmt: skip
    by = gr.Textbox(label="Break preferences down by", placeholder="a tag of the items, e.g. dimension", max_lines=1)
    with gr.Column(elem_classes="vj-actions"):
        message = gr.HTML(elem_id="vj-meta-message")
        with gr.Row(elem_classes="vj-buttons"):
            start = gr.Button("Measure", variant="primary", elem_id="vj-meta-start")
            report = gr.DownloadButton("Download the report", visible=False, elem_id="vj-meta-report")
    return chosen, gold, by, start, report, message


def _wire(measure: Measure, runs: Path, tab: gr.Tab) -> list:
    """Gives the events after which other cases are to be shown."""
    tab.select(partial(with_runs, runs), measure.runs, measure.runs, **QUIET)
    changed = measure.runs.change(partial(with_gold, runs), [measure.runs, measure.gold], [measure.gold, measure.message],
                                  **QUIET)  # fmt: skip
    gold_changed = measure.gold.input(lambda: "", None, measure.message, **QUIET)
    measure.start.click(partial(measured, measure, runs), [measure.runs, measure.gold, measure.by], measure.shown,
                        show_progress="minimal", show_progress_on=[measure.message], api_visibility="private")  # fmt: skip
    drawn = [part for place in measure.places.values() for part in place.parts]
    measure.judge.input(lambda found, judge: filled(measure.places, found or (), judge), [measure.found, measure.judge], drawn,
                        trigger_mode="always_last", **QUIET)  # fmt: skip
    return [changed, gold_changed]


def with_runs(runs: Path, chosen: list[str] | None):
    """The list of runs as it stands; what was chosen stays while it is there."""
    names = run_names(runs)
    return gr.update(choices=names, value=[name for name in chosen or [] if name in names])


def with_gold(runs: Path, names: list[str] | None, gold: str | None):
    """Whose verdicts may be gold in these runs, and what is wrong with a run that cannot be read."""
    if not names:
        return gr.update(choices=WHOLE_GOLD, value="human"), ""
    try:
        records = read_runs(folders_of(runs, names))
    except WorkbenchError as error:
        return gr.skip(), error_note(error)
    judges = list(dict.fromkeys([*(column.judge for column in records.columns), *labels(records)]))
    whole = [one for one in WHOLE_GOLD if any(judge == one[1] or judge.startswith(f"{one[1]}:") for judge in judges)]
    choices = [*whole, *judges]
    values = [value for _, value in whole] + judges
    kept = gold if gold in values else values[0] if whole else None
    said = (
        "" if whole else note("Nobody has labelled these items: choose a judge as gold, or label cases below.", "warn")
    )
    return gr.update(choices=[*choices, ("none yet", "")], value=kept or ""), said


def measured(measure: Measure, runs: Path, names: list[str] | None, gold: str | None, by: str | None) -> dict:
    """Measure, write the report, and show its sections."""
    blank = {**cleared(measure.places), measure.report: gr.update(visible=False), measure.found: None, measure.command: "",
             measure.judge: gr.update(visible=False), measure.empty: gr.update(visible=True)}  # fmt: skip
    if not names or not gold:
        return {
            **blank,
            measure.message: note(
                f"Almost there: choose {'runs' if not names else 'whose verdicts are gold'}.", "warn"
            ),
        }
    try:
        folders = folders_of(runs, names)
        found = find_out(folders, gold, (by or "").strip() or None)
        out = Path(tempfile.mkdtemp(prefix="report-"))  # the page hands out copies alone
        command = report_command(folders, gold, by)
        written = write_report(found, out, command)
    except WorkbenchError as error:
        return {**blank, measure.message: error_note(error)}
    judges = judges_in(written.sections)
    first = judges[0] if judges else ""
    return {
        **filled(measure.places, written.sections, first),
        measure.message: f'<p class="vj-sub">Measured: {len(found.meta.judges)} judges beside {escape(gold)}.</p>'
        + jump_list(written.sections, "vj-meta", BELOW),
        measure.report: gr.update(value=str(written.html), visible=True),
        measure.found: written.sections,
        measure.command: verbatim_command("The command that writes the same report", command),
        measure.judge: gr.update(choices=judges, value=first or None, visible=len(judges) > 1),
        measure.empty: gr.update(visible=False),
    }


def report_command(folders, gold: str, by: str | None) -> str:
    """The command line that writes the same report."""
    words = ["python", "-m", "analysis", "report", *map(str, folders), f"--gold={gold}", "--out=report"]
    return shlex.join([*words, *([f"--by={by.strip()}"] if by and by.strip() else [])])
