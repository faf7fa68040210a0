"""Preflight of a sweep: visual tokens, seconds and memory of the whole grid, from file headers and a few real calls.

Headers tell how many frames of which size there will be. Four calls on one clip tell what they take: one to warm up, one
at few frames, one at more, one with several samples. Time and memory are taken to grow with visual tokens and requests in
straight lines; attention grows faster, so many more frames than were tried take longer than is said.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import psutil

from analysis.sweep_grid import Clip, Sweep, given_frames
from analysis.sweep_run import batch_size, sweep_plans
from workbench.backends.base import Backend
from workbench.batch import loaded_judges
from workbench.errors import BackendError, InputError
from workbench.judge import JudgePlan, judge_together, requests_for
from workbench.prompts import Prompt
from workbench.schema import Item, VideoPolicy
from workbench.video.picture import target_size

MOST_TRIED = 4  # times the fewest frames that a calibration call may take
SAMPLES_TRIED = 8
WATCH_SECONDS = 0.02


class Call(NamedTuple):
    """One calibration call. Tokens are by the header; `told_tokens` what the judge says they were."""

    frames: int
    requests: int
    visual_tokens: float
    told_tokens: float | None
    shared_seconds: float  # decoding, vision, prefill: what all requests of a video share
    writing_seconds: float
    peak_bytes: int  # beyond what the loaded judge holds


class FramesPlan(NamedTuple):
    """What one number of frames takes. `refused` says why the judge cannot do it; then the rest is 0."""

    frames: int
    requests: int
    visual_tokens: int
    seconds: float
    refused: str = ""


class Forecast(NamedTuple):
    """What one judge takes. `memory_bytes` is the most at a time, the loaded judge included."""

    judge: str
    columns: list[FramesPlan]
    load_seconds: float
    seconds: float
    memory_bytes: int
    loaded_bytes: int
    most_tokens: int  # visual ones, of one prompt
    calls: list[Call]  # the calibration


class SweepPlan(NamedTuple):
    """What the whole grid takes. `capped`: frame counts beyond some clips' own, with how many clips; `unread`: videos
    that cannot be read."""

    judges: list[Forecast]
    items: int
    videos: int
    unread: int
    capped: dict[int, int]
    seconds: float
    free_bytes: int
    device: str


def plan_sweep(items: Sequence[Item], clips: Mapping[str, Clip], prompt: Prompt, sweep: Sweep) -> SweepPlan:
    """Load every judge, try it, and say what the grid takes. Raises what judging would raise at once."""
    forecasts, device, free = [], "cpu", psutil.virtual_memory().available
    started = time.perf_counter()
    for backend in loaded_judges(sweep.judges, sweep.judge_options):
        loading = time.perf_counter() - started
        forecasts.append(_forecast(backend, items, clips, prompt, sweep, loading))
        device = str(getattr(backend, "report", {}).get("device") or device)
        if device.startswith("cuda"):
            free = _cuda_total(device)
        started = time.perf_counter()
    videos = {item.video.sha256 for item in items if item.video}
    short = {frames: sum(clip.frames < frames for clip in clips.values()) for frames in sweep.frames}
    return SweepPlan(forecasts, len(items), len(videos), len(videos - set(clips)),
                     {frames: count for frames, count in short.items() if count},
                     sum(one.seconds for one in forecasts), free, device)  # fmt: skip


def _cuda_total(device: str) -> int:
    import torch

    return torch.cuda.get_device_properties(device).total_memory


# -- visual tokens by the header


def visual_tokens(clip: Clip | None, frames: int, policy: VideoPolicy) -> float:
    """Tokens of a video for towers that merge two frames and `size_multiple` squares of pixels into one token."""
    if clip is None:
        return 0.0
    width, height = target_size(clip.width, clip.height, policy)
    return -(-given_frames(frames, clip) // 2) * (width * height) / policy.size_multiple**2


# -- a few real calls


def _forecast(
    backend: Backend, items: Sequence[Item], clips: Mapping[str, Clip], prompt: Prompt, sweep: Sweep, loading: float
) -> Forecast:
    loaded = _held()
    plans, refused = {}, {}
    for frames in sweep.frames:
        try:
            plans[frames] = sweep_plans(sweep, backend, prompt, frames)[-1]
        except InputError as error:
            refused[frames] = str(error)
    if not plans:
        raise InputError(next(iter(refused.values())))
    calls = calibrate(items, clips, plans)
    rates = rates_of(calls)
    columns, most, done = [], 0.0, set()
    for frames in sweep.frames:
        if frames in refused:
            columns.append(FramesPlan(frames, 0, 0, 0.0, refused[frames]))
            continue
        column, largest = _column(items, clips, plans[frames], frames, sweep, rates, done)
        columns.append(column)
        most = max(most, largest)
    per_batch = min(max(column.requests for column in columns), batch_size(backend))
    memory = loaded + rates.memory(most, per_batch)
    return Forecast(backend.name, columns, round(loading, 1), loading + sum(one.seconds for one in columns), int(memory),
                    loaded, round(most), calls)  # fmt: skip


def calibrate(items: Sequence[Item], clips: Mapping[str, Clip], plans: Mapping[int, JudgePlan]) -> list[Call]:
    """The calls on the longest clip, without the one to warm up. Raises BackendError for a judge that fails."""
    item = max(items, key=lambda one: clips[one.video.sha256].frames if one.video and one.video.sha256 in clips else 0)
    few = min(plans)
    more = max((frames for frames in plans if few < frames <= MOST_TRIED * few), default=None)
    more = more or next((frames for frames in sorted(plans) if frames > few), few)
    warm = few // 2 if few > 1 else few
    each = [(warm, 1), (few, 1), (more, 1), (few, SAMPLES_TRIED)]
    return [_call(item, clips, plans[few], frames, requests) for frames, requests in each][1:]


def _call(item: Item, clips: Mapping[str, Clip], plan: JudgePlan, frames: int, requests: int) -> Call:
    clip = clips.get(item.video.sha256) if item.video else None
    policy = replace(plan.policy, frames=given_frames(frames, clip))
    plan = plan._replace(policy=policy, samples=requests, orders="given")
    started = time.perf_counter()
    with _watched() as peak:
        judged = list(judge_together([item], [plan], batch_size=requests))
    wall = time.perf_counter() - started
    broken = next((one for one in judged if one.status in ("failed", "skipped")), None)
    if broken:
        raise BackendError(f"{plan.backend.name} cannot be tried on {item.id}: {broken.error}")
    writing = sum(one.usage.get(name, 0.0) for one in judged for name in ("generate_seconds", "probability_seconds"))
    told = judged[0].usage.get("video_tokens")
    return Call(frames, requests, visual_tokens(clip, frames, policy), told, max(0.0, wall - writing), writing, peak[0])


@contextmanager
def _watched() -> Iterator[list[int]]:
    """The most memory that is held meanwhile, beyond what was held before: [bytes] once it is left."""
    before, peak, stop = _held(reset=True), [0], threading.Event()

    def watch() -> None:
        while not stop.wait(WATCH_SECONDS):
            peak[0] = max(peak[0], _held() - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()
        peak[0] = max(peak[0], _most_held() - before)


def _held(reset: bool = False) -> int:
    """Bytes that this process holds: on the GPU where torch uses one, else in memory."""
    if torch := _torch_on_gpu():
        if reset:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    return psutil.Process().memory_info().rss


def _most_held() -> int:
    torch = _torch_on_gpu()
    return torch.cuda.max_memory_allocated() if torch else _held()


def _torch_on_gpu():
    """torch, where a judge has loaded it and put itself on a GPU."""
    import sys

    torch = sys.modules.get("torch")
    return torch if torch and torch.cuda.is_available() and torch.cuda.memory_allocated() else None


# -- from calls to the grid


class Rates(NamedTuple):
    """Straight lines through the calls: of a video by its tokens, of writing by requests, of memory by both."""

    tokens_factor: float  # what the judge says over what the header says
    video_seconds: float
    token_seconds: float
    batch_seconds: float
    request_seconds: float
    bytes_base: float
    token_bytes: float
    request_bytes: float

    def memory(self, tokens: float, requests: int) -> float:
        return self.bytes_base + self.token_bytes * tokens + self.request_bytes * requests


def rates_of(calls: Sequence[Call]) -> Rates:
    """The lines through a call at few frames, one at more, and one with several requests."""
    few, more, several = calls
    factor = few.told_tokens / few.visual_tokens if few.told_tokens and few.visual_tokens else 1.0
    tokens = few.visual_tokens * factor, more.visual_tokens * factor
    token_seconds, video_seconds = _line(*tokens, few.shared_seconds, more.shared_seconds)
    request_seconds, batch_seconds = _line(few.requests, several.requests, few.writing_seconds, several.writing_seconds)
    token_bytes, _ = _line(*tokens, few.peak_bytes, more.peak_bytes)
    request_bytes, _ = _line(few.requests, several.requests, few.peak_bytes, several.peak_bytes)
    base = max(
        0.0, max(few.peak_bytes, several.peak_bytes - request_bytes * several.requests) - token_bytes * tokens[0]
    )
    return Rates(factor, video_seconds, token_seconds, batch_seconds, request_seconds, base, token_bytes, request_bytes)


def _line(x0: float, x1: float, y0: float, y1: float) -> tuple[float, float]:
    """Slope and intercept through two points, neither below 0; through the origin where there is one point alone."""
    slope = max(0.0, (y1 - y0) / (x1 - x0)) if x1 > x0 else y0 / x0 if x0 else 0.0
    return slope, max(0.0, y0 - slope * x0)


def _column(
    items: Sequence[Item], clips: Mapping[str, Clip], plan: JudgePlan, asked: int, sweep: Sweep, rates: Rates, done: set
) -> tuple[FramesPlan, float]:
    """One number of frames, and the most visual tokens of a prompt in it. `done` are the (item, frames) that are in
    columns before it, which are not judged again."""
    by_video: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_video[_video(item)].append(item)
    requests, tokens, seconds, most = 0, 0.0, 0.0, 0.0
    for video, some in by_video.items():
        clip = clips.get(video)
        frames = given_frames(asked, clip)
        looks = plan.view == "video"
        here = visual_tokens(clip, frames, plan.policy) * rates.tokens_factor if looks else 0.0
        most = max(most, here)
        fresh = [item for item in some if (item.id, frames if looks else 0) not in done]
        done |= {(item.id, frames if looks else 0) for item in fresh}
        if not fresh:
            continue
        count = sum(1 for item in fresh for _ in requests_for(item, plan._replace(samples=sweep.samples_of_all)))
        requests += count
        tokens += here
        seconds += rates.video_seconds + rates.token_seconds * here + rates.request_seconds * count
    seconds += rates.batch_seconds * -(-requests // batch_size(plan.backend))
    return FramesPlan(asked, requests, round(tokens), round(seconds, 2)), most


def _video(item: Item) -> str:
    return item.video.sha256 if item.video else ""


# -- in words


def plan_lines(plan: SweepPlan) -> list[str]:
    """A line for each judge and number of frames."""
    lines = [f"{plan.items} items about {plan.videos} videos"]
    for judge in plan.judges:
        lines.append(f"{judge.judge} (loads in {judge.load_seconds:.0f} s)")
        for one in judge.columns:
            lines.append(f"  {one.frames:>4} frames: " + (f"cannot: {one.refused}" if one.refused else
                         f"{one.requests:,} verdicts, {one.visual_tokens:,} visual tokens, {duration(one.seconds)}"))  # fmt: skip
    return lines


def plan_words(plan: SweepPlan) -> str:
    """The whole grid in a few sentences, with what they rest on."""
    judges = plan.judges
    tokens = sum(column.visual_tokens for judge in judges for column in judge.columns)
    count = sum(column.requests for judge in judges for column in judge.columns)
    memory = max(judge.memory_bytes for judge in judges)
    there = f"{size(plan.free_bytes)} {'free' if plan.device == 'cpu' else 'there'}"
    said = [f"All in all: {count:,} verdicts, {tokens:,} visual tokens, about {duration(plan.seconds)}, "
            f"{size(memory)} of memory at most ({there})."]  # fmt: skip
    if memory > plan.free_bytes:
        said.append("That is more than there is: take fewer frames or smaller ones.")
    tried = max(call.frames for judge in judges for call in judge.calls)
    most = max((c.frames for j in judges for c in j.columns if not c.refused), default=0)
    said.append(
        f"Tried at up to {tried} frames" + ("; more were not tried, and may take longer." if most > tried else ".")
    )
    if plan.capped:
        shown = ", ".join(f"{frames} ({count} of {plan.videos})" for frames, count in plan.capped.items())
        said.append(f"Frame counts beyond some clips' own, which give all they have: {shown}.")
    if plan.unread:
        said.append(f"{plan.unread} videos cannot be read; their verdicts will fail, with the reason.")
    return " ".join(said)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes as people say them."""
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
