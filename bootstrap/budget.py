"""How much a run may use: calls, tokens, seconds."""

import time
from dataclasses import dataclass, field

from bootstrap.journal import Spent
from workbench.errors import InputError


@dataclass(frozen=True)
class Budget:
    """Limits, None for no limit. Calls and tokens are of the whole run with all its starts; seconds of this start.

    Calls are never exceeded; tokens are known only after a reply, so the calls under way may go past them.
    """

    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self):
        for name in ("calls", "tokens", "seconds"):
            limit = getattr(self, name)
            if limit is not None and limit <= 0:
                raise InputError(f"max-{name}: got {limit}, expected more than 0.")

    def room(self, spent: Spent, under_way: int) -> int:
        """Calls that may be made now, besides those under way; a large number where nothing limits them."""
        if self.exhausted(spent):
            return 0
        return 1 << 30 if self.calls is None else max(0, self.calls - spent.calls - under_way)

    def exhausted(self, spent: Spent) -> str | None:
        """Which limit is reached, as a sentence; None while none is."""
        if self.calls is not None and spent.calls >= self.calls:
            return f"max-calls reached: {spent.calls} of {self.calls} calls"
        if self.tokens is not None and spent.tokens >= self.tokens:
            return f"max-tokens reached: {spent.tokens} of {self.tokens} tokens"
        if self.seconds is not None and time.monotonic() - self.started >= self.seconds:
            return f"max-seconds reached: {self.seconds:g} s"
        return None
