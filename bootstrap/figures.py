"""Figures of the audit, in two steps: findings -> info -> plotly Figure. Empty data gives an empty figure with a sentence."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from bootstrap.acceptance import Matrix, Stage, Yield
from bootstrap.chats import TARGETS
from bootstrap.gold_distance import Distance
from bootstrap.leaks import Probe
from workbench.page.figures import SHARE_SCALE, empty_figure, template
from workbench.page.ratings import rating_colour

ROW_HEIGHT, ROOM = 38, 90  # pixels
ACCEPTED, REJECTED, UNREADABLE = "#2567b3", "#d5822a", "#8b919d"
VERDICT_COLOURS = {"leaks": "#a8430a", "unsure": "#8b919d", "does not leak": "#2567b3", "too few videos": "#8b919d"}


class FunnelInfo(NamedTuple):
    """Responses by round and target: how many were accepted, rejected and not rated readably."""

    labels: tuple[str, ...]
    accepted: tuple[int, ...]
    rejected: tuple[int, ...]
    unreadable: tuple[int, ...]


class MatrixInfo(NamedTuple):
    """Counts by target (rows) and rating given (columns), with each row's shares; the last column is "unreadable"."""

    title: str
    targets: tuple[int, ...]
    given: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float, ...], ...]


class IntervalInfo(NamedTuple):
    """Values with their intervals, beside the value that guessing would reach; texts say what each came to."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    marks: tuple[float | None, ...]
    texts: tuple[str, ...]
    colours: tuple[str, ...]


# -- findings to info


def funnel_info(stages: Sequence[Stage]) -> FunnelInfo:
    """What becomes of the responses of each round and target."""
    return FunnelInfo(
        tuple(f"round {stage.round}, target {stage.target}" for stage in stages),
        tuple(stage.accepted for stage in stages),
        tuple(stage.shown - stage.accepted - stage.unreadable for stage in stages),
        tuple(stage.unreadable for stage in stages),
    )


def matrix_info(matrix: Matrix) -> MatrixInfo:
    """Target against given, the highest rating first."""
    counts = tuple(
        (*(matrix.counts[target][given] for given in TARGETS), matrix.unreadable[target]) for target in TARGETS
    )
    shares = tuple(tuple(count / max(sum(row), 1) for count in row) for row in counts)
    return MatrixInfo(
        f"Target against given, {matrix.name}", TARGETS, (*map(str, TARGETS), "unreadable"), counts, shares
    )


def leak_info(probes: Sequence[Probe]) -> IntervalInfo:
    """Accuracy of the probes that had rows enough, beside chance."""
    shown = [probe for probe in probes if probe.accuracy.value is not None]
    return IntervalInfo(
        tuple(f"{probe.sees} → {probe.tells}, {probe.rows}:<br>{probe.verdict}" for probe in shown),
        *_bounds([probe.accuracy for probe in shown]),
        tuple(probe.chance for probe in shown),
        tuple(f"{probe.accuracy.value:.0%}" for probe in shown),
        tuple(VERDICT_COLOURS[probe.verdict] for probe in shown),
    )


def distance_info(distance: Distance) -> IntervalInfo:
    """A metric's mean by rating; empty without a complete set."""
    shown = {rating: one for rating, one in distance.by_rating.items() if one.value is not None}
    return IntervalInfo(
        tuple(f"rating {rating}" for rating in shown),
        *_bounds(list(shown.values())),
        (None,) * len(shown),
        tuple(f"{one.value:.1f}" for one in shown.values()),
        tuple(rating_colour(rating) for rating in shown),
    )


def yield_info(yields: Sequence[Yield]) -> IntervalInfo:
    """The share of complete sets after each round."""
    shown = [one for one in yields if one.share.value is not None]
    return IntervalInfo(
        tuple(f"round {one.round}" for one in shown),
        *_bounds([one.share for one in shown]),
        (None,) * len(shown),
        tuple(f"{one.share.value:.0%}" for one in shown),
        (ACCEPTED,) * len(shown),
    )


def _bounds(estimates) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Values, lows and highs; a value without an interval stands for its own."""
    values = tuple(one.value for one in estimates)
    lows = tuple(one.value if one.low is None else one.low for one in estimates)
    return values, lows, tuple(one.value if one.high is None else one.high for one in estimates)


# -- info to figure


def funnel_figure(info: FunnelInfo) -> go.Figure:
    """Stacked bars, a row for each round and target, the first round on top."""
    if not info.labels:
        return empty_figure("No response has been evaluated yet.")
    figure = go.Figure()
    for name, counts, colour in (
        ("accepted", info.accepted, ACCEPTED),
        ("rejected", info.rejected, REJECTED),
        ("not rated readably", info.unreadable, UNREADABLE),
    ):
        texts = [str(count) if count else "" for count in counts]
        figure.add_bar(
            x=counts, y=info.labels, name=name, orientation="h", marker_color=colour, text=texts,
            textposition="inside", hovertemplate="%{y}: %{x} " + name + "<extra></extra>",
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="responses")
    laid_out = _laid_out(figure, len(info.labels), "Responses by round and target")
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"}
    return laid_out.update_layout(barmode="stack", showlegend=True, legend=legend, margin_t=ROOM)


def matrix_figure(info: MatrixInfo) -> go.Figure:
    """A heat map of the shares of each target, with the counts written in it."""
    if not any(map(sum, info.counts)):
        return empty_figure("No response has been evaluated yet.")
    figure = go.Figure(
        go.Heatmap(
            z=info.shares,
            x=info.given,
            y=[f"target {target}" for target in info.targets],
            text=info.counts,
            texttemplate="%{text}",
            zmin=0,
            zmax=1,
            colorscale=SHARE_SCALE,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, given %{x}: %{text}, %{z:.0%}<extra></extra>",
        )  # fmt: skip
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(type="category", title="rating given")
    return _laid_out(figure, 6, info.title)


def interval_figure(info: IntervalInfo, title: str, empty: str, percent: bool = False) -> go.Figure:
    """Bars with intervals, a dashed mark where guessing would be."""
    if not info.labels:
        return empty_figure(empty)
    above = [high - value for high, value in zip(info.highs, info.values, strict=True)]
    below = [value - low for low, value in zip(info.lows, info.values, strict=True)]
    errors = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": "#646d7d"}
    figure = go.Figure(
        go.Bar(x=info.values, y=info.labels, orientation="h", marker_color=list(info.colours), error_x=errors,
               text=info.texts, textposition="inside", insidetextanchor="start", hovertemplate="%{y}: %{text}<extra></extra>")
    )  # fmt: skip
    for row, mark in enumerate(info.marks):
        if mark is not None:
            line = {"dash": "dot", "color": REJECTED, "width": 3}  # seen on light and dark alike
            figure.add_shape(type="line", x0=mark, x1=mark, y0=row - 0.45, y1=row + 0.45, line=line)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(rangemode="tozero", tickformat=".0%" if percent else None)
    return _laid_out(figure, len(info.labels), title)


def _laid_out(figure: go.Figure, rows: int, title: str) -> go.Figure:
    figure.update_yaxes(automargin=True)
    figure.update_xaxes(title_standoff=4, title_font_size=12, automargin=True)
    figure.update_layout(template=template(), height=2 * ROOM + rows * ROW_HEIGHT, dragmode=False, margin_b=ROOM * 0.7)
    return figure.update_layout(title_text=title)
