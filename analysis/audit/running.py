"""One audit from its plan to its figures, in a run folder that goes on where it was stopped."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from analysis.audit.ask import Prompts, ask
from analysis.audit.plan import AuditOptions, variants_id, variants_of
from analysis.audit.report import AuditReport, write_report
from analysis.audit.source import Source
from analysis.audit.variant import Variant
from workbench.backends.base import Backend
from workbench.batch import Assignment, Progress, loaded_judges
from workbench.judge_options import prompt_record
from workbench.store import Run


def audit_variants(source: Source, options: AuditOptions, prompts: Prompts) -> list[Variant]:
    """What will be asked of each judge."""
    top = str(prompts.by_kind["pointwise"].form.high)
    return variants_of(source.items, source.pairs, options, tuple(prompts.templates), top)


def audit_run(
    folder: str | Path, source: Source, variants: list[Variant], options: AuditOptions, prompts: Prompts,
    assignment: Assignment, command: str = "", *, judges: Iterable[Backend] | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None, on_stage: Callable[[str], None] = lambda stage: None,
) -> AuditReport:  # fmt: skip
    """Ask what the run folder lacks, and write the figures beside it. `judges` are loaded ones; by default the assignment's,
    in turn. Raises StoreError for a folder of another audit."""
    config = {**assignment.config(prompts.by_kind["pointwise"]), "audit": options.to_dict(), "asked": variants_id(variants),
              "prompts": [prompt.id for prompt in prompts.all]}  # fmt: skip
    with contextlib.closing(_in_turn(assignment, judges)) as judges:
        first = next(judges)  # what cannot be loaded leaves no run behind
        run = Run.create_or_resume(folder, config=config, command=command, prompts=map(prompt_record, prompts.all))
        with run.writing():
            there = {judgment.key for judgment in run.judgments()}
            bases = {variant.of for variant in variants}
            for label in source.labels:
                if label.item in bases and label.key not in there:
                    run.append(label)
            ask(run, variants, chain([first], judges), prompts, assignment, source.verdicts, on_progress, on_stage)
            report = write_report(run)
            requests = sum(one.requests for one in report.judges.values())
            run.finish(done=requests, total=requests)  # the labels beside them were asked of nobody
    return report


def _in_turn(assignment: Assignment, judges: Iterable[Backend] | None) -> Iterator[Backend]:
    yield from loaded_judges(assignment.judges, assignment.judge_options) if judges is None else judges
