"""One run, from its items to its summary: several judges in turn, every verdict stored as it comes, resumed by key."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from workbench.backends import check_spec, load_backend
from workbench.backends.base import Backend
from workbench.canary_watch import CanaryWatch, watching_canaries
from workbench.errors import InputError
from workbench.judge import SCORE_ONLY, Orders, judge_items, plan_judging, response_orders
from workbench.prompts import Prompt
from workbench.schema import Item, Judgment, Record, Sampling, VideoPolicy, View
from workbench.store import ANSWERED, Run
from workbench.video import VideoLimits

SLICE_ITEMS = 1_000  # items whose requests are in memory at a time


@dataclass(frozen=True)
class Assignment(Record):
    """What a run asks of its judges. A run goes on only with the same settings and prompt; another judge may join it,
    and so may the same one that does not write (`score_only`).

    `sampling` and `video` hold what the user settled (fields of Sampling and VideoPolicy); the rest is the judge's own.
    """

    judges: tuple[str, ...]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    video: Mapping[str, Any] = field(default_factory=dict)
    samples: int = 1
    orders: Orders = "both"
    view: View | None = None
    judge_options: Mapping[str, Any] = field(default_factory=dict)  # for load_backend
    score_only: bool = False

    def __post_init__(self):
        object.__setattr__(self, "judges", tuple(dict.fromkeys(self.judges)))
        Sampling(**self.sampling)  # what cannot be is refused before a judge is loaded
        policy_for(VideoPolicy(fps=1.0, max_frames=1), self.video)
        if self.samples < 1:
            raise InputError(f"samples: got {self.samples}, expected at least 1.")

    def config(self, prompt: Prompt) -> dict[str, Any]:
        """What run.json keeps, and what must be equal for a run to go on: all but the judges and how they answer."""
        left_out = ("judges", "score_only")
        return {**{name: value for name, value in self.to_dict().items() if name not in left_out}, "prompt": prompt.id}

    def settings_for(self, backend: Backend) -> dict[str, Any]:
        """Keyword arguments of `judge_items` for one judge."""
        return {
            "sampling": replace(backend.sampling, **self.sampling),
            "policy": policy_for(backend.video_policy, self.video),
            "samples": self.samples,
            "orders": self.orders,
            "view": self.view,
            "limits": VideoLimits(),
            "score_only": self.score_only,
        }


class Progress(NamedTuple):
    """How far a run is, after each verdict."""

    done: int
    total: int
    eta_seconds: float
    judgment: Judgment


def policy_for(default: VideoPolicy, settled: Mapping[str, Any]) -> VideoPolicy:
    """The judge's own policy with what the user settled; frames and fps replace each other.

    Raises InputError for frames smaller than the judge's smallest.
    """
    if settled.get("max_pixels", default.max_pixels) < default.min_pixels:
        raise InputError(
            f"max_pixels: got {settled['max_pixels']}, expected at least {default.min_pixels}, this judge's smallest frame."
        )
    if "frames" in settled or "fps" in settled:
        default = replace(default, frames=1, fps=None, max_frames=None)
        settled = {"frames": None, **settled}
    return replace(default, **settled)


def loaded_judges(specs: Sequence[str], options: Mapping[str, Any]) -> Iterator[Backend]:
    """Each judge loaded when it is its turn, and closed before the next; unknown ones are refused before all."""
    for spec in specs:
        check_spec(spec)
    for spec in specs:
        backend = load_backend(spec, **options)
        try:
            yield backend
        finally:
            backend.close()


def check_judge(backend: Backend, prompt: Prompt, assignment: Assignment) -> None:
    """Raises InputError when the judge declares that it was not made for this."""
    plan_judging(backend, prompt, **assignment.settings_for(backend))


def judge_run(
    run: Run,
    items: Iterable[Item],
    judges: Iterable[Backend],
    prompt: Prompt,
    assignment: Assignment,
    *,
    canaries: Sequence[Item] = (),
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> dict[str, Any]:
    """Ask every judge for every verdict that the run lacks; return the run's summary. Call it inside `run.writing()`.

    `canaries` are asked among the items, each with those of its video, and kept apart; progress does not count them, but it
    counts what was answered before. Raises InputError, BackendError for a judge that cannot do this.
    """
    (run.folder / "summary.json").unlink(missing_ok=True)  # it means that all is there
    items = list(items)
    ids = {item.id for item in items}
    there = {j.key: j for j in run.judgments() if j.status in ANSWERED and j.item in ids}
    answered = there.keys()
    with watching_canaries(run, canaries) as watch:
        counter = _Counter(
            run, _requests(items, assignment), there_already(there.values(), prompt, assignment), watch, on_progress
        )
        for backend in judges:
            check_judge(backend, prompt, assignment)
            settings = {**assignment.settings_for(backend), "done": answered | watch.answered, "on_stage": on_stage}
            for part in _slices([*items, *canaries]):
                for judgment in judge_items(part, backend, prompt, **settings):
                    if not watch.takes(judgment):
                        run.append(judgment)
                        counter.count(judgment)
    return run.finish(**({"canaries": watch.lines} if watch.lines else {}))


def there_already(judgments: Iterable[Judgment], prompt: Prompt, assignment: Assignment) -> int:
    """How many are verdicts of these judges under this prompt; those of others, and labels that came with the items, are not."""
    names = {judge + SCORE_ONLY * assignment.score_only for judge in assignment.judges}
    return sum(one.status in ANSWERED and one.judge in names and one.prompt == prompt.id for one in judgments)


def _requests(items: Iterable[Item], assignment: Assignment) -> int:
    orders = sum(len(response_orders(item, assignment.orders)) for item in items)
    return orders * assignment.samples * len(assignment.judges)


def _slices(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items in slices, those of one video together: a table of a million rows is not a million requests at once."""
    by_video: dict[str | None, list[Item]] = defaultdict(list)
    for item in items:
        by_video[item.video.sha256 if item.video else None].append(item)
    part: list[Item] = []
    for group in by_video.values():
        for item in group:
            part.append(item)
            if len(part) >= 2 * SLICE_ITEMS:  # one video with very many responses
                yield part
                part = []
        if len(part) >= SLICE_ITEMS:
            yield part
            part = []
    if part:
        yield part


class _Counter:
    """Counts verdicts, and tells the status file and whoever watches."""

    def __init__(self, run: Run, total: int, done: int, watch: CanaryWatch, on_progress: Callable[[Progress], None]):
        self.run, self.total, self.done, self.watch, self.on_progress = run, total, done, watch, on_progress
        self.started, self.asked = time.monotonic(), 0
        run.set_status("running", done=done, total=total, eta_seconds=None, last_error=None)

    def count(self, judgment: Judgment) -> None:
        self.done, self.asked = self.done + 1, self.asked + 1
        each = (time.monotonic() - self.started) / self.asked
        eta = round(each * max(0, self.total - self.done), 1)
        said = {"canaries": self.watch.lines} if self.watch.lines else {}
        self.run.set_status("running", done=self.done, total=self.total, eta_seconds=eta, **said)
        self.on_progress(Progress(self.done, self.total, eta, judgment))
