"""What the canaries of a batch say of its judges, as HTML: an alarm where one failed (workbench.canary_watch)."""

from collections.abc import Mapping
from html import escape
from typing import Any


def canary_note(status: Mapping[str, Any]) -> str:
    """A note for each judge of a run's status.json that was asked canaries; "" for a run without any."""
    return "".join(map(_line, status.get("canaries") or ()))


def has_failed_canaries(status: Mapping[str, Any]) -> bool:
    """Whether the canaries of a run raised the alarm."""
    return any("FAILED" in str(line) for line in status.get("canaries") or ())


def _line(said: str) -> str:
    kind, role = ("error", "alert") if "FAILED" in said else ("", "status")
    return f'<div class="vj-note {kind}" role="{role}">{escape(said)}</div>'
