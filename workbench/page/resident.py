"""One judge stays loaded between verdicts; who asks for another waits until the present one has answered."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.backends import load_backend
from workbench.backends.base import Backend


class ResidentJudge:
    """A cache for one loaded judge. Two would seldom fit on one accelerator."""

    def __init__(self):
        self._lock = threading.Lock()
        self._spec: str | None = None
        self._backend: Backend | None = None

    @contextmanager
    def judge(self, spec: str, on_stage: Callable[[str], None] = lambda stage: None) -> Iterator[Backend]:
        """The judge of that spec for the length of a `with` block, alone. Raises what `load_backend` raises."""
        with self._lock:
            if spec != self._spec or self._backend is None:
                self._unload()
                on_stage(f"loading the judge {spec}")
                self._backend = load_backend(spec)
                self._spec = spec
            yield self._backend

    def _unload(self) -> None:
        if self._backend is not None:
            self._backend.close()
        self._backend = self._spec = None
