"""An audit as figures, in two steps: report -> info -> plotly Figure. Each shows one mark a judge, with its interval."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from analysis.audit.probes import AGAIN, LOOKING_CHANGES
from analysis.audit.report import AuditReport
from analysis.audit.variant import Probe
from analysis.estimate import Estimate
from workbench.page.figures import empty_figure, template

ROW_HEIGHT, FRAME_HEIGHT = 34, 110  # pixels
COLOURS = ("#3b6fd4", "#c2571a", "#2f8f5b", "#8a4fb5", "#b03a5b", "#6b7280")
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
    return Marks("Video reliance", "0: does not look; 1: another video, another score", judges, _known(marks), (0, 1))


def looking_info(report: AuditReport) -> Marks:
    """How far scores move when the video is changed, beside asking once more."""
    rows = (AGAIN, *LOOKING_CHANGES)
    return _info("When the video is changed", "mean change of a score, in points", rows, (0, 1), report,
                 lambda row: ("looking", f"moves: {row}"))  # fmt: skip


def lift_info(report: AuditReport) -> Marks:
    """What moves the score besides the truth: differences to a neutral twin."""
    return _info("What else moves the score", "points above the twin without it", tuple(LIFTS), (-0.5, 0.5), report,
                 LIFTS.__getitem__)  # fmt: skip


def rate_info(report: AuditReport) -> Marks:
    """How steady the judge is, and whether it can tell a response from none."""
    return _info("How steady", "share", tuple(RATES), (0, 1), report, RATES.__getitem__)


def marks_figure(info: Marks) -> go.Figure:
    """A point with its interval for each mark, a colour a judge; without any, a sentence that says so."""
    if not info.marks:
        return empty_figure(f"{info.title}: nothing was measured.")
    figure = go.Figure()
    judges = list(dict.fromkeys(mark.judge for mark in info.marks))
    for number, judge in enumerate(judges):
        figure.add_trace(_trace(judge, [mark for mark in info.marks if mark.judge == judge], number))
    low = min([info.span[0], *(mark.value if mark.low is None else mark.low for mark in info.marks)])
    high = max([info.span[1], *(mark.value if mark.high is None else mark.high for mark in info.marks)])
    edge = 0.04 * (high - low)
    figure.add_vline(x=0, line={"width": 1, "color": "#9aa3b2"})
    figure.update_xaxes(title={"text": info.axis, "font": {"size": 12}}, range=[low - edge, high + edge])
    figure.update_yaxes(categoryorder="array", categoryarray=list(info.rows)[::-1], automargin=True)
    several = len(judges) > 1 and set(judges) != set(info.rows)
    return figure.update_layout(
        template=template(), height=ROW_HEIGHT * len(info.rows) + FRAME_HEIGHT, dragmode=False, showlegend=several,
        scattermode="group", title={"text": info.title, "font": {"size": 14}}, legend={"orientation": "h", "y": -0.3},
    )  # fmt: skip


def audit_figures(report: AuditReport) -> list[go.Figure]:
    """All figures of an audit, the most important first."""
    return [marks_figure(info(report)) for info in (reliance_info, looking_info, lift_info, rate_info)]


def _trace(judge: str, marks: Sequence[Mark], number: int) -> go.Scatter:
    colour = COLOURS[number % len(COLOURS)]
    high = [0 if mark.high is None else mark.high - mark.value for mark in marks]
    low = [0 if mark.low is None else mark.value - mark.low for mark in marks]
    told = [f"n {mark.n}" + (f", {mark.left_out} left out" if mark.left_out else "") for mark in marks]
    return go.Scatter(
        x=[mark.value for mark in marks], y=[mark.row for mark in marks], name=judge, mode="markers", customdata=told,
        marker={"color": colour, "size": 9}, hovertemplate="%{y}: %{x:.2f}<br>%{customdata}<extra>%{fullData.name}</extra>",
        error_x={"type": "data", "array": high, "arrayminus": low, "color": colour, "thickness": 1.5, "width": 4},
    )  # fmt: skip


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
