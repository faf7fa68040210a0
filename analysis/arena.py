"""Who wins against whom, as tables: Bradley-Terry and Elo ratings with intervals that draw videos (evalica computes both)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.estimate import (
    DRAWS,
    Estimate,
    cluster_counts,
    numbered,
    resampled_sums,
    weight_chunks,
    with_interval,
)
from analysis.pairs import PairRow
from workbench.schema import Choice

INITIAL, SCALE, K = 1000.0, 400.0, 4.0  # of Elo; Bradley-Terry strengths are shown on the same scale
ELO_DRAWS = 200  # each plays all games again, in an order of its own
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
    """Strengths [names] and their draws [draws, names]. Games of one kind are counted, not listed."""
    kinds = list(dict.fromkeys(game[:3] for game in games))
    place = {kind: number for number, kind in enumerate(kinds)}
    rows = cluster_counts(np.array([place[game[:3]] for game in games]), clusters, len(kinds))
    drawn = [_strengths(kinds, names, counts) for counts in resampled_sums(rows)] if len(rows) > 1 else []
    return _strengths(kinds, names, rows.sum(0)), np.array(drawn).reshape(-1, len(names))


def _strengths(kinds: list[tuple], names: list[str], counts: np.ndarray) -> np.ndarray:
    """1000 + 400 log10 of the strength, the mean being 1000; NaN where the games do not determine them (Ford 1957)."""
    import evalica

    kept = [number for number, count in enumerate(counts) if count > 0]
    if not _connected([kinds[number] for number in kept], names):
        return np.full(len(names), np.nan)
    first, second, outcomes = zip(*(kinds[number] for number in kept), strict=True)
    found = evalica.bradley_terry(first, second, [_winner(outcome) for outcome in outcomes],
                                  weights=[float(counts[number]) for number in kept])  # fmt: skip
    logs = np.log10(np.array([found.scores[name] for name in names]))
    return INITIAL + SCALE * (logs - logs.mean())


def _connected(kinds: list[tuple], names: list[str]) -> bool:
    """Whether everybody, by way of others, has won (or half won) against everybody."""
    from scipy.sparse.csgraph import connected_components

    place = {name: number for number, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))
    for first, second, outcome in kinds:
        if outcome != "B":
            won[place[first], place[second]] = 1
        if outcome != "A":
            won[place[second], place[first]] = 1
    return connected_components(won, connection="strong")[0] == 1


def _elo(games: Sequence[Game], names: list[str], clusters: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Elo [names] of the games in their order, and its draws [draws, names], each in an order of its own."""
    rng = np.random.default_rng(seed)
    weights = np.concatenate(list(weight_chunks(int(clusters.max()) + 1, min(ELO_DRAWS, DRAWS))))
    drawn = []
    for times in weights.astype(np.int64):
        played = np.repeat(np.arange(len(games)), times[clusters])
        drawn.append(_elo_ratings([games[place] for place in rng.permutation(played)], names))
    return _elo_ratings(games, names), np.array(drawn)


def _elo_ratings(games: Sequence[Game], names: list[str]) -> np.ndarray:
    import evalica

    first, second, outcomes, _ = zip(*games, strict=True)
    found = evalica.elo(first, second, [_winner(outcome) for outcome in outcomes], initial=INITIAL, scale=SCALE, k=K)
    return np.array([found.scores.get(name, INITIAL) for name in names])


def _winner(outcome: Choice):
    from evalica import Winner

    return {"A": Winner.X, "B": Winner.Y, "tie": Winner.Draw}[outcome]
