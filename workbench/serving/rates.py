"""How often somebody may ask: a bucket of turns for each of them that fills up again with time."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, NamedTuple

Kind = Literal["event", "upload", "login", "peer", "visit", "page"]
MOST_KEPT = 20_000  # buckets; the one unused longest is forgotten, and would have been full again


class Rate(NamedTuple):
    """`burst` turns at once, then `per_second`; `shared` times both for all the owners behind one address."""

    burst: float
    per_second: float
    shared: float


RATES: dict[Kind, Rate] = {
    "event": Rate(300, 20, 40),  # a page with a timer asks once in two seconds; typing, a few times a second
    "upload": Rate(20, 1 / 15, 40),
    "login": Rate(10, 1 / 10, 1),
    "peer": Rate(100, 1, 1),  # logins that come over one machine, whomever it says they are from
    "visit": Rate(120, 2, 1),  # a page opened by a browser that is not known yet
    "page": Rate(120, 2, 4),  # by one that says who it is, which anybody may say anew each time
}


class Rates:
    """Turns left by (kind, who). Not for several threads: it is asked on the event loop alone."""

    def __init__(self, rates: dict[Kind, Rate] | None = None, clock: Callable[[], float] = time.monotonic):
        self._rates, self._clock = rates or RATES, clock
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def wait(self, kind: Kind, owner: str, address: str) -> int:
        """Take a turn: 0 where there is one, else the seconds (at least 1) until there will be."""
        rate = self._rates[kind]
        seconds = self._take((kind, owner), rate.burst, rate.per_second)
        shared = self._take((f"{kind} at", address), rate.burst * rate.shared, rate.per_second * rate.shared)
        return math.ceil(max(seconds, shared))

    def _take(self, key: tuple[str, str], burst: float, per_second: float) -> float:
        now = self._clock()
        left, then = self._left.pop(key, (burst, now))
        left = min(burst, left + (now - then) * per_second)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > MOST_KEPT:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / per_second
