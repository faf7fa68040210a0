"""Figures of confidence, in two steps: reliability diagram and risk-coverage curves."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from analysis.calibrate import Confidence
from analysis.figures import INK, MARK, bounds, laid_out, shortened
from workbench.page.figures import SERIES_COLOURS, empty_figure

# Okabe and Ito's colours, told apart with any colour vision; dashes and marks tell them apart without colour.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SIDE = 300  # pixels


class ReliabilityPoint(NamedTuple):
    """One bin: mean confidence, accuracy with its interval, and rows."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


class ReliabilityInfo(NamedTuple):
    """A judge's reliability diagram; `told` is its ECE in words."""

    title: str
    points: tuple[ReliabilityPoint, ...]
    told: str


class RiskCurve(NamedTuple):
    """One judge: of the rows kept (coverage, shares), the share that is wrong (risk); `told` is its area in words."""

    label: str
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    told: str


class RiskInfo(NamedTuple):
    """Risk-coverage curves of all judges that tell probabilities."""

    title: str
    curves: tuple[RiskCurve, ...]


# -- findings to info


def reliability_info(judge: str, confidence: Confidence | None) -> ReliabilityInfo:
    """The bins that have rows; none for a judge without probabilities."""
    if confidence is None:
        return ReliabilityInfo(judge, (), "")
    points = tuple(ReliabilityPoint(one.confidence, *bounds(one.accuracy), one.accuracy.n) for one in confidence.bins)
    return ReliabilityInfo(judge, points, f"ECE {confidence.ece} · n {confidence.n}")


def risk_info(title: str, judges: Mapping[str, Confidence | None]) -> RiskInfo:
    """A curve for every judge that tells probabilities."""
    curves = []
    for name, found in judges.items():
        if found is not None and found.curve.points:
            coverage, risk = zip(*((one.coverage, one.risk) for one in found.curve.points), strict=True)
            curves.append(RiskCurve(name, coverage, risk, f"area {found.curve.aurc} · n {found.n}"))
    return RiskInfo(title, tuple(curves))


# -- info to figure


def reliability_figure(info: ReliabilityInfo) -> go.Figure:
    """Accuracy by confidence with intervals; on the dotted line a judge is as often right as it is sure."""
    if not info.points:
        return empty_figure("This judge tells no probabilities.")
    most = max(point.n for point in info.points)
    errors = {"type": "data", "symmetric": False, "array": [point.high - point.accuracy for point in info.points],
              "arrayminus": [point.accuracy - point.low for point in info.points], "color": INK, "width": 4}  # fmt: skip
    figure = go.Figure(
        go.Scatter(x=[point.confidence for point in info.points], y=[point.accuracy for point in info.points],
                   mode="lines+markers", error_y=errors, line_color=INK, hoverinfo="text",
                   marker={"size": [7 + 13 * (point.n / most) ** 0.5 for point in info.points], "color": INK},
                   hovertext=[f"sure {point.confidence:.0%}, right {point.accuracy:.0%}<br>n {point.n}"
                              for point in info.points])
    )  # fmt: skip
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": MARK, "width": 2})
    figure.add_annotation(text=escape(info.told), x=0.02, y=1.02, xref="paper", yref="paper", showarrow=False,
                          xanchor="left", yanchor="bottom", font_size=11)  # fmt: skip
    _unit_axes(figure, "confidence", "right")
    return laid_out(figure, SIDE, shortened(info.title), legend=True).update_layout(showlegend=False)


def risk_figure(info: RiskInfo) -> go.Figure:
    """Share of wrong verdicts when only the surest are kept, a line a judge."""
    if not info.curves:
        return empty_figure("No judge tells probabilities.")
    figure = go.Figure()
    for place, curve in enumerate(info.curves):
        line = {"color": SERIES_COLOURS[place % len(SERIES_COLOURS)], "dash": DASHES[place % len(DASHES)], "width": 2.5}
        figure.add_scatter(x=curve.coverage, y=curve.risk, name=f"{escape(shortened(curve.label))}: {escape(curve.told)}",
                           mode="lines+markers" if len(curve.risk) < 3 else "lines", line=line,
                           hovertemplate="kept %{x:.0%}: wrong %{y:.1%}<extra></extra>")  # fmt: skip
    _unit_axes(figure, "share of verdicts kept, the surest first", "wrong")
    figure.update_yaxes(range=[0, max(0.05, 1.1 * max(max(curve.risk) for curve in info.curves))])
    figure = laid_out(figure, SIDE + 24 * len(info.curves), info.title, legend=True)
    legend = {"orientation": "v", "y": -0.2, "yanchor": "top", "x": 0, "font_size": 11}
    return figure.update_layout(legend=legend, margin_t=48)


def _unit_axes(figure: go.Figure, across: str, up: str) -> None:
    grid = {"showgrid": True, "gridcolor": "rgba(128,128,128,0.25)", "tickformat": ".0%", "range": [0, 1.04]}
    figure.update_xaxes(title=across, nticks=6, **grid)
    figure.update_yaxes(title={"text": up, "font": {"size": 12}}, automargin=True, **grid)
