"""Figures of inference-time scaling, in two steps: a figure over the number of samples, a line for each way of joining them."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from analysis.figures import bounds, laid_out, shortened
from analysis.figures_confidence import DASHES
from analysis.scaling import ScalePoint
from workbench.page.figures import SERIES_COLOURS, empty_figure

HEIGHT, LEGEND_ROW = 260, 24  # pixels
APART = 0.06  # samples by which the whiskers of two lines are moved aside


class ScalingLine(NamedTuple):
    """One way of joining samples: K ascending, and value, low and high at each."""

    way: str
    samples: tuple[int, ...]
    values: tuple[tuple[float, float, float], ...]


class ScalingInfo(NamedTuple):
    """A judge's lines of one figure."""

    title: str
    figure: str
    lines: tuple[ScalingLine, ...]


def scaling_info(judge: str, points: Sequence[ScalePoint], figure: str) -> ScalingInfo:
    """The points that have a value, by way."""
    lines = []
    for way in dict.fromkeys(point.way for point in points):
        known = [(point.k, point.figures[figure]) for point in points
                 if point.way == way and point.figures[figure].value is not None]  # fmt: skip
        if known:
            lines.append(ScalingLine(way, tuple(k for k, _ in known), tuple(bounds(one) for _, one in known)))
    return ScalingInfo(judge, figure.replace("_", " "), tuple(lines))


def scaling_figure(info: ScalingInfo) -> go.Figure:
    """Lines over K with intervals; whiskers of different ways stand side by side."""
    if not info.lines:
        return empty_figure("No figure over the number of samples: none has a value.")
    figure = go.Figure()
    for place, line in enumerate(info.lines):
        aside = (place - (len(info.lines) - 1) / 2) * APART
        values, lows, highs = zip(*line.values, strict=True)
        colour = SERIES_COLOURS[place % len(SERIES_COLOURS)]
        figure.add_scatter(x=[k + aside for k in line.samples], y=values, name=line.way, mode="lines+markers",
                           line={"color": colour, "dash": DASHES[place % len(DASHES)], "width": 2}, marker_size=7,
                           error_y={"type": "data", "symmetric": False, "color": colour, "width": 3, "thickness": 1.2,
                                    "array": [high - value for value, high in zip(values, highs, strict=True)],
                                    "arrayminus": [value - low for value, low in zip(values, lows, strict=True)]},
                           customdata=line.samples, hovertemplate="K %{customdata}: %{y:.3f}<extra></extra>")  # fmt: skip
    ticks = sorted({k for line in info.lines for k in line.samples})
    figure.update_xaxes(title="samples joined (K)", tickvals=ticks)
    figure.update_yaxes(title={"text": info.figure, "font": {"size": 12}}, automargin=True, showgrid=True,
                        gridcolor="rgba(128,128,128,0.25)")  # fmt: skip
    figure = laid_out(figure, HEIGHT + LEGEND_ROW * len(info.lines), shortened(info.title), legend=True)
    return figure.update_layout(legend={"orientation": "v", "y": -0.3, "yanchor": "top", "x": 0, "font_size": 11})
