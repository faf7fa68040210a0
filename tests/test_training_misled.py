"""Rationales that misread the video: what follows is what is written, and no loss falls on what is falsely seen."""

import random
import re

import pytest

from training.misled import NAMED, misled

VALUES = {"colour": ["red", "green", "blue"], "motion": ["up", "down", "loop"]}
ONE = "colour: seen green, said green: correct. motion2: seen loop, said up: wrong (1). 1 wrong: score 4."
GRAMMAR = "colour: seen red, said red: correct. Broken grammar: wrong (1). 1 wrong: score 4."
PAIR = (
    "A: colour: seen green, said green: correct. 0 wrong. B: colour: seen green, said red: wrong (1). 1 wrong. "
    "A is better."
)


@pytest.mark.parametrize("text", [ONE, GRAMMAR, PAIR])
@pytest.mark.parametrize("seed", range(20))
def test_everything_follows_from_what_is_written(text, seed):
    found = misled(text, VALUES, 0.5, random.Random(seed))
    if found is None:
        return  # both responses came out alike
    counts = []
    for part in re.split(r" (?=B: )", found.text):
        wrong = 0
        for _, _, seen, said in NAMED.findall(part):
            wrong += seen != said
            assert f"seen {seen}, said {said}: {'correct.' if seen == said else f'wrong ({wrong}).'}" in part
        wrong += "grammar" in part
        assert f"{wrong} wrong" in part
        counts.append(wrong)
    assert tuple(counts) == found.wrong
    if len(counts) == 1:
        assert found.text.endswith(f"score {max(1, 5 - counts[0])}.")
    else:
        assert found.text.endswith(f"{'A' if counts[0] < counts[1] else 'B'} is better.")
    assert len(found.deceived) == len(NAMED.findall(text))


@pytest.mark.parametrize("seed", range(20))
def test_both_responses_are_seen_by_the_same_eyes(seed):
    found = misled(PAIR, VALUES, 0.5, random.Random(seed))
    if found is not None:
        assert len({seen for _, _, seen, _ in NAMED.findall(found.text)}) == 1


def test_what_was_falsely_seen_of_a_is_to_be_seen_of_b():
    found = next(each for seed in range(50) if (each := misled(PAIR, VALUES, 1.0, random.Random(seed))))
    assert found.deceived == ("green" not in found.text.split("said")[0], False)
    other = PAIR.replace("B: colour", "B: colour2")
    found = next(
        each
        for seed in range(50)
        if (each := misled(other, VALUES, 1.0, random.Random(seed))) and "seen green" not in each.text
    )
    assert found.deceived == (True, True)  # of another object


def test_nothing_is_changed_at_no_share_and_other_texts_are_left_alone():
    assert misled(ONE, VALUES, 0.0, random.Random(0)) == (ONE, (False, False), (1,))
    assert misled("Off topic. Score 1.", VALUES, 0.5, random.Random(0)) is None
