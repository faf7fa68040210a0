"""One judge stays loaded between verdicts, on a place of the accelerator that it gives back when a job waits for one."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from workbench import turns
from workbench.backends import on_accelerator
from workbench.backends.base import Backend
from workbench.backends.stopping import never
from workbench.errors import WorkbenchError
from workbench.jobs import have_jobs
from workbench.page.zero_gpu import load_for_page
from workbench.turn_words import why_it_waits

Stage = Callable[[str], None]


class Stopped(WorkbenchError):
    """The reader stopped the judge before it had answered anything."""


class ResidentJudge:
    """A cache for one loaded judge: two would seldom fit on one accelerator. Who asks for another waits until the
    present one has answered; a judge that needs the accelerator waits for jobs, and makes room for them in between."""

    def __init__(self):
        self._lock = threading.Lock()  # of what follows, and for the length of a verdict
        self._spec: str | None = None
        self._backend: Backend | None = None
        self._place: turns.Place | None = None

    @contextmanager
    def judge(
        self, spec: str, on_stage: Stage = lambda stage: None, stop_requested: Callable[[], bool] = never
    ) -> Iterator[Backend]:
        """The judge of that spec for the length of a `with` block, alone. Raises what `load_backend` raises, and Stopped
        when that is asked for while it waits."""
        while not self._lock.acquire(timeout=turns.LOOK_SECONDS):
            _unless(stop_requested)
        try:
            if spec != self._spec or self._backend is None:
                self._unload()
                self._load(spec, on_stage, stop_requested)
            yield self._backend
        finally:
            try:
                self._make_room_at_once()
            finally:
                self._lock.release()

    def _load(self, spec: str, on_stage: Stage, stop_requested: Callable[[], bool]) -> None:
        try:
            if have_jobs() and on_accelerator(spec):
                self._place = _take_place(spec, on_stage, stop_requested)
                threading.Thread(target=self._make_room, args=(self._place,), daemon=True, name="making room").start()
            on_stage(f"loading the judge {spec}")
            self._backend = load_for_page(spec)
        except BaseException:
            self._unload()
            raise
        self._spec = spec

    def _make_room(self, place: turns.Place) -> None:
        """Free the judge as soon as somebody waits for its place and no verdict is being made."""
        while self._place is place:
            with suppress(OSError):  # no descriptor or no space to look with: at the next look there may be
                self._make_room_between(place)
            time.sleep(turns.LOOK_SECONDS)

    def _make_room_between(self, place: turns.Place) -> None:
        if _somebody_waits() and self._lock.acquire(blocking=False):
            try:
                if self._place is place:
                    self._unload()
            finally:
                self._lock.release()

    def _make_room_at_once(self) -> None:
        """Free the judge after a verdict where somebody has been in line for long; a verdict is not lost over it."""
        with suppress(OSError):  # `_make_room` looks again
            if self._place and _somebody_waits(turns.HEAD_START_SECONDS):
                self._unload()

    def _unload(self) -> None:
        backend, place = self._backend, self._place
        self._backend = self._spec = self._place = None
        try:
            if backend is not None:
                backend.close()
        finally:
            if place is not None:
                place.give_back()


def _take_place(spec: str, on_stage: Stage, stop_requested: Callable[[], bool]) -> turns.Place:
    turn = turns.Turn("page", spec, os.getpid(), time.time())
    with turns.ask(turn) as ticket:
        while (place := ticket.take()) is None:
            _unless(stop_requested)
            on_stage(f"waiting for the accelerator: {why_it_waits(turn)}")
            time.sleep(turns.LOOK_SECONDS)
    return place


def _unless(stop_requested: Callable[[], bool]) -> None:
    if stop_requested():
        raise Stopped("Stopped before anything was judged.")


def _somebody_waits(since_seconds: float = 0.0) -> bool:
    """Whether somebody has been in line for that long, while no place is free."""
    waiting = [turn for turn in turns.waiting() if time.time() - turn.asked >= since_seconds]
    return bool(waiting) and len(turns.holders()) >= turns.limits().places
