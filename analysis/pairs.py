"""Pairs ready to be measured: a judge's two verdicts on a pair, one for each order, joined beside the gold choice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from analysis.gold_labels import gold_labels
from analysis.matching import Coverage, absent_rows
from analysis.records import Records, Verdict
from workbench.judge import PairOutcome, pair_outcome
from workbench.schema import Choice


class PairRow(NamedTuple):
    """One pair, one sample, one judge. `verdicts` are those asked for (one or both orders, scored or not).

    `outcome` is A, B or tie when all orders that were asked agree, "inconsistent" when they do not, None while one of
    them has no verdict. `gold` is None where nobody, or no majority, says which is better.
    """

    item: str
    sample: int
    video: str
    verdicts: tuple[Verdict, ...]
    outcome: PairOutcome | None
    gold: Choice | None
    tags: Mapping[str, str]

    @property
    def both_orders(self) -> bool:
        return len(self.verdicts) == 2


def pair_rows(records: Records, column: int, gold: Mapping[str, Choice]) -> list[PairRow]:
    """Every pair that one judge was asked about, in order of first appearance."""
    return _joined(records, records.of([column]), gold)


def _joined(records: Records, verdicts: Iterable[Verdict], gold: Mapping[str, Choice]) -> list[PairRow]:
    """Verdicts on pairs joined by item, sample and judge."""
    groups: dict[tuple[str, int, int], dict[tuple[int, ...] | None, Verdict]] = defaultdict(dict)
    for verdict in verdicts:
        facts = records.items.get(verdict.item)
        if facts is not None and facts.kind == "pairwise" and verdict.score is None:
            groups[verdict.item, verdict.sample, verdict.column][verdict.order] = verdict
    rows = []
    for (item, sample, _), by_order in groups.items():
        facts, both = records.items[item], tuple(by_order.values())
        rows.append(PairRow(item, sample, facts.video, both, _outcome(both), gold.get(item), facts.tags))
    return rows


def _outcome(verdicts: tuple[Verdict, ...]) -> PairOutcome | None:
    if len(verdicts) == 1:
        return verdicts[0].choice
    return pair_outcome(*verdicts[:2])  # type: ignore[arg-type]  # it reads their choices alone


def gold_choices(records: Records, gold: str) -> dict[str, Choice]:
    """The gold choice of every pair that has one: what more annotators say than anything else, "tie" where nothing is
    alone ahead (A and B, but also A and a tie, with as many votes).

    An annotator who contradicts their own choice when the order is turned has said nothing.
    """
    votes: dict[str, Counter[Choice]] = defaultdict(Counter)
    for said in choices_by_annotator(records, gold).values():
        for item, choice in said.items():
            votes[item][choice] += 1
    return {item: _majority(counted) for item, counted in votes.items()}


def choices_by_annotator(records: Records, gold: str) -> dict[str, dict[str, Choice]]:
    """What each gold judge says of each pair: one choice, however many samples (and, of a model, settings) it is made of.

    Raises InputError where nobody is called `gold`.
    """
    found: dict[str, dict[str, Choice]] = {}
    for judge, verdicts in gold_labels(records, gold).items():
        said: dict[str, Counter[Choice]] = defaultdict(Counter)
        for row in _joined(records, verdicts, {}):
            if row.outcome in ("A", "B", "tie"):
                said[row.item][row.outcome] += 1
        found[judge] = {item: _majority(counted) for item, counted in said.items()}
    return found


def _majority(votes: Counter[Choice]) -> Choice:
    most = max(votes.values())
    ahead: list[Choice] = [choice for choice, count in votes.items() if count == most]
    return ahead[0] if len(ahead) == 1 else "tie"


def pair_coverage(rows: Iterable[PairRow], gold: Mapping[str, Choice]) -> Coverage:
    """What became of the verdicts on pairs with a gold choice: verdicts by status; verdicts never asked for."""
    rows = list(rows)
    statuses = Counter(v.status for row in rows if row.gold for v in row.verdicts)
    return Coverage(statuses["scored"], statuses["unparsed"], statuses["failed"], statuses["skipped"],
                    absent=absent_rows(gold, verdicts_asked(row for row in rows if row.gold)),
                    no_gold=sum(v.status == "scored" for row in rows if not row.gold for v in row.verdicts))  # fmt: skip


def verdicts_asked(rows: Iterable[PairRow]) -> Counter[str]:
    """How many verdicts were asked for by item id: samples times orders."""
    asked: Counter[str] = Counter()
    for row in rows:
        asked[row.item] += len(row.verdicts)
    return asked


def shown_first(verdict: Verdict) -> Choice:
    """Which response was shown first: A unless the order says otherwise."""
    return "B" if verdict.order == (1, 0) else "A"
