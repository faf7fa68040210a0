"""The gold labels that count: of one person's labels of an item, the last one, whether it was given blind or not."""

from collections.abc import Sequence

from analysis.records import Records, Verdict, gold_columns


def gold_labels(records: Records, gold: str) -> dict[str, list[Verdict]]:
    """The verdicts of each gold judge, in the order of the records.

    A person's later label of an item and sample takes the place of an earlier one with other settings (a correction after
    a blind label, a label on the page after an imported one); a pair labelled in both orders with the same settings keeps
    both. Any other judge has a verdict for each of its settings. Raises InputError where nobody is called `gold`.
    """
    by_judge = gold_columns(records, gold)
    whose = {column: judge for judge, columns in by_judge.items() for column in columns}
    found: dict[str, list[Verdict]] = {judge: [] for judge in by_judge}
    for verdict in records.of(whose):
        found[whose[verdict.column]].append(verdict)
    return {judge: _last(given) if _is_person(judge) else given for judge, given in found.items()}


def _is_person(judge: str) -> bool:
    return judge.partition(":")[0] == "human"


def _last(given: Sequence[Verdict]) -> list[Verdict]:
    last = {(verdict.item, verdict.sample): verdict.column for verdict in given if verdict.status == "scored"}
    return [verdict for verdict in given if last.get((verdict.item, verdict.sample)) == verdict.column]
