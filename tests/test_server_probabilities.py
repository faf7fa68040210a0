"""Rating probabilities from the likely tokens that a chat server tells."""

import itertools

import numpy as np
import pytest

from workbench.backends.server_probabilities import menu_probabilities

SCORES = ("1", "2", "3", "4", "5")


def told(*places):
    """`logprobs` of a reply: each place a token with its own probability, or the probabilities of several, its own first."""
    rows = [{place: 1.0} if isinstance(place, str) else place for place in places]
    entry = lambda token, share: {"token": token, "logprob": float(np.log(share))}  # noqa: E731
    return {"content": [{**entry(*next(iter(row.items()))), "top_logprobs": list(itertools.starmap(entry, row.items()))}
                        for row in rows]}  # fmt: skip


FOUR = {"4": 0.6, "5": 0.2, "six": 0.1, "45": 0.1}


@pytest.mark.parametrize(
    "content, menu, probs",
    [
        (told("<think>", "<score>1</score>", "</think>", "<score>", FOUR, "</score>"), SCORES, {"4": 0.75, "5": 0.25}),
        (told("é<sco", {"re>4": 0.6, "re>5": 0.2, "x": 0.2}, "</score>"), SCORES, {"4": 0.75, "5": 0.25}),
        (told("<score>", "\n", FOUR, "</score>"), SCORES, {"4": 0.75, "5": 0.25}),
        (told("<score>", {"1": 0.8, "2": 0.2}, {"0": 0.75, "</": 0.25}), ("1", "2", "10"),
         {"1": 0.2, "2": 0.2, "10": 0.6}),
        (told("<score>", {"2": 0.5, "1": 0.5}, "</score>"), ("1", "2", "10"), None),
        (told("<score>", {"2": 0.995, "1": 0.005}, "</score>"), ("1", "2", "10"), {"2": 1.0}),
        (told("<score>", {"seven": 1.0}, "</score>"), SCORES, None),
        (told("no", " slot"), SCORES, None),
        (told("<score>"), SCORES, None),
        (told("<score>", FOUR), (), None),
        (None, SCORES, None),
        ({"content": None}, SCORES, None),
        ({"content": [{"token": "<score>", "logprob": None, "top_logprobs": []}]}, SCORES, None),
    ],
)  # fmt: skip
def test_probabilities_of_the_menu_from_likely_tokens(content, menu, probs):
    found = menu_probabilities(content, "<score>", menu)
    assert found == (probs and pytest.approx({**dict.fromkeys(menu, 0.0), **probs}))


def test_tokens_of_half_a_letter_are_told_by_their_bytes():
    halves = [{"token": "\ufffd", "bytes": [byte], "logprob": 0.0, "top_logprobs": []} for byte in "é".encode()]
    content = {"content": [*halves, *told("<score>", FOUR, "</score>")["content"]]}
    assert menu_probabilities(content, "<score>", SCORES)["4"] == pytest.approx(0.75)
