"""Leak probe: how far the text alone tells the rating. A linear classifier on hashed words and word pairs, in numpy.

On video-dependent rows it must stay near chance (one in five ratings; one in two of a pair).
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bootstrap.text_classifier import fit, hashed, predict
from workbench.errors import InputError
from workbench.schema import Item


class Probe(NamedTuple):
    """Accuracy of a text-only classifier on scenes that it was not trained on, and what guessing would reach."""

    accuracy: float
    chance: float
    tested: int


FEWEST_SCENES = 8
MOST_ROWS = 12_000  # enough for a steady figure; a dense matrix of more would need gigabytes


def probe_folder(folder: Path) -> dict[str, Probe]:
    """Probes of a world folder's first items, with and without flaws that show in the text, where there are enough.

    Raises InputError where the folder has no items.jsonl.
    """
    path = folder / "items.jsonl"
    if not path.is_file():
        raise InputError(f"{folder}: found no items.jsonl, expected a folder made by `python -m bootstrap world`.")
    probes = {}
    for answer, name in (("yes", "video-dependent"), ("no", "text-visible")):
        items = list(islice(_items(path, answer), MOST_ROWS))
        for kind, count, probe in (("ratings", 1, probe_ratings), ("pairs", 2, probe_pairs)):
            rows = [item for item in items if len(item.responses) == count]
            if len({item.tags["scene"] for item in rows}) >= FEWEST_SCENES:
                probes[f"{name} {kind}"] = probe(rows)
    return probes


def _items(path: Path, video_dependent: str) -> Iterator[Item]:
    with path.open(encoding="utf-8") as lines:
        items = (Item.from_dict(json.loads(line)) for line in lines)
        yield from (item for item in items if item.tags["video_dependent"] == video_dependent)


def probe_ratings(items: Sequence[Item]) -> Probe:
    """Guess the rating of every pointwise item from its instruction and response."""
    rows = [item for item in items if len(item.responses) == 1]
    labels = np.array([int(item.tags["rating"]) - 1 for item in rows])
    features = np.stack([_counts(item.responses[0]) + _crossed(item.instruction, item.responses[0]) for item in rows])
    return _held_out_accuracy(features, labels, [item.tags["scene"] for item in rows], 5)


def probe_pairs(items: Sequence[Item]) -> Probe:
    """Guess the better response of every pair: the features are those of A less those of B."""
    rows = [item for item in items if len(item.responses) == 2]
    ratings = [[int(rating) for rating in item.tags["rating"].split(",")] for item in rows]
    labels = np.array([int(a > b) for a, b in ratings])
    features = np.stack([_counts(item.responses[0]) - _counts(item.responses[1]) for item in rows])
    return _held_out_accuracy(features, labels, [item.tags["scene"] for item in rows], 2)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[.,]", text.lower())


def _counts(text: str) -> np.ndarray:
    words = _words(text)
    return hashed(words + [f"{a} {b}" for a, b in zip(words, words[1:], strict=False)] + [f"length {len(words)}"])


def _crossed(instruction: str, response: str) -> np.ndarray:
    """Every word of the instruction beside every word of the response."""
    return 0.3 * hashed([f"{a}|{b}" for a in set(_words(instruction)) for b in set(_words(response))])


def _held_out_accuracy(features: np.ndarray, labels: np.ndarray, scenes: list[str], classes: int) -> Probe:
    """Train on three of four scenes, test on the fourth."""
    order = {scene: number for number, scene in enumerate(dict.fromkeys(scenes))}
    held = np.array([order[scene] % 4 == 3 for scene in scenes])
    weights = fit(features[~held], labels[~held], classes)
    hits = predict(weights, features[held]) == labels[held]
    return Probe(float(hits.mean()), 1 / classes, int(held.sum()))
