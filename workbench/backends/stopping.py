"""Stopping a judge at work: what it asks between its steps, and what becomes of the requests it did not answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.backends.base import Backend
from workbench.errors import BackendError

STOPPED = "Stopped before it had answered."


def never() -> bool:
    """Nobody wants the judge to stop: what `stop_requested` of a backend is until someone sets it."""
    return False


def stopped() -> BackendError:
    """What a request gets that was not answered when the judge was told to stop."""
    return BackendError(STOPPED)


@contextmanager
def stoppable(backend: Backend, stop_requested: Callable[[], bool]) -> Iterator[None]:
    """Have a backend ask `stop_requested` between its steps, for the length of a `with` block.

    Backends without steps (metrics) answer as usual.
    """
    if not hasattr(backend, "stop_requested"):
        yield
        return
    backend.stop_requested = stop_requested
    try:
        yield
    finally:
        backend.stop_requested = never
