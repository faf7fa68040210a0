"""Progress on stderr: a bar on a terminal, else a line every ten seconds."""

import sys
import time
from collections.abc import Mapping

from tqdm import tqdm

from workbench.terminal import plain

REPORT_SECONDS = 10.0


class Meter:
    """Counts what is done of a total, with the time that is left."""

    def __init__(self, what: str):
        self.what, self.last = what, time.monotonic()
        self.bar = tqdm(unit=f" {what}", disable=None)

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def show(self, done: int, total: int, eta_seconds: float | None, counts: Mapping[str, int]) -> None:
        """How far it is; `counts` are shown beside it."""
        if not self.bar.disable:
            if self.bar.total is None:
                self.bar.initial = done
            self.bar.total, self.bar.n = total, done
            self.bar.set_postfix(counts)
        elif time.monotonic() - self.last > REPORT_SECONDS:
            self.last = time.monotonic()
            left = "" if eta_seconds is None else f", about {eta_seconds:.0f} s left"
            say(
                f"{done} of {total} {self.what}{left}; "
                + ", ".join(f"{count} {name}" for name, count in counts.items())
            )


def say(text: str) -> None:
    """A message beside the result, so that stdout holds the result alone."""
    tqdm.write(plain(text), file=sys.stderr)
