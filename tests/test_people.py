"""People among themselves: agreement in choices and rankings beside other libraries, and what the majority of people says."""

import json

import krippendorff
import numpy as np
import pytest
from scipy import stats

from analysis.__main__ import main
from analysis.annotators import choice_agreement, ranking_agreement
from analysis.findings import findings
from analysis.meta_evaluation import meta_evaluate
from analysis.pairs import gold_choices
from analysis.records import item_facts, records_of
from analysis.report_ratings import people
from workbench.schema import Item, Judgment, Video
from workbench.store import Run

RNG = np.random.default_rng(3)
PAIRS = [Item(Video(f"v{n}"), "Which?", (f"a{n}", f"b{n}")) for n in range(30)]
RANKED = [Item(Video(f"v{n}"), "In which order?", (f"a{n}", f"b{n}", f"c{n}", f"d{n}")) for n in range(20)]
CODES = {"A": 0, "B": 1, "tie": 2}


def chose(item, judge, choice):
    return Judgment(item.id, judge, "label", "scored", choice=choice)


def ranked(item, judge, ranking):
    return Judgment(item.id, judge, "label", "scored", ranking=tuple(ranking))


def choices():
    """Three people with holes, and a judge that always says A."""
    found = []
    for item in PAIRS:
        truth = RNG.choice(list(CODES))
        found += [chose(item, f"human:{who}", str(truth if RNG.random() < 0.6 else RNG.choice(list(CODES))))
                  for who in "abc" if RNG.random() < 0.8]  # fmt: skip
        found.append(chose(item, "judge", "A"))
    return found


def rankings():
    asked = [(item, f"human:{who}") for item in RANKED for who in "abc" if RNG.random() < 0.8]
    found = [ranked(*one, RNG.permutation(4).tolist() if RNG.random() < 0.4 else range(4)) for one in asked]
    return found + [ranked(item, "judge", range(4)) for item in RANKED]


JUDGMENTS = [*choices(), *rankings()]
ITEMS = len({one.item for one in JUDGMENTS if one.ranking and one.judge != "judge"})
RECORDS = records_of({item.id: item_facts(item) for item in (*PAIRS, *RANKED)}, JUDGMENTS)


def by_person(field):
    found = {}
    for one in JUDGMENTS:
        if one.judge != "judge" and getattr(one, field) is not None:
            found.setdefault(one.judge, {})[one.item] = getattr(one, field)
    return found


def test_alpha_of_choices_is_the_packages():
    said = by_person("choice")
    table = np.array([[CODES[of[item.id]] if item.id in of else np.nan for item in PAIRS] for of in said.values()])
    found = meta_evaluate(RECORDS).annotators.choices
    assert found.names == ["human:a", "human:b", "human:c"] and found.agreement.low < found.agreement.value
    assert found.agreement.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"))
    paired = (np.isfinite(table).sum(0) > 1).sum()
    assert (found.agreement.n, found.agreement.left_out) == (paired, found.items - paired)


def test_tau_of_rankings_is_scipys_averaged():
    said, means = by_person("ranking"), []
    for item in RANKED:
        places = [np.argsort(of[item.id]) for of in said.values() if item.id in of]
        taus = [stats.kendalltau(one, two).statistic for n, one in enumerate(places) for two in places[:n]]
        means += [np.mean(taus)] if taus else []
    found = meta_evaluate(RECORDS).annotators.rankings
    assert found.agreement.value == pytest.approx(np.mean(means)) and found.agreement.n == len(means)
    assert found.agreement.n + found.agreement.left_out == found.items


@pytest.mark.parametrize("measure", [choice_agreement, ranking_agreement])
def test_one_person_agrees_with_nobody(measure):
    assert measure({}, {}) is None and measure({"human:a": {"i": "A"}, "human:b": {}}, {"i": "v"}) is None


def test_people_of_other_items_and_people_who_always_say_one_thing_have_no_figure():
    videos = {"i": "v", "j": "w"}
    apart = choice_agreement({"human:a": {"i": "A"}, "human:b": {"j": "B"}}, videos).agreement
    alike = choice_agreement({"human:a": {"i": "A", "j": "A"}, "human:b": {"i": "A", "j": "A"}}, videos).agreement
    assert apart.value is None and (apart.n, apart.left_out) == (0, 2)
    assert alike.value is None and alike.reason == "all choices are alike"


def test_the_report_and_the_command_tell_it(tmp_path, capsys):
    section = next(people(findings(RECORDS)))
    assert "3 people chose in 30 pairs" in section.answer and f"3 people ranked {ITEMS} items" in section.answer
    assert not section.drawn and not section.rows  # nobody rated
    run = Run.create(tmp_path / "run", config={})
    with run.writing():
        run.add_items([*PAIRS, *RANKED])
        for one in JUDGMENTS:
            run.append(one)
    assert main(["agree", str(run.folder), "--json", str(tmp_path / "out.json")]) == 0
    shown, written = capsys.readouterr().out, json.loads((tmp_path / "out.json").read_text())
    assert "choices by 3 on 30 items" in shown and f"rankings by 3 on {ITEMS} items" in shown
    assert written["annotators"]["choices"]["agreement"]["value"] is not None


@pytest.mark.parametrize(("votes", "gold"), [
    ("A", "A"), ("AAB", "A"), ("ABB", "B"), ("AB", "tie"), ("At", "tie"), ("Bt", "tie"), ("AAt", "A"), ("Att", "tie"),
    ("ABt", "tie"), ("AABBt", "tie"), ("AABtt", "tie"), ("AAABt", "A"),
])  # fmt: skip
def test_the_gold_choice_is_what_is_alone_ahead(votes, gold):
    item = PAIRS[0]
    given = [chose(item, f"human:{who}", {"t": "tie"}.get(vote, vote)) for who, vote in enumerate(votes)]
    assert gold_choices(records_of({item.id: item_facts(item)}, given), "human") == {item.id: gold}
