"""What statistics return, as JSON: named tuples as objects, numpy values as plain ones, files written whole."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def plain_value(value: Any) -> Any:
    """A JSON-able copy. Raises ValueError for a number that is not finite: no such number may leave."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(name): plain_value(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return plain_value(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"got {value}, expected a finite number or None")
    return value


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as an indented JSON file."""
    write_whole(path, json.dumps(plain_value(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_whole(path: str | Path, text: str) -> None:
    """Write a file so that a kill leaves the one before or this one; what UTF-8 does not know becomes a question mark."""
    draft = Path(f"{path}.tmp")
    draft.write_text(text, encoding="utf-8", errors="replace")
    draft.replace(path)
