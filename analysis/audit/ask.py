"""Asking: every variant put to every judge, in an ordinary run folder. What was answered before is not asked again.

    runs/<audit>/asked.jsonl   which request is which variant: judge, probe, change, the base item, and the judgment's key
                 audit.json    the figures, written last

Everything else is as in any run.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from analysis.audit.plan import Pass, passes_of
from analysis.audit.variant import Variant
from workbench.backends.base import Backend
from workbench.batch import Assignment, Progress
from workbench.errors import InputError
from workbench.judge import JudgePlan, judge_items, plan_judging, requests_for
from workbench.page.known_judge import common_mode
from workbench.prompts import Prompt, load_prompt
from workbench.schema import Item, Judgment, Kind
from workbench.store import ANSWERED, Run, read_lines

ASKED = "asked.jsonl"
TEMPLATES = Path(__file__).parent / "templates"
NOT_SHOWN = "this judge is not shown videos"


class Asked(NamedTuple):
    """One request of an audit. `key` is None where the judge refuses such requests, for the `reason` given."""

    judge: str
    probe: str
    change: str
    of: str
    item: str
    order: tuple[int, ...]
    sample: int
    key: str | None
    reason: str | None = None


class Prompts(NamedTuple):
    """The prompt of each kind, and other wordings by name."""

    by_kind: Mapping[Kind, Prompt]
    templates: Mapping[str, Prompt]

    def of(self, one: Pass) -> Prompt:
        """The prompt of a pass."""
        return self.templates[one.manner.template] if one.manner.template else self.by_kind[one.kind]

    @property
    def all(self) -> list[Prompt]:
        """Every one of them."""
        return [*self.by_kind.values(), *self.templates.values()]


def audit_prompts(mode: str = "pointwise", pair_mode: str = "pairwise") -> Prompts:
    """The prompts to audit with, and the other wordings that there are of the first. Raises InputError for other kinds."""
    alone, pair = load_prompt(mode), load_prompt(pair_mode)
    if (alone.kind, pair.kind) != ("pointwise", "pairwise"):
        raise InputError(
            f"prompts: got {mode} and {pair_mode}, which are {alone.kind} and {pair.kind}; expected a pointwise and a pairwise one."
        )
    others = {path.stem: load_prompt(path) for path in sorted(TEMPLATES.glob(f"{mode}-*.yaml"))}
    return Prompts({"pointwise": alone, "pairwise": pair}, others)


def prompts_known_to(judges: Sequence[str]) -> Prompts:
    """The prompts to audit these judges with: of each kind the plain one, or else one that all of them were made for."""
    return audit_prompts(
        common_mode(judges, "pointwise", ("pointwise", "rubric")),
        common_mode(judges, "pairwise", ("pairwise", "pairwise_reasoning")),
    )


def prompt_words(prompts: Prompts) -> list[str]:
    """The words of the command that ask for these prompts, where they are not its own."""
    names = {"mode": prompts.by_kind["pointwise"].name, "pair-mode": prompts.by_kind["pairwise"].name}
    return [f"--{word}={name}" for word, name in names.items() if name not in ("pointwise", "pairwise")]


def ask(
    run: Run,
    variants: Sequence[Variant],
    judges: Iterable[Backend],
    prompts: Prompts,
    assignment: Assignment,
    known: Mapping[str, Judgment],
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> None:
    """Ask every judge for every variant that the run lacks. Call it inside `run.writing()`.

    `known` are verdicts given elsewhere, by key; they are taken over. A judge that declares it was not made for some of
    the requests is not asked those.
    """
    run.add_items(variant.item for variant in variants)
    passes = passes_of(variants)
    for backend in judges:
        plans = [_planned(one, backend, prompts, assignment) for one in passes]
        asked = [line for one, plan in zip(passes, plans, strict=True) for line in _lines(one, plan, backend.name)]
        _write_asked(run, backend.name, asked)
        counter = _Counter(run, {line.key for line in asked if line.key}, on_progress)
        for judgment in _answers(zip(passes, plans, strict=True), counter.answered, known, on_stage):
            run.append(judgment)
            counter.count(judgment)


def _answers(
    planned: Iterable[tuple[Pass, JudgePlan | str]], answered: set[str], known: Mapping[str, Judgment], on_stage: Any
) -> Iterator[Judgment]:
    for one, plan in planned:
        if isinstance(plan, str):
            continue
        items = _asked_items(one, plan)
        for item in items:
            for request in requests_for(item, plan):
                key = request.blank.key
                if key in known and key not in answered:
                    yield known[key]
        settings = {name: getattr(plan, name) for name in ("sampling", "policy", "samples", "orders", "view", "limits",
                                                           "frame_order")}  # fmt: skip
        yield from judge_items(items, plan.backend, plan.prompt, done=answered, on_stage=on_stage, **settings)


def _planned(one: Pass, backend: Backend, prompts: Prompts, assignment: Assignment) -> JudgePlan | str:
    """How a pass is asked of a judge, or why it is not."""
    manner, settings = one.manner, assignment.settings_for(backend)
    if backend.view != "video" and (manner.view or manner.frame_order != "filmed"):
        return NOT_SHOWN
    settings |= {"samples": manner.samples, "frame_order": manner.frame_order}
    settings |= {"view": manner.view} if manner.view else {}
    if manner.temperature is not None:
        settings["sampling"] = replace(settings["sampling"], temperature=manner.temperature)
    try:
        return plan_judging(backend, prompts.of(one), **settings)
    except InputError as error:
        return str(error)


def _lines(one: Pass, plan: JudgePlan | str, judge: str) -> Iterator[Asked]:
    for variant in one.variants:
        about = (judge, variant.probe, variant.change, variant.of, variant.item.id)
        if isinstance(plan, str) or not _is_asked(variant, plan):
            yield Asked(*about, (), 0, None, plan if isinstance(plan, str) else NOT_SHOWN)
            continue
        for request in requests_for(variant.item, plan):
            yield Asked(*about, request.order, request.sample, request.blank.key)


def _asked_items(one: Pass, plan: JudgePlan) -> list[Item]:
    return list({v.item.id: v.item for v in one.variants if _is_asked(v, plan)}.values())


def _is_asked(variant: Variant, plan: JudgePlan) -> bool:
    """Another video is nothing to a judge that is shown none."""
    return variant.probe != "looking" or plan.backend.view == "video"


def _write_asked(run: Run, judge: str, lines: Sequence[Asked]) -> None:
    """Put one judge's lines into asked.jsonl, in place of those of an earlier start."""
    path = run.folder / ASKED
    kept = [line for line in read_asked(run) if line.judge != judge]
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text("".join(json.dumps(line) + "\n" for line in (*kept, *lines)), encoding="utf-8")
    draft.replace(path)


def read_asked(run: Run) -> list[Asked]:
    """What was asked in an audit. Empty for a run that is none."""
    found = (Asked(*line) for line in read_lines(run.folder / ASKED))
    return [line._replace(order=tuple(line.order)) for line in found]


class _Counter:
    """Counts the verdicts of one judge, and tells the status file and whoever watches."""

    def __init__(self, run: Run, keys: set[str], on_progress: Callable[[Progress], None]):
        self.run, self.total, self.on_progress = run, len(keys), on_progress
        self.answered = {one.key for one in run.judgments() if one.status in ANSWERED}
        self.done, self.asked, self.started = len(self.answered & keys), 0, time.monotonic()
        run.set_status("running", done=self.done, total=self.total, eta_seconds=None)

    def count(self, judgment: Judgment) -> None:
        self.done, self.asked = self.done + 1, self.asked + 1
        if judgment.status in ANSWERED:
            self.answered.add(judgment.key)
        each = (time.monotonic() - self.started) / self.asked
        eta = round(each * max(0, self.total - self.done), 1)
        self.run.set_status("running", done=self.done, total=self.total, eta_seconds=eta)
        self.on_progress(Progress(self.done, self.total, eta, judgment))
