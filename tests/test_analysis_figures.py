"""Figures of the report, half by half: findings -> info by hand calculation, info -> figure for nothing, one, many."""

import numpy as np
import pytest

from analysis.agreement import errors_by_rating
from analysis.calibrate import calibrate
from analysis.estimate import Estimate
from analysis.figures import (
    ConfusionInfo,
    confusion_figure,
    confusion_info,
    errors_figure,
    errors_info,
    forest_figure,
    forest_info,
    shortened,
    spread_figure,
    spread_info,
)
from analysis.figures_confidence import (
    DASHES,
    reliability_figure,
    reliability_info,
    risk_figure,
    risk_info,
)
from analysis.figures_scaling import scaling_figure, scaling_info
from analysis.matching import Coverage, Matched
from analysis.records import item_facts, records_of
from analysis.scaling import ScalePoint
from analysis.sections import best_of
from workbench.page.figures import SERIES_COLOURS, template
from workbench.schema import Item, Judgment, Video

EVIL = "<img src=x onerror=alert(1)></script>"


def matched(scores, gold) -> Matched:
    scores, gold = np.array(scores, float), np.array(gold, float)
    rows = [(str(place), 0) for place in range(len(scores))]
    return Matched(scores, gold, np.arange(len(scores)), rows, Coverage(len(scores)))


def estimate(value, low=None, high=None, n=10) -> Estimate:
    return Estimate(value, low, high, n, 2, n, None if value is not None else "constant ratings")


# -- forest


@pytest.mark.parametrize(("first", "second", "said"), [
    (estimate(0.9, 0.8, 1.0), estimate(0.5, 0.4, 0.6), "left out."),
    (estimate(0.9, 0.5, 1.0), estimate(0.5, 0.4, 0.6), "Its interval overlaps that of far; the paired tests below say more."),
    (estimate(1.0, 1.0, 1.0), estimate(0.5, 0.4, 0.6), "left out."),  # an interval without width is one
    (estimate(0.9), estimate(0.5), "there is no interval for near and far."),
    (estimate(0.9, 0.8, 1.0), estimate(0.5), "there is no interval for far."),
])  # fmt: skip
def test_the_best_is_said_with_caution_unless_its_interval_is_apart(first, second, said):
    assert best_of(forest_info("r", {"near": first, "far": second}, "high"), "r").endswith(said)


def test_forest_has_the_best_on_top_and_says_who_has_no_value():
    judges = {"far": estimate(1.0, 0.5, 1.5), "none": estimate(None), "near": estimate(0.5)}
    info = forest_info("MAE", judges, "low")
    assert [row.label for row in info.rows] == ["near", "far"]
    assert info.rows[0][1:4] == (0.5, 0.5, 0.5) and "n 10, 2 left out" in info.rows[0].told
    assert info.missing == ("none: constant ratings",)
    assert [row.label for row in forest_info("r", judges, "high").rows] == ["far", "near"]
    bias = forest_info("bias", {"kind": estimate(0.4), "strict": estimate(-0.1)}, "zero", 0.0)
    assert [row.label for row in bias.rows] == ["strict", "kind"]


def test_forest_draws_intervals_and_escapes_names():
    figure = forest_figure(forest_info("MAE", {EVIL: estimate(1.0, 0.5, 1.75)}, "low", 0.0))
    points = figure.data[0]
    assert list(points.x) == [1.0] and list(points.error_x.array) == [0.75] and list(points.error_x.arrayminus) == [0.5]
    assert "<img" not in str([note.text for note in figure.layout.annotations]) + str(points.hovertext)
    page = figure.to_html(full_html=False, include_plotlyjs=False)
    assert page.count("</script>") == 1 and "<img" not in page


def test_long_names_keep_both_ends():
    name = "hf:Qwen/Qwen2.5-VL-7B-Instruct+adapters/one [prompt=pointwise@1]"
    assert len(shortened(name)) <= 38 and shortened(name).startswith("hf:Qwen") and shortened(name).endswith("@1]")
    assert shortened("short") == "short"


# -- ratings


def test_confusion_counts_gold_against_given_with_halves_up():
    info = confusion_info("judge", matched([1, 2, 2, 3, 2.5], [1, 1, 2, 3, 2.5]))
    assert info.gold == (3, 2, 1) and info.given == (1, 2, 3)
    assert info.counts == ((0, 0, 2), (0, 1, 0), (1, 1, 0))
    assert info.shares[2] == (0.5, 0.5, 0.0)


@pytest.mark.parametrize("scores", [[], [0.0, 87.5]])
def test_ratings_that_are_no_levels_have_no_confusion(scores):
    info = confusion_info("judge", matched(scores, scores))
    assert info == ConfusionInfo("judge", (), (), (), ())
    assert "no levels" in confusion_figure(info).layout.annotations[0].text


def test_errors_are_shares_of_each_gold_rating():
    one = matched([5, 5, 1, 3], [1, 1, 3, 3])
    info = errors_info("judge", errors_by_rating(one.scores, one.gold, one.clusters))
    assert info.ratings == ("gold 1, n 2", "gold 3, n 2")
    assert [share[0] for share in info.over] == [1.0, 0.0] and [share[0] for share in info.under] == [0.0, 0.5]
    figure = errors_figure(info)
    assert list(figure.data[0].x) == [0.0, -0.5] and list(figure.data[1].x) == [1.0, 0.0]
    assert not any("−" in text or "-" in text for text in figure.layout.xaxis.ticktext)


def test_spread_counts_every_rating_in_its_colour():
    info = spread_info(
        "Ratings", {"gold": np.array([1, 2, 2, 5]), "metric": np.array([0.0, 80.0]), "none": np.empty(0)}
    )
    assert info.raters == ("gold · n 4",) and info.ratings == (1, 2, 3, 4, 5)
    assert info.shares == ((0.25, 0.5, 0.0, 0.0, 0.25),)
    assert len({bar.marker.color for bar in spread_figure(info).data}) == 5


# -- confidence


def records(sure: float, right: int, wrong: int):
    """A judge that is right and wrong so often at one confidence."""
    items, judgments = {}, []
    for place in range(right + wrong):
        item = Item(Video(f"v{place}"), "What?", (f"r{place}",))
        items[item.id] = item_facts(item)
        judgments.append(Judgment(item.id, "human:a", "label", "scored", score=5.0 if place < right else 1.0))
        judgments.append(Judgment(item.id, "judge", "p", "scored", score=5.0, probs={"5": sure, "1": 1 - sure}))
    return records_of(items, judgments)


def test_reliability_and_risk_are_what_calibrate_found():
    found = calibrate(records(0.75, right=3, wrong=1))["judge"].ratings.confidence
    info = reliability_info("judge", found)
    assert len(info.points) == 1 and info.points[0][:2] == (0.75, 0.75) and info.points[0].n == 4
    figure = reliability_figure(info)
    assert list(figure.data[0].y) == [0.75] and figure.layout.shapes[0].line.dash == "dot"
    risk = risk_info("Wrong", {"judge": found, "silent": None})
    assert [curve.label for curve in risk.curves] == ["judge"]
    assert risk.curves[0].coverage == (1.0,) and risk.curves[0].risk == (0.25,)
    assert len(risk_figure(risk).data) == 1


def test_curves_differ_in_more_than_colour():
    assert len(set(SERIES_COLOURS)) == len(set(DASHES)) == len(SERIES_COLOURS) == len(DASHES)


@pytest.mark.parametrize("figure", [
    forest_figure(forest_info("MAE", {}, "low")),
    confusion_figure(ConfusionInfo("judge", (), (), (), ())),
    errors_figure(errors_info("judge", [])),
    spread_figure(spread_info("Ratings", {})),
    reliability_figure(reliability_info("judge", None)),
    risk_figure(risk_info("Wrong", {"judge": None})),
])  # fmt: skip
def test_a_figure_without_data_says_so_in_a_sentence(figure):
    assert not figure.data and figure.layout.annotations[0].text.endswith(".")
    assert figure.layout.template.layout.font.family == template().layout.font.family


# -- scaling


def test_a_line_a_way_over_the_samples_that_have_a_value():
    points = [ScalePoint(1, 3, "mean", {"mae": estimate(0.9, 0.7, 1.1)}),
              ScalePoint(2, 3, "mean", {"mae": estimate(0.8)}),
              ScalePoint(1, 3, "median", {"mae": estimate(None)}),
              ScalePoint(2, 3, "majority", {"mae": estimate(0.7)})]  # fmt: skip
    info = scaling_info(EVIL, points, "mae")
    assert [(line.way, line.samples) for line in info.lines] == [("mean", (1, 2)), ("majority", (2,))]
    assert info.lines[0].values == ((0.9, 0.7, 1.1), (0.8, 0.8, 0.8))
    figure = scaling_figure(info)
    assert [trace.name for trace in figure.data] == ["mean", "majority"] and list(figure.layout.xaxis.tickvals) == [
        1,
        2,
    ]
    assert figure.data[0].error_y.array[0] == pytest.approx(0.2) and EVIL not in figure.to_html()


def test_no_sample_is_a_sentence():
    assert "none has a value" in scaling_figure(scaling_info("judge", [], "mae")).layout.annotations[0].text
