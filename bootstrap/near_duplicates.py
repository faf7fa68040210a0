"""Near-duplicate instructions about one video, by MinHash and locality-sensitive hashing (paper, section on seeds).

The paper gives 128 permutations and a Jaccard threshold of 0.9, and does not say of what: here of the sets of
lower-cased words. The hash bands are chosen to miss little, and what they propose is checked exactly, so that the
result is, but for one near-duplicate in a thousand, that of comparing every pair.
"""

import re
from collections.abc import Sequence

PERMUTATIONS = 128
THRESHOLD = 0.9
BANDS, ROWS = (
    16,
    8,
)  # at Jaccard 0.9 a pair shares a band with probability 0.9999; default bands would miss two in three


def words(text: str) -> frozenset[str]:
    """The set of words that instructions are compared by; of a text without any, its letters as they stand."""
    return frozenset(re.findall(r"\w+", text.lower())) or frozenset(text.split())


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words over all words; 1 for two empty sets."""
    return len(one & other) / len(one | other) if one | other else 1.0


def near_duplicates(texts: Sequence[str], threshold: float = THRESHOLD) -> dict[int, int]:
    """Which texts to drop: position of each near-duplicate -> position of the kept text that it repeats.

    Texts are taken in order; one is kept unless its Jaccard similarity to a kept one is at least `threshold`.
    """
    if len(texts) < 2:
        return {}
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold, PERMUTATIONS, params=(BANDS, ROWS))
    sets = [words(text) for text in texts]
    hashes = MinHash.bulk([[word.encode() for word in sorted(one)] for one in sets], num_perm=PERMUTATIONS)
    repeated: dict[int, int] = {}
    for position, (own, hashed) in enumerate(zip(sets, hashes, strict=True)):
        close = [other for other in sorted(index.query(hashed)) if jaccard(own, sets[other]) >= threshold]
        if close:
            repeated[position] = close[0]
        else:
            index.insert(position, hashed)
    return repeated
