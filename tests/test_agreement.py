"""Agreement: the figures of scipy, scikit-learn and krippendorff, intervals that draw videos, degenerate input."""

import math

import krippendorff as krippendorff_package
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from analysis import ranks
from analysis.agreement import AGREEMENT, agreement, errors_by_rating
from analysis.annotators import against_the_others, krippendorff
from analysis.contingency import kendall_tau_b, spearman
from analysis.estimate import Estimate, cluster_sums, mean_estimate, resampled_sums, weight_chunks
from analysis.ranks import drawn_rank_correlations
from workbench.errors import InputError

RNG = np.random.default_rng(5)
N, VIDEOS = 400, 50
CLUSTERS = RNG.integers(VIDEOS, size=N)
GOLD = RNG.integers(1, 6, N).astype(float)
RATED = np.clip(GOLD + RNG.integers(-2, 3, N), 1, 5)
METRIC = GOLD + RNG.normal(size=N).round(2)
MEAN_GOLD = GOLD + RNG.integers(-1, 2, N) / 3


def by_libraries(scores, gold):
    error = scores - gold
    figures = {
        "rmse": metrics.root_mean_squared_error(gold, scores),
        "mae": metrics.mean_absolute_error(gold, scores),
        "bias": error.mean(),
        "pearson": stats.pearsonr(gold, scores).statistic,
        "spearman": stats.spearmanr(gold, scores).statistic,
        "kendall_tau_b": stats.kendalltau(gold, scores).statistic,
        "exact": (error == 0).mean(),
        "within_one": (np.abs(error) <= 1 + 1e-9).mean(),
        "over_by_2": (error >= 2 - 1e-9).mean(),
        "under_by_2": (error <= -2 + 1e-9).mean(),
    }
    if (scores == scores.round()).all() and (gold == gold.round()).all():
        weights = {"kappa": None, "kappa_linear": "linear", "kappa_quadratic": "quadratic"}
        levels = [1, 2, 3, 4, 5]
        figures |= {n: metrics.cohen_kappa_score(gold, scores, weights=w, labels=levels) for n, w in weights.items()}
    return figures


@pytest.mark.parametrize(
    "scores", [RATED, METRIC, -METRIC, np.full(N, 3.0) + (GOLD > 4)], ids=["1-5", "many", "-", "two"]
)
@pytest.mark.parametrize("gold", [GOLD, MEAN_GOLD, METRIC[::-1]], ids=["1-5", "means", "many"])
def test_figures_are_those_of_other_libraries(scores, gold):
    found = agreement(scores, gold, CLUSTERS)
    for name, value in by_libraries(scores, gold).items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].low <= found[name].value <= found[name].high
        assert found[name].n == N and found[name].videos == VIDEOS


@pytest.mark.parametrize("scores", [RATED, METRIC], ids=["by table", "by ranks"])
def test_a_draw_is_what_the_libraries_say_of_the_rows_drawn(scores):
    weights = next(weight_chunks(VIDEOS))[:3].astype(int)
    order = np.unique(CLUSTERS, return_inverse=True)[1]
    _, draws = drawn_rank_correlations(scores, GOLD, CLUSTERS)
    for draw, times in enumerate(weights):
        rows = np.repeat(np.arange(N), times[order])
        expected = by_libraries(scores[rows], GOLD[rows])
        assert draws["spearman"][draw] == pytest.approx(expected["spearman"], abs=1e-12)
        assert draws["kendall_tau_b"][draw] == pytest.approx(expected["kendall_tau_b"], abs=1e-12)


@pytest.mark.parametrize("gold", [GOLD, MEAN_GOLD, METRIC[::-1]], ids=["1-5", "means", "many"])
@pytest.mark.parametrize("scores", [METRIC, np.full(N, 3.0) + (GOLD > 4)], ids=["many", "two"])
@pytest.mark.parametrize("linear_videos", [0, VIDEOS + 1], ids=["linear", "binned"])
def test_values_of_many_rows_are_those_of_scipy(monkeypatch, scores, gold, linear_videos):
    monkeypatch.setattr(ranks, "EXACT_ROWS", 0)
    monkeypatch.setattr(ranks, "LINEAR_VIDEOS", linear_videos)
    values, _ = drawn_rank_correlations(scores, gold, CLUSTERS)
    expected = by_libraries(scores, gold)
    assert {name: one[0] for name, one in values.items()} == pytest.approx({name: expected[name] for name in values})


@pytest.mark.parametrize(("videos", "rows"), [(60, 1_500), (300, 1_500), (1_000, 1_000)])
@pytest.mark.parametrize("noise", [0.3, 3.0])
@pytest.mark.parametrize("levels", [1, 100], ids=["1-5", "many"])
def test_intervals_of_many_rows_are_near_those_of_exact_draws(monkeypatch, videos, rows, noise, levels):
    rng = np.random.default_rng(videos)
    clusters = np.concatenate([np.arange(videos), rng.integers(videos, size=rows - videos)])
    of_video = rng.normal(size=videos)[clusters] / 2
    gold = np.round(np.clip(3 + rng.normal(size=rows) + of_video, 1, 5) * levels) / levels
    scores = gold + rng.normal(size=rows) * noise + of_video
    values, exact = drawn_rank_correlations(scores, gold, clusters)
    monkeypatch.setattr(ranks, "EXACT_ROWS", 0)
    same, near = drawn_rank_correlations(scores, gold, clusters)
    for name, draws in exact.items():
        assert same[name] == pytest.approx(values[name])
        ends, near_ends = (np.quantile(some, (0.025, 0.975)) for some in (draws, near[name]))
        assert np.abs(near_ends - ends).max() < 0.06 * (ends[1] - ends[0]), name


def test_rows_that_are_not_there_count_nothing_in_draws_of_many_rows(monkeypatch):
    monkeypatch.setattr(ranks, "EXACT_ROWS", 0)
    there = CLUSTERS < VIDEOS - 1
    for linear_videos in (0, VIDEOS + 1):
        monkeypatch.setattr(ranks, "LINEAR_VIDEOS", linear_videos)
        values, draws = drawn_rank_correlations(METRIC, GOLD, CLUSTERS, there)
        assert values["kendall_tau_b"][0] == pytest.approx(stats.kendalltau(METRIC[there], GOLD[there]).statistic)
        assert np.isfinite(draws["spearman"]).all() and len(draws["spearman"]) == 1000
    none = drawn_rank_correlations(METRIC, GOLD, CLUSTERS, np.zeros(N, dtype=bool))
    assert all(np.isnan(one["spearman"]).all() for one in none)


def test_tables_and_ranks_draw_the_same():
    table = np.zeros((1, 5, 5))
    np.add.at(table[0], ((GOLD - 1).astype(int), (RATED - 1).astype(int)), 1)
    values, _ = drawn_rank_correlations(RATED, GOLD, CLUSTERS)
    assert spearman(table)[0] == pytest.approx(values["spearman"][0])
    assert kendall_tau_b(table)[0] == pytest.approx(values["kendall_tau_b"][0])


def test_the_interval_is_that_of_drawing_videos_and_wider_than_that_of_drawing_rows():
    alike = np.repeat(RNG.normal(size=30), 20)  # 30 videos of 20 equal rows
    clusters = np.repeat(np.arange(30), 20)
    by_video, by_row = mean_estimate(alike, clusters), mean_estimate(alike, np.arange(600))
    assert by_video.high - by_video.low > 3 * (by_row.high - by_row.low)
    spread = alike.reshape(30, 20).mean(1).std(ddof=1) / math.sqrt(30)
    assert by_video.high - by_video.low == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_many_alike_videos_are_drawn_as_one_kind():
    values = RNG.integers(0, 2, 30_000).astype(float)
    rows = cluster_sums(np.stack([values, np.ones_like(values)], axis=1), np.arange(30_000))
    sums = resampled_sums(rows)
    assert (sums[:, 1] == 30_000).all()
    share = sums[:, 0] / sums[:, 1]
    expected = math.sqrt(values.mean() * (1 - values.mean()) / 30_000)
    assert share.std() == pytest.approx(expected, rel=0.1)
    assert np.array_equal(sums, resampled_sums(rows))


# -- degenerate input


def test_no_rows_is_no_value_with_the_reason():
    for one in agreement([], [], [], left_out=4).values():
        assert one.value is None and one.n == 0 and one.left_out == 4 and one.reason


def test_one_row_has_errors_but_no_interval_and_no_correlation():
    found = agreement([3], [5], [0])
    assert found["mae"] == Estimate(2.0, None, None, 1, 0, 1, "one video: no interval")
    assert found["under_by_2"].value == 1
    for name in ("pearson", "spearman", "kendall_tau_b"):
        assert found[name].value is None and "constant" in found[name].reason


def test_one_video_has_no_interval():
    found = agreement(RATED[:20], GOLD[:20], np.zeros(20))
    assert all(one.low is None and one.reason for one in found.values())
    assert found["spearman"].value == pytest.approx(stats.spearmanr(RATED[:20], GOLD[:20]).statistic)


@pytest.mark.parametrize("scores, gold", [(np.full(N, 3.0), GOLD), (RATED, np.full(N, 4.0)), (np.full(N, 0.1), METRIC)])
def test_constant_ratings_have_errors_and_no_correlation(scores, gold):
    found = agreement(scores, gold, CLUSTERS)
    assert all(found[name].value is None for name in ("pearson", "spearman", "kendall_tau_b"))
    assert found["mae"].value == pytest.approx(np.abs(scores - gold).mean()) and found["mae"].low is not None


def test_perfect_constant_agreement_has_no_kappa():
    found = agreement(np.full(9, 3.0), np.full(9, 3.0), np.arange(9))
    assert found["exact"].value == 1 and found["kappa"].value is None


def test_a_statistic_that_few_draws_have_gets_no_interval():
    gold = np.array([1.0, 1, 1, 1, 5])
    found = agreement(np.array([2.0, 2, 2, 2, 4]), gold, np.arange(5))["pearson"]
    assert found.value == pytest.approx(1) and found.low is None and "draws" in found.reason


def test_missing_ratings_are_counted_and_never_averaged():
    scores = RATED.copy()
    scores[:100] = np.nan
    found = agreement(scores, GOLD, CLUSTERS, left_out=7)
    assert found["mae"].n == N - 100 and found["mae"].left_out == 107
    assert found["mae"].value == pytest.approx(np.abs(RATED - GOLD)[100:].mean())
    assert all(one.value is None or math.isfinite(one.value) for one in found.values())
    assert set(found) == set(AGREEMENT)


def test_unequal_lengths_are_refused():
    with pytest.raises(InputError, match="as many of each"):
        agreement([1, 2], [1], [0, 1])


def test_errors_by_rating_by_hand():
    lines = errors_by_rating(np.array([1, 5, 4, 2.0]), np.array([1, 1, 3.5, 4]), np.array([0, 1, 2, 3]))
    assert [(line.rating, line.mae.n, line.mae.value, line.bias.value) for line in lines] == [
        (1, 2, 2, 2),
        (4, 2, 1.25, -0.75),
    ]
    assert [line.over_by_2.value for line in lines] == [0.5, 0] and [line.under_by_2.value for line in lines] == [
        0,
        0.5,
    ]


# -- annotators


def annotated(holes, spread=0.0):
    rng = np.random.default_rng(2)
    ratings = np.clip(GOLD + rng.integers(-1, 2, (3, N)), 1, 5) + rng.normal(0, spread, (3, N)) * (spread > 0)
    ratings[rng.random(ratings.shape) < holes] = np.nan
    return ratings


@pytest.mark.parametrize("holes", [0, 0.3, 0.8])
@pytest.mark.parametrize("measurement", ["nominal", "ordinal", "interval"])
def test_krippendorff_alpha_is_the_packages(holes, measurement):
    ratings = annotated(holes)
    found = krippendorff(ratings, CLUSTERS)[measurement]
    assert found.value == pytest.approx(
        krippendorff_package.alpha(ratings, level_of_measurement=measurement), abs=1e-12
    )
    assert found.n + found.left_out == N and found.n == (np.isfinite(ratings).sum(0) > 1).sum()


def test_krippendorff_alpha_of_many_levels_is_there_at_the_interval_level():
    ratings = annotated(0.2, spread=0.5).round(1)[:, :100]
    found = krippendorff(ratings, CLUSTERS[:100])
    assert found["interval"].value == pytest.approx(
        krippendorff_package.alpha(ratings, level_of_measurement="interval")
    )
    assert found["nominal"].value is None and "levels" in found["nominal"].reason


def test_krippendorff_alpha_of_the_published_example():
    """Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", example C: 4 observers, 12 units, holes."""
    nan = np.nan
    ratings = np.array([
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ])  # fmt: skip
    found = krippendorff(ratings, np.arange(12))
    assert [round(found[name].value, 3) for name in ("nominal", "ordinal", "interval")] == [0.743, 0.815, 0.849]
    assert found["nominal"].n == 11 and found["nominal"].left_out == 1


@pytest.mark.parametrize("ratings", [np.full((3, 4), 2.0), np.array([[1.0, np.nan], [np.nan, 2.0]]), np.empty((1, 0))])
def test_alpha_without_disagreement_or_pairs_is_none(ratings):
    for one in krippendorff(ratings, np.arange(ratings.shape[1])).values():
        assert one.value is None and one.reason


def test_each_annotator_against_the_mean_of_the_others():
    ratings = annotated(0)
    found = against_the_others(ratings, CLUSTERS)
    for who in range(3):
        others = np.delete(ratings, who, 0).mean(0)
        assert found[who]["kendall_tau_b"].value == pytest.approx(stats.kendalltau(ratings[who], others).statistic)
