"""Near-duplicates across ratings: alike responses of one set with different ratings, and alike responses of other videos.

The first make labels that hang on a word or two; the second, where the ratings agree, make a template that tells them.
Alike means a Jaccard similarity of at least 0.9: within a set of runs of three words, so that an order swapped on
purpose counts as a difference; across videos of the sets of words, by MinHash.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from bootstrap.clustered import Estimate, clustered_mean
from bootstrap.leaks import Text
from bootstrap.near_duplicates import THRESHOLD, jaccard, near_duplicates
from bootstrap.rows import RATINGS


class Repeats(NamedTuple):
    """within: share of the sets in which two ratings are alike, by the pair of ratings. across: share of the responses
    that repeat one about another video. same_rating: of those, how many have its rating (by chance one in five)."""

    within: dict[tuple[int, int], Estimate]
    across: Estimate
    same_rating: Estimate


def repeats(texts: Sequence[Text]) -> Repeats:
    """The repeats among the responses of complete sets, five a set, from rating 5 down."""
    sets = [texts[start : start + len(RATINGS)] for start in range(0, len(texts), len(RATINGS))]
    within = {}
    for one, other in combinations(range(len(RATINGS)), 2):
        alike = [jaccard(_runs(s[one].response), _runs(s[other].response)) >= THRESHOLD for s in sets]
        within[RATINGS[one], RATINGS[other]] = clustered_mean(alike, [s[0].video for s in sets])
    found = near_duplicates([text.response for text in texts])
    other_video = {place: first for place, first in found.items() if texts[place].video != texts[first].video}
    same = [texts[place].rating == texts[first].rating for place, first in other_video.items()]
    return Repeats(
        within,
        clustered_mean([place in other_video for place in range(len(texts))], [text.video for text in texts]),
        clustered_mean(same, [texts[place].video for place in other_video]),
    )


def _runs(text: str) -> frozenset[str]:
    """Every three words in a row; a shorter text is one run."""
    words = text.lower().split()
    return frozenset(" ".join(words[start : start + 3]) for start in range(max(len(words) - 2, 1)))
