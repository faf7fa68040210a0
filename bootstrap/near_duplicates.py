"""Near-duplicate instructions about one video, by MinHash and locality-sensitive hashing (paper, section on seeds).

The paper gives 128 permutations and a Jaccard threshold of 0.9, and does not say of what: here of the sets of
lower-cased words. The hash bands are chosen to miss little at the threshold given, and what they propose is checked
exactly, so that the result is, but for one near-duplicate in a thousand, that of comparing every pair.
"""

import re
from collections.abc import Sequence

PERMUTATIONS = 128
THRESHOLD = 0.9
MISSED = 0.001  # of pairs as alike as the threshold, at most; datasketch's own bands would miss two in three at 0.9


def words(text: str) -> frozenset[str]:
    """The set of words that instructions are compared by; of a text without any, its letters as they stand."""
    return frozenset(re.findall(r"\w+", text.lower())) or frozenset(text.split())


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words over all words; 1 for two empty sets."""
    return len(one & other) / len(one | other) if one | other else 1.0


def bands(threshold: float) -> tuple[int, int]:
    """Bands and rows of the hashes: as many rows, hence as few pairs to check, as miss no more than MISSED."""
    halvings = [(PERMUTATIONS // rows, rows) for rows in (32, 16, 8, 4, 2)]
    fit = (one for one in halvings if (1 - threshold ** one[1]) ** one[0] <= MISSED)
    return next(fit, (PERMUTATIONS, 1))


def near_duplicates(texts: Sequence[str], threshold: float = THRESHOLD) -> dict[int, int]:
    """Which texts to drop: position of each near-duplicate -> position of the kept text that it repeats.

    Texts are taken in order; one is kept unless its Jaccard similarity to a kept one is at least `threshold`.
    """
    if len(texts) < 2:
        return {}
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold, PERMUTATIONS, params=bands(threshold))
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
