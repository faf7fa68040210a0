"""Figures of ratings, in two steps: findings -> info -> plotly Figure. Empty data gives an empty figure with a sentence.

Names and numbers stand above their marks and not beside them, so that every figure can be read at 400 pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go

from analysis.agreement import RatingErrors
from analysis.estimate import Estimate
from analysis.matching import Matched
from workbench.page.figures import SHARE_SCALE, empty_figure, template
from workbench.page.ratings import ink_on, rating_colour

Best = Literal["high", "low", "zero"]
INK, MARK = "#2567b3", "#d5822a"
OVER, UNDER = "#a8430a", "#2567b3"
ROW_HEIGHT, CELL_HEIGHT, ROOM = 62, 40, 96  # pixels
LONGEST = 38  # characters of a judge's name in a figure; hovering tells all of it
MOST_LEVELS = 12  # of a confusion; beyond, ratings are no levels


class ForestRow(NamedTuple):
    """One judge's value with its interval, and both in words. Low and high are the value itself where there is no interval,
    which `sure` tells from one that has no width."""

    label: str
    value: float
    low: float
    high: float
    told: str
    sure: bool


class ForestInfo(NamedTuple):
    """One figure of all judges, the best on top; `missing` says why some have no value. `mark` is where nothing is found."""

    title: str
    rows: tuple[ForestRow, ...]
    missing: tuple[str, ...]
    mark: float | None = None


class ConfusionInfo(NamedTuple):
    """Counts by gold rating (rows, the highest first) and rating given (columns), with each row's shares."""

    title: str
    gold: tuple[int, ...]
    given: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float, ...], ...]


class ErrorsInfo(NamedTuple):
    """By gold rating: shares of ratings two or more too high and too low, each (value, low, high), and all in words."""

    title: str
    ratings: tuple[str, ...]
    over: tuple[tuple[float, float, float], ...]
    under: tuple[tuple[float, float, float], ...]
    told: tuple[str, ...]


class SpreadInfo(NamedTuple):
    """How often each rater gave each rating: shares [raters, ratings]."""

    title: str
    raters: tuple[str, ...]
    ratings: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]


# -- findings to info


def told(one: Estimate) -> str:
    """An estimate with what it is of."""
    return f"{one}{counts(one)}"


def counts(one: Estimate) -> str:
    """What an estimate is of."""
    return f" · n {one.n}" + (f", {one.left_out} left out" if one.left_out else "")


def forest_info(
    title: str, judges: Mapping[str, Estimate], best: Best, mark: float | None = None, say: Callable[[Estimate], str] = told
) -> ForestInfo:  # fmt: skip
    """The judges that have a value, the best first; `say` puts one in words."""
    order = {"high": lambda one: -one.value, "low": lambda one: one.value, "zero": lambda one: abs(one.value)}[best]
    known = sorted(((name, one) for name, one in judges.items() if one.value is not None), key=lambda it: order(it[1]))
    missing = tuple(f"{name}: {one.reason or 'none'}" for name, one in judges.items() if one.value is None)
    rows = tuple(ForestRow(name, *bounds(one), say(one), one.low is not None) for name, one in known)
    return ForestInfo(title, rows, missing, mark)


def bounds(one: Estimate) -> tuple[float, float, float]:
    """Value, low and high; a value without an interval stands for its own."""
    assert one.value is not None
    return one.value, one.value if one.low is None else one.low, one.value if one.high is None else one.high


def confusion_info(judge: str, one: Matched) -> ConfusionInfo:
    """Gold ratings against given ones, both rounded half up; empty where the ratings are no levels."""
    gold, given = rounded(one.gold), rounded(one.scores)
    levels = np.unique(np.concatenate([gold, given]))
    if not len(levels) or levels[-1] - levels[0] >= MOST_LEVELS:
        return ConfusionInfo(judge, (), (), (), ())
    every = list(range(int(levels[0]), int(levels[-1]) + 1))
    counts = tuple(tuple(int(((gold == row) & (given == column)).sum()) for column in every) for row in every[::-1])
    shares = tuple(tuple(count / max(sum(row), 1) for count in row) for row in counts)
    return ConfusionInfo(judge, tuple(every[::-1]), tuple(every), counts, shares)


def rounded(values: np.ndarray) -> np.ndarray:
    """Ratings as whole numbers, halves up."""
    return np.floor(np.asarray(values) + 0.5 + 1e-9).astype(np.int64)


def errors_info(judge: str, lines: Sequence[RatingErrors]) -> ErrorsInfo:
    """Large errors by gold rating."""
    shown = [line for line in lines if line.over_by_2.value is not None and line.under_by_2.value is not None]
    words = (f"over {line.over_by_2} · under {line.under_by_2} · bias {line.bias}" for line in shown)
    ratings = tuple(f"gold {line.rating:g}, n {line.mae.n}" for line in shown)
    over, under = (tuple(bounds(getattr(line, name)) for line in shown) for name in ("over_by_2", "under_by_2"))
    return ErrorsInfo(judge, ratings, over, under, tuple(words))


def spread_info(title: str, ratings: Mapping[str, np.ndarray]) -> SpreadInfo:
    """Ratings by rater, rounded half up; raters whose ratings are no levels are left out."""
    whole = {name: rounded(values) for name, values in ratings.items() if len(values)}
    kept = {name: values for name, values in whole.items() if np.ptp(values) < MOST_LEVELS}
    if not kept:
        return SpreadInfo(title, (), (), ())
    every = np.unique(np.concatenate(list(kept.values())))
    levels = tuple(range(int(every[0]), int(every[-1]) + 1))
    shares = tuple(tuple(float((values == level).mean()) for level in levels) for values in kept.values())
    return SpreadInfo(title, tuple(f"{name} · n {len(values)}" for name, values in kept.items()), levels, shares)


# -- info to figure


def forest_figure(info: ForestInfo) -> go.Figure:
    """A point and its interval for every judge, under its name and numbers."""
    if not info.rows:
        return empty_figure("No judge has this figure here.")
    rows, places = info.rows, list(range(len(info.rows)))
    errors = {"type": "data", "symmetric": False, "array": [row.high - row.value for row in rows],
              "arrayminus": [row.value - row.low for row in rows], "color": INK, "thickness": 2, "width": 5}  # fmt: skip
    hover = [f"{escape(row.label)}<br>{row.told}" for row in rows]
    figure = go.Figure(
        go.Scatter(x=[row.value for row in rows], y=places, mode="markers", error_x=errors, hovertext=hover,
                   hoverinfo="text", marker={"size": 11, "color": INK, "symbol": "diamond"})
    )  # fmt: skip
    for place, row in zip(places, rows, strict=True):
        label_above(figure, place, row.label, row.told)
    if info.mark is not None:
        figure.add_vline(info.mark, line={"dash": "dot", "color": MARK, "width": 2})
    figure.update_yaxes(visible=False, range=[len(rows) - 0.6, -0.95])
    figure.update_xaxes(showgrid=True, gridcolor="rgba(128,128,128,0.25)", nticks=6)
    return laid_out(figure, len(rows) * ROW_HEIGHT, info.title)


def label_above(figure: go.Figure, place: float, name: str, numbers: str) -> None:
    """A name and its numbers over the row at `place`."""
    text = f"<b>{escape(shortened(name))}</b><br><span style='font-size:11px'>{escape(numbers)}</span>"
    figure.add_annotation(text=text, x=0, xref="paper", xanchor="left", y=place - 0.18, yanchor="bottom",
                          showarrow=False, align="left", font_size=12)  # fmt: skip


def confusion_figure(info: ConfusionInfo) -> go.Figure:
    """A heat map of each gold rating's shares, with the counts written in it."""
    if not info.gold:
        return empty_figure("The ratings are no levels that could be counted.")
    figure = go.Figure(
        go.Heatmap(z=info.shares, x=[str(level) for level in info.given], y=[f"gold {level}" for level in info.gold],
                   text=info.counts, texttemplate="%{text}", zmin=0, zmax=1, colorscale=SHARE_SCALE,
                   showscale=False, xgap=2, ygap=2, hovertemplate="%{y}, given %{x}: %{text}, %{z:.0%}<extra></extra>")
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(type="category", title="rating given")
    return laid_out(figure, len(info.gold) * CELL_HEIGHT, shortened(info.title))


def errors_figure(info: ErrorsInfo) -> go.Figure:
    """Bars to the left for ratings far too low, to the right for far too high, a row a gold rating."""
    if not info.ratings:
        return empty_figure("No rating has a gold rating on its own scale.")
    figure, widest = go.Figure(), max(0.1, *(share[2] for share in (*info.over, *info.under)))
    for name, sign, shares, colour in (
        ("too low by 2 or more", -1, info.under, UNDER),
        ("too high", 1, info.over, OVER),
    ):
        up, down = ([abs(share[end] - share[0]) for share in shares] for end in (2, 1))
        above, below = (up, down) if sign > 0 else (down, up)
        errors = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": "#646d7d"}
        figure.add_bar(x=[sign * share[0] for share in shares], y=info.ratings, orientation="h", name=name,
                       marker_color=colour, error_x=errors, hovertext=info.told, hoverinfo="text+y")  # fmt: skip
    figure.update_yaxes(automargin=True, type="category")
    ticks = [place * widest / 2 for place in (-2, -1, 0, 1, 2)]
    figure.update_xaxes(
        range=[-1.05 * widest, 1.05 * widest], tickvals=ticks, ticktext=[f"{abs(tick):.0%}" for tick in ticks]
    )
    figure.add_vline(0, line={"color": "rgba(128,128,128,0.6)", "width": 1})
    figure = laid_out(figure, len(info.ratings) * CELL_HEIGHT, shortened(info.title), legend=True)
    return figure.update_layout(barmode="relative")


def spread_figure(info: SpreadInfo) -> go.Figure:
    """A bar a rater, cut into the ratings it gave, in the colours of ratings."""
    if not info.raters:
        return empty_figure("Nobody gave ratings that are levels.")
    figure, low, high = go.Figure(), info.ratings[0], info.ratings[-1]
    for place, level in enumerate(info.ratings):
        colour, shares = rating_colour(level, low, high), [row[place] for row in info.shares]
        figure.add_bar(x=shares, y=list(range(len(shares))), orientation="h", name=str(level), marker_color=colour,
                       text=[str(level) if share >= 0.05 else "" for share in shares], textposition="inside",
                       insidetextanchor="middle", insidetextfont_color=ink_on(colour), textangle=0, width=0.5,
                       hovertext=[f"{escape(rater)}: {share:.1%} are {level}"
                                  for rater, share in zip(info.raters, shares, strict=True)], hoverinfo="text")  # fmt: skip
    for place, rater in enumerate(info.raters):
        figure.add_annotation(text=escape(shortened(rater, LONGEST + 12)), x=0, xref="paper", xanchor="left",
                              y=place - 0.27, yanchor="bottom", showarrow=False, font_size=12)  # fmt: skip
    figure.update_yaxes(visible=False, range=[len(info.raters) - 0.6, -0.8])
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    return laid_out(figure, len(info.raters) * ROW_HEIGHT, info.title).update_layout(barmode="stack")


def shortened(name: str, longest: int = LONGEST) -> str:
    """A name that fits; of a long one both ends stay, which is where names differ."""
    if len(name) <= longest:
        return name
    head = longest // 2
    return f"{name[:head].rstrip()} … {name[-(longest - head - 3) :].lstrip()}"


def laid_out(figure: go.Figure, inside: float, title: str, legend: bool = False) -> go.Figure:
    """The look that all figures of this room share; `inside` is the height of what is drawn, in pixels."""
    top = ROOM * (0.75 if legend else 0.5)
    figure.update_xaxes(title_standoff=4, title_font_size=12, automargin=True)
    figure.update_layout(template=template(), height=int(top + inside + ROOM * 0.6), dragmode=False, margin_b=ROOM * 0.6,
                         margin_t=top, showlegend=legend)  # fmt: skip
    if legend:
        figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"})
    return figure.update_layout(title_text=escape(title))
