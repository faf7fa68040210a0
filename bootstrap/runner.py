"""A bootstrap run from seeds to rated sets: a run folder, many conversations at once, a budget, and resuming.

The files of the folder are told in attempts.py.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bootstrap.attempts import Names, finished_lines, set_records
from bootstrap.budget import Budget
from bootstrap.chats import Role, Task, load_templates
from bootstrap.dispatch import Finished, Participant, Talk, converse
from bootstrap.journal import Journal
from bootstrap.loop import LoopSettings, Transcript, refine
from bootstrap.templates import Template
from workbench.backends.base import Backend
from workbench.errors import InputError
from workbench.schema import Item, Sampling
from workbench.store import Run, cut_broken_tail

TEMPERATURES: dict[Role, float] = {"generator": 0.7, "evaluator": 0.0}  # the paper states neither
MAX_NEW_TOKENS = 2048  # a reply holds up to four responses or four reasonings
FAILURES_IN_A_ROW = 50  # seeds, after which a participant is taken to be gone


@dataclass(frozen=True)
class Plan:
    """What a run does, whatever its seeds: the settings of the loop, the prompts, and who takes part."""

    generator: Participant
    evaluator: Participant
    settings: LoopSettings = LoopSettings()
    templates: Mapping[Task, Template] = field(default_factory=load_templates)

    def config(self) -> dict[str, Any]:
        """What run.json keeps, and what must be equal for a run to go on."""
        return {
            "bootstrap": 1,
            "rounds": self.settings.rounds,
            "alpha": self.settings.alpha,
            "seed": self.settings.seed,
            "generator": _participant_record(self.generator),
            "evaluator": _participant_record(self.evaluator),
            "prompts": {task: template.id for task, template in self.templates.items()},
        }

    def participants(self) -> dict[Role, Participant]:
        return {"generator": self.generator, "evaluator": self.evaluator}

    def names(self) -> Names:
        return Names(self.generator.backend, self.evaluator.backend, self.templates, self.evaluator.sampling)


class Progress(NamedTuple):
    """How far a run is. `seeds` counts those given to this start; `left` are not finished."""

    seeds: int
    complete: int
    incomplete: int
    failed: int
    calls: int
    tokens: int
    eta_seconds: float | None

    @property
    def done(self) -> int:
        return self.complete + self.incomplete + self.failed


class Outcome(NamedTuple):
    """What came of a start; `stopped` says what ended it early, None when all seeds were worked on."""

    progress: Progress
    stopped: str | None


def plan_run(
    generator: Backend,
    evaluator: Backend,
    settings: LoopSettings,
    *,
    temperatures: Mapping[Role, float] = TEMPERATURES,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> Plan:
    """The plan with these participants; both sample with the run's seed, and the round as sample index."""

    def participant(role: Role, backend: Backend) -> Participant:
        sampling = Sampling(temperatures[role], backend.sampling.top_p, max_new_tokens, settings.seed)
        return Participant(backend, sampling)

    return Plan(participant("generator", generator), participant("evaluator", evaluator), settings)


def open_run(folder: str | Path, plan: Plan, command: str = "") -> Run:
    """Make the run folder, or open the one that was made with this plan. Raises StoreError for another plan."""
    prompts = [template.record() for template in plan.templates.values()]
    return Run.create_or_resume(folder, config=plan.config(), prompts=prompts, command=command)


def bootstrap_run(
    run: Run,
    seeds: Sequence[Item],
    plan: Plan,
    *,
    budget: Budget | None = None,
    concurrency: int = 1,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Work on every seed that is not finished. Call it inside `run.writing()`.

    A seed whose participant fails, or that has no description, is told in rejected.jsonl and tried again by the next
    start; the others go on, unless very many fail in a row. Raises InputError when no seed can be worked on.
    """
    if concurrency < 1:
        raise InputError(f"concurrency: got {concurrency}, expected at least 1.")
    seeds = list({seed.id: seed for seed in seeds}.values())
    fit = [seed for seed in seeds if (seed.description or "").strip()]
    known = {seed.id for seed in fit}
    unfit = [_rejection(seed, "no description; make one with `describe`") for seed in seeds if seed.id not in known]
    if not fit:
        raise InputError(f"seeds: got {len(seeds)}, of which none has a description; make them with `describe`.")
    work = _Work(run, plan, budget or Budget(), concurrency, unfit)
    try:
        return work.go(fit, on_progress)
    finally:
        work.close()


class _Work:
    """One start of a run: the files that are open and the counts."""

    def __init__(self, run: Run, plan: Plan, budget: Budget, concurrency: int, rejected: list[dict[str, Any]]):
        self.run, self.plan, self.budget, self.concurrency, self.rejected = run, plan, budget, concurrency, rejected
        self.sets = run.folder / "sets.jsonl"
        cut_broken_tail(self.sets)
        self.finished = {line["seed"]: line for line in finished_lines(run)}
        self.journal = Journal(run.folder / "replies.jsonl", self.finished)
        self.totals = _Totals(failed=len(rejected))
        self.started, self.worked_on, self.failures_in_a_row = time.monotonic(), 0, 0

    def close(self) -> None:
        self.journal.close()

    def go(self, seeds: list[Item], on_progress: Callable[[Progress], None]) -> Outcome:
        (self.run.folder / "summary.json").unlink(missing_ok=True)  # it means that every seed was worked on
        self.run.add_items(seeds)
        self.totals.seeds = len(seeds) + self.totals.failed
        for seed in seeds:
            if seed.id in self.finished:
                self.totals.count(self.finished[seed.id])
        self._report(on_progress)
        talks = self._talks([seed for seed in seeds if seed.id not in self.finished])
        participants = self.plan.participants()
        for finished in converse(talks, participants, self.journal, self._room, self.concurrency):
            self._store(finished)
            self.worked_on += 1
            self._report(on_progress)
            if self.failures_in_a_row == FAILURES_IN_A_ROW:
                break
        return self._end()

    def _talks(self, seeds: list[Item]) -> Iterator[Talk]:
        for seed in seeds:
            yield Talk(seed, refine(seed, self.plan.settings, self.plan.templates))

    def _room(self, under_way: int) -> int:
        return self.budget.room(self.journal.spent, under_way)

    def _store(self, finished: Finished) -> None:
        """Write a seed's items and judgments, and its line of sets.jsonl last: that line makes them count."""
        talk, result = finished
        if not isinstance(result, Transcript):
            self.rejected.append(_rejection(talk.seed, str(result)))
            self.totals.failed += 1
            self.failures_in_a_row += 1
            return
        self.failures_in_a_row = 0
        records = set_records(talk.seed, result, self.plan.names(), talk.created)
        self.run.add_items(records.items)
        for judgment in records.judgments:
            self.run.append(judgment)
        with self.sets.open("a", encoding="utf-8") as file:
            file.write(json.dumps(records.line) + "\n")
        self.totals.count(records.line)

    def _progress(self) -> Progress:
        totals, spent = self.totals, self.journal.spent
        left = totals.seeds - totals.complete - totals.incomplete - totals.failed
        each = (time.monotonic() - self.started) / self.worked_on if self.worked_on else None
        eta = None if each is None else round(each * left, 1)
        return Progress(totals.seeds, totals.complete, totals.incomplete, totals.failed, *spent, eta)

    def _report(self, on_progress: Callable[[Progress], None]) -> None:
        progress = self._progress()
        self.run.set_status("running", **self._figures(progress), eta_seconds=progress.eta_seconds, last_error=None)
        on_progress(progress)

    def _figures(self, progress: Progress) -> dict[str, Any]:
        return {
            "done": progress.done,
            "total": progress.seeds,
            **{name: getattr(progress, name) for name in ("complete", "incomplete", "failed", "calls", "tokens")},
            "unreadable": self.totals.unreadable,
            "accepted": self.totals.accepted,
        }

    def _end(self) -> Outcome:
        self.run.add_rejected(self.rejected)
        progress, stopped = self._progress(), self.budget.exhausted(self.journal.spent)
        if self.failures_in_a_row == FAILURES_IN_A_ROW:
            stopped = f"{FAILURES_IN_A_ROW} seeds failed in a row, the last one with: {self.rejected[-1]['reason']}"
        figures = self._figures(progress)
        if stopped and progress.done < progress.seeds:
            self.run.set_status("stopped", **figures, last_error=stopped)
            return Outcome(progress, stopped)
        self.run.finish(**figures)
        return Outcome(progress, None)


@dataclass
class _Totals:
    seeds: int = 0
    failed: int = 0
    complete: int = 0
    incomplete: int = 0
    unreadable: int = 0
    accepted: int = 0  # responses, without the golds

    def count(self, line: Mapping[str, Any]) -> None:
        self.complete += line["complete"]
        self.incomplete += not line["complete"]
        self.unreadable += len(line["unreadable"])
        self.accepted += len(line["accepted"]) - 1


def _rejection(seed: Item, reason: str) -> dict[str, Any]:
    return {"seed": seed.id, "instruction": seed.instruction, "reason": reason}


def _participant_record(participant: Participant) -> dict[str, Any]:
    backend, sampling = participant
    return {"judge": backend.name, "identity": dict(backend.identity), "sampling": sampling.to_dict()}
