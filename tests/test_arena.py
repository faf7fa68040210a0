"""Who wins: strengths where nobody meets everybody, beside the likelihood's optimum; Elo whatever the order of the run."""

import evalica
import numpy as np
import pytest
from scipy.optimize import minimize

from analysis.arena import Game, _won, standings, strengths

TWO = [("x", "y", 70, 30)]
STAR = [("hub", "a", 70, 30), ("hub", "b", 20, 80), ("hub", "c", 50, 50)]
CHAIN = [("a", "b", 70, 30), ("b", "c", 60, 40), ("c", "d", 90, 10), ("d", "e", 80, 20)]
STEEP = [("a", "b", 95, 5), ("b", "c", 97, 3), ("c", "d", 99, 1)]
LONG = [(f"n{place:02d}", f"n{place + 1:02d}", 12 + place % 3, 10) for place in range(30)]
SPARSE = [pytest.param(rows, id=name) for name, rows in
          {"two": TWO, "star": STAR, "chain": CHAIN, "steep": STEEP, "long chain": LONG}.items()]  # fmt: skip


def played(rows):
    """A game for each win and loss of (first, second, wins, losses), each of a video of its own."""
    outcomes = [(first, second, outcome) for first, second, won, lost in rows for outcome in "A" * won + "B" * lost]
    return [Game(*one, f"video{number}") for number, one in enumerate(outcomes)]


def likeliest(rows):
    """Strengths by name where the likelihood is greatest, found by a general optimiser."""
    names = sorted({name for row in rows for name in row[:2]})
    first, second = ([names.index(row[side]) for row in rows] for side in (0, 1))
    won, lost = np.array([row[2:] for row in rows], dtype=float).T

    def unlikely(logs):
        gap = logs[first] - logs[second]
        chance = 1 / (1 + np.exp(-gap))
        slope = np.zeros(len(names))
        np.add.at(slope, first, (won + lost) * chance - won)
        np.add.at(slope, second, won - (won + lost) * chance)
        return (won * np.logaddexp(0, -gap) + lost * np.logaddexp(0, gap)).sum(), slope

    found = minimize(unlikely, np.zeros(len(names)), jac=True, method="L-BFGS-B",
                     options={"ftol": 0, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 100_000}).x  # fmt: skip
    return dict(zip(names, 1000 + 400 * (found - found.mean()) / np.log(10), strict=True))


@pytest.mark.parametrize("rows", SPARSE)
def test_strengths_are_the_likeliest_where_nobody_meets_everybody(rows):
    expected, games = likeliest(rows), played(rows)
    wins = _won(games, list(expected), np.zeros(len(games), int)).reshape(1, len(expected), -1)
    assert strengths(wins)[0] == pytest.approx(list(expected.values()), abs=0.01)
    assert {one.name: one.bradley_terry.value for one in standings(games)} == pytest.approx(expected, abs=0.01)


def test_the_interval_of_two_is_that_of_their_share_of_wins():
    better = standings(played(TWO))[0].bradley_terry
    assert better.value == pytest.approx(1000 + 200 * np.log10(70 / 30))
    spread = 1.96 * 200 / np.log(10) / np.sqrt(100 * 0.7 * 0.3)  # of the log odds, to the first order
    assert (better.low, better.high) == pytest.approx((better.value - spread, better.value + spread), abs=5)


def test_every_draw_has_strengths_of_its_own():
    one, other = (
        _won(played(rows), list("xy"), np.zeros(100, int)).reshape(2, 2) for rows in (TWO, [("x", "y", 50, 50)])
    )
    found = strengths(np.stack([one, other, np.array([[0, 5], [0, 0]])]))
    assert found[0] == pytest.approx(1000 + 200 * np.log10([70 / 30, 30 / 70])) and found[1].tolist() == [1000, 1000]
    assert np.isnan(found[2]).all()  # who never lost


def test_elo_is_the_mean_over_orders_and_lies_in_its_interval():
    games = played([("x", "y", 70, 30), ("y", "z", 60, 40)])  # every win stands before every loss
    winners = {"A": evalica.Winner.X, "B": evalica.Winner.Y}
    rng, each = np.random.default_rng(1), []
    for _ in range(200):
        some = [games[place] for place in rng.permutation(len(games))]
        columns = [one.first for one in some], [one.second for one in some], [winners[one.outcome] for one in some]
        each.append(evalica.elo(*columns, k=4.0).scores)
    for line in standings(games):
        assert line.elo.value == pytest.approx(np.mean([scores[line.name] for scores in each]), abs=2)
        assert line.elo.low < line.elo.value < line.elo.high


def test_elo_tells_nothing_of_the_order_of_the_run():
    games = played([("x", "y", 50, 50)])
    for order in (games, games[::-1]):
        assert standings(order)[0].elo.value == pytest.approx(1000, abs=2)
