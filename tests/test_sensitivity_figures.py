"""Figures of a sweep: cells to info, info to plotly, on none, one and many."""

import pytest

from analysis.estimate import Estimate
from analysis.matching import Coverage
from analysis.records import Records
from analysis.sensitivity_figures import (
    CurveInfo,
    curve_figure,
    figures_there,
    frames_info,
    map_figure,
    map_info,
    temperature_info,
)
from analysis.sweep_cells import CellFigures, Cost, SweepResult
from analysis.sweep_grid import Sweep

COST = Cost(100.0, 50.0, 0.5, 800.0, 4.0)
COVERAGE = Coverage(8)


def cell(place, value, state="measured", low=0.4, high=0.9):
    reason = "made for at most 8 frames" if state == "refused" else ""
    estimates = {"spearman": Estimate(value, low, high, 8, 1, 4), "mae": Estimate(1 - (value or 0), None, None, 8)}
    estimates["spread"] = Estimate(None, None, None, 0, 8, 0, "one sample: ask for more")
    return CellFigures(place, state, reason, 1, 8, 2, COVERAGE, estimates if state == "measured" else {}, COST)


@pytest.fixture
def found():
    """Two judges, two temperatures, two frame counts; the second judge refuses 16 frames; one cell waits."""
    sweep = Sweep(("a", "b<i>"), (0, 1), (8, 16), samples=1)
    states = {("b<i>", 16): "refused", ("a", 16): "measured"}
    cells = []
    for number, place in enumerate(sweep.cells):
        state = states.get((place.judge, place.frames), "measured")
        cells.append(cell(place, 0.5 + number / 20, "waiting" if number == 3 else state))
    return SweepResult(sweep, "pointwise", "human", cells, {}, Records({}, [], []))


def test_a_curve_over_temperatures_is_of_one_frame_count(found):
    info = temperature_info(found, "spearman", 8)
    assert info.title == "Spearman with the labels by temperature, at 8 frames"
    assert {judge: [(p.x, p.value, p.cell) for p in points] for judge, points in info.curves.items()} == {
        "a": [(0.0, 0.5, 0), (1.0, 0.55, 1)], "b<i>": [(0.0, 0.7, 4), (1.0, 0.75, 5)],
    }  # fmt: skip
    assert info.curves["a"][0].told.endswith("0.500 [0.400, 0.900], n 8, 1 left out, 2 of 8 clips shorter")


def test_a_curve_over_frames_leaves_out_what_is_not_there(found):
    info = frames_info(found, "spearman", 1.0)
    assert [p.x for p in info.curves["a"]] == [8] and [p.x for p in info.curves["b<i>"]] == [8]
    assert frames_info(found, "spread", 1.0).missing == "one sample: ask for more"


def test_bands_stand_behind_lines_and_points_know_their_cell(found):
    figure = curve_figure(temperature_info(found, "spearman", 8))
    band, line = figure.data[:2]
    assert list(band.y) == [0.9, 0.9, 0.4, 0.4] and band.fill == "toself"
    assert list(line.customdata) == [0, 1] and figure.layout.showlegend
    assert "<i>" not in line.hovertemplate.replace("<br>", "")


def test_one_point_has_a_line_for_its_interval_and_none_without_one(found):
    assert [trace.mode for trace in curve_figure(frames_info(found, "spearman", 1.0)).data[:2]] == [
        "lines",
        "lines+markers",
    ]
    assert len(curve_figure(frames_info(found, "mae", 1.0)).data) == 2  # of two judges, no band


def test_the_map_marks_what_it_has_no_value_of(found):
    info = map_info(found, "spearman", "a")
    assert info.frames == ["16", "8"] and info.temperatures == ["0", "1"]
    assert info.values == [[pytest.approx(0.6), None], [0.5, pytest.approx(0.55)]]
    assert info.texts == [["0.60", "…"], ["0.50", "0.55"]] and info.cells == [[2, 3], [0, 1]]
    refused = map_info(found, "spearman", "b<i>")
    assert refused.texts[0] == ["cannot", "cannot"] and "at most 8 frames" in refused.hovers[0][0]


def test_darker_is_better(found):
    assert map_figure(map_info(found, "mae", "a")).data[0].reversescale is True
    drawn = map_figure(map_info(found, "spearman", "a"))
    assert drawn.data[0].reversescale is False and [note.text for note in drawn.layout.annotations] == ["…"]


@pytest.mark.parametrize(("figure", "sentence"), [
    (lambda found: curve_figure(CurveInfo("t", "frames", {})), "No verdict yet."),
    (lambda found: curve_figure(frames_info(found, "spread", 0.0)), "Nothing to draw: one sample: ask for more."),
    (lambda found: map_figure(map_info(found, "spread", "a")), "No cell of this judge has a value"),
])  # fmt: skip
def test_a_figure_without_data_says_so(found, figure, sentence):
    assert sentence in figure(found).layout.annotations[0].text


def test_only_figures_with_a_value_are_offered(found):
    assert figures_there(found) == ["spearman", "mae"]
