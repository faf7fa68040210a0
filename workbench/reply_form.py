"""What a well-formed reply looks like: its tags, its scale or letters, its criteria, and the menu of its verdict."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Literal

from workbench.errors import InputError
from workbench.schema import Kind
from workbench.wording import plain, whole_number

Tag = Literal["rubric", "thinking", "score", "answer", "ranking"]
VERDICT_TAG: Mapping[Kind, Tag] = {"pointwise": "score", "pairwise": "answer", "ranking": "ranking"}
MAX_LEVELS = 101  # 0 to 100
MAX_RANKED = len(ascii_uppercase)


@dataclass(frozen=True)
class Criterion:
    """One aspect that gets its own score. `name` is a few letters, digits, spaces, - or _ (it stands in the reply)."""

    name: str
    description: str
    weight: float = 1.0

    def __post_init__(self):
        if not (isinstance(self.name, str) and re.fullmatch(r"[^\W\d_](?:[\w -]{0,38}[^\W_])?", self.name)):
            raise InputError(
                f"Criterion: got name {self.name!r}, expected up to 40 letters, digits, spaces, - or _, a letter first."
            )
        if not (isinstance(self.description, str) and self.description.strip()):
            raise InputError(f"Criterion {self.name!r}: the description is empty; say what the judge should look at.")
        if not (isinstance(self.weight, (int, float)) and math.isfinite(self.weight) and self.weight > 0):
            raise InputError(f"Criterion {self.name!r}: got weight {self.weight!r}, expected a number above 0.")


@dataclass(frozen=True)
class ReplyForm:
    """What a well-formed reply looks like: its tags in order, and the menu its verdict is chosen from.

    `low` to `high` are whole numbers, `labels` (value -> words) may name some of them; with `words`, all of them.
    `responses` counts what is ranked. Raises InputError for a form that no reply could fit.
    """

    kind: Kind
    tags: tuple[Tag, ...]
    low: int = 1
    high: int = 5
    labels: Mapping[int, str] = field(default_factory=dict, hash=False)
    criteria: tuple[Criterion, ...] = ()
    responses: int = 1
    ties: bool = False
    words: bool = False  # a score is written as its label, not as its number

    def __post_init__(self):
        object.__setattr__(self, "tags", tuple(self.tags))
        object.__setattr__(self, "criteria", tuple(self.criteria))
        if self.kind == "pairwise":
            object.__setattr__(self, "responses", 2)
        _check_tags(self)
        _check_scale(self)
        if self.kind == "ranking" and not 3 <= self.responses <= MAX_RANKED:
            raise InputError(f"ranking: got {self.responses} responses, expected 3 to {MAX_RANKED}.")
        if self.criteria and self.kind != "pointwise":
            raise InputError(f"criteria: got {len(self.criteria)} for a {self.kind} prompt, expected none; "
                             "only pointwise prompts score by criteria.")  # fmt: skip
        _check_distinct("criterion", [criterion.name for criterion in self.criteria])

    @property
    def verdict_tag(self) -> Tag:
        return VERDICT_TAG[self.kind]

    @property
    def letters(self) -> tuple[str, ...]:
        """What the responses are called, as shown: A, B, C ..."""
        return tuple(ascii_uppercase[: self.responses])

    @property
    def menu(self) -> tuple[str, ...]:
        """Every verdict there is, as written; empty where it is not one choice (a ranking, several criteria)."""
        if self.kind == "ranking" or self.criteria:
            return ()
        if self.kind == "pairwise":
            return (*self.letters, "tie") if self.ties else self.letters
        return tuple(self.written(value) for value in range(self.low, self.high + 1))

    def written(self, score: int) -> str:
        """How a score of the scale stands in a reply."""
        return self.labels[score] if self.words else str(score)

    @property
    def slot(self) -> str:
        """The text right before the verdict; empty where the menu is."""
        return f"<{self.verdict_tag}>" if self.menu else ""

    @property
    def scale_words(self) -> str:
        if self.words:
            return "one of " + ", ".join(self.labels[value] for value in range(self.low, self.high + 1))
        return f"a whole number from {self.low} to {self.high}"


# -- checking a form


def _check_tags(form: ReplyForm) -> None:
    if form.kind not in VERDICT_TAG:
        raise InputError(f"kind: got {form.kind!r}, expected one of {', '.join(VERDICT_TAG)}.")
    allowed = ("rubric", "thinking", form.verdict_tag)
    in_order = tuple(tag for tag in allowed if tag in form.tags)
    if form.tags != in_order or form.verdict_tag not in form.tags:
        raise InputError(f"tags: got {', '.join(form.tags) or 'none'}, expected {', '.join(allowed)} in this order; "
                         "the first two may be left out.")  # fmt: skip


def _check_scale(form: ReplyForm) -> None:
    whole = all(isinstance(end, int) and not isinstance(end, bool) for end in (form.low, form.high))
    if not whole or not 1 <= form.high - form.low < MAX_LEVELS or max(abs(form.low), abs(form.high)) > 9999:
        raise InputError(f"scale: got {form.low!r} to {form.high!r}, expected whole numbers, low below high, "
                         f"at most {MAX_LEVELS} levels.")  # fmt: skip
    for value, words in form.labels.items():
        if value not in range(form.low, form.high + 1):
            raise InputError(f"labels: got a label for {value!r}, expected values from {form.low} to {form.high}.")
        if not isinstance(words, str) or len(words) > 60 or "\n" in words or not re.search(r"[^\W\d_]", words):
            raise InputError(f"labels: got {words!r} for {value}, expected a few words on one line.")
        if whole_number(plain(words), form.high) is not None:
            raise InputError(
                f"labels: got {words!r} for {value}; a label that is a number cannot be told from a score."
            )
    _check_distinct("label", list(form.labels.values()))
    if form.words and (form.kind != "pointwise" or len(form.labels) <= form.high - form.low):
        raise InputError(
            f"words: got labels for {len(form.labels)} of {form.high - form.low + 1} levels of a {form.kind} prompt, "
            "expected one for each level of a pointwise one; scores are written in them."
        )


def _check_distinct(what: str, names: list[str]) -> None:
    texts = [plain(name) for name in names]
    for name, text in zip(names, texts, strict=True):
        if texts.count(text) > 1:
            raise InputError(f"{what}: got {name!r} more than once; the reply could not be told apart.")
