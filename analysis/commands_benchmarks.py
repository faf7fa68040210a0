"""The verbs `import` and `benchmark` of `python -m analysis`: benchmarks into run folders, and their known values."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.benchmarks import BENCHMARKS, Benchmark, find_benchmark
from workbench.errors import InputError


def add_verbs(verbs: Any) -> None:
    """The parsers of the two verbs."""
    listed = "\n".join(f"  {one.name:<22} {one.what}" for one in BENCHMARKS.values())
    read = verbs.add_parser(
        "import", help="a benchmark or your own labels as a run folder, its gold judgments in it",
        description="Read a benchmark's file into a run folder: items, and what people say of them.",
        epilog=f"benchmarks (docs/benchmarks.md has the fields):\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    read.add_argument("name", metavar="NAME", help="of the benchmark")
    _add_data(read)
    read.add_argument("--out", type=Path, metavar="RUN", required=True, help="run folder to make, or to go on with")
    read.add_argument("--videos", type=Path, metavar="DIR",
                      help="folder of the videos; without it, items have none (labels: the table's folder)")  # fmt: skip
    read.add_argument("--column", action="append", metavar="ROLE=FIELD", help="which field of the file is what")
    read.add_argument(
        "--download", action="store_true", help="fetch the annotation file from the Hub, never the videos; asks nobody else"
    )  # fmt: skip
    read.add_argument(
        "--beside", type=Path, metavar="RUN", help="labels: of the items of this run, found by their texts; opens no video"
    )  # fmt: skip
    read.add_argument("--no-video", action="store_true", help="labels: rows may lack the video they have a column for")
    read.set_defaults(run=_import)
    known = verbs.add_parser("benchmark", help="the known values of a benchmark, computed anew")
    known.add_argument("name", metavar="NAME", choices=["vatex-eval"], help="vatex-eval")
    _add_data(known)
    known.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    known.set_defaults(run=_benchmark)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="PATH", help="the benchmark's file")
    parser.add_argument("--encoding", help="of the file; default: UTF-8, or what its byte-order mark says")


def _import(arguments: argparse.Namespace) -> int:
    from analysis.benchmarks.importing import import_run

    benchmark, columns = find_benchmark(arguments.name), _columns(arguments.column or ())
    if arguments.beside:
        columns = beside_columns(benchmark, columns)
    if arguments.download:
        from analysis.benchmarks.download import download

        data = download(benchmark, arguments.data, say=print)
    elif arguments.data is None:
        raise InputError(f"--data: give the file of {benchmark.name}: {benchmark.get}. {_licence(benchmark.licence)}")
    else:
        data = arguments.data
    made = import_run(
        benchmark, data, arguments.out, videos=arguments.videos, columns=columns, encoding=arguments.encoding,
        no_video=arguments.no_video, beside=arguments.beside, command=arguments.command,
    )  # fmt: skip
    print("\n".join(made.lines()))
    return int(bool(made.rejected))


def beside_columns(benchmark: Benchmark, columns: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    """The columns of labels that stand beside a run: none leads to a video. Raises InputError for any other benchmark."""
    if benchmark.name != "labels":
        raise InputError(f"--beside: got {benchmark.name}, expected labels; other sets bring their own items.")
    return {**columns, "video": []}


def _licence(licence: str) -> str:
    return f"Licence: {licence}."


def _columns(given: list[str]) -> Mapping[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for text in given:
        role, named, name = text.partition("=")
        if not named:
            raise InputError(
                f"--column: got {text!r}, expected ROLE=FIELD, such as instruction=question; ROLE= for none of the fields."
            )
        columns.setdefault(role.strip(), []).extend(filter(None, [name.strip()]))
    return columns


def _benchmark(arguments: argparse.Namespace) -> int:
    from analysis.benchmarks.entries import Source
    from analysis.vatex_eval import load, measure
    from analysis.vatex_text import report_json, report_lines

    if arguments.data is None:
        raise InputError(f"--data: give the file of vatex-eval: {find_benchmark('vatex-eval').get}.")
    report = measure(load(Source("vatex-eval", arguments.data, encoding=arguments.encoding)))
    print("\n".join(report_lines(report)))
    if arguments.json:
        arguments.json.write_text(report_json(report) + "\n", encoding="utf-8")
    return int(bool(report.rejected))
