"""The Meta-eval tab: choose runs and gold, see how far judges can be trusted, open the cases, audit. It only shows."""

from functools import partial
from pathlib import Path

import gradio as gr

from analysis.explorer import folders_of, run_names
from analysis.records import labels, read_runs
from analysis.tab_audit import audit_panel, wire_audit
from analysis.tab_failures import explorer_panel, wire_explorer
from analysis.tab_labels import labels_panel, wire_labels
from analysis.tab_report import POLL_SECONDS, Measure, start_report, watch_report, with_reports
from analysis.tab_sections import filled, section_places
from analysis.tab_texts import WHAT_IT_IS, no_runs
from workbench.errors import WorkbenchError
from workbench.jobs import have_jobs
from workbench.page.places import without_folders
from workbench.page.show import error_note, note
from workbench.page.verbatim import COPY_SCRIPT

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# The sections in their order, with the most figures that each may have.
FIGURES = {"people": 1, "ratings": 3, "errors": 2, "spread": 1, "superiority": 1, "preferences": 3, "dimensions": 1,
           "standings": 2, "rankings": 1, "calibration": 1, "readings": 1, "maps": 1, "confidence-ratings": 2,
           "confidence-choices": 2, "abstaining-ratings": 0, "abstaining-choices": 0, "scaling-ratings": 2,
           "scaling-preferences": 1, "comparison-ratings": 2, "comparison-preferences": 2, "comparison-rankings": 2,
           "comparison": 0}  # fmt: skip
WHOLE_GOLD = [("people (human)", "human"), ("bootstrap targets (target)", "target")]


def build(runs: Path, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks at hand and wire it; `tab` is the one it is in, `runs` where the runs are."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            gr.HTML(WHAT_IT_IS)
            labels_fold = labels_panel()
            chosen, gold, by, start, report, message = _choice(runs)
        with gr.Column(scale=6, min_width=300):
            made = gr.Dropdown([], label="Report", visible=False, elem_id="vj-meta-made")
            empty = gr.HTML(no_runs(have_jobs()), elem_id="vj-meta-empty")
            judge = gr.Dropdown([], label="Figures of one judge are those of", visible=False, elem_id="vj-meta-judge")
            command = gr.HTML(js_on_load=COPY_SCRIPT)
    measure = Measure(chosen, gold, by, start, report, message, empty, judge, section_places(FIGURES, "vj-meta"), command,
                      gr.State(None), made, gr.State(None), gr.Timer(POLL_SECONDS, active=False))  # fmt: skip
    with gr.Column(elem_classes="vj-browse", elem_id="vj-cases"):
        explorer = explorer_panel()
    audit = audit_panel()
    changed = _wire(measure, runs, tab)
    wire_labels(labels_fold, chosen, runs, tab)
    wire_explorer(explorer, chosen, gold, runs, changed)
    wire_audit(audit, runs, tab, chosen)


def _choice(runs: Path):
    chosen = gr.Dropdown([], label="Runs", multiselect=True, elem_id="vj-meta-runs",
                         info=f"Of {without_folders(runs)}. Together they hold the judges and the gold labels.")  # fmt: skip
    gold = gr.Dropdown(WHOLE_GOLD, value="human", label="Gold", elem_id="vj-meta-gold", allow_custom_value=True,
                       info="Whose verdicts count as right.")  # fmt: skip  # any value: the choices may change meanwhile
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
    shown = {"fn": partial(watch_report, measure, runs), "inputs": [measure.made, measure.seen], "outputs": measure.shown,
             **QUIET}  # fmt: skip
    started = measure.start.click(partial(start_report, measure, runs), [measure.runs, measure.gold, measure.by],
                                  [measure.message, measure.made, measure.seen], show_progress="minimal",
                                  show_progress_on=[measure.message], api_visibility="private")  # fmt: skip
    started.then(**shown)
    measure.made.input(**shown)
    measure.timer.tick(**shown)
    tab.select(partial(with_reports, runs), measure.made, measure.made, **QUIET).then(**shown)
    measure.judge.input(lambda found, judge: filled(measure.places, found or (), judge), [measure.found, measure.judge],
                        measure.drawn, trigger_mode="always_last", **QUIET)  # fmt: skip
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
