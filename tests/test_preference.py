"""Preferences, points against pairs, rankings and tables of who wins: hand calculations, scikit-learn, evalica."""

import evalica
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from analysis.arena import UNCONNECTED, Game, _played_at_once, _won, standings, strengths
from analysis.pairs import gold_choices, pair_coverage, pair_rows
from analysis.point_pairs import point_versus_pair, points_versus_pairs, superiority
from analysis.preference import by_dimension, preference
from analysis.rankings import edit_distance, ranking_figures, ranking_tau
from analysis.records import item_facts, records_of
from workbench.schema import Item, Judgment, Video

GIVEN, TURNED = {"order": [0, 1]}, {"order": [1, 0]}


def pair(number, **tags):
    return Item(Video(f"video{number}"), "What happens?", (f"a{number}", f"b{number}"), tags=tags)


def chose(item, judge, choice, settings=GIVEN, **more):
    status = "scored" if choice else "unparsed"
    return Judgment(item.id, judge, "pairwise@1", status, choice=choice, settings=settings, **more)


def read(items, judgments):
    return records_of({item.id: item_facts(item) for item in items}, judgments)


def rows_for(verdicts, golds="AAAAAA", tags=()):
    """Rows of a judge that gave these choices, two letters a pair (given order, turned order); "-" is unparsed."""
    items = [pair(number, **(tags[number] if tags else {})) for number in range(len(verdicts))]
    judgments = [chose(item, "human", gold) for item, gold in zip(items, golds, strict=False)]
    names = {"A": "A", "B": "B", "t": "tie", "-": None}
    for item, (given, turned) in zip(items, verdicts, strict=True):
        judgments += [chose(item, "judge", names[given]), chose(item, "judge", names[turned], TURNED)]
    records = read(items, judgments)
    gold = gold_choices(records, "human")
    column = [place for place, one in enumerate(records.columns) if one.judge == "judge"][0]
    return pair_rows(records, column, gold), gold, records, column


def test_figures_by_hand():
    # right twice; wrong twice; first shown both times (A given, B turned); tie twice; right and unparsed; tie and right
    rows, gold, _, _ = rows_for(["AA", "BB", "AB", "tt", "A-", "tA"])
    assert [row.outcome for row in rows] == ["A", "B", "inconsistent", "tie", None, "inconsistent"]
    found = {name: (one.value, one.n, one.left_out) for name, one in preference(rows).items()}
    assert found["accuracy"] == (pytest.approx(5 / 11), 11, 1)
    assert found["accuracy_decided"] == (pytest.approx(5 / 8), 8, 1)
    assert found["accuracy_missing_wrong"] == (pytest.approx(5 / 12), 12, 0)
    assert found["consistent_accuracy"] == (pytest.approx(1 / 5), 5, 1)
    assert found["accuracy_of_consistent"] == (pytest.approx(1 / 2), 2, 1)
    assert found["inconsistent"] == (pytest.approx(2 / 5), 5, 1)
    assert found["ties"] == (pytest.approx(3 / 11), 11, 1)
    # decided verdicts of pairs with both: A given (first), A turned (second), B given (second), B turned (first),
    # A given (first), B turned (first), A turned (second)
    assert found["first_chosen"][:2] == (pytest.approx(4 / 7), 7)
    assert found["position_bias"][0] == pytest.approx(4 / 7 - 1 / 2)
    # the better one (A) is shown first in the given order: right in 1, 3, 5 of 6; turned: right in 1, 6 of 5
    assert found["accuracy_gap_by_position"][0] == pytest.approx(3 / 6 - 2 / 5)
    coverage = pair_coverage(rows, gold)
    assert (coverage.scored, coverage.unparsed, coverage.absent) == (11, 1, 0)


def test_kappa_over_consistent_outcomes_is_scikit_learns():
    rng = np.random.default_rng(0)
    golds = rng.choice(["A", "B", "tie"], 80)
    said = [g if rng.random() < 0.6 else rng.choice(["A", "B", "tie"]) for g in golds]
    rows, *_ = rows_for([c[0] * 2 for c in said], golds)
    assert preference(rows)["kappa"].value == pytest.approx(metrics.cohen_kappa_score(golds, said))


def test_a_judge_asked_in_one_order_has_no_position_figures():
    items = [pair(0), pair(1)]
    records = read(items, [*(chose(i, "human", "A") for i in items), *(chose(i, "judge", "A") for i in items)])
    found = preference(pair_rows(records, 1, gold_choices(records, "human")))
    assert found["accuracy"].value == 1
    assert found["consistent_accuracy"].value is None and "both orders" in found["consistent_accuracy"].reason
    assert found["accuracy_gap_by_position"].value is None


@pytest.mark.parametrize("verdicts", [["tt", "tt"], ["--", "--"], []])
def test_all_ties_and_nothing_scored(verdicts):
    found = preference(rows_for(verdicts)[0] if verdicts else [])
    assert found["accuracy_decided"].value is None and found["position_bias"].value is None
    assert found["accuracy"].value == (0 if verdicts == ["tt", "tt"] else None)


def test_the_majority_of_annotators_is_the_gold_and_a_contradiction_is_no_vote():
    item, even, turned = pair(0), pair(1), pair(2)
    votes = [chose(item, f"human:{who}", choice) for who, choice in enumerate(("A", "B", "B"))]
    votes += [chose(even, "human:0", "A"), chose(even, "human:1", "B")]
    votes += [chose(turned, "human:0", "A"), chose(turned, "human:0", "B", TURNED)]
    assert gold_choices(read([item, even, turned], votes), "human") == {item.id: "B", even.id: "tie"}


def test_overall_counts_verdicts_and_macro_counts_dimensions():
    tags = [{"dimension": "x"}] * 3 + [{"dimension": "y"}] + [{}]
    found = by_dimension(rows_for(["AA", "AA", "AA", "BB", "BB"], tags=tags)[0], "dimension")
    assert found.overall.value == pytest.approx(6 / 10)
    assert found.macro.value == pytest.approx((1 + 0) / 2) and found.macro.left_out == 2
    assert {value: (one.value, one.n) for value, one in found.by_value.items()} == {"x": (1, 6), "y": (0, 2)}


# -- points


def rated(video, response, score, judge="judge", sample=0):
    item = Item(Video(video), "What happens?", (response,))
    status = "scored" if score is not None else "failed"
    error = None if score is not None else "no memory"
    return item, Judgment(item.id, judge, "pointwise@1", status, score=score, sample=sample, error=error)


def test_superiority_of_the_correct_option_by_hand():
    given = [rated("v", name, score) for name, score in (("c", 4.0), ("d", 2.0), ("e", 4.0), ("f", 5.0), ("g", None))]
    records = read([item for item, _ in given], [judgment for _, judgment in given])
    gold = {item.id: 1.0 if item.responses == ("c",) else 0.0 for item, _ in given}
    found = superiority(records, 0, gold)
    assert [one.value for one in found] == pytest.approx([1 / 3, 1 / 3, 1 / 2, (2 + 0 - 1) / 3])
    assert found.psup.n == 3 and found.psup.left_out == 1


def test_points_that_contradict_a_pair_are_found():
    rows, _, records, column = rows_for(["AA", "BB", "AA", "AB"])
    scores = [(("a0", 4), ("b0", 2)), (("a1", 5), ("b1", 1)), (("a2", 3), ("b2", 3)), (("a3", 5), ("b3", 1))]
    points = [rated(f"video{n}", name, float(s)) for n, both in enumerate(scores) for name, s in both]
    items = {**records.items, **{item.id: item_facts(item) for item, _ in points}}
    with_points = records_of(items, [judgment for _, judgment in points])
    found = point_versus_pair(with_points, [0], rows)
    assert (found.contradicted.value, found.contradicted.n, found.contradicted.left_out) == (0.5, 2, 1)
    assert found.equal.value == pytest.approx(1 / 3) and found.right.value == 1
    assert [(case.outcome, case.scores) for case in found.cases] == [("B", (5.0, 1.0))]


def test_ratings_by_other_settings_and_prompts_are_no_average():
    """A judge rates a pair 4 and 2 when it is cold, 1 and 5 when it is warm, and 1 and 5 by another prompt."""
    item = pair(0)
    cold, warm = ({"temperature": value} for value in (0.0, 1.0))
    points = [Item(Video("video0"), "What happens?", (name,)) for name in ("a0", "b0")]

    def ratings(prompt, settings, *scores):
        return [Judgment(one.id, "judge", prompt, "scored", score=float(score), settings=settings)
                for one, score in zip(points, scores, strict=True)]  # fmt: skip

    given = [*ratings("pointwise@1", cold, 4, 2), *ratings("pointwise@1", warm, 1, 5), *ratings("rubric@1", cold, 1, 5)]
    said = [chose(item, "human", "A"), chose(item, "judge", "A", {**GIVEN, **cold})]

    def contradicted(judgments):
        records = read([item, *points], judgments)
        column = next(n for n, one in enumerate(records.columns) if one[:2] == ("judge", "pairwise@1"))
        found = points_versus_pairs(records, column, pair_rows(records, column, {}))
        return {name: one.contradicted.value for name, one in found.items()}

    assert contradicted([*given, *said]) == {
        "judge [pointwise@1, temperature=0.0]": 0,
        "judge [rubric@1, temperature=0.0]": 1,
    }
    assert contradicted([*given[2:4], *said]) == {
        "judge [pointwise@1, temperature=1.0]": 1
    }  # none with the pairs' settings
    assert contradicted(said) == {}


# -- rankings


@pytest.mark.parametrize("one, other, distance", [
    ((0, 1, 2), (0, 1, 2), 0), ((0, 1, 2), (2, 1, 0), 2 / 3), ((0, 1, 2, 3), (1, 0, 2, 3), 2 / 4),
    ((0, 1, 2, 3), (1, 2, 3, 0), 2 / 4),
])  # fmt: skip
def test_edit_distance_by_hand(one, other, distance):
    assert edit_distance(one, other) == pytest.approx(distance)


def test_ranking_figures():
    item = Item(None, "Which is best?", ("a", "b", "c"))
    say = {"human": (0, 1, 2), "good": (0, 2, 1)}
    judgments = [Judgment(item.id, who, "ranking@1", "scored", ranking=ranking) for who, ranking in say.items()]
    found = ranking_figures(read([item], judgments), 1, "human")
    assert found["kendall_tau"].value == pytest.approx(stats.kendalltau([0, 1, 2], [0, 2, 1]).statistic)
    assert (found["exact"].value, found["best_found"].value, found["edit_distance"].value) == (
        0,
        1,
        pytest.approx(2 / 3),
    )
    assert ranking_tau((2, 0, 1), (2, 0, 1)) == 1


# -- who wins


def games(seed=0, n=200):
    rng = np.random.default_rng(seed)
    strength = {"w": 0.0, "x": 0.5, "y": 1.0, "z": 2.0}
    found = []
    for number in range(n):
        first, second = rng.choice(list(strength), 2, replace=False)
        chance = 1 / (1 + np.exp(strength[second] - strength[first]))
        outcome = "tie" if rng.random() < 0.1 else "A" if rng.random() < chance else "B"
        found.append(Game(str(first), str(second), outcome, f"video{number % 40}"))
    return found


def test_strengths_are_evalicas():
    played = games()
    winners = {"A": evalica.Winner.X, "B": evalica.Winner.Y, "tie": evalica.Winner.Draw}
    columns = [g.first for g in played], [g.second for g in played], [winners[g.outcome] for g in played]
    strength = evalica.bradley_terry(*columns).scores
    found = {line.name: line for line in standings(played)}
    for one in found:
        gap = 400 * np.log10(strength[one] / strength["w"])
        assert found[one].bradley_terry.value - found["w"].bradley_terry.value == pytest.approx(gap, abs=0.01)
        assert found[one].bradley_terry.low < found[one].bradley_terry.value < found[one].bradley_terry.high
    assert next(iter(found)) == "z" and sum(line.wins + line.ties / 2 for line in found.values()) == len(played)


def test_all_draws_at_once_are_what_evalica_says_of_each():
    names, winners = ["w", "x", "y", "z"], {"A": evalica.Winner.X, "B": evalica.Winner.Y, "tie": evalica.Winner.Draw}
    several = [games(seed) for seed in range(3)]
    at_once = strengths(np.stack([_won(played, names, np.zeros(200, int)).reshape(4, 4) for played in several]))
    order = [np.random.default_rng(seed).permutation(200)[: 200 - 20 * seed] for seed in range(3)]
    elo_at_once = _played_at_once(order, several[0], names)
    for draw, played in enumerate(several):
        columns = [g.first for g in played], [g.second for g in played], [winners[g.outcome] for g in played]
        logs = np.log10([evalica.bradley_terry(*columns).scores[name] for name in names])
        assert at_once[draw] == pytest.approx(1000 + 400 * (logs - logs.mean()), abs=0.05)
        shuffled = [several[0][place] for place in order[draw]]
        columns = [g.first for g in shuffled], [g.second for g in shuffled], [winners[g.outcome] for g in shuffled]
        assert elo_at_once[draw] == pytest.approx([evalica.elo(*columns, k=4.0).scores[name] for name in names])


def test_who_never_lost_has_no_finite_strength_but_an_elo():
    line = standings([Game("x", "y", "A", "v1"), Game("x", "y", "A", "v2")])[0]
    assert (line.name, line.wins) == ("x", 2)
    assert line.bradley_terry.value is None and line.bradley_terry.reason == UNCONNECTED and line.elo.value > 1000


def test_no_games_no_table():
    assert standings([]) == []
