"""Judges side by side: rankings too, people by the other people's labels, and what is said where there is nothing to test."""

import json
from itertools import permutations

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.comparison import compare
from analysis.rankings import edit_distance, ranking_tau
from analysis.records import read_runs
from analysis.report_confidence import comparison_sections
from tests.test_analysis_commands import verdict, write
from workbench.errors import InputError
from workbench.schema import Item, Video

ORDERS = list(permutations(range(3)))


def ranked(tmp_path, judges):
    """Six videos, each ranked by a person, and by judges: name -> rankings."""
    groups = []
    for place, truth in enumerate(ORDERS):
        item = Item(Video(f"v{place}"), "Which?", ("a", "b", "c"))
        said = [
            verdict(item, name, **({"ranking": some[place]} if some[place] else {})) for name, some in judges.items()
        ]
        groups.append((item, [verdict(item, "human:a", "label", ranking=truth), *said]))
    return write(tmp_path / "run", groups)


def test_rankings_are_compared(tmp_path, capsys):
    near, far = [*ORDERS[:5], None], ORDERS[1:] + ORDERS[:1]
    run = ranked(tmp_path, {"near": near, "far": far})
    found = compare(read_runs([run]))
    assert (found.ratings, found.preferences) == (None, None) and found.rankings.judges == ["near", "far"]
    (test,) = found.rankings.tests
    rows = list(zip(near[:5], far[:5], ORDERS[:5], strict=True))
    for figure, value in (("edit_distance", edit_distance), ("kendall_tau", ranking_tau)):
        known = np.mean([value(one, truth) - value(other, truth) for one, other, truth in rows])
        assert test.differences[figure].value == pytest.approx(known)
    assert (test.tested, test.differences["exact"].n, test.differences["exact"].left_out) == ("edit_distance", 5, 1)
    assert test.differences["exact"].value == 1 and 0 < test.p == test.p_holm < 0.1
    assert (found.rankings.coverage["near"].scored, found.rankings.coverage["near"].unparsed) == (5, 1)
    assert found.rankings.common["near"]["edit_distance"].value == 0
    assert main(["compare", run, "--json", str(tmp_path / "out.json")]) == 0
    assert "Rankings on the rows that all judges scored" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["rankings"]["tests"]
    (section,) = comparison_sections(found)
    assert section.key == "comparison-rankings" and "edit distance" in section.answer


RATED = {
    "human:a": (1, 2, 3, 4),
    "human:b": (1, 3, 5, 4),
    "human:c": (2, 3, 3, 4),
    "near": (1, 2, 4, 4),
    "far": (5, 1, 1, 2),
}


@pytest.fixture
def rated(tmp_path):
    """Four videos rated by three people and two judges; a pair of each, which "near" has not judged."""
    groups = []
    for place in range(4):
        alone = Item(Video(f"v{place}"), "What?", (f"response {place}",))
        pair = Item(Video(f"v{place}"), "Which?", (f"one {place}", f"two {place}"))
        groups.append((alone, [verdict(alone, name, score=float(said[place])) for name, said in RATED.items()]))
        chosen = {"human:a": "AABB", "human:b": "AAAB", "human:c": "ABAB", "far": "BAAB", "third": "AAAA"}
        groups.append((pair, [verdict(pair, name, choice=said[place]) for name, said in chosen.items()]))
    return write(tmp_path / "rated", groups)


def test_a_person_is_measured_by_the_other_people(rated):
    found = compare(read_runs([rated]), judges=["human:a", "near"])
    others = np.mean([RATED["human:b"], RATED["human:c"]], axis=0)
    errors = {name: np.abs(np.array(RATED[name]) - others).mean() for name in ("human:a", "near")}
    assert {name: one["mae"].value for name, one in found.ratings.common.items()} == pytest.approx(errors)
    (test,) = found.ratings.tests
    assert {test.first, test.second} == {"near", "human:a"}
    sign = 1 if test.first == "near" else -1
    assert test.differences["mae"].value == pytest.approx(sign * (errors["near"] - errors["human:a"]))
    two = compare(read_runs([rated]), judges=["human:a", "human:b"])
    known = {name: np.abs(np.array(RATED[name]) - RATED["human:c"]).mean() for name in ("human:a", "human:b")}
    assert {name: one["mae"].value for name, one in two.ratings.common.items()} == pytest.approx(known)
    assert two.preferences.common["human:b"]["accuracy"].value == 0.75  # ABAB is the gold: AAAB


def test_a_person_may_be_what_the_others_are_held_against(rated):
    found = compare(read_runs([rated]), baseline="human:c")
    assert {(test.first, test.second) for test in found.ratings.tests} == {("near", "human:c"), ("far", "human:c")}
    assert {test.second for test in found.preferences.tests} == {"human:c"}


def test_without_people_named_all_of_them_are_the_gold(rated):
    assert set(compare(read_runs([rated])).ratings.judges) == {"near", "far"}


@pytest.mark.parametrize(("words", "said"), [
    (["--judge", "human:a", "--judge", "human:b", "--judge", "human:c"], "nobody else is called 'human' to measure them by"),
    (["--gold", "human:a", "--judge", "human:a"], "nobody else is called 'human:a' to measure them by"),
    (["--judge", "bob"], "these runs have near, far, third, human:a, human:b, human:c."),
    (["--judge", "near", "--judge", "third"], "got ratings by near; preferences by third; expected two judges with the same kind"),
])  # fmt: skip
def test_what_cannot_be_compared_says_why(rated, capsys, words, said):
    assert main(["compare", rated, *words]) == 2
    assert said in capsys.readouterr().err


def test_a_baseline_without_one_kind_of_verdict_is_said_and_not_replaced(rated, capsys):
    found = compare(read_runs([rated]), baseline="near")
    assert found.ratings.tests and found.preferences.tests == []
    assert "near, which the others were to be held against, has no preferences" in found.preferences.note
    assert found.preferences.common and found.preferences.note in [one.answer for one in comparison_sections(found)]
    assert main(["compare", rated, "--baseline", "near"]) == 0 and found.preferences.note in capsys.readouterr().out


def test_nothing_in_common_is_still_said(tmp_path):
    item, other = Item(None, "What?", ("a",)), Item(None, "What?", ("b",))
    judges = [verdict(other, name, score=2.0) for name in ("j", "k")]
    run = write(tmp_path / "run", [(item, [verdict(item, "human:a", "label", score=3.0)]), (other, judges)])
    with pytest.raises(InputError, match="in common"):
        compare(read_runs([run]))
