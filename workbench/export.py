"""Judgments as tables: one row each, joined with their items, for pandas, Parquet, CSV and JSONL."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.errors import InputError
from workbench.schema import Item, Judgment

COLUMNS = (
    "item", "judge", "prompt", "sample", "status", "score", "choice", "ranking", "order", "expected_score", "rubric",
    "reasoning", "error", "reply", "video", "video_sha256", "instruction", "responses", "reference", "temperature",
    "seed", "frame_seconds", "criteria", "probs", "tags", "settings", "usage", "suspicious", "created",
    "key",
)  # fmt: skip


FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet may run


def expected_score(judgment: Judgment) -> float | None:
    """The mean of the rating under the judge's own probabilities; None where there are no ratings to weigh."""
    if not judgment.probs or judgment.score is None:
        return None
    return sum(float(label) * probability for label, probability in judgment.probs.items())


def judgment_row(item: Item | None, judgment: Judgment) -> dict[str, Any]:
    """One row: scalars as they are, lists as lists, mappings as JSON text."""
    sampling = judgment.settings.get("sampling", {})
    return {
        "item": judgment.item,
        "judge": judgment.judge,
        "prompt": judgment.prompt,
        "sample": judgment.sample,
        "status": judgment.status,
        "score": judgment.score,
        "choice": judgment.choice,
        "ranking": list(judgment.ranking) if judgment.ranking else None,
        "order": list(judgment.settings.get("order", ())),
        "expected_score": expected_score(judgment),
        "rubric": judgment.rubric,
        "reasoning": judgment.reasoning,
        "error": judgment.error,
        "reply": judgment.reply,
        "video": item.video.path if item and item.video else None,
        "video_sha256": item.video.sha256 if item and item.video else None,
        "instruction": item.instruction if item else None,
        "responses": list(item.responses) if item else None,
        "reference": item.reference if item else None,
        "temperature": sampling.get("temperature"),
        "seed": sampling.get("seed"),
        "frame_seconds": list(judgment.frames["seconds"]) if judgment.frames else None,
        "criteria": _json(judgment.criteria),
        "probs": _json(judgment.probs),
        "tags": _json(item.tags if item else None),
        "settings": _json(judgment.settings),
        "usage": _json(judgment.usage),
        "suspicious": _json(judgment.suspicious or None),
        "created": judgment.created,
        "key": judgment.key,
    }


def judgments_frame(items: Mapping[str, Item], judgments: Iterable[Judgment]) -> pd.DataFrame:
    """One row a judgment, with the columns of `COLUMNS` also when there are none."""
    return pd.DataFrame([judgment_row(items.get(j.item), j) for j in judgments], columns=list(COLUMNS))


def write_table(run, path: Path) -> Path:
    """Write a Run's judgments to `path`; its ending says how. A file of that name is replaced when the new one is whole.

    In CSV, lists are JSON text, and a text that a spreadsheet would run as a formula begins with an apostrophe; Parquet
    and JSONL hold every text as it is. Raises InputError for another ending.
    """
    if path.suffix not in (".parquet", ".csv", ".jsonl"):
        raise InputError(f"{path.name}: got the ending {path.suffix!r}, expected .parquet, .csv or .jsonl.")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    write = {".jsonl": _write_jsonl, ".parquet": _write_parquet, ".csv": _write_csv}[path.suffix]
    try:
        write(run, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _write_parquet(run, path: Path) -> None:
    run.to_frame().to_parquet(path, index=False)


def _write_csv(run, path: Path) -> None:
    frame = run.to_frame()
    for column in ("ranking", "order", "responses", "frame_seconds"):
        frame[column] = frame[column].map(_json)
    for column in frame.columns:
        frame[column] = frame[column].map(_no_formula)
    frame.to_csv(path, index=False, lineterminator="\r\n")  # RFC 4180; with \n alone, a text with \r is not quoted


def _no_formula(value: Any) -> Any:
    """A text that spreadsheets would run as a formula, made plain by a leading apostrophe; all else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write_jsonl(run, path: Path) -> None:
    """The records in full: {"item": Item, "judgment": Judgment} a line."""
    items = run.items()
    with path.open("w", encoding="utf-8") as file:
        for judgment in run.judgments():
            item = items[judgment.item].to_dict() if judgment.item in items else None
            file.write(json.dumps({"item": item, "judgment": judgment.to_dict()}, ensure_ascii=False) + "\n")


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
