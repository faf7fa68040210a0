"""Caption metrics by EMScore's definitions: worked by hand, and against plain implementations."""

import math
import random
from functools import lru_cache

import pytest

from analysis.caption_metrics import BETA, bleu_1, common_subsequence, rouge_l, tokens


@pytest.mark.parametrize(
    "text, expected",
    [("A man's 2 dogs, run!", ["a", "man", "s", "2", "dogs", "run"]), ("", []), ("... !", []), ("Ünder", ["nder"])],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


def slow_subsequence(one, other):
    @lru_cache(None)
    def length(i, j):
        if i == len(one) or j == len(other):
            return 0
        return 1 + length(i + 1, j + 1) if one[i] == other[j] else max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


def test_common_subsequence_is_the_textbook_one():
    rng = random.Random(0)
    for _ in range(300):
        one, other = (tuple(rng.choices("abcd", k=rng.randrange(12))) for _ in range(2))
        assert common_subsequence(one, other) == slow_subsequence(one, other), (one, other)


def test_common_subsequence_of_texts_longer_than_a_machine_word():
    one = [str(place) for place in range(200)]
    assert common_subsequence(one, one[::2]) == 100


@pytest.mark.parametrize(
    "response, references, expected",
    [
        # 3 of 4 and 3 of 5: precision 3/4, recall 3/5
        ("a dog runs away", ["a dog quickly runs home"], 2.44 * 0.75 * 0.6 / (0.6 + 1.44 * 0.75)),
        ("a dog", ["a cat", "a dog"], 1.0),  # the best reference counts
        ("bird", ["a cat"], 0.0),
        ("", ["a cat"], 0.0),
    ],
)
def test_rouge_l(response, references, expected):
    assert BETA == 1.2
    assert rouge_l(tokens(response), [tokens(one) for one in references]) == pytest.approx(expected)


@pytest.mark.parametrize(
    "response, references, expected",
    [
        ("the the the", ["the cat the"], 2 / 3),  # clipped to what the reference has
        ("the the cat", ["the cat", "the the dog"], 1.0),  # clipped by the reference that has it most often
        ("a cat", ["a cat sleeps here"], math.exp(1 - 4 / 2)),
        ("a b c", ["a b", "a b c d"], 1.0),  # as near: the shorter one, so no penalty
        ("a b c", ["x x x x"], 0.0),
        ("", ["a"], 0.0),
    ],
)
def test_bleu_1(response, references, expected):
    assert bleu_1(tokens(response), [tokens(one) for one in references]) == pytest.approx(expected)
