"""Probabilities over the menu at the verdict slot: what the judge would have put there, and how sure it was.

They are always at temperature 1 and without top_p, whatever the reply was sampled with, and renormalised over the menu.
"""

import bisect
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from workbench.backends.decoding import Batch

# Verdict tags inside these blocks are quotations. A block that is never closed hides the rest.
HIDDEN = re.compile(r"<(rubric|thinking|think)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)


class Slot(NamedTuple):
    """Where a reply's verdict goes: after its first `kept` tokens, and how each label goes on from there, as tokens."""

    kept: int
    labels: "Mapping[str, Sequence[int]]"  # label -> tokens of the label and the closing tag

    @property
    def single(self) -> int | None:
        """The index at which all labels have different tokens after the same beginning; None if there is no such."""
        for index, tokens in enumerate(zip(*self.labels.values(), strict=False)):
            if len(set(tokens)) > 1:
                return index if len(set(tokens)) == len(tokens) else None
        return None


class Forced(NamedTuple):
    """The verdict slot as the very beginning of a reply: what is read up to the label, and the labels from there on."""

    start: tuple[int, ...]
    slot: Slot

    def readings(self) -> list[tuple[int, ...]]:
        """The beginnings of replies whose next token's logits tell the labels' probabilities; mostly a single one."""
        labels = list(map(tuple, self.slot.labels.values()))
        if self.slot.single is not None:
            return [self.start + labels[0][: self.slot.single]]
        return sorted({self.start + label[:count] for label in labels for count in range(len(label))})

    def probabilities(self, logs: "Mapping[tuple[int, ...], torch.Tensor]") -> "Mapping[str, float]":
        """Over the menu, from log-probabilities float [vocabulary] after each of the readings."""
        if self.slot.single is not None:
            (after,) = logs.values()
            return _normalised(
                self.slot, [float(after[label[self.slot.single]]) for label in self.slot.labels.values()]
            )
        scores = [
            sum(float(logs[(*self.start, *label[:count])][token]) for count, token in enumerate(label))
            for label in self.slot.labels.values()
        ]
        return _normalised(self.slot, scores)


def force_slot(tokenizer: Any, slot: str, menu: "Sequence[str]") -> Forced | None:
    """A reply that begins with the slot, in the tokens that it is trained with; None without a slot or a menu."""
    if not slot or len(menu) < 2:
        return None
    replies = [slot + label + closing(slot) for label in menu]
    whole = tokenizer(replies, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    shared = next(place for place, tokens in enumerate(zip(*whole, strict=False)) if len(set(tokens)) > 1)
    rest = {label: tokens[shared:] for label, tokens in zip(menu, whole, strict=True)}
    return Forced(tuple(whole[0][:shared]), Slot(shared, rest))


def find_slot(
    tokenizer: Any, tokens: "Sequence[int]", slot: str, menu: "Sequence[str]", opening: "Sequence[int]" = ()
) -> Slot | None:
    """The last slot of a reply outside its reasoning; None when it has none, or when its tokens cannot be told apart.

    `tokens` go on from `opening`, where the reply was begun for the judge; the slot's `kept` counts `tokens` alone.

    Byte-pair merges may join the slot's end with the label (">A" is one token in Qwen's vocabulary), or white space the
    judge wrote before it; then the label begins inside a token, and all labels are tokenised from that token's start.
    """
    tokens = [*opening, *tokens]
    text = _decode(tokenizer, tokens)
    end = slot_end(text, slot)
    if end is None or not menu:
        return None
    kept = _tokens_up_to(tokenizer, tokens, end)
    before = _decode(tokenizer, tokens[:kept])
    if not text.startswith(before) or kept < len(opening):  # a character split over tokens right before the slot
        return None
    stem, ending = text[len(before) : end], closing(slot)
    labels = {
        label: tokenizer(stem + label + ending, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        for label in menu
    }
    found = Slot(kept, labels)
    return found._replace(kept=kept - len(opening)) if _is_own_path(found, tokens, text[end:]) else None


def slot_probabilities(batch: "Batch", slots: "Sequence[Slot | None]") -> "list[Mapping[str, float] | None]":
    """Menu label -> probability for every reply of a batch that has a slot, None for the others."""
    import torch

    kept = [slot.kept if slot else 0 for slot in slots]
    paths = [_paths(slot) if slot else [] for slot in slots]
    scores: list[list[float]] = [[] for _ in slots]
    for number in range(max(map(len, paths))):
        texts = [rows[number] if number < len(rows) else [] for rows in paths]
        logs = torch.log_softmax(batch.continuations(kept, texts).float(), dim=-1).cpu()
        for slot, rows, text, row, score in zip(slots, paths, texts, logs, scores, strict=True):
            if slot and number < len(rows):
                score += _scores(slot, text, row)
    return [_normalised(slot, score) if slot else None for slot, score in zip(slots, scores, strict=True)]


def _paths(slot: Slot) -> "list[Sequence[int]]":
    """What the model has to read: what all labels begin with, or each label whole."""
    rows = list(slot.labels.values())
    return [rows[0][: slot.single]] if slot.single is not None else rows


def _scores(slot: Slot, path: "Sequence[int]", logs: "torch.Tensor") -> list[float]:
    """Log-probabilities: of every label after a common beginning, or of the one label that `path` is."""
    if slot.single is not None:
        return [float(logs[slot.single, tokens[slot.single]]) for tokens in slot.labels.values()]
    return [sum(float(logs[place, token]) for place, token in enumerate(path))]


def _normalised(slot: Slot, scores: list[float]) -> "Mapping[str, float]":
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    return {label: weight / sum(weights) for label, weight in zip(slot.labels, weights, strict=True)}


def slot_end(text: str, slot: str) -> int | None:
    """Where the label begins: after the last slot outside hidden blocks, and after white space.

    A slot that is closed goes before one that is not, as in reading the reply.
    """
    visible = HIDDEN.sub(lambda block: "\0" * len(block[0]), text)
    opened = re.escape(slot) + r"\s*"
    for pattern in (f"{opened}(?=[^<]*{re.escape(closing(slot))})", opened):
        if found := list(re.finditer(pattern, visible, re.IGNORECASE)):
            return found[-1].end()
    return None


def closing(slot: str) -> str:
    """ "<score>" -> "</score>"."""
    return slot.replace("<", "</", 1)


def _tokens_up_to(tokenizer: Any, tokens: "Sequence[int]", end: int) -> int:
    """How many tokens lie wholly within the first `end` characters."""
    counts = range(1, len(tokens) + 1)
    return bisect.bisect_right(counts, end, key=lambda count: len(_decode(tokenizer, tokens[:count])))


def _is_own_path(slot: Slot, tokens: "Sequence[int]", written: str) -> bool:
    """Whether the judge's own label has the tokens we expect of it; true too when it wrote none of the menu."""
    own = max((label for label in slot.labels if written.startswith(label)), key=len, default=None)
    if own is None:
        return True
    length = slot.single + 1 if slot.single is not None else 1
    return list(slot.labels[own][:length]) == list(tokens[slot.kept : slot.kept + length])


def _decode(tokenizer: Any, tokens: "Sequence[int]") -> str:
    return tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
