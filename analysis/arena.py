"""Who wins against whom, as tables: Bradley-Terry and Elo ratings with intervals that draw videos."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from analysis.estimate import (
    Estimate,
    numbered,
    resampled_sums,
    weight_chunks,
    with_interval,
)
from analysis.pairs import PairRow
from workbench.schema import Choice

INITIAL, SCALE, K = 1000.0, 400.0, 4.0  # of Elo; Bradley-Terry strengths are shown on the same scale
ITERATIONS = 200  # of Newton steps, a few more than ten in practice
SETTLED = 1e-9  # a step in natural logarithms that changes nothing
CHECKED = {"tolerance": 1e-9, "limit": 100_000}  # of evalica; its own limit stops short of the strengths of long chains
SHARE = {"A": 1.0, "tie": 0.5, "B": 0.0}  # of a win, for who was named first
ELO_DRAWS = 200  # of videos, and of orders of all games; each plays its games again in an order of its own
UNCONNECTED = "some group of competitors never lost to the others: no finite strength"


class Game(NamedTuple):
    """One comparison: "A" when `first` won."""

    first: str
    second: str
    outcome: Choice
    video: str


class Standing(NamedTuple):
    """One competitor's line. Strengths are ratings of which 400 more means ten times the odds of winning."""

    name: str
    bradley_terry: Estimate
    elo: Estimate
    games: int
    wins: int
    ties: int


def games_of(rows: Sequence[PairRow], first: str = "model_a", second: str = "model_b") -> tuple[list[Game], int]:
    """The games in a judge's pairs, competitors named by two tags; and the number of pairs that are none.

    A pair that is inconsistent or has no outcome is no game.
    """
    games = [Game(row.tags[first], row.tags[second], row.outcome, row.video) for row in rows
             if row.outcome in ("A", "B", "tie") and first in row.tags and second in row.tags
             and row.tags[first] != row.tags[second]]  # fmt: skip
    return games, len(rows) - len(games)


def standings(games: Sequence[Game], left_out: int = 0, seed: int = 0) -> list[Standing]:
    """The table, strongest first. A tie is half a win for both."""
    names = sorted({name for game in games for name in (game.first, game.second)})
    if not games:
        return []
    clusters = numbered([game.video for game in games])
    videos, strengths = len(np.unique(clusters)), _bradley_terry(games, names, clusters)
    elo = _elo(games, names, clusters, seed)
    lines = []
    for place, name in enumerate(names):
        played = [game for game in games if name in (game.first, game.second)]
        won = sum((game.outcome == "A") == (game.first == name) for game in played if game.outcome != "tie")
        figures = (with_interval(value[place], draws[:, place], len(played), left_out, videos, UNCONNECTED)
                   for value, draws in (strengths, elo))  # fmt: skip
        lines.append(Standing(name, *figures, len(played), won, sum(game.outcome == "tie" for game in played)))
    return sorted(
        lines, key=lambda line: -(line.elo.value if line.bradley_terry.value is None else line.bradley_terry.value)
    )


def _bradley_terry(games: Sequence[Game], names: list[str], clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strengths [names] by evalica, NaN where the games do not determine them, and their draws [draws, names]."""
    import evalica

    winners = {"A": evalica.Winner.X, "B": evalica.Winner.Y, "tie": evalica.Winner.Draw}
    size = len(names)
    rows = _won(games, names, clusters)
    draws = strengths(resampled_sums(rows).reshape(-1, size, size))
    if not _determined(rows.sum(0).reshape(1, size, size))[0]:
        return np.full(size, np.nan), draws
    first, second, outcomes, _ = zip(*games, strict=True)
    found = evalica.bradley_terry(first, second, [winners[outcome] for outcome in outcomes], **CHECKED)
    logs = np.log10(np.array([found.scores[name] for name in names]))
    return INITIAL + SCALE * (logs - logs.mean()), draws


def _won(games: Sequence[Game], names: list[str], clusters: np.ndarray) -> np.ndarray:
    """Who won how often against whom in each video, a tie half a win for both: [videos, names * names]."""
    place, size = {name: number for number, name in enumerate(names)}, len(names)
    first = np.array([place[game.first] for game in games])
    second = np.array([place[game.second] for game in games])
    won, videos = np.array([SHARE[game.outcome] for game in games]), int(clusters.max()) + 1
    cells = np.concatenate([first * size + second, second * size + first]) + np.tile(clusters, 2) * size**2
    return np.bincount(cells, np.concatenate([won, 1 - won]), videos * size**2).reshape(videos, -1)


def strengths(won: np.ndarray) -> np.ndarray:
    """Bradley-Terry ratings [draws, names] of wins [draws, names, names]: 1000 + 400 log10, the mean being 1000.

    Those of the greatest likelihood; NaN where there are none (Ford 1957). Newton steps for all draws at once, each
    shortened as it is long, so that they converge whoever played whom (Sun and Tran-Dinh 2019).
    """
    determined = _determined(won)
    some = won[determined]
    logs = np.zeros(some.shape[:2])
    for _ in range(ITERATIONS if logs.size else 0):
        step = _newton_step(logs, some)
        far = np.ptp(step, axis=1, keepdims=True)
        logs += step * np.log1p(far) / np.maximum(far, SETTLED)
        if far.max() < SETTLED:
            break
    found = np.full(won.shape[:2], np.nan)
    found[determined] = INITIAL + SCALE * logs / np.log(10)
    return found


def _newton_step(logs: np.ndarray, won: np.ndarray) -> np.ndarray:
    """The step [draws, names] of log strengths towards the greatest likelihood; its mean is 0."""
    names = np.arange(logs.shape[1])
    games = won + won.transpose(0, 2, 1)
    chance = expit(logs[:, :, None] - logs[:, None, :])
    missing = won.sum(2) - (games * chance).sum(2)
    unsure = games * chance * (1 - chance)
    curve = -unsure
    curve[:, names, names] += unsure.sum(2)
    curve += unsure.mean((1, 2), keepdims=True)  # all strengths may move together: this keeps their mean
    return np.linalg.solve(curve, missing[:, :, None])[:, :, 0]


def _determined(won: np.ndarray) -> np.ndarray:
    """Whether everybody, by way of others, has won (or half won) against everybody: [draws]."""
    reached = (won > 0) | np.eye(won.shape[1], dtype=bool)
    for _ in range(max(1, int(won.shape[1]).bit_length())):
        reached = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
    return reached.all((1, 2))


def _elo(games: Sequence[Game], names: list[str], clusters: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Elo [names], the mean over ELO_DRAWS orders of all games, and its draws [draws, names], each in an order of its own.

    Elo depends on the order of the games, of which a run tells nothing: who was judged last would lead.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(games)) for _ in range(ELO_DRAWS)]
    weights = np.concatenate(list(weight_chunks(int(clusters.max()) + 1, ELO_DRAWS))).astype(np.int64)
    drawn = [rng.permutation(np.repeat(np.arange(len(games)), times[clusters])) for times in weights]
    return _played_at_once(orders, games, names).mean(0), _played_at_once(drawn, games, names)


def _played_at_once(played: Sequence[np.ndarray], games: Sequence[Game], names: list[str]) -> np.ndarray:
    """Elo [draws, names] of the games of each draw, one game of every draw at a time."""
    place = {name: number for number, name in enumerate(names)}
    sides = np.array([[place[game.first], place[game.second]] for game in games])
    scores = np.array([SHARE[game.outcome] for game in games])
    order = np.full((len(played), max(map(len, played))), -1)
    for draw, some in enumerate(played):
        order[draw, : len(some)] = some
    ratings, each = np.full((len(played), len(names)), INITIAL), np.arange(len(played))
    for step in order.T:
        here = each[step >= 0]
        first, second = sides[step[here]].T
        expected = 1 / (1 + 10 ** ((ratings[here, second] - ratings[here, first]) / SCALE))
        gain = K * (scores[step[here]] - expected)
        ratings[here, first] += gain
        ratings[here, second] -= gain
    return ratings
