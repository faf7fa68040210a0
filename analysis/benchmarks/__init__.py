"""Benchmarks with human or known labels: which there are, and reading one into Items and gold Judgments.

A family of files has a module of its own with `read(source) -> Iterator[Entry | Rejected]`; docs/benchmarks.md has the
fields. Nothing is downloaded here; see download.py.
"""

import difflib
import importlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from analysis.benchmarks.entries import Entry, Source
from workbench.errors import InputError
from workbench.tables import Rejected


class Benchmark(NamedTuple):
    """A set that can be read. `module` holds its reader; `hub` is its dataset on the Hugging Face Hub, if it is there."""

    name: str
    what: str
    module: str
    licence: str
    get: str  # how a user comes by the file
    hub: str | None = None
    hub_files: tuple[str, ...] = ()  # the annotation files to download, as patterns; never the videos


ASK = "read the terms where you get it; the workbench holds no copy"
NON_COMMERCIAL = "CC BY-NC-SA 4.0: non-commercial use only"
TABLES = ("*.jsonl", "*.json", "*.parquet", "*.csv")

BENCHMARKS: Mapping[str, Benchmark] = {
    one.name: one
    for one in (
        Benchmark(
            "vatex-eval", "3,000 videos, 6 captions each, rated 1 to 5 by three people", "vatex",
            f"not stated: {ASK}", "the annotation file of EMScore (arXiv 2111.08919)",
        ),
        Benchmark(
            "videoautobench", "pairs of answers, one selected and one rejected by people", "videoautobench",
            NON_COMMERCIAL, "data/videoautobench.latest.json of github.com/VideoAutoArena/VideoAutoBench",
        ),
        Benchmark(
            "longvideobench", "multiple-choice questions, each option rated alone", "longvideobench",
            NON_COMMERCIAL, "lvb_val.json of the dataset longvideobench/LongVideoBench (accept its terms first)",
            "longvideobench/LongVideoBench", ("lvb_val.json",),
        ),
        Benchmark(
            "videorewardbench", "1,563 preference pairs in five dimensions", "videorewardbench",
            f"see its card: {ASK}", "the dataset Dragonriser/VideoRewardBench", "Dragonriser/VideoRewardBench", TABLES,
        ),
        *(
            Benchmark(
                f"mllm-judge-{task}", f"MLLM-as-a-Judge: {what} about pictures, labelled by people", "mllm_judge",
                f"not stated: {ASK}", f"Dataset/Benchmark/{task}.jsonl of github.com/Dongping-Chen/MLLM-Judge",
            )
            for task, what in (("score", "answers rated 1 to 5"), ("pair", "pairs of answers"), ("batch", "rankings"))
        ),
        Benchmark(
            "videojudge-metaeval", "the paper's meta-evaluation sets: responses with the rating they were made for",
            "videojudge", f"see its card: {ASK}", "the VideoJudge authors (arXiv 2509.21451)",
        ),
        Benchmark(
            "videojudge-pairwise", "the paper's pairs, the better one known from the ratings", "videojudge",
            f"see its card: {ASK}", "the VideoJudge authors (arXiv 2509.21451)",
        ),
        Benchmark(
            "videojudge-pairwise-h", "the paper's hard pairs, on which two people agreed", "videojudge",
            f"see its card: {ASK}", "the VideoJudge authors (arXiv 2509.21451)",
        ),
        Benchmark(
            "maxwell", "videos with a mean opinion score of their quality, and of 13 of its dimensions", "maxwell",
            f"see its repository: {ASK}", "MaxWell_val.csv and labels.txt of github.com/VQAssessment/ExplainableVQA",
        ),
        Benchmark("labels", "your own labels in a table", "labels", "yours", "any CSV, JSONL, JSON or Parquet file"),
    )
}  # fmt: skip


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name. Raises InputError, naming the nearest and all known."""
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    close = difflib.get_close_matches(name, BENCHMARKS, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(f"benchmark: got {name!r}; {hint}Known are {', '.join(BENCHMARKS)}.")


def read_benchmark(benchmark: Benchmark, source: Source) -> Iterator[Entry | Rejected]:
    """Every usable row of a benchmark's file as an Item with its gold Judgments; every other with the reason.

    Raises InputError for a file that cannot be read at all, or lacks a column that is needed.
    """
    return importlib.import_module(f"analysis.benchmarks.{benchmark.module}").read(source)
