"""Figures that several tabs share, in two steps: judgments -> info -> plotly Figure; and the template they all wear."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.export import expected_score
from workbench.page.ratings import choice_colour, rating_colour
from workbench.schema import Judgment

FONT = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Liberation Sans, sans-serif"
# Series of a figure, told apart with any colour vision, each 3:1 on light and on dark; and shares from none to all.
SERIES_COLOURS = ("#496da4", "#c88000", "#9212ff", "#c88092", "#925b37", "#5b92ff")
SHARE_SCALE = [[0, "#f3f5f9"], [1, "#2567b3"]]
BARS_HEIGHT, TITLE_HEIGHT, AXIS_HEIGHT = 104, 34, 48  # pixels


class Distribution(NamedTuple):
    """How a judge spread its belief over the answers it could give; `expected` is the mean rating, None for choices."""

    title: str
    labels: tuple[str, ...]
    shares: tuple[float, ...]
    colours: tuple[str, ...]
    expected: float | None


def template() -> go.layout.Template:
    """One look for every figure: transparent, no grid where numbers are printed. The page gives text its colour."""
    axis = {"showgrid": False, "zeroline": False, "showline": False, "fixedrange": True, "ticks": ""}
    layout = go.Layout(
        font={"family": FONT, "size": 13, "color": "#646d7d"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 12, "r": 12, "t": TITLE_HEIGHT, "b": AXIS_HEIGHT},
        showlegend=False,
        bargap=0.25,
        colorway=SERIES_COLOURS,
        title={"font": {"size": 14}, "x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "pad": {"l": 12, "t": 10}},
        hoverlabel={"font": {"family": FONT, "size": 12}},
        xaxis=axis,
        yaxis=axis,
    )
    return go.layout.Template(layout=layout)


def distributions(
    judgments: Sequence[Judgment], titles: Sequence[str], *, low: int = 1, high: int = 5
) -> list[Distribution]:
    """The distributions of those judgments that carry probabilities, each under its title; the others are left out."""
    return [
        _distribution(judgment, title, low, high)
        for judgment, title in zip(judgments, titles, strict=True)
        if judgment.probs
    ]


def _distribution(judgment: Judgment, title: str, low: int, high: int) -> Distribution:
    probs = judgment.probs or {}
    if judgment.score is None:
        labels = tuple(sorted(probs))
        return Distribution(title, labels, _shares(probs, labels), tuple(map(choice_colour, labels)), None)
    labels = tuple(sorted(probs, key=float))
    colours = tuple(rating_colour(float(label), low, high) for label in labels)
    return Distribution(title, labels, _shares(probs, labels), colours, expected_score(judgment))


def _shares(probs, labels: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(probs[label]) for label in labels)


def distribution_figure(info: Sequence[Distribution]) -> go.Figure:
    """Bars with the probability of every answer, one panel a judgment; without any, a sentence that says so."""
    if not info:
        return empty_figure("This judge gave no probabilities.")
    columns = 1 if len(info) == 1 else 2
    rows = -(-len(info) // columns)
    between = TITLE_HEIGHT + AXIS_HEIGHT
    inside = rows * BARS_HEIGHT + (rows - 1) * between
    titles = [panel.title for panel in info]
    figure = make_subplots(rows, columns, subplot_titles=titles, vertical_spacing=between / inside if rows > 1 else 0)
    for number, panel in enumerate(info):
        _add_panel(figure, panel, number // columns + 1, number % columns + 1, roomy=columns == 1)
    # Subplot titles are plain annotations with a size of their own.
    figure.update_annotations(font_size=13)
    return figure.update_layout(template=template(), height=inside + between, dragmode=False,
                                meta={"title": "How sure the judge is"})  # fmt: skip


def _add_panel(figure: go.Figure, panel: Distribution, row: int, column: int, roomy: bool) -> None:
    percents = [f"{share:.0%}" if share >= 0.01 or share == 0 else "<1%" for share in panel.shares]
    bars = go.Bar(
        name=panel.title, x=list(panel.labels), y=list(panel.shares), text=percents, textposition="outside", cliponaxis=False,
        constraintext="none", textfont={"size": 11},  # else each bar's number has a size of its own
        marker={"color": list(panel.colours), "line": {"width": 0}}, hovertemplate="%{x}: %{y:.1%}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bars, row=row, col=column)
    axis = "response preferred"
    if panel.expected is not None:
        axis = f"rating{', higher is better' if roomy else ''}; expected {panel.expected:.1f}"
    figure.update_xaxes(type="category", title={"text": axis, "font": {"size": 12}}, row=row, col=column)
    figure.update_yaxes(visible=False, title_text="probability", range=[0, 1.18], row=row, col=column)


def empty_figure(sentence: str) -> go.Figure:
    """A figure without data: the sentence that says why."""
    figure = go.Figure().update_layout(
        template=template(), height=90, xaxis={"visible": False}, yaxis={"visible": False}
    )
    return figure.add_annotation(text=sentence, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
