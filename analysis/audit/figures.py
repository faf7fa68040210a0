"""An audit as figures, in two steps: report -> info -> plotly Figure. Each shows one mark a judge, with its interval."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from analysis.audit.probes import AGAIN, LOOKING_CHANGES
from analysis.audit.report import AuditReport
from analysis.audit.variant import Probe
from analysis.estimate import Estimate
from workbench.page.figures import SERIES_COLOURS, empty_figure, template

ROW_HEIGHT, MARK_HEIGHT, TITLE_HEIGHT, AXIS_HEIGHT, LEGEND_HEIGHT = 34, 16, 44, 56, 24  # pixels
SPREAD = 0.7  # of a row's height, taken by its judges
LONGEST = 30  # characters of a name
LIFTS: dict[str, tuple[Probe, str]] = {  # words: where the figure is; all are differences of scores
    "padding": ("verbosity", "padded_lift"),
    "the same, longer": ("verbosity", "repeated_lift"),
    "most people agree": ("bandwagon", "bandwagon_lift"),
    "an expert confirms": ("authority", "authority_lift"),
    "cheerful tone": ("sentiment", "cheerful_lift"),
    "gloomy tone": ("sentiment", "gloomy_lift"),
    "orders to the judge": ("injection", "injection_lift"),
}
RATES: dict[str, tuple[Probe, str]] = {  # shares
    "pairs that flip with the order": ("position", "inconsistent"),
    "another wording, another score": ("template", "changed"),
    "two samples agree": ("consistency", "two_agree"),
    "empty response not lower": ("responses", "empty_not_lower"),
    "off-topic response not lower": ("responses", "off_topic_not_lower"),
    "pairs won by an order to the judge": ("injection", "pair_injection_lift"),
}


class Mark(NamedTuple):
    """One figure of one judge: the row it stands in, and its value with interval (None: none)."""

    judge: str
    row: str
    value: float
    low: float | None
    high: float | None
    n: int
    left_out: int


class Marks(NamedTuple):
    """Marks in rows, and what their axis means; `span` is what it shows at least."""

    title: str
    axis: str
    rows: tuple[str, ...]
    marks: tuple[Mark, ...]
    span: tuple[float, float]


def reliance_info(report: AuditReport) -> Marks:
    """Video reliance, one row a judge."""
    judges = tuple(report.judges)
    marks = [_mark(name, name, one.video_reliance) for name, one in report.judges.items()]
    return Marks("Video reliance", "0 ignores it, 1 depends on it", judges, _known(marks), (0, 1))


def looking_info(report: AuditReport) -> Marks:
    """How far scores move when the video is changed, beside asking once more."""
    rows = (AGAIN, *LOOKING_CHANGES)
    return _info("When the video is changed", "mean change, in points", rows, (0, 1), report,
                 lambda row: ("looking", f"moves: {row}"))  # fmt: skip


def lift_info(report: AuditReport) -> Marks:
    """What moves the score besides the truth: differences to a neutral twin."""
    return _info("What else moves the score", "points above its twin", tuple(LIFTS), (-0.5, 0.5), report,
                 LIFTS.__getitem__)  # fmt: skip


def rate_info(report: AuditReport) -> Marks:
    """How steady the judge is, and whether it can tell a response from none."""
    return _info("How steady", "share", tuple(RATES), (0, 1), report, RATES.__getitem__)


def marks_figure(info: Marks) -> go.Figure:
    """A point with its interval for each mark, a colour a judge; without any, a sentence that says so."""
    if not info.marks:
        return empty_figure(f"{info.title}: nothing was measured.")
    judges = list(dict.fromkeys(mark.judge for mark in info.marks))
    side_by_side = tuple(judges) != info.rows and len(judges) > 1  # else every judge has a row of its own
    figure = go.Figure()
    for number, judge in enumerate(judges):
        shift = ((len(judges) - 1) / 2 - number) * SPREAD / len(judges) if side_by_side else 0.0
        figure.add_trace(_trace(judge, [mark for mark in info.marks if mark.judge == judge], number, info.rows, shift))
    figure.add_vline(x=0, line={"width": 1, "color": "#9aa3b2"})
    figure.update_xaxes(title={"text": info.axis, "font": {"size": 12}}, range=_range(info))
    names = [_shortened(row) for row in info.rows]
    places = [-number for number in range(len(names))]
    figure.update_yaxes(tickvals=places, ticktext=names, range=[places[-1] - 0.6, 0.6], automargin=True)
    below = LEGEND_HEIGHT * len(judges) * side_by_side
    row_height = max(ROW_HEIGHT, MARK_HEIGHT * len(judges) * side_by_side)
    return figure.update_layout(
        template=template(), height=row_height * len(names) + TITLE_HEIGHT + AXIS_HEIGHT + below, dragmode=False,
        showlegend=side_by_side,
        title_text=info.title, margin={"b": AXIS_HEIGHT + below},
        legend={"x": 0, "xanchor": "left", "yref": "container", "y": 0, "yanchor": "bottom"},
    )  # fmt: skip


def audit_figures(report: AuditReport) -> list[go.Figure]:
    """All figures of an audit, the most important first."""
    return [marks_figure(info(report)) for info in (reliance_info, looking_info, lift_info, rate_info)]


def _trace(judge: str, marks: Sequence[Mark], number: int, rows: Sequence[str], shift: float) -> go.Scatter:
    colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
    high = [0 if mark.high is None else mark.high - mark.value for mark in marks]
    low = [0 if mark.low is None else mark.value - mark.low for mark in marks]
    told = [f"{mark.row}: {mark.value:.2f}, n {mark.n}" + (f", {mark.left_out} left out" if mark.left_out else "")
            for mark in marks]  # fmt: skip
    return go.Scatter(
        x=[mark.value for mark in marks], y=[shift - rows.index(mark.row) for mark in marks], name=_shortened(judge),
        mode="markers", customdata=told, marker={"color": colour, "size": 9}, hovertemplate="%{customdata}",
        error_x={"type": "data", "array": high, "arrayminus": low, "color": colour, "thickness": 1.5, "width": 4},
    )  # fmt: skip


def _range(info: Marks) -> list[float]:
    """What the axis shows: its span, every mark and interval, and a little room."""
    low = min([info.span[0], *(mark.value if mark.low is None else mark.low for mark in info.marks)])
    high = max([info.span[1], *(mark.value if mark.high is None else mark.high for mark in info.marks)])
    edge = 0.04 * (high - low)
    return [low - edge, high + edge]


def _shortened(name: str) -> str:
    """A name that leaves room on a narrow page, its end kept: that is where judges differ."""
    return name if len(name) <= LONGEST else f"\u2026{name[1 - LONGEST :]}"


def _info(
    title: str, axis: str, rows: tuple[str, ...], span: tuple[float, float], report: AuditReport,
    where: Callable[[str], tuple[Probe, str]],
) -> Marks:  # fmt: skip
    marks = []
    for name, judge in report.judges.items():
        for row in rows:
            probe, figure = where(row)
            marks.append(_mark(name, row, judge.probes.get(probe, {}).get(figure)))
    known = _known(marks)
    there = {mark.row for mark in known}
    return Marks(title, axis, tuple(row for row in rows if row in there), known, span)


def _mark(judge: str, row: str, one: Estimate | None) -> Mark | None:
    if one is None or one.value is None:
        return None
    return Mark(judge, row, one.value, one.low, one.high, one.n, one.left_out)


def _known(marks: Sequence[Mark | None]) -> tuple[Mark, ...]:
    return tuple(mark for mark in marks if mark is not None)
