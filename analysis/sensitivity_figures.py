"""Figures of a sweep, in two steps: cells -> info -> plotly Figure. Each point and each square knows its cell's number."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from analysis.estimate import Estimate
from analysis.sweep_cells import FIGURES, CellFigures, SweepResult
from workbench.page.figures import SERIES_COLOURS, SHARE_SCALE, empty_figure, template

DASHES = ("solid", "dash", "dot", "dashdot")
CURVE_HEIGHT, ROW_HEIGHT, ROOM = 310, 46, 118  # pixels
LOWER_IS_BETTER = ("mae", "spread", "invalid", "order_flips")
WORDS = {
    "spearman": "Spearman with the labels",
    "mae": "mean absolute error",
    "accuracy": "accuracy",
    "spread": "spread over samples",
    "mode_share": "share of the most frequent verdict",
    "invalid": "invalid share",
    "order_flips": "order-flip rate",
}


SHARES = ("accuracy", "mode_share", "invalid", "order_flips")  # from 0 to 1


def told_direction(figure: str) -> str:
    """A figure's name with which way is better."""
    return f"{WORDS[figure]} ({'lower' if figure in LOWER_IS_BETTER else 'higher'} is better)"


class Point(NamedTuple):
    """A cell on a curve: its value, and its interval where there is one. `cell` is its number in the sweep."""

    x: float
    value: float
    low: float | None
    high: float | None
    told: str
    cell: int


class CurveInfo(NamedTuple):
    """One figure over temperatures or frame counts, a curve for each judge."""

    title: str
    x_title: str
    curves: dict[str, list[Point]]
    missing: str = ""


class MapInfo(NamedTuple):
    """One figure of one judge over temperatures (columns) and frame counts (rows): values [rows][columns], None where
    there is none, with a word why in `texts`."""

    title: str
    temperatures: list[str]
    frames: list[str]
    values: list[list[float | None]]
    texts: list[list[str]]
    hovers: list[list[str]]
    cells: list[list[int]]
    lower_is_better: bool


# -- cells to info


def figures_there(found: SweepResult) -> list[str]:
    """The figures that some cell has a value of."""
    return [name for name in FIGURES if any(_value(one, name) is not None for one in found.cells)]


def temperature_info(found: SweepResult, figure: str, frames: int) -> CurveInfo:
    """A figure over temperatures, at one number of frames."""
    title = f"{WORDS[figure]} by temperature, at {frames} frames"
    return _curves(found, figure, title, "temperature", lambda c: c.cell.frames == frames, lambda c: c.cell.temperature)


def frames_info(found: SweepResult, figure: str, temperature: float) -> CurveInfo:
    """A figure over frame counts, at one temperature."""
    title = f"{WORDS[figure]} by frames, at temperature {temperature:g}"
    return _curves(found, figure, title, "frames", lambda c: c.cell.temperature == temperature, lambda c: c.cell.frames)


def _curves(found: SweepResult, figure: str, title: str, x_title: str, belongs, place) -> CurveInfo:
    curves: dict[str, list[Point]] = {}
    reasons: dict[str, None] = {}
    for number, one in enumerate(found.cells):
        estimate = one.figures.get(figure)
        if not belongs(one) or estimate is None:
            continue
        if estimate.value is None:
            reasons[estimate.reason or "undefined"] = None
            continue
        point = Point(place(one), estimate.value, estimate.low, estimate.high, _told(one, estimate), number)
        curves.setdefault(one.cell.judge, []).append(point)
    missing = "; ".join(reasons)
    return CurveInfo(_capital(title), x_title, {j: sorted(points) for j, points in curves.items()}, missing)


def map_info(found: SweepResult, figure: str, judge: str) -> MapInfo:
    """A figure of one judge over the whole grid, few frames below."""
    sweep = found.sweep
    places = {one.cell: (number, one) for number, one in enumerate(found.cells)}
    rows = [
        [places[cell] for t in sweep.temperatures for cell in [_cell(found, judge, t, f)]]
        for f in reversed(sweep.frames)
    ]
    return MapInfo(
        _capital(f"{WORDS[figure]}: {judge}"),
        [f"{temperature:g}" for temperature in sweep.temperatures],
        [str(frames) for frames in reversed(sweep.frames)],
        [[_value(one, figure) for _, one in row] for row in rows],
        [[_short(one, figure) for _, one in row] for row in rows],
        [[_hover(one, figure) for _, one in row] for row in rows],
        [[number for number, _ in row] for row in rows],
        figure in LOWER_IS_BETTER,
    )


def _cell(found: SweepResult, judge: str, temperature: float, frames: int):
    return next(c for c in found.sweep.cells if (c.judge, c.temperature, c.frames) == (judge, temperature, frames))


def _value(one: CellFigures, figure: str) -> float | None:
    return one.figures[figure].value if figure in one.figures else None


def _short(one: CellFigures, figure: str) -> str:
    if (value := _value(one, figure)) is not None:
        return f"{value:.2f}"
    if one.state != "measured":
        return {"refused": "cannot", "waiting": "…"}[one.state]
    return "none"


def _hover(one: CellFigures, figure: str) -> str:
    estimate = one.figures.get(figure)
    if estimate is None:
        return f"{one.cell.frames} frames, temperature {one.cell.temperature:g}: {one.reason or 'not yet'}"
    return _told(one, estimate)


def _told(one: CellFigures, estimate: Estimate) -> str:
    head = f"{one.cell.frames} frames, temperature {one.cell.temperature:g}: "
    if estimate.value is None:
        return head + (estimate.reason or "undefined")
    left_out = f", {estimate.left_out} left out" if estimate.left_out else ""
    capped = f", {one.capped} of {one.items} clips shorter" if one.capped else ""
    return f"{head}{estimate}, n {estimate.n}{left_out}{capped}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# -- info to figures


def curve_figure(info: CurveInfo) -> go.Figure:
    """Lines with points and, behind them, the bands of their intervals."""
    if not info.curves:
        return empty_figure(f"Nothing to draw: {info.missing}." if info.missing else "No verdict yet.")
    figure = go.Figure()
    for number, (judge, points) in enumerate(info.curves.items()):
        colour, dash = SERIES_COLOURS[number % len(SERIES_COLOURS)], DASHES[number // len(SERIES_COLOURS) % len(DASHES)]
        _add_band(figure, points, colour)
        figure.add_scatter(
            x=[p.x for p in points], y=[p.value for p in points], name=judge, mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash}, marker={"size": 10},
            customdata=[p.cell for p in points], text=[p.told for p in points],
            hovertemplate=f"{_plain(judge)}<br>%{{text}}<extra></extra>",
        )  # fmt: skip
    xs = sorted({p.x for points in info.curves.values() for p in points})
    figure.update_xaxes(title={"text": info.x_title, "font": {"size": 12}}, tickvals=_ticks(xs), automargin=True,
                        title_standoff=4, type="log" if info.x_title == "frames" and len(xs) > 2 else "linear",
                        ticktext=[f"{x:g}" for x in _ticks(xs)])  # fmt: skip
    figure.update_yaxes(showgrid=True, gridcolor="rgba(120,130,145,0.22)", nticks=6, automargin=True)
    if any(info.title.startswith(_capital(WORDS[name])) for name in SHARES):
        figure.update_yaxes(range=[-0.04, 1.04])
    several = len(info.curves) > 1
    legend = {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"}
    room = 70 + 22 * several * -(-len(info.curves) // 2)
    figure.update_layout(showlegend=several, legend=legend, margin_b=room)
    return _laid_out(figure, info.title, CURVE_HEIGHT + room - 70)


def _plain(judge: str) -> str:
    return judge.replace("<", "‹").replace(">", "›").replace("%", "%%")


def _ticks(xs: Sequence[float], most: int = 8) -> list[float]:
    step = -(-len(xs) // most)
    return [*xs[::step]] if (len(xs) - 1) % step == 0 else [*xs[::step], xs[-1]]


def _add_band(figure: go.Figure, points: Sequence[Point], colour: str) -> None:
    known = [p for p in points if p.low is not None and p.high is not None]
    if not known:
        return
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    figure.add_scatter(
        x=[p.x for p in known] + [p.x for p in reversed(known)],
        y=[p.high for p in known] + [p.low for p in reversed(known)],
        fill="toself", fillcolor=f"rgba({red},{green},{blue},0.16)", line={"width": 0}, mode="lines",
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    if len(known) == 1:  # a band needs two points
        figure.data = figure.data[:-1]
        one = known[0]
        figure.add_scatter(x=[one.x, one.x], y=[one.low, one.high], mode="lines", line={"color": colour, "width": 1},
                           hoverinfo="skip", showlegend=False)  # fmt: skip


def map_figure(info: MapInfo) -> go.Figure:
    """A square for each cell with its value written in it; darker is better."""
    if not any(value is not None for row in info.values for value in row):
        return empty_figure("No cell of this judge has a value of this figure yet.")
    # Squares without a value get their word as a note: a square's own text takes its ink from its colour.
    texts = [[text if value is not None else "" for value, text in zip(values, some, strict=True)]
             for values, some in zip(info.values, info.texts, strict=True)]  # fmt: skip
    figure = go.Figure(
        go.Heatmap(
            z=info.values, x=info.temperatures, y=info.frames, text=texts, texttemplate="%{text}",
            customdata=info.cells, hovertext=info.hovers, hovertemplate="%{hovertext}<extra></extra>",
            colorscale=SHARE_SCALE, reversescale=info.lower_is_better, showscale=False, xgap=2, ygap=2, hoverongaps=True,
        )
    )  # fmt: skip
    for y, (values, texts) in enumerate(zip(info.values, info.texts, strict=True)):
        for x, (value, text) in enumerate(zip(values, texts, strict=True)):
            if value is None:
                figure.add_annotation(x=x, y=y, text=text, showarrow=False, font={"size": 11})
    figure.update_xaxes(type="category", title={"text": "temperature", "font": {"size": 12}}, title_standoff=4)
    figure.update_yaxes(
        type="category", title={"text": "frames", "font": {"size": 12}}, autorange="reversed", automargin=True
    )
    return _laid_out(figure, info.title, ROOM + ROW_HEIGHT * len(info.frames))


def _laid_out(figure: go.Figure, title: str, height: int) -> go.Figure:
    words = _plain(title).replace(" by ", "<br>by ", 1).replace(": ", ":<br>", 1)  # a phone is narrow
    figure.update_layout(template=template(), height=height, dragmode=False, margin_t=56)
    return figure.update_layout(title_text=words)
