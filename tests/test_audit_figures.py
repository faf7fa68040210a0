"""Figures of an audit: none, one and many marks; the info holds what the figure shows."""

import pytest

from analysis.audit import AuditReport, JudgeAudit
from analysis.audit.figures import audit_figures, lift_info, looking_info, marks_figure, rate_info, reliance_info
from analysis.estimate import Estimate

NONE = Estimate(None, None, None, 0, 3, 0, "nothing to measure")


def report(**judges):
    found = {name: JudgeAudit(name, 10, {"scored": 10}, probes, {}) for name, probes in judges.items()}
    return AuditReport("run", {}, None, 5, 0, found)


def judge(value):
    one = Estimate(value, value - 0.1, value + 0.1, 24, 2, 12)
    return {
        "looking": {"video_reliance": one, "moves: no video": one, "moves: asked again": Estimate(0.0, None, None, 24)},
        "injection": {"injection_lift": one},
        "position": {"inconsistent": one},
        "responses": {"empty_not_lower": NONE},
    }


INFOS = (reliance_info, looking_info, lift_info, rate_info)


@pytest.mark.parametrize("info", INFOS)
@pytest.mark.parametrize("empty", [report(), report(a={}), report(a={"looking": {"video_reliance": NONE}})])
def test_without_marks_a_sentence_stands_there(info, empty):
    figure = marks_figure(info(empty))
    assert not figure.data and "nothing was measured" in figure.layout.annotations[0].text


@pytest.mark.parametrize(
    "info, rows",
    [
        (reliance_info, ("a",)),
        (looking_info, ("asked again", "no video")),
        (lift_info, ("orders to the judge",)),
        (rate_info, ("pairs that flip with the order",)),
    ],
)
def test_one_judge(info, rows):
    found = info(report(a=judge(0.4)))
    assert found.rows == rows
    assert [mark.row for mark in found.marks] == list(rows)
    assert found.marks[-1][2:] == (0.4, pytest.approx(0.3), pytest.approx(0.5), 24, 2)
    figure = marks_figure(found)
    (trace,) = figure.data
    assert list(trace.x)[-1] == 0.4 and list(trace.error_x.array)[-1] == pytest.approx(0.1)
    assert trace.customdata[-1] == f"{rows[-1]}: 0.40, n 24, 2 left out"
    assert list(trace.y) == [-float(place) for place in range(len(rows))]
    assert not figure.layout.showlegend


def test_many_judges_have_a_colour_each_and_fit():
    many = report(**{f"judge {n}": judge(n / 4) for n in range(8)})
    figures = audit_figures(many)
    assert len(figures) == len(INFOS)
    for figure in figures:
        assert len(figure.data) == 8
        low, high = figure.layout.xaxis.range
        assert low <= -0.1 and high >= 1.85
    assert figures[1].layout.showlegend and not figures[0].layout.showlegend


def test_judges_stand_beside_each_other_and_keep_their_values():
    two = marks_figure(lift_info(report(a=judge(0.2), **{"hf:an-owner/" + "a-long-name" * 3: judge(0.4)})))
    assert [list(trace.x) for trace in two.data] == [[0.2], [0.4]]
    assert two.data[0].y[0] > two.data[1].y[0] and two.data[0].y[0] == -two.data[1].y[0]
    assert two.data[1].name.startswith("\u2026") and len(two.data[1].name) == 30


def test_a_mark_without_an_interval_has_no_arms():
    found = looking_info(report(a=judge(0.4)))
    assert found.marks[0].low is None
    assert list(marks_figure(found).data[0].error_x.array)[0] == 0
