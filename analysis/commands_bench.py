"""The verb `bench`: how much faster the drawn statistics are than a loop over scipy and scikit-learn, and that they agree."""

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from analysis.agreement import agreement
from analysis.estimate import DRAWS, weight_chunks
from analysis.paired import compare_ratings
from workbench.errors import InputError
from workbench.terminal import table

LOOPED = 3  # draws that the loop is timed on; it takes as long for each


class Timing(NamedTuple):
    """Seconds for all judges and draws: ours as measured, the loop's from LOOPED draws of one judge."""

    ours: float
    loop: float
    apart: float  # largest difference between the two on the same data


def add_verbs(verbs: Any) -> None:
    """The parser of `bench`."""
    verb = verbs.add_parser("bench", help="ratios of speed against loops over scipy and scikit-learn")
    verb.add_argument(
        "--judgments", type=int, default=100_000, metavar="N", help="of each judge (default: %(default)s)"
    )
    verb.add_argument("--videos", type=int, default=10_000, metavar="V", help="(default: %(default)s)")
    verb.add_argument("--judges", type=int, default=10, metavar="J", help="(default: %(default)s)")
    verb.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    n, videos, judges = arguments.judgments, arguments.videos, arguments.judges
    if min(n, videos, judges) < 2:
        raise InputError(f"bench: got {n} judgments, {videos} videos, {judges} judges; expected at least 2 of each.")
    rng = np.random.default_rng(0)
    gold, clusters = rng.integers(1, 6, n).astype(float), rng.integers(videos, size=n)
    rated = [np.clip(gold + rng.integers(-2, 3, n), 1, 5) for _ in range(judges)]
    metric = [gold + rng.normal(size=n) for _ in range(judges)]
    rows = [("ratings 1-5, all figures", judges, _timed(rated, gold, clusters, whole_scale=True)),
            ("continuous scores, all figures", judges, _timed(metric, gold, clusters, whole_scale=False))]  # fmt: skip
    print(f"{n:,} judgments of {videos:,} videos, {DRAWS:,} draws")
    print(table(("what", "judges", "seconds", "loop, seconds", "ratio", "largest difference"),
                [(name, some, f"{t.ours:.1f}", f"{t.loop:,.0f}", f"{t.loop / t.ours:,.0f}x", f"{t.apart:.1e}")
                 for name, some, t in rows]))  # fmt: skip
    seconds = _seconds(lambda: compare_ratings(rated[0], rated[1], gold, clusters))
    print(f"two judges compared, six differences and the sign-flip test: {seconds:.1f} s")
    return 0


def _timed(judges: list[np.ndarray], gold: np.ndarray, clusters: np.ndarray, whole_scale: bool) -> Timing:
    ours = _seconds(lambda: [agreement(scores, gold, clusters) for scores in judges])
    found, loop = agreement(judges[0], gold, clusters), _by_libraries(judges[0], gold, whole_scale)
    apart = max(abs(found[name].value - value) for name, value in loop.items())
    _, place = np.unique(clusters, return_inverse=True)
    by_video = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    weights = next(weight_chunks(len(by_video)))[:LOOPED].astype(int)

    def looped() -> None:
        for times in weights:
            rows = np.concatenate([np.tile(by_video[video], times[video]) for video in np.flatnonzero(times)])
            _by_libraries(judges[0][rows], gold[rows], whole_scale)

    return Timing(ours, _seconds(looped) / LOOPED * DRAWS * len(judges), apart)


def _by_libraries(scores: np.ndarray, gold: np.ndarray, whole_scale: bool) -> dict[str, float]:
    """The same figures by numpy, scipy and scikit-learn."""
    from scipy import stats
    from sklearn import metrics

    found = {
        "rmse": metrics.root_mean_squared_error(gold, scores),
        "mae": metrics.mean_absolute_error(gold, scores),
        "pearson": stats.pearsonr(gold, scores).statistic,
        "spearman": stats.spearmanr(gold, scores).statistic,
        "kendall_tau_b": stats.kendalltau(gold, scores).statistic,
        "bias": (scores - gold).mean(),
        "within_one": (np.abs(scores - gold) <= 1).mean(),
    }
    if whole_scale:
        found["exact"] = metrics.accuracy_score(gold, scores)
        for name, weights in (("kappa", None), ("kappa_linear", "linear"), ("kappa_quadratic", "quadratic")):
            found[name] = metrics.cohen_kappa_score(gold, scores, weights=weights, labels=[1, 2, 3, 4, 5])
    return {name: float(value) for name, value in found.items()}


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
