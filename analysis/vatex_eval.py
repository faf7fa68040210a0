"""VATEX-EVAL's known values: how far people agree with each other, and caption metrics with people.

Protocol of EMScore (arXiv 2111.08919): a metric's values rounded to 4 decimals; Kendall's tau-b and Spearman's rho with
each annotator's ratings; the mean over annotators. The first caption of every video is near the gold one and is rated
so, hence everything is told with and without it. A caption that an annotator did not rate is left out and counted.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from analysis.agreement import crossed
from analysis.annotators import against_the_others, krippendorff
from analysis.benchmarks.entries import Source, rows_of
from analysis.benchmarks.vatex import Captions, captions_of
from analysis.caption_metrics import bleu_1, rouge_l, tokens
from analysis.contingency import kendall_tau_b, spearman
from analysis.estimate import (
    Estimate,
    cluster_counts,
    mean_estimate,
    numbered,
    resampled_sums,
    with_interval,
)
from analysis.ranks import drawn_rank_correlations
from workbench.errors import InputError, WorkbenchError

DECIMALS = 4
METRICS = ("length", "ROUGE-L, 1 reference", "ROUGE-L, all references", "BLEU-1, 1 reference", "BLEU-1, all references")
CONSTANT = "the ratings or the metric are constant"


class Data(NamedTuple):
    """Every caption: ratings float [captions, annotators] (NaN missing), metrics float [captions, METRICS], the number
    of its video and its slot (from 1) [captions]; and the rows that could not be used, with the reason."""

    ratings: np.ndarray
    metrics: np.ndarray
    videos: np.ndarray
    slots: np.ndarray
    rejected: tuple[str, ...]


class Correlation(NamedTuple):
    """A metric, or an annotator, against people."""

    name: str
    kendall: Estimate
    spearman: Estimate


class Part(NamedTuple):
    """The figures of all captions, or of all but the first of each video."""

    name: str
    metrics: list[Correlation]
    annotators: list[Correlation]  # each against the mean of the others
    alpha: Estimate  # Krippendorff's, for interval data


class Report(NamedTuple):
    """All that the command shows."""

    parts: list[Part]
    slot_means: list[Estimate]
    captions: int
    videos: int
    rejected: tuple[str, ...]


def load(source: Source) -> Data:
    """The file's captions with their metrics. Raises InputError where nothing can be used."""
    found: list[Captions] = []
    rejected: list[str] = []
    for row in rows_of(source):
        try:
            if row.problem:
                raise InputError(row.problem)
            found.append(captions_of(row.values))
        except WorkbenchError as error:
            rejected.append(f"row {row.number}: {error}")
    if not found:
        raise InputError(f"{source.path.name}: no row can be used; the first: {(rejected or ['it has none'])[0]}")
    several = max(len(ratings) for video in found for ratings in video.ratings)
    rows = [(*each, several) for each in _captions(found)]
    return Data(
        np.array([_filled(ratings, several) for _, _, _, ratings, _ in rows], dtype=float),
        np.array([values for _, _, values, _, _ in rows], dtype=float).round(DECIMALS),
        numbered([video for video, *_ in rows]),
        np.array([slot for _, slot, *_ in rows]),
        tuple(rejected),
    )


def _captions(found: Iterable[Captions]) -> Iterator[tuple[str, int, tuple[float, ...], tuple[float | None, ...]]]:
    for video in found:
        references = [tokens(one) for one in video.references]
        for slot, (caption, ratings) in enumerate(zip(video.captions, video.ratings, strict=True), 1):
            words = tokens(caption)
            one, all_of_them = references[:1], references
            values = (float(len(words)), rouge_l(words, one), rouge_l(words, all_of_them), bleu_1(words, one))
            yield video.video, slot, (*values, bleu_1(words, all_of_them)), ratings


def _filled(ratings: tuple[float | None, ...], several: int) -> list[float]:
    given = [np.nan if one is None else one for one in ratings]
    return given + [np.nan] * (several - len(given))


def measure(data: Data) -> Report:
    """Every figure, with intervals that draw videos."""
    later = data.slots > 1
    parts = [_part("all captions", data)]
    if later.any():
        kept = (one[later] for one in (data.ratings, data.metrics, data.videos, data.slots))
        parts.append(_part("without the first caption", Data(*kept, data.rejected)))
    means = [_slot_mean(data, slot) for slot in range(1, int(data.slots.max()) + 1)]
    return Report(parts, means, len(data.videos), int(data.videos.max()) + 1, data.rejected)


def _slot_mean(data: Data, slot: int) -> Estimate:
    ratings = data.ratings[data.slots == slot]
    clusters = np.repeat(data.videos[data.slots == slot], ratings.shape[1])
    return mean_estimate(ratings.ravel(), clusters)


def _part(name: str, data: Data) -> Part:
    complete = np.isfinite(data.ratings).all(axis=1)
    ratings, metrics, videos = data.ratings[complete], data.metrics[complete], data.videos[complete]
    left_out = int((~complete).sum())
    people = range(ratings.shape[1])
    found = [
        _correlation(METRICS[m], metrics[:, [m] * len(people)], ratings, videos, left_out) for m in range(len(METRICS))
    ]
    theirs = against_the_others(ratings.T, videos) if len(people) > 1 and left_out < len(complete) else []
    others = [_annotator(place, figures, left_out) for place, figures in enumerate(theirs, 1)]
    return Part(name, found, others, krippendorff(data.ratings.T, data.videos)["interval"])


def _annotator(place: int, figures: Mapping[str, Estimate], left_out: int) -> Correlation:
    kendall, spearman = (figures[name]._replace(left_out=left_out) for name in ("kendall_tau_b", "spearman"))
    return Correlation(f"annotator {place} against the others' mean", kendall, spearman)


def _correlation(name: str, values: np.ndarray, ratings: np.ndarray, videos: np.ndarray, left_out: int) -> Correlation:
    """Mean over the columns of both [captions, columns] of their rank correlations, in all rows and in every draw."""
    n, count = len(ratings), len(np.unique(videos))
    if not n:
        none = Estimate(None, None, None, 0, left_out, 0, "no caption has all its ratings")
        return Correlation(name, none, none)
    pairs = [_drawn(values[:, c], ratings[:, c], videos) for c in range(ratings.shape[1])]
    told = {}
    for statistic in ("kendall_tau_b", "spearman"):
        value = np.mean([values[statistic][0] for values, _ in pairs])
        draws = np.mean([draws[statistic] for _, draws in pairs], axis=0)
        told[statistic] = with_interval(value, draws, n, left_out, count, CONSTANT)
    return Correlation(name, told["kendall_tau_b"], told["spearman"])


def _drawn(values: np.ndarray, ratings: np.ndarray, videos: np.ndarray) -> tuple[dict, dict]:
    """Rank correlations of all rows and of each draw: of a contingency table where there are few levels, else of ranks."""
    table = crossed(values, ratings)
    if table is None:
        return drawn_rank_correlations(values, ratings, videos)
    rows = cluster_counts(table.cells, videos, table.size)
    shape = (-1, len(table.gold_levels), len(table.levels))
    told = []
    for sums in (rows.sum(axis=0, keepdims=True), resampled_sums(rows, together=True)):
        tables = sums.reshape(shape)
        told.append({"kendall_tau_b": kendall_tau_b(tables), "spearman": spearman(tables)})
    return told[0], told[1]
