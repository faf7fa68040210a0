"""Stage 1: teach the vision tower and merger what lies under each merged token, from the world's own facts.

Through the language loss alone, colour is learned and shape and motion are not (they stay at chance for thousands of
steps); dense labels teach all three in minutes. Where the objects are in each of a token's two frames is taught as well:
motion is a comparison of the two, and is not found without. The heads are thrown away afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

IGNORE = -100
ATTRIBUTES = ("colour", "shape", "size", "texture")  # of the object under a token
AXES = ("across", "along")  # sign of the object's step between the two frames of a token: x, then y
SHOWN = "shown"  # the object in both frames of a token, in the first alone, or in the second: when it comes or goes
COVERED = 0.15  # share of its cell that makes a token the object's; the token that holds most of an object is so too
WEIGHTS = {"shape": 2.0, SHOWN: 2.0}  # of labels in the loss; the others count 1
SEEN = 20  # percent of an object's area that must be visible
FINE = 4  # stretches that a cell is cut into along each edge, for where the objects are
PLACE, PLACE_WEIGHT = "place", 4.0
STEP = 0.012  # frame edges between two frames; less counts as standing still


def outputs(vocabulary: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Number of classes of each dense label, from the `vocabulary` of world.json; of PLACE, its cover values."""
    counts = {name: len(vocabulary[name]) for name in (*ATTRIBUTES, "background")}
    return {"object": 2, **counts, **dict.fromkeys((*AXES, SHOWN), 3), PLACE: 2 * FINE * FINE}


def dense_labels(
    facts: Mapping[str, Any], vocabulary: Mapping[str, Sequence[str]], seconds: Sequence[float], grid: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Class under each merged token, int64 [frame pairs, grid height, grid width] a label; -100 where none applies.

    PLACE is float32 [frame pairs, grid height, grid width, 2 * FINE * FINE]: the share of each part of the cell that
    lies in some object's box, first frame then second.
    """
    pairs = frame_numbers(facts, seconds)
    owner = owners(facts, pairs, grid)
    labels = {name: np.full(owner.shape, IGNORE) for name in (*ATTRIBUTES, *AXES, SHOWN)}
    for number, thing in enumerate(facts["objects"]):
        mine = owner == number
        for name in ATTRIBUTES:
            labels[name][mine] = vocabulary[name].index(thing[name])
        for name, steps in zip(AXES, _step_classes(thing, pairs).T, strict=True):
            labels[name] = np.where(mine, steps[:, None, None], labels[name])
        labels[SHOWN] = np.where(mine, _shown(thing, pairs)[:, None, None], labels[SHOWN])
    ground = [_background(facts, pair.mean() / facts["fps"], vocabulary["background"]) for pair in pairs]
    labels["background"] = np.broadcast_to(np.array(ground)[:, None, None], owner.shape)
    return {"object": (owner >= 0).astype(np.int64), **labels, PLACE: _places(facts, pairs, grid)}


def owners(facts: Mapping[str, Any], pairs: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Number of the object under each merged token, -1 for none: int64 [frame pairs, grid height, grid width].

    A cell belongs to the object that covers most of it over both frames of the pair, later (upper) objects first.
    """
    owner, best = np.full((len(pairs), *grid), -1), np.zeros((len(pairs), *grid))
    for number, thing in enumerate(facts["objects"]):
        cell, part = _shares(thing, pairs, grid)
        most = (part > 0) & (part == part.max((1, 2), keepdims=True))
        wins = ((cell >= COVERED) | most) & (cell >= best)
        owner[wins], best[wins] = number, cell[wins]
    return owner


def frame_numbers(facts: Mapping[str, Any], seconds: Sequence[float]) -> np.ndarray:
    """Frame of the clip at each sampled second, two a merged token: int [pairs, 2]."""
    frames = np.minimum((np.asarray(seconds) * facts["fps"] + 1e-6).astype(int), facts["frames"] - 1)
    if len(frames) % 2:  # the processor repeats the last frame of an odd number
        frames = np.append(frames, frames[-1])
    return frames.reshape(-1, 2)


def _shares(thing: Mapping[str, Any], pairs: np.ndarray, grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Share of each cell under the object's box, and of the box in each cell: mean of both frames [pairs, h, w]."""
    box = np.array(thing["box"])[pairs] / 1000  # [pairs, 2, 4]
    seen = np.array(thing["visible"])[pairs] >= SEEN  # [pairs, 2]
    columns, rows = _overlaps(box[..., 0], box[..., 2], grid[1]), _overlaps(box[..., 1], box[..., 3], grid[0])
    area = rows[..., :, None] * columns[..., None, :] * seen[..., None, None]
    extent = (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])
    return (area * grid[0] * grid[1]).mean(1), (area / extent[..., None, None]).mean(1)


def _places(facts: Mapping[str, Any], pairs: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    cover = np.zeros((len(pairs), 2, grid[0] * FINE, grid[1] * FINE))
    for thing in facts["objects"]:
        box, seen = np.array(thing["box"])[pairs] / 1000, np.array(thing["visible"])[pairs] >= SEEN
        columns = _overlaps(box[..., 0], box[..., 2], grid[1] * FINE)
        rows = _overlaps(box[..., 1], box[..., 3], grid[0] * FINE)
        share = rows[..., :, None] * columns[..., None, :] * cover[0, 0].size
        cover = np.maximum(cover, share * seen[..., None, None])
    parts = cover.reshape(len(pairs), 2, grid[0], FINE, grid[1], FINE).transpose(0, 2, 4, 1, 3, 5)
    return parts.reshape(len(pairs), *grid, -1).clip(0, 1).astype(np.float32)


def _overlaps(low: np.ndarray, high: np.ndarray, cells: int) -> np.ndarray:
    """Length that each of `cells` equal stretches of 0..1 shares with low..high: [..., cells]."""
    edges = np.arange(cells + 1) / cells
    return np.clip(np.minimum(edges[1:], high[..., None]) - np.maximum(edges[:-1], low[..., None]), 0, None)


def _step_classes(thing: Mapping[str, Any], pairs: np.ndarray) -> np.ndarray:
    """0 back, 1 still, 2 forth, in x and y between the two frames [pairs, 2]; -100 when one frame lacks the object."""
    box = np.array(thing["box"])[pairs] / 1000
    centre = (box[..., :2] + box[..., 2:]) / 2
    step = centre[:, 1] - centre[:, 0]
    signs = 1 + np.sign(step) * (np.abs(step) >= STEP)
    seen = (np.array(thing["visible"])[pairs] >= SEEN).all(1)
    return np.where(seen[:, None], signs, IGNORE).astype(np.int64)


def _shown(thing: Mapping[str, Any], pairs: np.ndarray) -> np.ndarray:
    """0 seen in both frames of a pair, 1 in the first alone, 2 in the second: int64 [pairs]; -100 in neither."""
    first, second = (np.array(thing["visible"])[pairs] >= SEEN).T
    return np.select([first & second, first, second], [0, 1, 2], IGNORE).astype(np.int64)


def _background(facts: Mapping[str, Any], second: float, names: Sequence[str]) -> int:
    return names.index([entry["colour"] for entry in facts["background"] if entry["from"] <= second][-1])


class DenseHeads(nn.Module):
    """Scores of every label's classes for merged tokens [n, hidden].

    What has a word is told by that word's own embedding in the language model: a token then reads like the words of what
    lies under it, and the attention that finds and copies words finds and copies these. The rest has linear heads.
    """

    def __init__(self, hidden: int, counts: Mapping[str, int], words: Mapping[str, torch.Tensor]):
        """`words` holds the embeddings [classes, hidden] of the labels that have words."""
        super().__init__()
        rest = {name: count for name, count in counts.items() if name not in words}
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, count) for name, count in rest.items()})
        self.sharpness = nn.Parameter(torch.tensor(3.0))
        self.words = {name: functional.normalize(found.detach(), dim=-1) for name, found in words.items()}

    def forward(self, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        told = {name: head(tokens) for name, head in self.heads.items()}
        likeness = self.sharpness.exp() * functional.normalize(tokens, dim=-1)
        return told | {name: likeness @ words.T for name, words in self.words.items()}


def word_embeddings(model: Any, tokenizer: Any, vocabulary: Mapping[str, Sequence[str]]) -> dict[str, torch.Tensor]:
    """The language model's embeddings [classes, hidden] of the words of each attribute and of the background."""
    table = model.get_input_embeddings().weight
    last = {word: tokenizer(f" {word}")["input_ids"][-1] for words in vocabulary.values() for word in words}
    ids = {name: torch.tensor([last[word] for word in vocabulary[name]]) for name in (*ATTRIBUTES, "background")}
    return {name: table[some] for name, some in ids.items()}


def dense_loss(
    logits: Mapping[str, torch.Tensor], labels: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, dict[str, float]]:
    """Sum of the labels' cross-entropies where they apply; each one's accuracy there, and the cross-entropy of PLACE."""
    place = functional.binary_cross_entropy_with_logits(logits[PLACE], labels[PLACE])
    total, figures = PLACE_WEIGHT * place, {PLACE: place.item()}
    for name, scores in logits.items():
        if name == PLACE:
            continue
        known = labels[name] != IGNORE
        if known.any():
            total = total + WEIGHTS.get(name, 1.0) * functional.cross_entropy(scores[known], labels[name][known])
            figures[name] = (scores[known].argmax(-1) == labels[name][known]).float().mean().item()
    return total, figures
