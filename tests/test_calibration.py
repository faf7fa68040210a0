"""Calibration, abstaining, maps and scaling: hand calculations, scikit-learn, degenerate input."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from analysis.calibration import (
    Confident,
    brier,
    confident_choices,
    confident_ratings,
    expected_ratings,
    probability_ece,
    ranked_probability,
    rating_ece,
    reliability,
    sure_errors,
)
from analysis.pairs import gold_choices, pair_rows
from analysis.recalibration import fit_map, recalibrate
from analysis.records import item_facts, records_of
from analysis.scaling import Samples, aggregate, rating_curve, sizes, subsets_of
from analysis.scaling_curves import curves
from analysis.scaling_pairs import Votes, pair_curve
from analysis.selective import abstention, folds, risk_coverage
from workbench.errors import InputError
from workbench.schema import Item, Judgment, Video

RNG = np.random.default_rng(1)
N = 300
CLUSTERS = RNG.integers(40, size=N)
NAN = np.nan


def rows_of(probs, gold, answers="12345"):
    probs = np.array(probs, dtype=float)
    names = [(f"item{number}", 0) for number in range(len(probs))]
    return Confident(list(answers), probs, np.array(gold), np.arange(len(probs)), names, 0)


HAND = rows_of([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.85, 0.15]], [0, 1, 1, 1], "AB")


def test_probability_figures_by_hand():
    # bins (0.6, 0.7]: 0.7 wrong; (0.7, 0.8]: 0.8 right; (0.8, 0.9]: 0.9 right and 0.85 wrong
    assert probability_ece(HAND).value == pytest.approx((0.7 + 0.2 + abs(1.75 - 1)) / 4)
    assert brier(HAND).value == pytest.approx(2 * (0.01 + 0.49 + 0.04 + 0.7225) / 4)
    assert ranked_probability(HAND).value == pytest.approx((0.01 + 0.49 + 0.04 + 0.7225) / 4)
    shown = [
        (round(b.low, 1), round(b.high, 1), round(b.confidence, 3), b.accuracy.value, b.accuracy.n)
        for b in reliability(HAND)
    ]
    assert shown == [(0.6, 0.7, 0.7, 0, 1), (0.7, 0.8, 0.8, 1, 1), (0.8, 0.9, 0.875, 0.5, 2)]
    assert [(e.item, e.said, e.gold) for e in sure_errors(HAND, 0.8)] == [("item3", "A", "B")]


def test_expected_rating():
    rows = rows_of([[0.5, 0.25, 0, 0, 0.25]], [0])
    assert expected_ratings(rows).tolist() == [2.25]


def test_rating_ece_by_hand_and_by_bins():
    scores, gold = np.array([2, 2, 4, 5.0]), np.array([1, 2, 5, 5.0])
    assert rating_ece(scores, gold, np.arange(4)).value == pytest.approx((2 * 0.5 + 1 + 0) / 4)
    many = np.linspace(1, 5, 100)
    expected = np.mean([abs(part.mean()) for part in np.array_split(many - many.round(), 10)])
    assert rating_ece(many, many.round(), np.arange(100)).value == pytest.approx(expected, abs=0.02)
    assert rating_ece(np.empty(0), np.empty(0), np.empty(0)).value is None


def test_rows_without_probabilities_are_counted():
    items = [Item(Video(f"v{n}"), "What?", (f"r{n}",)) for n in range(3)]
    probs = [{"1": 0.25, "2": 0.75}, None, {"1": 0.5, "2": 0.5}]
    judgments = [Judgment(i.id, "j", "p@1", "scored", score=2.0, probs=p) for i, p in zip(items, probs, strict=True)]
    records = records_of({i.id: item_facts(i) for i in items}, judgments)
    rows = confident_ratings(records, 0, {items[0].id: 1.5, items[1].id: 1.0, items[2].id: 1.4})
    assert rows.left_out == 1 and rows.gold.tolist() == [1, 0]  # a mean of people is rounded half up
    assert rows.right.tolist() == [True, True]  # equally probable: the first on the menu
    assert brier(rows).left_out == 1


def test_choices_have_probabilities_in_the_items_terms():
    item = Item(None, "Which?", ("a", "b"))
    both = [Judgment(item.id, "j", "p@1", "scored", choice="A", probs={"A": 0.8, "B": 0.2}, settings={"order": o})
            for o in ([0, 1], [1, 0])]  # fmt: skip
    human = Judgment(item.id, "human", "label", "scored", choice="B")
    records = records_of({item.id: item_facts(item)}, [human, *both])
    rows = confident_choices(pair_rows(records, 1, gold_choices(records, "human")))
    assert rows.answers == ["A", "B"] and rows.right.tolist() == [False, False]
    assert brier(rows).value == pytest.approx(2 * 0.64)


# -- abstaining


def test_risk_coverage_by_hand():
    curve = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 0, 1]), np.arange(4))
    assert [(p.coverage, p.risk) for p in curve.points] == [
        (0.25, 0),
        (0.5, 0.5),
        (0.75, pytest.approx(1 / 3)),
        (1, 0.5),
    ]
    assert curve.aurc.value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4) and curve.risk.value == 0.5


def test_equal_confidences_are_kept_together():
    curve = risk_coverage(np.array([0.9, 0.5, 0.5]), np.array([0, 0, 1]), np.arange(3))
    assert [p.coverage for p in curve.points] == [pytest.approx(1 / 3), 1]
    assert curve.aurc.value == pytest.approx((0 * 1 + 1 / 3 * 2) / 3)


def test_nothing_to_abstain_from():
    assert risk_coverage(np.empty(0), np.empty(0), np.empty(0)).aurc.value is None


def test_the_threshold_keeps_the_risk_also_on_videos_that_did_not_choose_it():
    confidence = RNG.random(N)
    wrong = RNG.random(N) > confidence
    found = abstention(confidence, wrong, CLUSTERS, 0.2)
    kept = confidence >= found.threshold
    assert found.risk.value == pytest.approx(wrong[kept].mean()) and found.risk.value <= 0.2
    lower = confidence[confidence < found.threshold]
    assert all(wrong[confidence >= other].mean() > 0.2 for other in lower)
    assert abs(found.held_out_risk.value - 0.2) < 0.1 and found.held_out_coverage.n == N


def test_no_threshold_reaches_the_risk():
    found = abstention(np.array([0.9, 0.8]), np.array([1.0, 1.0]), np.arange(2), 0.1)
    assert found.threshold is None and found.coverage.value == 0 and found.risk.value is None


def test_of_one_video_nothing_is_held_out():
    found = abstention(np.array([0.9, 0.8, 0.7]), np.array([0.0, 0.0, 1.0]), np.zeros(3, int), 0.1)
    assert found.threshold == 0.8 and found.coverage.value == pytest.approx(2 / 3)
    for one in (found.held_out_coverage, found.held_out_risk):
        assert one.value is None and one.reason == "one video: nothing can be held out"


def test_folds_keep_videos_whole():
    masks = folds(CLUSTERS)
    assert np.sum(masks, axis=0).tolist() == [1] * N and len(masks) == 5
    assert all(set(CLUSTERS[mask]).isdisjoint(CLUSTERS[~mask]) for mask in masks)


# -- maps


GOLD = RNG.integers(1, 6, N).astype(float)
LENIENT = np.clip((GOLD / 2 + 2.5 + RNG.normal(0, 0.5, N)).round(), 1, 5)


def test_the_isotonic_map_is_scikit_learns():
    fitted = fit_map("isotonic", LENIENT, GOLD, CLUSTERS)
    expected = IsotonicRegression(out_of_bounds="clip").fit(LENIENT, GOLD).predict([0, 2.5, 3, 4, 5, 9])
    assert fitted.apply(np.array([0, 2.5, 3, 4, 5, 9])) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["isotonic", "ordinal"])
def test_a_map_mends_leniency_on_videos_it_has_not_seen(kind):
    found = recalibrate(kind, LENIENT, GOLD, CLUSTERS)
    assert found.raw["bias"].value > 0.5 and abs(found.mapped["bias"].value) < 0.1
    assert found.test.differences["rmse"].high < 0
    assert (
        np.all(np.diff(found.fitted.ratings) >= 0) and 1 <= min(found.fitted.ratings) <= max(found.fitted.ratings) <= 5
    )


@pytest.mark.parametrize("kind", ["isotonic", "ordinal"])
@pytest.mark.parametrize("scores, gold", [([3, 3, 3], [1, 2, 5]), ([1, 2, 3], [4, 4, 4]), ([2], [3])])
def test_constant_scores_or_ratings_map_to_a_constant_or_mean(kind, scores, gold):
    fitted = fit_map(kind, np.array(scores, float), np.array(gold, float), np.arange(len(scores)))
    assert fitted.apply(np.array([1.0, 5.0])) == pytest.approx([np.mean(gold)] * 2, abs=0.35)


def test_maps_need_rows_and_two_videos():
    with pytest.raises(InputError, match="no row"):
        fit_map("isotonic", np.empty(0), np.empty(0), np.empty(0))
    assert recalibrate("isotonic", np.array([1.0, 2]), np.array([1.0, 2]), np.zeros(2)) is None


# -- scaling


@pytest.mark.parametrize("way, expected", [
    ("majority", [2, 4, NAN, 1]), ("mean", [3, 3.5, NAN, 2]), ("median", [2, 3.5, NAN, 2]),
])  # fmt: skip
def test_aggregation_by_hand(way, expected):
    # majority of 3, 4: both are as near to the mean, hence the lower; 2, 2, 5; none; 1, 3
    rows = np.array([[2, 2, 5.0], [4, 3, NAN], [NAN, NAN, NAN], [3, NAN, 1]])
    rows[1] = [4, 4, 2.5] if way == "majority" else rows[1]
    assert aggregate(rows, way) == pytest.approx(expected, nan_ok=True)


def test_subsets_are_all_or_seeded():
    assert subsets_of(4, 2) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    many = subsets_of(20, 7)
    assert len(set(many)) == 20 and many == subsets_of(20, 7) != subsets_of(20, 7, seed=1)
    assert sizes(3) == [1, 2, 3] and sizes(9)[-1] == 9 and len(sizes(40)) <= 10 and sizes(40)[-1] == 40


def test_one_sample_is_the_mean_over_samples_and_all_are_one_subset():
    scores = np.clip(GOLD[:, None] + RNG.normal(0, 1.5, (N, 5)), 1, 5).round()
    points = {(p.way, p.k): p for p in rating_curve(Samples(scores, None, GOLD, CLUSTERS))}
    assert points["mean", 1].figures["mae"].value == pytest.approx(np.abs(scores - GOLD[:, None]).mean())
    assert points["mean", 5].figures["rmse"].value == pytest.approx(np.sqrt(((scores.mean(1) - GOLD) ** 2).mean()))
    assert points["median", 5].figures["mae"].value < points["median", 1].figures["mae"].value
    assert ("probabilities", 1) not in points
    for point in points.values():
        assert all(one.low <= one.value <= one.high for one in point.figures.values())


def test_samples_without_a_verdict_have_no_vote():
    scores = np.array([[1, NAN], [NAN, NAN], [5, 5.0]])
    points = {(p.way, p.k): p for p in rating_curve(Samples(scores, None, np.array([1, 3, 4.0]), np.arange(3)))}
    assert points["mean", 2].figures["mae"][:1] == (0.5,)
    assert (points["mean", 2].figures["mae"].n, points["mean", 2].figures["mae"].left_out) == (2, 1)


def test_a_sample_that_failed_throughout_leaves_the_others_their_curve():
    scores = np.clip(GOLD[:, None] + RNG.normal(0, 1.5, (N, 3)), 1, 5).round()
    failed = np.column_stack([scores, np.full(N, NAN)])
    all_of, others = (
        {(p.way, p.k): p for p in rating_curve(Samples(some, None, GOLD, CLUSTERS))} for some in (failed, scores)
    )
    assert all_of["mean", 1].subsets == 3 and all_of["mean", 1].figures == others["mean", 1].figures
    assert all_of["mean", 4].figures == others["mean", 3].figures
    assert {one.reason for point in all_of.values() for one in point.figures.values()} == {None}


def test_a_figure_is_the_mean_over_the_subsets_that_have_it():
    constant = np.column_stack([np.full(N, 3.0), GOLD])
    points = {(p.way, p.k): p for p in rating_curve(Samples(constant, None, GOLD, CLUSTERS))}
    assert points["mean", 1].figures["spearman"].value == pytest.approx(
        1
    )  # of ratings that are all alike there is none
    assert points["mean", 1].figures["mae"].value == pytest.approx(np.abs(GOLD - 3).mean() / 2)
    alike = rating_curve(Samples(np.full((N, 2), 3.0), None, GOLD, CLUSTERS))[0].figures["spearman"]
    assert alike.value is None and alike.reason == "constant ratings"


def vote(choice, order, sample, probs=None):
    records = records_of({}, [Judgment("i", "j", "p@1", "scored" if choice else "unparsed", choice=choice, probs=probs,
                                       settings={"order": order}, sample=sample)])  # fmt: skip
    return records.verdicts[0]


def test_votes_in_both_orders_cancel_position():
    first = [
        [vote("A", [0, 1], k) for k in range(2)],
        [vote("B", [1, 0], k) for k in range(2)],
    ]  # always the first shown
    points = {p.k: p.figures for p in pair_curve([Votes(first, "A", "v1"), Votes(first, "B", "v2")])}
    assert points[1]["accuracy"].value == 0.5
    assert points[4]["tied"].value == 1 and points[4]["accuracy"].value == 0 and points[4]["ties_half"].value == 0.5


def test_summed_probabilities_break_a_tied_vote():
    both = [[vote("A", [0, 1], 0, {"A": 0.9, "B": 0.1})], [vote("B", [1, 0], 0, {"A": 0.4, "B": 0.6})]]
    points = {(p.way, p.k): p.figures for p in pair_curve([Votes(both, "A", "v")])}
    assert points["majority", 2]["tied"].value == 1 and points["probabilities", 2]["accuracy"].value == 1


def test_pairs_that_were_never_asked_are_left_out_of_the_curve_and_counted():
    pairs = [Item(Video(f"v{number}"), "Which?", ("a", "b")) for number in range(3)]
    gold = [Judgment(pair.id, "human:ann", "label", "scored", choice="A") for pair in pairs]
    said = [Judgment(pair.id, "near", "p@1", "scored", choice="A", settings={"order": [0, 1]}) for pair in pairs[:2]]
    records = records_of({pair.id: item_facts(pair) for pair in pairs}, [*gold, *said])
    (point,) = curves(records)["near"].preferences
    assert (point.figures["accuracy"].n, point.figures["accuracy"].left_out) == (2, 1)


def test_no_votes_no_curve():
    assert pair_curve([]) == []
    silent = [[vote(None, [0, 1], 0)]]
    assert pair_curve([Votes(silent, "A", "v")])[0].figures["accuracy"].value is None
