"""Sentences that say nothing of a video, for responses in training: what a judge has never read is not broken for that.

The judge learns that words turned around are broken grammar. Having read its world's own sentences alone, it takes any
other one for broken as well.
"""

import random

WHO = (
    *("I", "We", "My colleague", "The person who asked", "Anybody", "Nobody here", "A friend of mine", "My teacher"),
    *("Most viewers", "The people at work", "Some of us", "You"),
)
DOES = (
    *("will read", "can use", "might remember", "should keep", "had to write", "could explain", "would like"),
    *("may need", "must check", "wanted to send", "did not change", "never forgets"),
)
WHAT = (
    *("a short note about it", "these few lines", "the rest of the story", "such an answer", "what was written here"),
    *("more words than that", "the same page again", "a better question", "every part of the task", "this description"),
    *("something else for the record", "a copy of the text"),
)
WHEN = (
    "",
    " at the end of the day",
    ", of course",
    " when there is time",
    " without much trouble",
    " next week",
    ", I hope",
)


def aside(rng: random.Random) -> str:
    """One of some ten thousand sentences."""
    return f"{rng.choice(WHO)} {rng.choice(DOES)} {rng.choice(WHAT)}{rng.choice(WHEN)}."


def beside(text: str, rng: random.Random) -> str:
    """The text with such a sentence before or behind it."""
    parts = [text, aside(rng)]
    rng.shuffle(parts)
    return " ".join(parts)
