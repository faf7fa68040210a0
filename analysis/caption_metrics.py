"""Caption metrics as EMScore (arXiv 2111.08919) computes them: length, ROUGE-L, BLEU-1, against one reference or several.

They are not the definitions of `metric:rouge_l` and `metric:bleu` (workbench/backends/metric.py), which weigh precision
and recall alike, smooth, and know one reference; published figures on VATEX-EVAL are made with these. All are 0 to 1.

    tokens     runs of a-z and 0-9 of the lower-cased text
    length     number of tokens (not 0 to 1)
    ROUGE-L    F of the longest common subsequence with beta 1.2, for each reference; then the largest
    BLEU-1     share of tokens found in a reference, each counted at most as often as in the reference that has it most
               often, times the brevity penalty exp(1 - r/c) where the reference r nearest in length (the shorter of two
               as near) is longer than the response c
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

BETA = 1.2  # recall counts more than precision
_TOKEN = re.compile(r"[a-z0-9]+")


def tokens(text: str) -> list[str]:
    """The words that all metrics here count."""
    return _TOKEN.findall(text.lower())


def rouge_l(response: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """The largest ROUGE-L of tokens against any of the references; 0 where nothing is shared."""
    return max(_f_measure(common_subsequence(response, one), len(response), len(one)) for one in references)


def _f_measure(shared: int, response: int, reference: int) -> float:
    if not shared:
        return 0.0
    precision, recall = shared / response, shared / reference
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bit vectors (Hyyrö 2004): a word of machine bits does a row."""
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    row = full = (1 << len(one)) - 1
    for token in other:
        if matches := row & places.get(token, 0):
            row = (row + matches | row - matches) & full
    return len(one) - row.bit_count()


def bleu_1(response: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU of single tokens; 0 for a response without any."""
    if not response:
        return 0.0
    most: Counter[str] = Counter()
    for reference in references:
        most |= Counter(reference)
    shared = (Counter(response) & most).total()
    nearest = min((abs(len(one) - len(response)), len(one)) for one in references)[1]
    brevity = math.exp(1 - nearest / len(response)) if nearest > len(response) else 1.0
    return brevity * shared / len(response)
