"""What was never asked is left out of every figure and counted: as many rows as the judge has of the other items."""

import numpy as np
import pytest

from analysis.annotators import against_the_others
from analysis.calibrate import calibrate
from analysis.matching import absent_rows, gold_ratings, matched_judges, usual_rows
from analysis.meta_evaluation import meta_evaluate
from analysis.pairs import gold_choices, pair_coverage, pair_rows
from analysis.point_pairs import superiority
from analysis.rankings import ranking_figures
from analysis.records import item_facts, records_of
from analysis.scaling import rating_curve, rating_samples
from workbench.schema import Item, Judgment, Video

RATED = [Item(Video(f"v{n}"), "What happens?", (f"r{n}",)) for n in range(10)]
PAIRS = [Item(Video(f"v{n}"), "Which?", (f"a{n}", f"b{n}")) for n in range(4)]
RANKED = [Item(Video(f"v{n}"), "In which order?", (f"a{n}", f"b{n}", f"c{n}")) for n in range(4)]
BOTH = ([0, 1], [1, 0])


def read(items, *judgments):
    return records_of({item.id: item_facts(item) for item in items}, judgments)


def rated(item, judge, score, sample=0, **fields):
    return Judgment(item.id, judge, "pointwise@1", "scored", score=float(score), sample=sample, **fields)


def chosen(item, judge, choice, order, sample=0):
    return Judgment(item.id, judge, "pairwise@1", "scored", choice=choice, settings={"order": order}, sample=sample)


def ranked(item, judge, ranking):
    return Judgment(item.id, judge, "ranking@1", "scored", ranking=ranking)


@pytest.mark.parametrize(("asked", "usual", "absent"), [
    ({}, 1, 4), ({"a": 5, "b": 5}, 5, 10), ({"a": 5, "b": 5, "c": 2}, 5, 8), ({"a": 1, "b": 1, "c": 1, "d": 5}, 1, 0),
    ({"a": 1, "b": 2}, 2, 5),  # as many of either: the larger
])  # fmt: skip
def test_absent_rows_by_hand(asked, usual, absent):
    assert usual_rows(asked.values()) == usual and absent_rows("abcd", asked) == absent


def half_asked(samples=5):
    """Ten items rated by a person; a judge was asked about half of them, five times each."""
    gold = [rated(item, "human:a", 1 + n % 5) for n, item in enumerate(RATED)]
    probs = {str(level): 0.2 for level in range(1, 6)}
    said = [rated(item, "judge", 1 + k % 5, k, probs=probs) for item in RATED[:5] for k in range(samples)]
    return read(RATED, *gold, *said)


@pytest.mark.parametrize("samples", [1, 5])
def test_half_of_the_items_is_half_of_the_coverage(samples):
    records = half_asked(samples)
    coverage = matched_judges(records, {"judge": 1}, gold_ratings(records, "human"))["judge"].coverage
    assert (coverage.scored, coverage.absent, coverage.share) == (5 * samples, 5 * samples, 0.5)
    assert coverage.asked == 5 * samples


def test_half_of_the_pairs_is_half_of_the_coverage_of_both_orders_and_all_samples():
    gold = [chosen(item, "human", "A", [0, 1]) for item in PAIRS]
    said = [chosen(item, "judge", "A", order, k) for item in PAIRS[:2] for order in BOTH for k in range(3)]
    records = read(PAIRS, *gold, *said)
    choices = gold_choices(records, "human")
    rows = pair_rows(records, 1, choices)
    coverage = pair_coverage(rows, choices)
    assert (coverage.scored, coverage.absent, coverage.share) == (12, 12, 0.5)
    figures = meta_evaluate(records).judges["judge"].preferences.figures
    for name in ("accuracy", "accuracy_missing_wrong", "accuracy_gap_by_position", "consistent_accuracy", "kappa"):
        pairs = name in ("consistent_accuracy", "kappa")
        assert (figures[name].n, figures[name].left_out) == ((6, 6) if pairs else (12, 12)), name
    assert figures["ties"].left_out == 0  # of what was judged, gold or not


def test_a_pair_asked_in_one_order_lacks_the_other():
    gold = [chosen(item, "human", "A", [0, 1]) for item in PAIRS]
    said = [chosen(item, "judge", "A", order) for item in PAIRS for order in BOTH][:-1]
    records = read(PAIRS, *gold, *said)
    choices = gold_choices(records, "human")
    assert pair_coverage(pair_rows(records, 1, choices), choices).absent == 1


def test_psup_leaves_out_pairs_of_which_a_response_was_never_asked():
    items = [Item(Video("v"), "What happens?", (f"r{n}",)) for n in range(3)]
    gold = {item.id: float(n) for n, item in enumerate(items)}
    records = read(items, *(rated(item, "judge", n, k) for n, item in enumerate(items[:2]) for k in range(2)))
    psup = superiority(records, 0, gold).psup
    assert (psup.value, psup.n, psup.left_out) == (1, 2, 4)  # two of three pairs, two samples each


def test_rankings_never_asked_are_left_out():
    gold = [ranked(item, f"human:{who}", (0, 1, 2)) for item in RANKED for who in "ab"]
    records = read(RANKED, *gold, ranked(RANKED[0], "judge", (0, 1, 2)))
    judge = next(place for place, one in enumerate(records.columns) if one.judge == "judge")
    tau = ranking_figures(records, judge, "human")["kendall_tau"]
    assert (tau.n, tau.left_out, tau.coverage) == (2, 6, 0.25)


def test_a_judge_that_was_asked_for_no_ranking_has_none():
    records = read([*RANKED, *RATED], ranked(RANKED[0], "human:a", (0, 1, 2)), rated(RATED[0], "human:a", 3),
                   rated(RATED[0], "judge", 3))  # fmt: skip
    assert meta_evaluate(records).judges["judge"].rankings is None


def test_a_scaling_curve_leaves_out_items_never_asked():
    records = half_asked()
    points = rating_curve(rating_samples(records, 1, gold_ratings(records, "human")))
    assert {(point.figures["mae"].n, point.figures["mae"].left_out) for point in points} == {(5, 5)}


def test_confidence_leaves_out_what_was_never_asked():
    found = calibrate(half_asked(), risk=1.0)["judge"].ratings
    one = found.confidence
    figures = (one.ece, one.brier, one.ranked_probability, one.curve.aurc, one.curve.risk, one.error_curve.aurc)
    assert {(figure.n, figure.left_out) for figure in figures} == {(25, 25)}
    assert found.readings["expected"]["mae"].left_out == 25 and one.left_out == 25


def test_an_annotator_leaves_out_what_only_others_rated():
    ratings = np.array([[1, 2, 3, np.nan, np.nan], [1, 2, 3, 4, np.nan], [2, 2, 3, 4, 5]])
    found = against_the_others(ratings, np.arange(5))
    assert [(one["mae"].n, one["mae"].left_out) for one in found] == [(3, 2), (4, 1), (4, 1)]
