"""Paired tests: differences on the same draws, the sign-flip test against scipy and by hand, Holm's correction."""

import numpy as np
import pytest
from scipy import stats

from analysis.agreement import agreement
from analysis.paired import COMPARED, PairedTest, compare_means, compare_ratings, holm, sign_flip

RNG = np.random.default_rng(3)
N = 300
CLUSTERS = RNG.integers(40, size=N)
GOLD = RNG.integers(1, 6, N).astype(float)
NEAR = np.clip(GOLD + RNG.integers(-1, 2, N), 1, 5)
FAR = np.clip(GOLD + RNG.integers(-3, 4, N), 1, 5)
METRIC = GOLD + RNG.normal(size=N)


@pytest.mark.parametrize("first, second", [(NEAR, FAR), (METRIC, FAR), (METRIC, -METRIC)], ids=["1-5", "mixed", "many"])
def test_differences_are_those_of_the_figures(first, second):
    test = compare_ratings(first, second, GOLD, CLUSTERS)
    one, other = agreement(first, GOLD, CLUSTERS), agreement(second, GOLD, CLUSTERS)
    for name in COMPARED:
        difference = test.differences[name]
        assert difference.value == pytest.approx(one[name].value - other[name].value)
        assert difference.low <= difference.value <= difference.high


def test_a_judge_does_not_differ_from_itself():
    test = compare_ratings(NEAR, NEAR, GOLD, CLUSTERS)
    assert all(one.value == one.low == one.high == 0 for one in test.differences.values()) and test.p == 1


def test_pairing_narrows_the_interval():
    close = NEAR + 0.1
    paired = compare_ratings(NEAR, close, GOLD, CLUSTERS).differences["mae"]
    alone = agreement(NEAR, GOLD, CLUSTERS)["mae"]
    assert paired.high - paired.low < (alone.high - alone.low) / 3


def test_rows_that_one_judge_lacks_are_left_out_of_both():
    holed = NEAR.copy()
    holed[:50] = np.nan
    test = compare_ratings(holed, FAR, GOLD, CLUSTERS)
    expected = np.abs(NEAR - GOLD)[50:].mean() - np.abs(FAR - GOLD)[50:].mean()
    assert test.differences["mae"].value == pytest.approx(expected)
    assert (test.differences["mae"].n, test.differences["mae"].left_out) == (N - 50, 50)


def test_no_common_row_is_no_test():
    test = compare_ratings(np.array([1, np.nan]), np.array([np.nan, 2]), np.array([1.0, 2]), np.arange(2))
    assert test.p is None and all(one.value is None and one.reason for one in test.differences.values())


def test_sign_flip_by_hand():
    # sums by video: 3, 1, 1; |sum| of 8 patterns: 5 (twice), 3 (four times), 1 (twice)
    assert sign_flip(np.array([1, 2, 1, 1.0]), np.array([0, 0, 1, 2])) == pytest.approx(2 / 8)
    assert sign_flip(np.array([3, -1, 1.0]), np.arange(3)) == pytest.approx(6 / 8)


@pytest.mark.parametrize("n, whole", [(9, False), (60, False), (60, True)])
def test_sign_flip_is_scipys_permutation_test(n, whole):
    differences = RNG.integers(-2, 4, n).astype(float) if whole else RNG.normal(0.25, 1, n)
    expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=9_999, rng=1)
    assert sign_flip(differences, np.arange(n)) == pytest.approx(expected.pvalue, abs=0.012)


def test_sign_flip_counts_videos_not_rows():
    differences = np.repeat(RNG.normal(0.2, 1, 12), 50)
    assert sign_flip(differences, np.repeat(np.arange(12), 50)) > 10 * sign_flip(differences, np.arange(600))


@pytest.mark.parametrize("differences", [np.zeros(5), np.zeros(50)])
def test_no_difference_has_p_one(differences):
    assert sign_flip(differences, np.arange(len(differences))) == 1


def test_sign_flip_of_nothing_is_none():
    assert sign_flip(np.empty(0), np.empty(0)) is None


def test_holm_by_hand():
    tests = [PairedTest("a", "b", {}, "mae", p) for p in (0.01, 0.04, None, 0.03, 0.005)]
    found = [test.p_holm for test in holm(tests)]
    assert found == [pytest.approx(0.03), pytest.approx(0.06), None, pytest.approx(0.06), pytest.approx(0.02)]


def test_means_are_compared_over_the_rows_that_both_have():
    first, second = np.array([1, 1, 0, np.nan]), np.array([0, 1, 0, 1.0])
    test = compare_means(first, second, np.arange(4), ("a", "b"), "accuracy")
    assert test.differences["accuracy"].value == pytest.approx(1 / 3) and test.differences["accuracy"].left_out == 1
