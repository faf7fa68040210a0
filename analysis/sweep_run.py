"""Running a sweep: judge by judge, from few frames to many; all temperatures and samples of a video in one batch.

A run goes on where it was: what is scored or unparsed is not asked again. A frame count that a judge declares to be
beyond it is refused as `judge` refuses it, written down in refused.json, and leaves its cells empty.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.sweep_grid import Clip, Sweep, given_frames
from workbench.backends.base import Backend
from workbench.batch import Progress, policy_for
from workbench.errors import InputError
from workbench.judge import BATCH_SIZE, JudgePlan, judge_together, plan_judging, requests_for
from workbench.prompts import Prompt
from workbench.schema import Item
from workbench.store import ANSWERED, Run
from workbench.video import VideoLimits

MOST_REQUESTS = 512  # of one batch; the most that is lost when a run is killed
REFUSED = "refused.json"


def sweep_plans(sweep: Sweep, backend: Backend, prompt: Prompt, frames: int) -> list[JudgePlan]:
    """One plan for each temperature, for one number of frames. Raises InputError where the judge refuses them."""
    policy = policy_for(backend.video_policy, {**sweep.video, "frames": frames})
    return [
        plan_judging(backend, prompt, policy=policy, samples=sweep.samples_at(temperature), limits=VideoLimits(),
                     sampling=replace(backend.sampling, **sweep.sampling, temperature=temperature))
        for temperature in sweep.temperatures
    ]  # fmt: skip


def run_sweep(
    run: Run,
    items: Sequence[Item],
    clips: Mapping[str, Clip],
    judges: Iterable[Backend],
    prompt: Prompt,
    sweep: Sweep,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> dict[str, Any]:
    """Ask for every verdict that the run lacks; return its summary. Call it inside `run.writing()`.

    Raises InputError for a judge that refuses every frame count, BackendError for one that cannot be loaded.
    """
    answered = {one.key for one in run.judgments() if one.status in ANSWERED}
    counter = _Counter(run, sweep, items, on_progress)
    refused = stored_refusals(run.folder)
    for backend in judges:
        on_stage(f"{backend.name} is ready")
        parts, reasons = _parts(sweep, backend, prompt, items, clips)
        refused[backend.name] = {str(frames): reason for frames, reason in reasons.items()}
        (run.folder / REFUSED).write_text(json.dumps(refused, indent=1), encoding="utf-8")
        if not parts:
            raise InputError(next(iter(reasons.values())))
        wanted = {request.blank.key for part in parts for request in _requests(*part)}
        counter.begin(len(wanted), len(wanted & answered))
        asked = set(answered)
        for plans, some in parts:
            for batch in _batches(some, plans):
                for judgment in judge_together(batch, plans, done=asked, batch_size=MOST_REQUESTS, on_stage=on_stage):
                    run.append(judgment)
                    asked.add(judgment.key)
                    counter.count(judgment)
    return run.finish(done=counter.done, total=counter.total)


Part = tuple[list[JudgePlan], list[Item]]


def _parts(
    sweep: Sweep, backend: Backend, prompt: Prompt, items: Sequence[Item], clips: Mapping[str, Clip]
) -> tuple[list[Part], dict[int, str]]:
    """What to ask of one judge, by the number of frames that clips really give; and which numbers it refuses, why."""
    parts: list[Part] = []
    reasons: dict[int, str] = {}
    for asked in sweep.frames:
        try:
            sweep_plans(sweep, backend, prompt, asked)
        except InputError as error:
            reasons[asked] = str(error)
            continue
        by_frames: dict[int, list[Item]] = defaultdict(list)
        for item in items:
            by_frames[given_frames(asked, clips.get(item.video.sha256) if item.video else None)].append(item)
        parts += [(sweep_plans(sweep, backend, prompt, frames), some) for frames, some in by_frames.items()]
    return parts, reasons


def _requests(plans: Sequence[JudgePlan], items: Sequence[Item]) -> Iterator[Any]:
    for item in items:
        for plan in plans:
            yield from requests_for(item, plan)


def _batches(items: Sequence[Item], plans: Sequence[JudgePlan]) -> Iterator[list[Item]]:
    """Whole videos, so many that their requests fill a batch."""
    by_video: dict[str | None, list[Item]] = defaultdict(list)
    for item in items:
        by_video[item.video.sha256 if item.video else None].append(item)
    batch: list[Item] = []
    full = batch_size(plans[0].backend)
    for group in by_video.values():
        batch += group
        if sum(1 for _ in _requests(plans, batch)) >= full:
            yield batch
            batch = []
    if batch:
        yield batch


def batch_size(backend: Backend) -> int:
    """How many requests fill a batch of a judge."""
    return getattr(backend, "takes_at_once", BATCH_SIZE)


def stored_refusals(folder: Path) -> dict[str, dict[str, str]]:
    """Judge -> number of frames -> why the judge refuses it."""
    path = folder / REFUSED
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


class _Counter:
    """Counts verdicts, and tells the status file and whoever watches. Judges that have not begun count like the last."""

    def __init__(self, run: Run, sweep: Sweep, items: Sequence[Item], on_progress: Callable[[Progress], None]):
        self.run, self.on_progress, self.waiting = run, on_progress, len(sweep.judges)
        self.total = sum(2 if item.kind != "pointwise" else 1 for item in items) * sweep.samples_of_all
        self.total *= len(sweep.frames) * len(sweep.judges)
        self.done = self.known = self.asked = 0
        self.started = time.monotonic()
        run.set_status("running", done=0, total=self.total, eta_seconds=None)

    def begin(self, wanted: int, done: int) -> None:
        """A judge begins, of whom so many verdicts are wanted, and so many there."""
        self.waiting -= 1
        self.known += wanted
        self.total, self.done = self.known + self.waiting * wanted, self.done + done
        self.started, self.asked = time.monotonic(), 0

    def count(self, judgment: Any) -> None:
        self.done, self.asked = self.done + 1, self.asked + 1
        each = (time.monotonic() - self.started) / self.asked
        eta = round(each * max(0, self.total - self.done), 1)
        self.run.set_status("running", done=self.done, total=self.total, eta_seconds=eta)
        self.on_progress(Progress(self.done, self.total, eta, judgment))
