"""Which gold labels count: a person's last one of an item, one vote for everybody, in ratings, choices and rankings."""

import pytest

from analysis.gold_labels import gold_labels
from analysis.labelling import make_label
from analysis.matching import gold_ratings
from analysis.pairs import choices_by_annotator, gold_choices
from analysis.rankings import gold_rankings
from analysis.records import item_facts, records_of
from workbench.errors import InputError
from workbench.schema import Item, Judgment, Video

RATED = Item(Video("v"), "What happens?", ("a",))
PAIR = Item(Video("v"), "Which?", ("a", "b"))
SEVERAL = Item(Video("v"), "In which order?", ("a", "b", "c"))


def read(*judgments):
    return records_of({item.id: item_facts(item) for item in (RATED, PAIR, SEVERAL)}, judgments)


def label(item, who="bob", **verdict):
    return make_label(item, who, **verdict)


def test_a_correction_takes_the_place_of_the_blind_label():
    records = read(
        label(RATED, score=1), label(PAIR, choice="A"), label(SEVERAL, ranking=(0, 1, 2)),
        label(RATED, score=5, blind=False), label(PAIR, choice="B", blind=False),
        label(SEVERAL, ranking=(2, 1, 0), blind=False),
    )  # fmt: skip
    assert gold_ratings(records, "human").by_item == {RATED.id: 5}
    assert gold_choices(records, "human") == {PAIR.id: "B"}
    assert gold_rankings(records, "human") == {SEVERAL.id: [(2, 1, 0)]}


def test_blind_then_open_then_blind_again_the_third_label_counts():
    records = read(label(RATED, score=1), label(RATED, score=5, blind=False), label(RATED, score=2))
    assert gold_ratings(records, "human").by_item == {RATED.id: 2}


def test_a_label_on_the_page_takes_the_place_of_an_imported_one():
    imported = Judgment(PAIR.id, "human:bob", "labels", "scored", choice="A", settings={"order": [0, 1]})
    assert gold_choices(read(imported, label(PAIR, choice="B")), "human") == {PAIR.id: "B"}


def test_everybody_has_one_vote_however_often_they_label():
    often = [label(PAIR, choice="A", blind=blind) for blind in (True, False)]
    records = read(*often, label(PAIR, "ann", choice="B"), label(PAIR, "eve", choice="B"))
    assert gold_choices(records, "human") == {PAIR.id: "B"}
    votes = {"human:ann": {PAIR.id: "B"}, "human:bob": {PAIR.id: "A"}, "human:eve": {PAIR.id: "B"}}
    assert choices_by_annotator(records, "human") == votes


def test_samples_and_orders_of_a_person_are_no_corrections():
    again = [
        Judgment(RATED.id, "human:bob", "p@1", "scored", score=score, sample=n) for n, score in enumerate((1.0, 4.0))
    ]
    turned = [Judgment(PAIR.id, "human:bob", "p@1", "scored", choice=choice, settings={"order": order})
              for choice, order in (("A", [0, 1]), ("B", [1, 0]))]  # fmt: skip
    records = read(*again, *turned)
    assert gold_ratings(records, "human").by_item == {RATED.id: 2.5}
    assert gold_choices(records, "human") == {}  # who contradicts themselves has no vote


def test_a_label_that_failed_takes_no_place():
    skipped = Judgment(RATED.id, "human:bob", "label", "skipped", settings={"blind": False})
    assert gold_ratings(read(label(RATED, score=2), skipped), "human").by_item == {RATED.id: 2}


def test_settings_of_a_model_are_no_corrections():
    given = [
        Judgment(RATED.id, "near", "p@1", "scored", score=score, settings={"temperature": score})
        for score in (1.0, 4.0)
    ]
    assert gold_ratings(read(*given), "near").by_item == {RATED.id: 2.5}


def test_nobody_of_that_name():
    with pytest.raises(InputError, match="nobody"):
        gold_labels(read(label(RATED, score=1)), "nobody")
