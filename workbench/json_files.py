"""Small JSON files that several processes look at while one writes: read in peace, replaced at one stroke."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.redaction import redact_values


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; {} where there is none, so that one broken folder does not hide all others."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def sync(path: Path) -> None:
    """Have the disk hold what is in a file, or which files are in a folder; nothing for one that is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file so that a reader sees the old one or the new one, never half of one; without secrets."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(redact_values(value), file, indent=2, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # what a full disk cut short
