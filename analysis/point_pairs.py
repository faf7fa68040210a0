"""Ratings of single responses read as preferences: PSup and delta(C-D), and where points contradict a pair verdict."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from analysis.estimate import Estimate, mean_estimate, numbered
from analysis.matching import usual_rows
from analysis.pairs import PairRow
from analysis.records import Records, Verdict, labels


class Superiority(NamedTuple):
    """How often the better of two responses to one question is rated higher, each rated alone (VideoJudge, section 4).

    `psup` counts only strictly higher ratings; `ties` are the share rated equal; `psup_half_ties` counts each of those
    as half; `delta` is the mean gap between the better and the other one.
    """

    psup: Estimate
    ties: Estimate
    psup_half_ties: Estimate
    delta: Estimate


class Contradiction(NamedTuple):
    """A pair in which the judge prefers the response that it rates lower when it sees it alone."""

    item: str
    video: str
    outcome: str
    scores: tuple[float, float]


class PointVersusPair(NamedTuple):
    """`contradicted`: of decided pairs with unequal ratings. `equal`: share of decided pairs with equal ratings.

    `right`: how often the ratings' order is the gold choice, of pairs with unequal ratings.
    """

    contradicted: Estimate
    equal: Estimate
    right: Estimate
    cases: list[Contradiction]


def superiority(records: Records, column: int, gold: Mapping[str, float]) -> Superiority:
    """PSup and delta over all pairs of responses to one question with unequal gold ratings; gold is by item id.

    A pair of which a response has no rating, or was never asked about, is left out and counted, once for each sample.
    """
    given: dict[str, dict[int, Verdict]] = defaultdict(dict)
    for verdict in records.of([column]):
        if verdict.item in gold:
            given[verdict.item][verdict.sample] = verdict
    usual = usual_rows(len(samples) for samples in given.values())
    gaps, videos, missing = [], [], 0
    for better, worse in _unequal(records, gold):
        found = _gaps(given[better], given[worse])
        missing += max(usual, len(given[better].keys() | given[worse].keys())) - len(found)
        gaps += found
        videos += [records.items[better].video] * len(found)
    clusters = numbered(videos)
    means = ([gap > 0 for gap in gaps], [gap == 0 for gap in gaps], [(gap > 0) + (gap == 0) / 2 for gap in gaps], gaps)
    return Superiority(*(mean_estimate(values, clusters, missing) for values in means))


def _unequal(records: Records, gold: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Every two items of one question with unequal gold ratings, the better one first."""
    questions: dict[str, list[str]] = defaultdict(list)
    for item in gold:
        if item in records.items:
            questions[records.items[item].question].append(item)
    for items in questions.values():
        for one, other in combinations(items, 2):
            if gold[one] != gold[other]:
                yield (one, other) if gold[one] > gold[other] else (other, one)


def _gaps(better: Mapping[int, Verdict], worse: Mapping[int, Verdict]) -> list[float]:
    """Rating of the better response less that of the worse, of each sample that rated both."""
    both = [(better[sample].score, worse[sample].score) for sample in sorted(better.keys() & worse.keys())]
    return [one - other for one, other in both if one is not None and other is not None]


def points_versus_pairs(records: Records, column: int, pairs: Sequence[PairRow]) -> dict[str, PointVersusPair]:
    """A judge's pair outcomes beside its ratings of the same responses, by the label of the prompt and settings that rated.

    Each prompt and settings stands by itself: those with the settings of the pairs, or all where there are none of these.
    """
    own, names = records.columns[column], labels(records)
    judge = [place for place, other in enumerate(records.columns) if other.judge == own.judge]
    alike = [place for place in judge if records.columns[place].settings == own.settings]
    for some in (alike, judge):
        beside = {names[place]: point_versus_pair(records, [place], pairs) for place in some}
        if found := {name: one for name, one in beside.items() if one.equal.n}:
            return found
    return {}


def point_versus_pair(records: Records, points: Sequence[int], pairs: Sequence[PairRow]) -> PointVersusPair:
    """A judge's pair outcomes beside its own ratings (columns `points`, samples averaged) of the same responses."""
    scores: dict[str, list[float]] = defaultdict(list)
    for verdict in records.of(points):
        facts = records.items.get(verdict.item)
        if verdict.score is not None and facts is not None and facts.kind == "pointwise":
            scores[facts.responses[0]].append(verdict.score)
    mean = {response: sum(some) / len(some) for response, some in scores.items()}
    contradicted, equal, right, cases, missing = [], [], [], [], 0
    for row in pairs:
        first, second = (mean.get(response) for response in records.items[row.item].responses)
        if row.outcome not in ("A", "B") or first is None or second is None:
            missing += 1
            continue
        equal.append((first == second, row.video))
        if first == second:
            continue
        by_points = "A" if first > second else "B"
        contradicted.append((by_points != row.outcome, row.video))
        if row.gold in ("A", "B"):
            right.append((by_points == row.gold, row.video))
        if by_points != row.outcome:
            cases.append(Contradiction(row.item, row.video, row.outcome, (first, second)))
    return PointVersusPair(*(_share(some, missing) for some in (contradicted, equal, right)), cases)


def _share(found: Sequence[tuple[bool, str]], missing: int) -> Estimate:
    return mean_estimate([float(yes) for yes, _ in found], numbered([video for _, video in found]), missing)
