"""Video reliance: known values, scikit-learn's kappa, and where there is none."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from analysis.audit.reliance import agreement_lost, video_reliance

OWN = [1, 2, 3, 4, 5, 1, 3, 5]
CLUSTERS = np.arange(8) // 2


@pytest.mark.parametrize(
    "other, value",
    [
        (OWN, 0.0),  # it does not look
        ([1] * 8, 1.0),  # nothing fits another video: the scores tell nothing of each other
        ([3] * 8, 1.0),  # without its video it knows nothing
        # |d| = 0 1 1 0 0 0 0 0 -> mean .25; own 1x2 2 3x2 4 5x2, other 1x3 3 4x2 5x2: by chance 114/64
        ([1, 1, 4, 4, 5, 1, 3, 5], 0.25 / (114 / 64)),
    ],
)
def test_known_values(other, value):
    found = video_reliance(OWN, OWN, other, CLUSTERS)
    assert found.value == pytest.approx(value)
    assert (found.n, found.left_out, found.videos) == (8, 0, 4)
    if 0 < value < 1:
        assert found.low < value < found.high


def test_it_is_the_linear_kappa_of_scikit_learn():
    rng = np.random.default_rng(0)
    own, again, other = rng.integers(1, 6, 200), None, rng.integers(1, 6, 200)
    again = np.where(rng.random(200) < 0.8, own, rng.integers(1, 6, 200))
    kappa = [cohen_kappa_score(own, x, labels=[1, 2, 3, 4, 5], weights="linear") for x in (again, other)]
    assert video_reliance(own, again, other, np.arange(200)).value == pytest.approx(1 - kappa[1] / kappa[0])


def test_scores_of_any_kind_and_on_any_scale():
    rng = np.random.default_rng(1)
    own = rng.normal(size=50)
    other = own + rng.normal(size=50)
    one, scaled = (video_reliance(k * own, k * own, k * other, np.arange(50)) for k in (1.0, 100.0))
    assert 0 < one.value < 1
    assert one.value == pytest.approx(scaled.value) and one.low == pytest.approx(scaled.low)


def test_a_judge_that_moves_by_itself_is_not_one_that_looks():
    rng = np.random.default_rng(2)
    truth = rng.integers(1, 6, 400)
    own, again, other = (np.clip(truth + rng.integers(-1, 2, 400), 1, 5) for _ in range(3))  # noise, and no look
    found = video_reliance(own, again, other, np.arange(400))
    assert found.low < 0 < found.high and abs(found.value) < 0.1


@pytest.mark.parametrize(
    "own, again, other, reason",
    [
        ([4, 4, 4], [4, 4, 4], [4, 4, 4], "one score for everything"),
        ([1, 3, 5], [5, 3, 1], [1, 1, 1], "no more than by chance"),
        ([], [], [], "no item"),
        ([1.0, np.nan], [np.nan, 2.0], [1.0, 2.0], "no item"),
    ],
)
def test_where_there_is_none(own, again, other, reason):
    found = video_reliance(own, again, other, np.arange(len(own)))
    assert found.value is None and reason in found.reason


def test_missing_scores_are_left_out_and_counted():
    other = [np.nan, *OWN[1:]]
    found = video_reliance(OWN, OWN, other, CLUSTERS)
    assert (found.value, found.n, found.left_out) == (0.0, 7, 1)


def test_one_video_has_no_interval():
    found = video_reliance(OWN, OWN, [1] * 8, np.zeros(8, int))
    assert found.value == 1.0 and found.low is None


@pytest.mark.parametrize("other, value", [(OWN, 0.0), ([3] * 8, 1.0)])
def test_agreement_lost(other, value):
    assert agreement_lost(OWN, OWN, other, CLUSTERS).value == pytest.approx(value)
    worse = [1, 1, 3, 4, 4, 2, 3, 5]  # agrees less than perfectly: what is lost is a share of what there is
    assert agreement_lost(OWN, worse, worse, CLUSTERS).value == pytest.approx(0.0)


def test_no_agreement_to_lose():
    found = agreement_lost([1, 2, 3, 4], [4, 3, 2, 1], [1, 1, 1, 1], np.arange(4))
    assert found.value is None and "no agreement" in found.reason
