"""Rationales as they are taught: facts in a fixed order, and those of a pair that changes places."""

import pytest

from training.rationales import in_fixed_order, swapped

VOCABULARY = {"colour": ["red", "blue"], "shape": ["star"], "motion": ["left", "up"]}


@pytest.mark.parametrize(
    "told, taught",
    [
        (
            "Said up, seen left: wrong (1). Said red, seen red: correct. 1 wrong: score 4.",
            "colour: seen red, said red: correct. motion: seen left, said up: wrong (1). 1 wrong: score 4.",
        ),
        (
            "A: Said then up, seen then left: wrong (1). Said first up, seen first up: correct. 1 wrong. "
            "B: Said nothing, seen grey background: wrong (1). 1 wrong. A is better.",
            "A: first: seen up, said up: correct. then: seen left, said up: wrong (1). 1 wrong. "
            "B: background: seen grey, said nothing: wrong (1). 1 wrong. A is better.",
        ),
        (
            "Said stays, seen vanishes late: wrong (1). Said star, seen star: correct. Broken grammar: wrong (2). 2 wrong.",
            "shape: seen star, said star: correct. event: seen vanishes late, said stays: wrong (1). "
            "Broken grammar: wrong (2). 2 wrong.",
        ),
        (
            "Said red, seen blue: wrong (1). Said star, seen star: correct. Said first up, seen first up: correct. "
            "Said then left, seen then left: correct. Said blue, seen red: wrong (2). Said star, seen star: correct. "
            "Said left, seen up: wrong (3). Said two objects, seen two objects: correct. 3 wrong: score 2.",
            "count: seen two, said two: correct. colour: seen blue, said red: wrong (1). "
            "shape: seen star, said star: correct. first: seen up, said up: correct. "
            "then: seen left, said left: correct. colour2: seen red, said blue: wrong (2). "
            "shape2: seen star, said star: correct. motion2: seen up, said left: wrong (3). 3 wrong: score 2.",
        ),
        (
            "Said red, seen red: correct. Said smaller, seen larger: wrong (1). Said blue, seen blue: correct. "
            "Said left, seen left: correct. Said up, seen up: correct. 1 wrong: score 4.",
            "colour: seen red, said red: correct. motion: seen left, said left: correct. "
            "colour2: seen blue, said blue: correct. motion2: seen up, said up: correct. "
            "larger: seen larger, said smaller: wrong (1). 1 wrong: score 4.",
        ),
        ("Off topic. Score 1.", "Off topic. Score 1."),
    ],
)
def test_rationales_name_the_facts_in_a_fixed_order(told, taught):
    assert in_fixed_order(told, VOCABULARY) == taught


def test_the_rationale_of_a_pair_changes_places():
    told = "A: colour: seen red, said red: correct. 0 wrong. B: Off topic. A is better."
    assert swapped(told) == "B: ".join(["A: Off topic. ", "colour: seen red, said red: correct. 0 wrong. B is better."])
    assert swapped("Because.") is None
