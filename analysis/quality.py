"""Quality scores beside mean opinion scores: Spearman's rho (SRCC) and Pearson's r (PLCC), overall and by dimension.

A judge's score is read from its probabilities over the five levels where it has them, else it is its level's (both in
[0, 1], workbench/quality.py). Correlations are of the scores as they are: no curve is fitted first, as some papers do
for PLCC. Sources: Score2Instruct (arXiv 2506.21011); intervals draw videos.
"""

from collections.abc import Mapping
from typing import NamedTuple

from analysis.agreement import agreement
from analysis.estimate import Estimate
from analysis.matching import Coverage, gold_ratings, matched_judges
from analysis.records import Records, Verdict, gold_columns
from workbench.errors import InputError
from workbench.quality import score_of_level, score_of_levels

OVERALL = "overall"
TAG = "dimension"


class QualityAgreement(NamedTuple):
    """One judge on one dimension. `graded` counts the scores that come of probabilities; the others are levels.

    `raw` is of judges (and people) on another scale than the levels: their scores are as they gave them.
    """

    srcc: Estimate
    plcc: Estimate
    coverage: Coverage
    graded: int
    raw: bool = False


def quality_agreement(records: Records, judges: Mapping[str, int], gold: str) -> dict[str, dict[str, QualityAgreement]]:
    """Judge -> dimension (tag "dimension"; items without it are "overall") -> agreement with the gold scores.

    Raises InputError where nobody is called `gold`, or no judge has judged any of those items.
    """
    graded, raw = with_quality_scores(records, gold), raw_columns(records)
    names = {item: facts.tags.get(TAG, OVERALL) for item, facts in records.items.items()}
    found: dict[str, dict[str, QualityAgreement]] = {judge: {} for judge in judges}
    for dimension in sorted(set(names.values()), key=lambda name: (name != OVERALL, name)):
        items = {item: facts for item, facts in records.items.items() if names[item] == dimension}
        part = graded._replace(items=items, verdicts=[one for one in graded.verdicts if one.item in items])
        labels = gold_ratings(part, gold)
        if not labels.items:
            continue
        try:
            matched = matched_judges(part, judges, labels)
        except InputError:  # nobody judged this dimension; told below if nobody judged any
            continue
        for judge, one in matched.items():
            figures = agreement(one.scores, one.gold, one.clusters, one.coverage.left_out)
            asked = {
                verdict.item for verdict in part.of([judges[judge]]) if verdict.probs and verdict.score is not None
            }
            own_scale = judges[judge] in raw
            count = 0 if own_scale else sum(item in asked for item, _ in one.rows)
            found[judge][dimension] = QualityAgreement(
                figures["spearman"], figures["pearson"], one.coverage, count, own_scale
            )
    if not any(found.values()):
        raise InputError("No judge has judged any of the items with a gold score; give the runs that did.")
    return {judge: dimensions for judge, dimensions in found.items() if dimensions}


def with_quality_scores(records: Records, gold: str) -> Records:
    """The records with the scores of judges of levels in [0, 1]. Gold scores stay as they are, and so do those of
    `raw_columns`."""
    taken = {place for places in gold_columns(records, gold).values() for place in places} | raw_columns(records)
    kept = [one if one.column in taken else one._replace(score=quality_score(one)) for one in records.verdicts]
    return records._replace(verdicts=kept)


def raw_columns(records: Records) -> set[int]:
    """The columns that are no levels: metrics and scalar heads, which have a scale of their own, and whoever leaves 1 to 5."""
    own = {place for place, column in enumerate(records.columns) if "scale" in column.settings.get("judge", {})}
    return own | {one.column for one in records.verdicts if one.score is not None and not _is_level(one)}


def _is_level(verdict: Verdict) -> bool:
    try:
        return quality_score(verdict) is not None
    except InputError:
        return False


def quality_score(verdict: Verdict) -> float | None:
    """The score in [0, 1] of a verdict in levels; None for one without a score."""
    if verdict.score is None:
        return None
    return score_of_levels(verdict.probs) if verdict.probs else score_of_level(verdict.score)
