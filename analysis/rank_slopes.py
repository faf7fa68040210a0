"""Rank correlations of very many rows: exact values, and draws that cost a matrix product each.

Both coefficients are ratios of sums over pairs and triples of rows, smooth in how often a row is drawn. With many videos a
draw moves each sum as its slope says (the infinitesimal jackknife of Jaeckel 1972, here within the ratio; Efron and
Tibshirani 1993, chapter 22). With few videos the curvature counts: there the draws are those of ratings in BINS steps, added
to the exact value.
"""

from typing import NamedTuple

import numpy as np

from analysis.contingency import kendall_tau_b, spearman
from analysis.estimate import ratio, resampled_sums
from analysis.merges import concordance

BINS = 64

Figures = dict[str, np.ndarray]


class Slopes(NamedTuple):
    """Six sums and what each gains per further draw of a row: concordant less discordant pairs, pairs untied in the
    first and in the second rating; products of centred mid-ranks (first x second, first squared, second squared)."""

    sums: np.ndarray  # [6]
    gains: np.ndarray  # [rows, 6]

    @property
    def values(self) -> Figures:
        return _coefficients(self.sums[None])


def slopes(first: np.ndarray, second: np.ndarray) -> Slopes:
    """Of levels from 0 [rows], sorted by `second`."""
    counts = np.bincount(first), np.bincount(second)
    pairs = (
        concordance(first, second),
        *(len(first) - c[levels] for c, levels in zip(counts, (first, second), strict=True)),
    )
    one, other = (
        (np.cumsum(c) - c / 2 - len(first) / 2)[levels] for c, levels in zip(counts, (first, second), strict=True)
    )
    products = one * other, one * one, other * other
    moved = (
        _through_ranks(first, other) + _through_ranks(second, one),
        2 * _through_ranks(first, one),
        2 * _through_ranks(second, other),
    )
    gains = [2 * pair for pair in pairs] + [own + rest for own, rest in zip(products, moved, strict=True)]
    return Slopes(np.array([part.sum() for part in (*pairs, *products)], dtype=float), np.stack(gains, axis=1))


def _through_ranks(levels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What a sum of rank x other gains because one more row moves the ranks of all: half a rank up above it, down below."""
    by_level = np.bincount(levels, others)
    below = np.cumsum(by_level) - by_level
    return ((by_level.sum() - below - by_level - below) / 2)[levels]


def _coefficients(sums: np.ndarray) -> Figures:
    """sums [draws, 6] -> name -> [draws]"""
    difference, untied, other_untied, product, square, other_square = sums.T
    return {
        "spearman": ratio(product, np.sqrt(np.maximum(square * other_square, 0))),
        "kendall_tau_b": ratio(difference, np.sqrt(np.maximum(untied * other_untied, 0))),
    }


def linear_draws(found: Slopes, place: np.ndarray, videos: int) -> Figures:
    """The coefficients in each draw of videos, every sum moved along its slope; `place` [rows] numbers the rows' videos."""
    by_video = np.stack([np.bincount(place, column, videos) for column in found.gains.T], axis=1)
    return _coefficients(found.sums - by_video.sum(0) + resampled_sums(by_video, together=True))


def binned_draws(found: Slopes, first: np.ndarray, second: np.ndarray, place: np.ndarray, videos: int) -> Figures:
    """The exact values, moved in each draw as the coefficients of ratings in at most BINS steps are."""
    rows, columns = _binned(first), _binned(second)
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    cells = (place * height + rows) * width + columns
    counts = np.bincount(cells, minlength=videos * height * width).reshape(videos, -1).astype(float)
    whole = counts.sum(0, keepdims=True).reshape(-1, height, width)
    draws = resampled_sums(counts, together=True).reshape(-1, height, width)
    statistics = {"spearman": spearman, "kendall_tau_b": kendall_tau_b}
    return {name: found.values[name] + of(draws) - of(whole) for name, of in statistics.items()}


def _binned(levels: np.ndarray) -> np.ndarray:
    """Levels joined by rank into at most BINS steps of about as many rows each: whole numbers from 0."""
    counts = np.bincount(levels)
    middle = (np.cumsum(counts) - counts / 2) / len(levels)
    return np.unique((middle * BINS).astype(int)[levels], return_inverse=True)[1]
