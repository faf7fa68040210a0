"""People as sides of a comparison: their labels become a judge's, and the gold is what the other people say."""

from collections.abc import Sequence

from analysis.gold_labels import gold_labels
from analysis.records import Column, Records, gold_columns, judge_columns
from workbench.errors import InputError


def sides_of(records: Records, gold: str, wanted: Sequence[str]) -> tuple[Records, dict[str, int]]:
    """The records with those gold judges of `wanted` moved among the judges, and the columns of all judges by name.

    So nobody is measured by their own labels, and of two people both are left out of the gold that they share. Raises
    InputError where nobody is called `gold`, or nobody would be left to be it.
    """
    by_judge, columns = gold_columns(records, gold), judge_columns(records, gold)
    people = [name for name in dict.fromkeys(wanted) if name in by_judge and name not in columns]
    if people and len(people) == len(by_judge):
        raise InputError(
            f"compare: got {', '.join(people)} as judges, and nobody else is called {gold!r} to measure them by; leave one "
            "out, or give a run with other people's labels."
        )
    moved = {column for name in people for column in by_judge[name]}
    verdicts = [one for one in records.verdicts if one.column not in moved]
    known = list(records.columns)
    for name in people:
        columns[name] = len(known)
        like = max(by_judge[name], key=lambda column: "scale" in records.columns[column].settings)
        verdicts += [one._replace(column=len(known)) for one in gold_labels(records, name)[name]]
        known.append(Column(f"judge {name}", *known[like][1:]))  # a name that is not the gold's
    return records._replace(verdicts=verdicts, columns=known), columns


def people_of(records: Records, gold: str) -> list[str]:
    """Those who can be a side: each gold judge where there are several."""
    found = list(gold_columns(records, gold))
    return found if len(found) > 1 else []
