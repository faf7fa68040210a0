"""ZeroGPU: a Space without a GPU of its own, to which one is lent for the length of a decorated call.

The judge that the environment names is loaded when the page starts, where ZeroGPU wants it. Each video's work is one call,
for as long as the preflight says; decoding is done before. The worker that has the GPU is a fork: it gets the chats,
gives back the replies, and what it keeps in memory is gone. Elsewhere nothing here does anything, and the package `spaces`
is not needed.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from workbench.backends import load_backend
from workbench.backends.base import Backend, BackendError, Chat, Reply, sampling_of_each
from workbench.backends.stopping import never, stopped
from workbench.errors import InputError
from workbench.page.gpu_seconds import Preflight, done_by, work_of
from workbench.page.gpu_there import on_zero_gpu
from workbench.page.served_judge import EMBEDDED, on_space, served_judge
from workbench.schema import Sampling

Timed = tuple[list[Reply | BackendError], float]

_loaded: dict[str, Backend] = {}  # what a fork finds again by its name
_lent: dict[str, "LentJudge"] = {}


def load_for_page(spec: str) -> Backend:
    """The judge of that spec: on ZeroGPU the one that was prepared, or one on the CPU; elsewhere as always.

    Raises InputError on a Space for the judge that it has no GPU for, and on ZeroGPU for one that was not prepared.
    """
    served = served_judge()
    if on_space() and spec == served.wanted != served.spec:
        raise InputError(served.note)
    if not on_zero_gpu():
        return load_backend(spec)
    if spec in _lent:
        return _lent[spec]
    if spec == EMBEDDED:
        return load_backend(spec, device="cpu")
    if spec.startswith(("metric:", "scripted:", "server:")):
        return load_backend(spec)
    there = ", ".join([*_lent, EMBEDDED])
    raise InputError(
        f"judge: got {spec!r}; this Space has loaded {there}. Duplicate it with WORKBENCH_JUDGE={spec} for that."
    )


def prepare(device: str = "cuda") -> None:
    """Load the environment's judge, once and before the page is served: ZeroGPU keeps what is on `device` by then.

    Nothing off ZeroGPU, and for the judge that ships, which runs on the CPU. Raises what `load_backend` raises.
    """
    spec = served_judge().spec
    if not on_zero_gpu() or spec == EMBEDDED or spec in _lent:
        return
    import spaces  # before torch touches a GPU

    # On the CPU first: an adapter or a quantised layer is tried out while it is loaded, and nothing runs on a GPU yet.
    backend: Any = load_backend(spec, device="cpu", dtype="bfloat16")
    backend.move(device)
    lend(spec, backend, spaces.GPU)


def lend(spec: str, backend: Backend, gpu: Callable[..., Any]) -> "LentJudge":
    """Have a loaded judge answer by calls that `gpu`, the decorator, lends a GPU for."""
    _loaded[spec] = backend
    _lent[spec] = LentJudge(spec, backend, gpu(duration=_seconds)(_generate))
    return _lent[spec]


def _generate(spec: str, chats: Sequence[Chat], samplings: Sequence[Sampling], seconds: float) -> Timed:
    """What the worker does: replies, and how long they took once it had the GPU."""
    started = time.perf_counter()
    backend: Any = _loaded[spec]
    backend.stop_requested = never  # of whatever call this worker was forked in
    return list(backend.generate(chats, samplings)), time.perf_counter() - started


def _seconds(spec: str, chats: Sequence[Chat], samplings: Sequence[Sampling], seconds: float) -> float:
    """How long to lend the GPU for; ZeroGPU gives this the same arguments as the call."""
    return seconds


class LentJudge:
    """A judge whose every video is one call on a lent GPU. Stopping it takes effect between two videos."""

    def __init__(self, spec: str, backend: Backend, call: Callable[..., Timed]):
        self.name, self._backend, self._call = spec, backend, call
        self.stop_requested: Callable[[], bool] = never
        parameters = float(getattr(backend, "report", {}).get("parameters") or 0)
        self.preflight = Preflight(parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def generate(self, chats: Sequence[Chat], sampling: Sampling | Sequence[Sampling]) -> list[Reply | BackendError]:
        """As any backend's; a GPU that is not lent is a BackendError of the chats concerned."""
        samplings = sampling_of_each(chats, sampling)
        answers: dict[int, Reply | BackendError] = {}
        for places in _by_video(chats):
            some, each = [chats[place] for place in places], [samplings[place] for place in places]
            replies = [stopped() for _ in some] if self.stop_requested() else self._on_gpu(some, each)
            answers |= dict(zip(places, replies, strict=True))
        return [answers[place] for place in range(len(chats))]

    def _on_gpu(self, chats: list[Chat], samplings: list[Sampling]) -> Sequence[Reply | BackendError]:
        from gradio import Error  # how ZeroGPU says that there is no GPU, or that the time was too short

        work = work_of(chats, samplings, self._backend.video_policy.size_multiple)
        asked = self.preflight.seconds(work)
        try:
            replies, took = self._call(self.name, chats, samplings, asked)
        except Error as error:
            return [BackendError(f"No GPU for {asked:.0f} s: {_plain(error)}") for _ in chats]
        self.preflight.timed(done_by(work, replies), took)
        return replies

    def close(self) -> None:
        """Nothing: the judge stays loaded for as long as the page is served."""


def _by_video(chats: Sequence[Chat]) -> list[list[int]]:
    """The places of chats about the same video; those without one together."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, chat in enumerate(chats):
        groups[chat.frames.sha256 if chat.frames is not None else ""].append(place)
    return list(groups.values())


def _plain(error: Exception) -> str:
    """ZeroGPU's messages are HTML."""
    said = f"{getattr(error, 'title', '')}: {getattr(error, 'message', error)}"
    return " ".join(re.sub(r"<[^>]*>", "", said).split())[:300]
