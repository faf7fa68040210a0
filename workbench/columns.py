"""Which column of a table is what: the names given, and for the rest the names that people usually choose."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workbench.errors import InputError

# What a column may be called, best name first. "answer" is a response, unless another column is one already.
SYNONYMS = {
    "responses": ("responses", "candidates", "answers", "outputs"),
    "response": ("response", "prediction", "pred", "model_output", "model_response", "model_answer", "output",
                 "candidate", "completion", "caption", "answer"),
    "video": ("video", "video_path", "video_file", "path", "file", "file_name", "filename", "clip", "video_name"),
    "instruction": ("instruction", "question", "prompt", "query", "q"),
    "reference": ("reference", "reference_answer", "gold", "gold_answer", "gold_response", "ground_truth", "gt",
                  "answer"),
    "description": ("description", "video_description", "dense_description", "dense_caption"),
}  # fmt: skip
ROLES = tuple(SYNONYMS)
NUMBERED = re.compile(r"(response|answer|output|candidate|caption|prediction|completion)_?(\d+|[a-z])")


class Columns(NamedTuple):
    """Which column of the table is what. Responses are several columns of text, or one that holds lists."""

    instruction: str | None
    responses: tuple[str, ...] = ()
    response_list: str | None = None
    video: str | None = None
    reference: str | None = None
    description: str | None = None

    def used(self) -> set[str]:
        single = (self.instruction, self.response_list, self.video, self.reference, self.description)
        return {name for name in (*single, *self.responses) if name}

    def __str__(self) -> str:
        """For the user: "video=clip, instruction=question, response=answer"."""
        named = [("video", self.video), ("instruction", self.instruction)]
        named += [("response", name) for name in self.responses]
        named += [("responses", self.response_list), ("reference", self.reference), ("description", self.description)]
        return ", ".join(f"{role}={name}" for role, name in named if name)


def choose_columns(
    names: Sequence[str], given: Mapping[str, Sequence[str]], *, instruction: str | None = None
) -> Columns:
    """Which column plays which role: those given, the others by their usual names, in any case, with any separator.

    A role that is given no names is played by none of the columns, whatever they are called.
    `instruction` is the text for every row where no column holds one. A table may lack videos: some judges only read.
    Raises InputError for a role or column that does not exist, and when no column holds responses or instructions.
    """
    _check_given(names, given)
    taken = {name for columns in given.values() for name in columns}
    free = {_plain_name(name): name for name in names if name not in taken}
    responses, response_list = _response_columns(free, given)
    for name in (*responses, response_list):
        free.pop(_plain_name(name or ""), None)
    roles = {role: _one_column(role, free, given) for role in ("video", "instruction", "reference", "description")}
    chosen = Columns(responses=responses, response_list=response_list, **roles)
    _check_chosen(chosen, names, instruction)
    return chosen


def _check_given(names: Sequence[str], given: Mapping[str, Sequence[str]]) -> None:
    for role, columns in given.items():
        if role not in ROLES:
            raise InputError(f"column: got the role {role!r}, expected one of {', '.join(ROLES)}.")
        for name in columns:
            if name not in names:
                raise InputError(f"column: got {role}={name}, but the table's columns are {', '.join(names)}.")
        if role != "response" and len(columns) > 1:
            raise InputError(f"column: got {len(columns)} columns for {role}; only response may be several.")


def _check_chosen(chosen: Columns, names: Sequence[str], instruction: str | None) -> None:
    if chosen.instruction and instruction:
        raise InputError(f"instruction: got a text for all rows, and the column {chosen.instruction!r}; leave one out.")
    missing = {
        "response": not chosen.responses and not chosen.response_list,
        "instruction": not chosen.instruction and not instruction,
    }
    for role, is_missing in missing.items():
        if is_missing:
            raise InputError(
                f"No column for the {role} among {', '.join(names)}; name it with {role}=COLUMN, "
                f"or call it {SYNONYMS[role][0]!r}."
            )


def _plain_name(name: str) -> str:
    return re.sub(r"[\s\-.]+", "_", name.strip().casefold())


def _one_column(role: str, free: dict[str, str], given: Mapping[str, Sequence[str]]) -> str | None:
    """The column given for a role, or the free one with the best of its usual names, which is free no longer."""
    if role in given:
        return given[role][0] if given[role] else None
    return next((free.pop(name) for name in SYNONYMS[role] if name in free), None)


def _response_columns(free: dict[str, str], given: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], str | None]:
    """Text columns of the responses in their order, or the one column that holds lists."""
    if "responses" in given or "response" in given:
        return tuple(given.get("response", ())), next(iter(given.get("responses", ())), None)
    if "response" not in free and (numbered := _numbered_columns(free)):
        return numbered, None
    plain = _one_column("response", {name: column for name, column in free.items() if name != "answer"}, given)
    if plain is None and (listed := _one_column("responses", free, given)):
        return (), listed
    plain = plain or free.get("answer")
    return ((plain,) if plain else ()), None


def _numbered_columns(free: Mapping[str, str]) -> tuple[str, ...]:
    """response_1, response_2, ... or response_a, response_b: the family with the best name that has at least two."""
    families: dict[str, list[tuple[int, str, str]]] = {}
    for plain, name in free.items():
        if match := NUMBERED.fullmatch(plain):
            base, label = match.groups()
            families.setdefault(base, []).append((int(label) if label.isdigit() else 0, label, name))
    ordered = sorted((base for base in families if len(families[base]) > 1), key=NUMBERED.pattern.index)
    return tuple(name for _, _, name in sorted(families[ordered[0]])) if ordered else ()
