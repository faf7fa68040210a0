"""Loss curves of a run, in two steps: metrics.jsonl -> what is drawn -> plotly figure."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.page.figures import SERIES_COLOURS, TITLE_HEIGHT, empty_figure, template

MOST_POINTS = 400  # of a curve; longer ones are drawn as means over as many stretches
HEIGHT, BETWEEN = 190, 74  # pixels of a panel, and of title and axis between two
NOT_CURVES = ("step", "seconds", "stage")
VALIDATION = "validation_"
TRAIN_COLOUR, VALIDATION_COLOUR = SERIES_COLOURS[:2]


class Curve(NamedTuple):
    """Points of one figure over one stage's steps; `validation` ones were measured on rows that are not trained on."""

    stage: str
    validation: bool
    steps: tuple[float, ...]
    values: tuple[float, ...]


def figure_names(metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures that can be drawn, the loss first. Training and validation of one name are one."""
    names = {
        name.removeprefix(VALIDATION): None
        for line in metrics
        for name, value in line.items()
        if name not in NOT_CURVES and isinstance(value, (int, float))
    }
    return sorted(names, key=lambda name: (name != "loss", list(names).index(name)))


def curves(metrics: Sequence[Mapping[str, Any]], name: str) -> list[Curve]:
    """The curves of a figure: for each stage, in training and in validation, where there are points."""
    found: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for line in metrics:
        for validation, key in ((False, name), (True, VALIDATION + name)):
            if isinstance(line.get(key), (int, float)):
                place = (str(line.get("stage", "")), validation)
                found.setdefault(place, []).append((float(line["step"]), float(line[key])))
    return [Curve(*place, *zip(*_thinned(points), strict=True)) for place, points in found.items()]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    width = -(-len(points) // MOST_POINTS)
    stretches = [points[start : start + width] for start in range(0, len(points), width)]
    return [(stretch[-1][0], fmean(value for _, value in stretch)) for stretch in stretches]


def curve_figure(found: Sequence[Curve], name: str) -> go.Figure:
    """A panel for each stage, one under the other; training as a line, validation as a line with points."""
    stages = list(dict.fromkeys(curve.stage for curve in found))
    if not stages:
        return empty_figure(f"No {_words(name)} has been logged yet.")
    several = len(stages) > 1
    inside = len(stages) * HEIGHT + (len(stages) - 1) * BETWEEN
    titles = [f"{_words(name)}: {stage}" if several else _words(name) for stage in stages]
    figure = make_subplots(len(stages), 1, subplot_titles=titles, vertical_spacing=BETWEEN / inside if several else 0)
    told: set[bool] = set()
    for curve in found:
        figure.add_trace(_line(curve, curve.validation not in told), row=stages.index(curve.stage) + 1, col=1)
        told.add(curve.validation)
    figure.update_annotations(font_size=13, x=0, xanchor="left")
    figure.update_layout(template=template(), height=inside + TITLE_HEIGHT + 84, dragmode=False, hovermode="x unified",
                         margin={"l": 8, "r": 12, "t": TITLE_HEIGHT, "b": 74}, showlegend=True,
                         legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"})  # fmt: skip
    figure.update_xaxes(title="", nticks=6, automargin=True)
    figure.update_xaxes(title={"text": "step", "font": {"size": 13}}, title_standoff=4, row=len(stages), col=1)
    figure.update_yaxes(automargin=True, nticks=5, showgrid=True, gridcolor="rgba(120,130,145,0.22)")
    return figure


def _line(curve: Curve, in_legend: bool) -> go.Scatter:
    colour, words = (VALIDATION_COLOUR, "validation") if curve.validation else (TRAIN_COLOUR, "training")
    few = curve.validation or len(curve.steps) < 2
    return go.Scatter(
        x=list(curve.steps), y=list(curve.values), name=words, legendgroup=words, showlegend=in_legend,
        mode="lines+markers" if few else "lines", line={"color": colour, "width": 2}, marker={"size": 6},
        hovertemplate="%{y:.4g}",
    )  # fmt: skip


def _words(name: str) -> str:
    return {"lr": "learning rate"}.get(name, name.replace("_", " "))
