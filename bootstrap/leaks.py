"""What a response gives away of its rating without the video: length, vocabulary, position, words about ratings, repeats.

A probe is a linear classifier that is trained on three of four videos and tested on the fourth, in turn. A judge trained
on responses that a probe can tell apart may learn to do as the probe does instead of looking.
"""

import re
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from bootstrap.acceptance import video_of
from bootstrap.attempts import RatedSet
from bootstrap.chats import TARGETS
from bootstrap.clustered import Estimate, clustered_mean
from bootstrap.rows import RATINGS, rated_responses
from bootstrap.sampling_sets import some_sets
from bootstrap.text_classifier import fit, hashed, predict

MOST_SETS = 600  # 3,000 responses, 6,000 pairs: enough for a steady figure
FEWEST_VIDEOS = 20  # with fewer, chance makes leaks
FOLDS = 4
TOLERANCE = 0.10  # accuracy above chance that is called a leak
ABOUT_RATINGS = re.compile(
    r"\b(?:rating[_ ]?[1-5]?|rated|scor(?:e|es|ed|ing)|out of (?:5|five)|flaw(?:s|ed)?|degraded|hallucinat\w*"
    r"|(?:reference|gold|correct|incorrect|wrong) (?:answer|response)|(?:deliberately|intentionally) (?:wrong|false))\b",
    re.IGNORECASE,
)
Verdict = Literal["leaks", "does not leak", "unsure", "too few videos"]


class Text(NamedTuple):
    """A response as a probe may see it."""

    instruction: str
    response: str
    rating: int
    video: str


class Probe(NamedTuple):
    """A probe's accuracy on videos that it was not trained on, beside what guessing would reach.

    `left_out` of the accuracy counts sets: incomplete ones, those of another answer to the tag, those not looked at.
    The probe of the position counts responses.
    """

    sees: str  # "length", "vocabulary", "position"
    tells: str  # "rating", or "better of two"
    rows: str  # "all", or those of an answer to the tag video_dependent
    accuracy: Estimate
    chance: float
    verdict: Verdict


class Words(NamedTuple):
    """The share of the responses of a rating that hold words about ratings, and which."""

    by_rating: dict[int, Estimate]
    found: dict[str, int]


def texts_of(sets: Sequence[RatedSet]) -> list[Text]:
    """The responses of complete sets, five a set, from rating 5 down."""
    return [
        Text(one.seed.instruction, _encodable(rated.item.responses[0]), rated.rating, video_of(one))
        for one in sets
        for rated in rated_responses(one)
    ]


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def probes(sets: Sequence[RatedSet]) -> list[Probe]:
    """Every probe, on all rows and, where seeds are tagged so, apart on those whose flaws show only in the video."""
    used, left_out = some_sets([one for one in sets if one.complete], MOST_SETS)
    left_out += sum(not one.complete for one in sets)
    found = []
    for name, part in _parts(used):
        texts, skipped = texts_of(part), left_out + len(used) - len(part)
        found += [_rating_probe(name, sees, of, texts, skipped) for sees, of in FEATURES.items()]
        found += [_pair_probe(name, sees, of, texts, skipped) for sees, of in FEATURES.items()]
    return [*found, _position_probe(sets)]


def _parts(sets: list[RatedSet]) -> list[tuple[str, list[RatedSet]]]:
    answers = (("video-dependent", "yes"), ("text-visible", "no"))
    tagged = [
        (name, [one for one in sets if one.seed.tags.get("video_dependent") == answer]) for name, answer in answers
    ]
    return [("all", sets), *((name, part) for name, part in tagged if part)]


# -- what a probe sees


def _length(text: Text) -> np.ndarray:
    words = text.response.split()
    letters = len(text.response)
    ends = sum(text.response.count(mark) for mark in ".!?")
    plain = np.array([len(words), letters, ends, text.response.count(","), letters / max(len(words), 1)], np.float32)
    return np.concatenate([plain, np.log1p(plain)])


def _vocabulary(text: Text) -> np.ndarray:
    """Words, pairs of neighbours, and each word beside each of the instruction's; of unit length, so not their number."""
    words, asked = _words(text.response), set(_words(text.instruction))
    own = hashed([*words, *(f"{a} {b}" for a, b in zip(words, words[1:], strict=False))])
    both = own + 0.3 * hashed([f"{a}|{b}" for a in asked for b in set(words)])
    return 4 * both / max(float(np.linalg.norm(both)), 1e-6)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


FEATURES: dict[str, Callable[[Text], np.ndarray]] = {"length": _length, "vocabulary": _vocabulary}


# -- probes


def _rating_probe(rows: str, sees: str, of: Callable[[Text], np.ndarray], texts: list[Text], left_out: int) -> Probe:
    features = np.stack([of(text) for text in texts]) if texts else np.zeros((0, 1))
    labels = np.array([text.rating - 1 for text in texts], int)
    videos = [text.video for text in texts]
    return _probe(sees, "rating", rows, features, labels, videos, len(RATINGS), left_out)


def _pair_probe(rows: str, sees: str, of: Callable[[Text], np.ndarray], texts: list[Text], left_out: int) -> Probe:
    """The features are those of the first response less those of the second; every other pair has the worse one first."""
    per_set = [texts[start : start + len(RATINGS)] for start in range(0, len(texts), len(RATINGS))]
    pairs = [pair for one in per_set for pair in combinations(one, 2)]  # better first
    shown = [pair if number % 2 else pair[::-1] for number, pair in enumerate(pairs)]
    seen = {id(text): of(text) for text in texts}
    features = np.stack([seen[id(a)] - seen[id(b)] for a, b in shown]) if shown else np.zeros((0, 1))
    labels = np.array([int(a.rating > b.rating) for a, b in shown], int)
    return _probe(sees, "better of two", rows, features, labels, [a.video for a, _ in shown], 2, left_out)


def _position_probe(sets: Sequence[RatedSet]) -> Probe:
    """Whether the place in which the evaluator was shown a response tells its target; rounds that showed all four."""
    first = [
        (attempt, video_of(one))
        for one in sets
        for attempt in one.attempts
        if attempt.round == 1 and len({a.target for a in one.attempts if a.round == 1}) == len(TARGETS)
    ]
    places = np.array([attempt.given.settings["position"] for attempt, _ in first], int)
    labels = np.array([attempt.target - 1 for attempt, _ in first], int)
    left_out = sum(attempt.round == 1 for one in sets for attempt in one.attempts) - len(first)
    videos = [video for _, video in first]
    features = np.eye(len(TARGETS), dtype=np.float32)[places]
    return _probe("position", "rating", "all", features, labels, videos, len(TARGETS), left_out)


def _probe(
    sees: str,
    tells: str,
    rows: str,
    features: np.ndarray,
    labels: np.ndarray,
    videos: list[str],
    classes: int,
    left_out: int,
) -> Probe:
    chance = 1 / classes
    if len(set(videos)) < FEWEST_VIDEOS:
        return Probe(sees, tells, rows, clustered_mean([], [], left_out), chance, "too few videos")
    accuracy = clustered_mean(held_out_hits(features, labels, videos, classes), videos, left_out)
    return Probe(sees, tells, rows, accuracy, chance, _verdict(accuracy, chance))


def _verdict(accuracy: Estimate, chance: float) -> Verdict:
    assert accuracy.low is not None and accuracy.high is not None
    if accuracy.low > chance + TOLERANCE:
        return "leaks"
    return "does not leak" if accuracy.high <= chance + TOLERANCE else "unsure"


def held_out_hits(features: np.ndarray, labels: np.ndarray, videos: Sequence[str], classes: int) -> np.ndarray:
    """Whether each row [n] is classified right by a classifier that saw no row of its video; features [n, d]."""
    place = {video: number for number, video in enumerate(sorted(set(videos)))}
    fold = np.array([place[video] % FOLDS for video in videos])
    hits = np.zeros(len(labels), bool)
    for held in range(FOLDS):
        train, test = fold != held, fold == held
        mean, spread = _scaling(features[train])
        weights = fit((features[train] - mean) / spread, labels[train], classes)
        hits[test] = predict(weights, (features[test] - mean) / spread) == labels[test]
    return hits


def _scaling(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of few dense features; many sparse ones stay as they are."""
    if features.shape[1] > 64:
        return np.float32(0), np.float32(1)
    return features.mean(0), features.std(0) + 1e-6


# -- words and repeats


def words_about_ratings(texts: Sequence[Text]) -> Words:
    """How often responses speak of ratings, flaws or reference answers. The gold, at 5, shows what is usual."""
    found: dict[str, int] = {}
    by_rating = {}
    for rating in RATINGS:
        of_rating = [text for text in texts if text.rating == rating]
        hits = [ABOUT_RATINGS.findall(text.response) for text in of_rating]
        for word in (word.lower() for words in hits for word in words):
            found[word] = found.get(word, 0) + 1
        by_rating[rating] = clustered_mean([bool(words) for words in hits], [text.video for text in of_rating])
    return Words(by_rating, dict(sorted(found.items(), key=lambda pair: -pair[1])))
