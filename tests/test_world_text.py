"""The world's text: questions, rated responses, targets, wordings kept for test, and that text alone tells nothing."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from bootstrap.world.asking import ASKERS, ask
from bootstrap.world.flaws import RATINGS, Flaw, held_out, rated_response, rated_set, rating_of, wrong_value
from bootstrap.world.leaks import probe_pairs, probe_ratings
from bootstrap.world.questions import Fact
from bootstrap.world.sampling import CORE, FULL, sample_scene, scene_generator
from bootstrap.world.targets import pointwise_reasoning, scene_rows
from bootstrap.world.words import COLOURS, EVENTS, STAYS, VOCABULARY
from workbench.schema import Item, Judgment, Video

VIDEO = Video("0" * 64)
ONE = replace(CORE, objects_max=1)


def rows_of(setting, split, count, seed=9):
    return [row for i in range(count) for row in scene_rows(sample_scene(setting, split, seed, i), VIDEO, 3, 0.5)]


# Questions and responses


@pytest.mark.parametrize(
    ("flaws", "rating"),
    [
        ([], 5),
        (["contradicted"], 4),
        (["swapped", "ungrammatical"], 3),
        (["omitted", "contradicted", "hallucinated"], 2),
        (["contradicted"] * 4, 1),
        (["contradicted"] * 6, 1),
        (["irrelevant"], 1),
    ],
)
def test_the_rating_follows_from_the_flaws(flaws, rating):
    assert rating_of(tuple(Flaw(kind) for kind in flaws)) == rating


def every_question(setting, split, count):
    for index in range(count):
        scene = sample_scene(setting, split, 12, index)
        rng = scene_generator(split, 12, index, 1)
        for kind in ASKERS:
            question = ask(scene, rng, kind)
            if question:
                yield scene, question, rng


@pytest.mark.parametrize("setting", [ONE, CORE, FULL], ids=["one", "core", "full"])
def test_every_kind_of_question_has_four_facts_and_five_true_ratings(setting):
    seen = set()
    for scene, question, rng in every_question(setting, "train", 60):
        seen.add(question.kind)
        assert len(question.facts) >= 4
        for response in rated_set(scene, question, rng, text_visible=False):
            wrong = [claim for claim in response.claims if claim.said != claim.fact.true]
            assert len(response.claims) == len(question.facts)
            assert response.rating == max(1, 5 - len(wrong)) and len(wrong) == len(response.flaws)
            assert not response.in_text
    assert seen == set(ASKERS) - ({"count", "comparison"} if setting is ONE else set())


def test_text_visible_sets_have_a_flaw_that_shows_in_nearly_every_flawed_response():
    responses = [r for args in every_question(CORE, "train", 40) for r in rated_set(*args, text_visible=True)]
    assert sorted({r.rating for r in responses}, reverse=True) == list(RATINGS)
    assert all(rating_of(r.flaws) == r.rating for r in responses)
    assert np.mean([r.in_text for r in responses if r.rating < 5]) > 0.85
    assert not any(r.in_text for r in responses if r.rating == 5)


def test_yes_and_no_agree_with_what_follows():
    for scene, question, rng in every_question(CORE, "test", 60):
        if question.kind != "yesno":
            continue
        field, value = question.asked
        for response in rated_set(scene, question, rng, text_visible=False):
            said = next(claim.said for claim in response.claims if claim.fact.field == field)
            assert response.text.startswith("Yes" if said == value else "No")


def test_reasoning_takes_each_fact_in_turn():
    scene = sample_scene(ONE, "train", 2, 0)
    question = ask(scene, scene_generator("train", 2, 0, 1), "attribute")
    response = rated_response(scene, question, np.random.default_rng(0), 3)
    reasoning = pointwise_reasoning(response)
    verdicts = re.findall(r"Said [\w ]+, seen [\w ]+: (correct|wrong \(\d\))\.", reasoning)
    assert len(verdicts) == len(question.facts)
    assert [v for v in verdicts if v != "correct"] == ["wrong (1)", "wrong (2)"]
    assert reasoning.endswith("2 wrong: score 3.")


@pytest.mark.parametrize(
    "fact",
    [
        Fact("0.colour", "", tuple(COLOURS)),
        Fact("0.event", "", EVENTS, STAYS, 1 / 3),
        Fact("0.motion", "", ("left", "right", "up"), "up", 0.5),
        Fact("0.size", "", ("small", "large"), "large", 0.5),
    ],
    ids=["even", "favoured", "asked", "two"],
)
def test_wrong_values_are_distributed_as_true_ones(fact):
    rng = np.random.default_rng(0)
    rest = [value for value in fact.values if value != fact.favoured]
    true = [fact.favoured if fact.favoured and rng.random() < fact.mass else str(rng.choice(rest)) for _ in range(6000)]
    said = [wrong_value(rng, fact._replace(true=value)) for value in true]
    assert not any(t == s for t, s in zip(true, said, strict=True))
    for value in fact.values:
        assert said.count(value) / 6000 == pytest.approx(true.count(value) / 6000, abs=0.03)


# Targets, splits, leaks


def test_rows_are_valid_records_and_targets_agree_with_their_tags():
    rows = rows_of(CORE, "train", 12)
    assert {row.item.kind for row in rows} == {"pointwise", "pairwise"}
    for item, judgment in rows:
        assert Item.from_dict(json.loads(json.dumps(item.to_dict()))) == item
        assert Judgment.from_dict(json.loads(json.dumps(judgment.to_dict()))) == judgment
        assert judgment.item == item.id and judgment.judge == "target"
        ratings = [int(rating) for rating in item.tags["rating"].split(",")]
        if item.kind == "pointwise":
            assert judgment.score == ratings[0]
        else:
            assert judgment.choice == ("A" if ratings[0] > ratings[1] else "B")
            assert (item.tags["hard"] == "yes") == (sorted(ratings) == [2, 3])
        assert item.reference not in item.responses
        assert judgment.rubric and not any(colour in judgment.rubric for colour in COLOURS)


def test_the_test_split_has_new_wordings_of_known_words():
    texts = {split: [t for row in rows_of(CORE, split, 150) for t in row.item.responses] for split in ("train", "test")}
    words = {split: set(re.findall(r"\w+", " ".join(texts[split]).lower())) for split in texts}
    assert words["test"] <= words["train"]
    forms = {split: {form(text) for text in texts[split]} for split in texts}
    assert len(forms["test"] & forms["train"]) < 0.02 * len(forms["test"])


def form(text: str) -> str:
    """The wording alone: every word that names a value made the same."""
    values = {word for names in VOCABULARY.values() for word in names} | {"an"}
    return " ".join(
        "a" if word == "an" else "_" if word in values else word for word in re.findall(r"\w+|[.,]", text.lower())
    )


@pytest.mark.parametrize("split", ["train", "validation"])
def test_some_combinations_of_flaws_are_kept_for_the_test_split(split):
    def combinations(which):
        for scene, question, rng in every_question(CORE, which, 60):
            for response in rated_set(scene, question, rng, text_visible=False):
                names = [flaw.fact.split(".")[-1] for flaw in response.flaws]
                yield held_out(question.kind, names), len(names), len(question.facts)

    elsewhere = [kept for kept, count, facts in combinations(split) if 2 <= count < facts - 1]
    here = [kept for kept, count, facts in combinations("test") if 2 <= count < facts - 1]
    assert np.mean(elsewhere) < 0.01 and np.mean(here) > 0.6


@pytest.mark.parametrize("setting", [ONE, CORE], ids=["one", "core"])
def test_text_alone_does_not_tell_the_rating(setting):
    items = [row.item for row in rows_of(setting, "train", 220) if row.item.tags["video_dependent"] == "yes"]
    ratings, pairs = probe_ratings(items), probe_pairs(items)
    assert ratings.tested > 300 and abs(ratings.accuracy - ratings.chance) < 0.08
    assert abs(pairs.accuracy - pairs.chance) < 0.1


def test_the_probe_finds_flaws_that_do_show():
    items = [row.item for row in rows_of(ONE, "train", 400) if row.item.tags["video_dependent"] == "no"]
    assert probe_ratings(items).accuracy > 0.3
