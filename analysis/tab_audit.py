"""The audit in the Meta-eval tab: what it would cost first, then a detached run that is watched, and its figures."""

import shlex
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from analysis.audit.ask import prompt_words, prompts_known_to
from analysis.audit.figures import audit_figures
from analysis.audit.plan import AuditOptions, cost_of
from analysis.audit.report import audit_report
from analysis.audit.running import audit_variants
from analysis.audit.source import drawn, open_source
from analysis.audit.variant import PROBES
from analysis.commands_audit import audit_text, cost_lines
from analysis.explorer import run_names
from analysis.labelling import LABELS
from analysis.side_by_side import chosen_judges
from analysis.votes import VOTES
from workbench import jobs
from workbench.backends import check_spec
from workbench.errors import InputError, WorkbenchError
from workbench.owners import own_name
from workbench.page.judge_choice import judge_field, told_judge
from workbench.page.run_status import status_card
from workbench.page.show import error_note, note
from workbench.page.verbatim import COPY_SCRIPT, verbatim, verbatim_command
from workbench.run_folders import chosen_folder
from workbench.store import new_run_folder

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
POLL_SECONDS = 3.0
MOST_FIGURES = 4
PREFIX = "audit-"  # of the run folders that the page starts


class AuditPanel(NamedTuple):
    """Asking for an audit, and watching one. `shown` is the run whose figures are drawn, with its state."""

    source: gr.Dropdown
    judges: gr.Dropdown
    items: gr.Number
    probes: gr.CheckboxGroup
    plan: gr.Button
    start: gr.Button
    message: gr.HTML
    run: gr.Dropdown
    status: gr.HTML
    stop: gr.Button
    figures: tuple[gr.Plot, ...]
    text: gr.HTML
    shown: gr.State
    timer: gr.Timer
    planned: gr.State  # what was asked for when the plan was made

    @property
    def asked(self) -> list:
        return [self.source, self.judges, self.items, self.probes]

    @property
    def watched(self) -> list:
        return [self.run, self.status, self.stop, *self.figures, self.text, self.shown, self.timer]


def audit_panel() -> AuditPanel:
    """The form, how the chosen audit stands, and its figures."""
    gr.HTML('<h2 class="vj-title">Audit</h2><p class="vj-sub">Does the judge look at the video, and what besides the truth moves '
            "it? Every probe asks the judge again with something changed; the plan says how often.</p>")  # fmt: skip
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            source = gr.Dropdown(
                [], label="Items of", info="A run; its items, spread over the videos.", elem_id="vj-audit-source"
            )
            judges = judge_field("vj-audit-judges", several=True)
            judges.change(told_judge, judges, judges, **QUIET)
            items = gr.Number(AuditOptions().items, label="Items", precision=0, minimum=1, info="And as many pairs.")
            probes = gr.CheckboxGroup(list(PROBES), value=list(PROBES), label="Probes", elem_id="vj-audit-probes")
            with gr.Column(elem_classes="vj-actions"):
                message = gr.HTML(elem_id="vj-audit-message", js_on_load=COPY_SCRIPT)
                with gr.Row(elem_classes="vj-buttons"):
                    plan = gr.Button("What would it cost?", elem_id="vj-audit-plan")
                    start = gr.Button("Start the audit", variant="primary", visible=False, elem_id="vj-audit-start")
        with gr.Column(scale=6, min_width=300):
            run = gr.Dropdown([], label="Audit", visible=False, elem_id="vj-audit-run")
            status = gr.HTML(elem_id="vj-audit-status")
            stop = gr.Button("Stop", variant="stop", visible=False, size="sm", elem_classes="vj-quiet")
            figures = tuple(
                gr.Plot(show_label=False, label=f"Audit {number + 1}", visible=False, elem_classes="vj-figure")
                for number in range(MOST_FIGURES)
            )
            text = gr.HTML(js_on_load=COPY_SCRIPT, elem_id="vj-audit-text")
    return AuditPanel(source, judges, items, probes, plan, start, message, run, status, stop, figures, text, gr.State(None),
                      gr.Timer(POLL_SECONDS, active=False), gr.State(None))  # fmt: skip


def audit_words(runs: Path, source: str | None, judges, items, probes, out: Path) -> list[str]:
    """The words of the command after "python". Raises InputError for what is missing, or a judge that is none."""
    names = chosen_judges(judges)
    if not source or not names or not probes:
        missing = "choose a run" if not source else "choose a judge" if not names else "choose a probe"
        raise InputError(f"Almost there: {missing}.")
    for name in names:
        check_spec(name)
    given = [f"--judge={name}" for name in names]
    only = [] if len(probes) == len(PROBES) else [f"--only={','.join(probes)}"]
    return [
        "-m",
        "analysis",
        "audit",
        str(chosen_folder(runs, source)),
        *given,
        f"--items={int(items or 1)}",
        *prompt_words(prompts_known_to(names)),
        *only,
        f"--out={out}",
    ]


def planned(runs: Path, source: str | None, judges, items, probes) -> str:
    """What an audit would cost, as HTML. Raises InputError for what cannot be audited."""
    words = audit_words(runs, source, judges, items, probes, new_run_folder(runs, "audit"))
    options = AuditOptions(tuple(probes), int(items or 1))
    found = drawn(open_source(chosen_folder(runs, source or "")), options.items, options.seed)
    cost = cost_of(audit_variants(found, options, prompts_known_to(chosen_judges(judges))))
    said = "\n".join(cost_lines(cost, tuple(chosen_judges(judges)), found))
    return verbatim("What it would cost", said) + verbatim_command("The command", shlex.join(["python", *words]))


def wire_audit(panel: AuditPanel, runs: Path, tab: gr.Tab, measured: gr.Dropdown) -> None:
    """Plan first; the button that starts appears with the plan and goes when anything is changed.

    The items are those of the first run that is `measured`, until another is chosen.
    """

    def plan(*values):
        try:
            return {panel.message: planned(runs, *values), panel.start: gr.update(visible=True), panel.planned: values}
        except WorkbenchError as error:
            return {panel.message: error_note(error), panel.start: gr.update(visible=False)}

    def start(made_for, *values):
        if list(made_for or ()) != list(values):
            changed = InputError("The form was changed after the plan was made: ask what it would cost again.")
            return {panel.message: error_note(changed), panel.start: gr.update(visible=False)}
        folder = new_run_folder(runs, "audit")
        try:
            jobs.start(audit_words(runs, *values, folder), folder)
        except WorkbenchError as error:
            return {panel.message: error_note(error)}
        return {panel.message: note("Started. It goes on when you close this page."), panel.start: gr.update(visible=False),
                panel.run: with_audits(runs, folder.name)}  # fmt: skip

    def stop(name: str):
        try:
            jobs.stop(chosen_folder(runs, name))
        except WorkbenchError as error:
            return error_note(error)
        return ""

    shown = {"fn": partial(watch, panel, runs), "inputs": [panel.run, panel.shown], "outputs": panel.watched, **QUIET}
    acting = {"show_progress": "minimal", "api_visibility": "private"}
    panel.plan.click(plan, panel.asked, [panel.message, panel.start, panel.planned], **acting)
    panel.start.click(start, [panel.planned, *panel.asked], [panel.message, panel.start, panel.run], **acting)
    panel.stop.click(stop, panel.run, panel.message, **acting).then(**shown)
    gr.on([field.input for field in panel.asked], lambda: ("", gr.update(visible=False)), None, [panel.message, panel.start],
          **QUIET)  # fmt: skip
    measured.input(lambda names: with_sources(runs, next(iter(names or ()), None)), measured, panel.source, **QUIET)
    panel.run.change(**shown)
    panel.timer.tick(**shown)
    tab.select(lambda source, run: (with_sources(runs, source), with_audits(runs, run)), [panel.source, panel.run],
               [panel.source, panel.run], **QUIET).then(**shown)  # fmt: skip


def with_sources(runs: Path, chosen: str | None):
    """The runs whose items can be audited."""
    people = (own_name(LABELS), own_name(VOTES))
    names = [name for name in run_names(runs) if not name.startswith(PREFIX) and name not in people]
    return gr.update(choices=names, value=chosen if chosen in names else next(iter(names), None))


def with_audits(runs: Path, chosen: str | None):
    """The audits there are, the last one started first."""
    names = [job.folder.name for job in jobs.list_jobs(runs) if job.folder.name.startswith(PREFIX)]
    return gr.update(choices=names, value=chosen if chosen in names else next(iter(names), None), visible=bool(names))


def watch(panel: AuditPanel, runs: Path, name: str | None, shown: tuple | None) -> dict[Any, Any]:
    """How the chosen audit stands; its figures once it has ended, drawn once."""
    if not name:
        return {panel.timer: gr.Timer(active=False)}
    job = jobs.find(chosen_folder(runs, name))
    done, total = job.status.get("done", 0), job.status.get("total", 0)
    found: dict[Any, Any] = {
        panel.status: status_card(job, f"{done:,} of {total:,} requests" if total else "no request yet", {}, "Requests done"),
        panel.stop: gr.update(visible=job.alive), panel.timer: gr.Timer(active=job.alive),
    }  # fmt: skip
    if shown == (name, job.state):
        return found
    found |= {panel.shown: (name, job.state), panel.text: "", **dict.fromkeys(panel.figures, gr.update(visible=False))}
    return found if job.alive else found | _figures(panel, job.folder)


def _figures(panel: AuditPanel, folder: Path) -> dict[Any, Any]:
    try:
        report = audit_report(folder)
    except WorkbenchError as error:
        return {panel.text: f'<p class="vj-sub">No figures: {escape(str(error))}</p>'}
    found = [one for one in audit_figures(report) if one.data]  # the others say that nothing was measured
    plots = {plot: gr.update(value=figure, visible=True)
             for plot, figure in zip(panel.figures, found, strict=False)}  # fmt: skip
    told = verbatim("The numbers", "\n\n".join(audit_text(report)))
    return {**plots, panel.text: f"<details><summary>The numbers</summary>{told}</details>"}
