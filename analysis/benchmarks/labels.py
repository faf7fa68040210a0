"""Your own labels: a table as `python -m workbench judge --items` reads it (docs/judging.md), with labels beside it.

    score        a number for a single response; several columns are several people, named by their columns
    choice       A, B or tie for two responses
    ranking      letters, best first ("B > A > C"), for three or more
    annotator    who labelled the row; default "human:labels"
Roles are found by the usual names below, or named: --column score=anna --column score=ben.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from analysis.benchmarks.entries import Entry, Source, number_in, preferred, scored
from analysis.benchmarks.pairs import choice_in
from analysis.rankings import read_ranking
from workbench.errors import InputError
from workbench.schema import Item, Judgment
from workbench.tables import MISSING, Rejected, open_table

USUAL = {
    "score": ("score", "rating", "human_score", "human_rating", "human", "label", "mos"),
    "choice": ("choice", "preference", "preferred", "winner", "human_answer"),
    "ranking": ("ranking", "rank"),
    "annotator": ("annotator", "rater", "annotator_id", "labeller", "worker"),
}
DEFAULT = "labels"
HOLES = MISSING | {"", "na", "n/a", "none", "null"}  # a cell that says that somebody gave no label


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item a row and its judgments, by "human:" and the annotator or column. A cell without a label (empty, NaN, NA) is
    one person's hole; a row without any is rejected."""
    ours = {role: list(names) for role, names in source.columns.items() if role in USUAL}
    theirs = {role: names for role, names in source.columns.items() if role not in USUAL}
    table = open_table(
        source.path, columns=theirs, videos=source.videos, encoding=source.encoding, no_video=source.no_video
    )
    return (one if isinstance(one, Rejected) else _labelled(source, one, ours) for one in table.rows)


def _labelled(source: Source, item: Item, columns: Mapping[str, Sequence[str]]) -> Entry | Rejected:
    tags = dict(item.tags)
    chosen = {role: list(columns.get(role, ())) or _found(tags, names) for role, names in USUAL.items()}
    used = [name for names in chosen.values() for name in names]
    bare = replace(item, tags={name: text for name, text in tags.items() if name not in used})
    filled = {name: text for name, text in tags.items() if name not in used or text.strip().casefold() not in HOLES}
    try:
        judgments = tuple(_judgments(source, bare, filled, chosen))
        if not judgments:
            raise InputError(_no_label(bare, filled, chosen))
    except InputError as error:
        return Rejected(int(tags["row"]), None, str(error), str(tags))
    return Entry(bare, judgments)


def _found(tags: Mapping[str, str], names: Sequence[str]) -> list[str]:
    by_plain = {name.strip().casefold().replace(" ", "_"): name for name in tags}
    return next(([by_plain[name]] for name in names if name in by_plain), [])


def _judgments(
    source: Source, item: Item, tags: Mapping[str, str], chosen: Mapping[str, Sequence[str]]
) -> Iterator[Judgment]:
    """The row's labels; several score columns are several people."""
    annotator = next((tags[name] for name in chosen["annotator"] if name in tags), None)
    role = {"pointwise": "score", "pairwise": "choice", "ranking": "ranking"}[item.kind]
    several = len(chosen[role]) > 1
    for name in chosen[role]:
        if name not in tags:  # a hole
            continue
        judge = f"human:{name if several else annotator or DEFAULT}"
        if role == "score":
            yield scored(source, item, judge, number_in(tags, name))
        elif role == "choice":
            yield preferred(source, item, judge, choice_in(tags[name], name))
        else:
            order = {"order": list(range(len(item.responses)))}
            ranking = read_ranking(tags[name], len(item.responses), name)
            yield Judgment(item.id, judge, source.name, "scored", ranking=ranking, settings=order)


def _no_label(item: Item, tags: Mapping[str, str], chosen: Mapping[str, Sequence[str]]) -> str:
    role = {"pointwise": "score", "pairwise": "choice", "ranking": "ranking"}[item.kind]
    names = ", ".join(name for name in tags if name != "row") or "none"
    where = f"in {', '.join(chosen[role])}" if chosen[role] else f"but the filled columns ({names}) hold none"
    return f"no label: {len(item.responses)} response(s) need a {role} {where}; fill it in, or name it with --column {role}=COLUMN."
