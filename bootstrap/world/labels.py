"""Dense labels for pre-training a vision tower: what lies under each merged token of the sampled frames."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bootstrap.world.facts import Facts
from bootstrap.world.words import lexicon

TEMPORAL_PATCH = 2  # frames that one token covers
COVERED = 0.15  # of a cell under an object before the cell counts as that object's


class DenseLabels(NamedTuple):
    """Class ids, int64 [frame pairs, grid_h, grid_w]: 0 for nothing, else 1 + position in the world's vocabulary.

    The vocabulary is that of words.lexicon for the clip's setting. `object` is 1 + position in facts["objects"].
    `background` is never 0: it is given for every cell.
    """

    object: np.ndarray
    colour: np.ndarray
    shape: np.ndarray
    size: np.ndarray
    texture: np.ndarray
    motion: np.ndarray
    background: np.ndarray


def dense_labels(facts: Facts, seconds: Sequence[float], grid_h: int, grid_w: int) -> DenseLabels:
    """Labels for frames sampled at `seconds` [n, even], two frames a token, `grid_h` x `grid_w` tokens a pair.

    A cell belongs to the object that covers most of it, later objects first, over both frames of the pair; every object
    in view has at least the cell that holds most of it. Its motion is the one in force at the pair's mean second.
    """
    if len(seconds) % TEMPORAL_PATCH:
        raise ValueError(f"seconds: got {len(seconds)} frames, expected an even number (two frames a token).")
    pairs = np.asarray(seconds, float).reshape(-1, TEMPORAL_PATCH)
    owner = np.stack([_owners(facts, pair, grid_h, grid_w) for pair in pairs])
    words = lexicon(facts["setting"]).vocabulary
    by_object = {name: np.zeros((len(pairs), len(facts["objects"]) + 1), int) for name in DenseLabels._fields[1:6]}
    for i, thing in enumerate(facts["objects"], 1):
        for name in ("colour", "shape", "size", "texture"):
            by_object[name][:, i] = 1 + words[name].index(thing[name])
        by_object["motion"][:, i] = [1 + words["motion"].index(_motion_at(thing, pair.mean())) for pair in pairs]
    pair_index = np.arange(len(pairs))[:, None, None]
    looked_up = {name: table[pair_index, owner] for name, table in by_object.items()}
    ground = np.array([1 + words["background"].index(_background_at(facts, pair.mean())) for pair in pairs])
    return DenseLabels(owner, **looked_up, background=np.broadcast_to(ground[:, None, None], owner.shape))


def _motion_at(thing: Facts, second: float) -> str:
    started = [s["motion"] for s in thing["segments"] if s["start"] <= second]
    return started[-1] if started else thing["segments"][0]["motion"]


def _background_at(facts: Facts, second: float) -> str:
    return [entry["colour"] for entry in facts["background"] if entry["from"] <= second][-1]


def _owners(facts: Facts, pair: np.ndarray, grid_h: int, grid_w: int) -> np.ndarray:
    """1 + position of the object that owns each cell, 0 for none: int [grid_h, grid_w]."""
    owner, best = np.zeros((grid_h, grid_w), int), np.zeros((grid_h, grid_w))
    for i, thing in enumerate(facts["objects"], 1):
        cell, of_object = np.mean([_cell_shares(facts, thing, second, grid_h, grid_w) for second in pair], 0)
        most_of_it = (of_object > 0) & (of_object >= 0.99 * of_object.max())
        wins = ((cell >= COVERED) | most_of_it) & (cell >= best * 0.999)
        owner[wins], best[wins] = i, cell[wins]
    return owner


def _cell_shares(facts: Facts, thing: Facts, second: float, grid_h: int, grid_w: int) -> np.ndarray:
    """Share of each cell under the object's box, then share of the box in each cell: [2, grid_h, grid_w]; 0 unseen."""
    frame = min(int(second * facts["fps"] + 1e-6), facts["frames"] - 1)
    if thing["visible"][frame] < 20:
        return np.zeros((2, grid_h, grid_w))
    x0, y0, x1, y1 = (value / 1000 for value in thing["box"][frame])
    rows, columns = _overlaps(y0, y1, grid_h), _overlaps(x0, x1, grid_w)
    area = rows[:, None] * columns[None, :]
    return np.stack([area * grid_h * grid_w, area / max((x1 - x0) * (y1 - y0), 1e-9)])


def _overlaps(low: float, high: float, cells: int) -> np.ndarray:
    edges = np.arange(cells + 1) / cells
    return np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
