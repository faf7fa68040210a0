"""Work that tells how far it is, as a stream: what a page shows while it waits."""

import contextvars
import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

SECONDS_BETWEEN = 0.5  # at most so long without a sign of life


class Stage(NamedTuple):
    """What is going on, and for how many seconds the work has been running."""

    text: str
    seconds: float


class Finished(NamedTuple):
    """The last element of a stream: what the work returned."""

    result: Any


def stages_of(work: Callable[[Callable[[str], None]], Any]) -> Iterator[Stage | Finished]:
    """Run `work(tell)` in a thread and yield a Stage whenever it tells one, and twice a second; then its result.

    Raises what the work raises.
    """
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    started, text = time.monotonic(), ""
    with ThreadPoolExecutor(1, thread_name_prefix="judging") as pool:
        future = pool.submit(contextvars.copy_context().run, work, told.put)  # who is asking is kept there
        while not future.done() or not told.empty():
            with suppress(queue.Empty):
                text = told.get(timeout=SECONDS_BETWEEN)
            yield Stage(text, time.monotonic() - started)
        yield Finished(future.result())
