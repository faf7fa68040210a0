"""The command line: `python -m workbench judge|show|export|runs|backends|doctor|demo|bench`.

Only parses and calls. What a verb needs is imported when the verb runs, so that `--help` is quick and `doctor` runs on
a broken installation.
"""

import argparse
import io
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from workbench import runs_verb
from workbench.door import answer
from workbench.schema import DEFAULT_FRAMES, Sampling, VideoPolicy

DEFAULTS = {field.name: field.default for record in (Sampling, VideoPolicy) for field in fields(record)}
JUDGE_EPILOG = """\
examples:
  python -m workbench judge clip.mp4 --instruction "What happens?" --response "A dog jumps." --mode rubric
  python -m workbench judge clip.mp4 --instruction "Who jumps?" --response "A dog." --response "A cat" --mode pairwise
  python -m workbench judge --items answers.csv --column instruction=question --out runs/answers

A value that begins with a dash is joined to its option: --response=-5
A table is a .csv, .tsv, .jsonl, .json or .parquet file. Columns are found by their usual names (video, instruction or
question, response or answer, response_1.., response_a.., a list in responses, reference, description). Rows that cannot
be judged are listed, kept in rejected.jsonl, and do not stop the rest. With --out naming a run that was made with the
same settings, only what is missing or failed is asked.

exit code: 0 all scored; 1 some rows or verdicts were not, or a canary failed; 2 the request cannot be carried out; 130 interrupted
"""


def parser() -> ArgumentParser:
    """The parser of all verbs."""
    top = ArgumentParser("python -m workbench", description="Judge answers about videos.", allow_abbrev=False)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _judge_verb(verbs)
    show = verbs.add_parser("show", help="the verdicts of a run", allow_abbrev=False)
    show.add_argument("run", metavar="RUN", help="the run folder")
    show.add_argument("--item", metavar="ID", help="everything about one item (the beginning of its id is enough)")
    show.add_argument("--failed", action="store_true", help="only what was not scored, and the rejected rows")
    show.add_argument("--rows", type=_positive, default=50, metavar="N", help="rows to show (default: %(default)s)")
    export = verbs.add_parser("export", help="a run as one table", allow_abbrev=False)
    export.add_argument("run", metavar="RUN", help="the run folder")
    export.add_argument("--to", required=True, metavar="FILE", help="a .parquet, .csv or .jsonl file to write")
    verbs.add_parser("backends", help="which judges there are", allow_abbrev=False)
    verbs.add_parser("doctor", help="what this machine can do, and what stands in the way", allow_abbrev=False)
    demo = verbs.add_parser("demo", help="judge a bundled example", allow_abbrev=False)
    demo.add_argument("--out", metavar="FOLDER", help="where the runs go (default: a new folder in runs/)")
    _bench_verb(verbs)
    runs_verb.add_verb(verbs)
    return top


def _judge_verb(verbs: Any) -> None:
    judge = verbs.add_parser("judge", help="judge responses about a video, or a table of them", epilog=JUDGE_EPILOG,
                             formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)  # fmt: skip
    judge.add_argument("video", nargs="?", metavar="VIDEO", help="a video file or a folder of frames")
    _item_options(judge.add_argument_group("what is judged"))
    _table_options(judge.add_argument_group("a table of items"))
    _prompt_options(judge.add_argument_group("how it is judged"))
    _frame_options(judge.add_argument_group("what the judge sees (by default: what suits the judge)"))
    _sampling_options(judge.add_argument_group("how the judge writes (by default: what suits the judge)"))
    out = judge.add_argument_group("where it goes")
    out.add_argument("--out", metavar="RUN", help="run folder to make or to resume (default: a new folder in runs/)")
    out.add_argument("--json", action="store_true", help="print the records as JSON")


def _item_options(group: Any) -> None:
    group.add_argument("--instruction", metavar="TEXT", help="what was asked; with a table, for every row")
    group.add_argument("--response", action="append", metavar="TEXT", help="a response; repeat it for several")
    group.add_argument("--reference", metavar="TEXT", help="a correct answer, shown to the judge and used by metrics")
    group.add_argument("--description", metavar="TEXT", help="text for judges that read instead of look")


def _table_options(group: Any) -> None:
    group.add_argument("--items", metavar="FILE", help="a .csv, .tsv, .jsonl, .json or .parquet file, or a run folder")
    group.add_argument("--column", action="append", metavar="ROLE=COLUMN",
                       help="which column is the video, instruction, response (repeat it for several), "
                       "responses (a list), reference, description; ROLE= for none of them")  # fmt: skip
    group.add_argument("--videos", metavar="FOLDER", help="where relative paths start (default: the table's folder)")
    group.add_argument(
        "--encoding", metavar="NAME", help="of a text file (default: by its byte-order mark, else utf-8)"
    )
    group.add_argument("--limit", type=_positive, metavar="N", help="judge only the first N items")
    group.add_argument("--canaries", type=_positive, metavar="N",
                       help="mix in N requests of each kind whose answer is known (best, worst, padded twin); the run "
                       "says when a judge fails them")  # fmt: skip
    group.add_argument("--show-reference", action="store_true", help="show the judge the reference column")


def _prompt_options(group: Any) -> None:
    group.add_argument("--judge", action="append", metavar="SPEC",
                       help="a judge, see `backends`; repeat it for several (default: embedded)")  # fmt: skip
    group.add_argument("--judge-option", action="append", metavar="NAME=VALUE",
                       help="how judges are loaded: device, dtype, quantization=4bit, device_map=auto ..")  # fmt: skip
    group.add_argument("--mode", default="pointwise", metavar="PROMPT",
                       help="pointwise, rubric, pairwise, pairwise_reasoning, ranking, rubric_comparison, quality, "
                       "quality_reasoning, or a prompt's .yaml file (default: %(default)s)")  # fmt: skip
    group.add_argument("--rubric", metavar="TEXT|FILE", help="your own rubric")
    group.add_argument("--scale", metavar="LOW-HIGH", help="ends of the scale, such as 0-10 (default: the prompt's)")
    group.add_argument("--labels", metavar="WORDS",
                       help='what ratings mean: "bad,poor,fair,good,excellent" or "1=bad,5=good"')  # fmt: skip
    group.add_argument("--criterion", action="append", metavar="NAME[:WEIGHT]=TEXT",
                       help="a criterion scored by itself; repeat it for several")  # fmt: skip
    group.add_argument("--samples", type=_positive, default=1, metavar="K",
                       help="verdicts for each request, alike at temperature 0 (default: %(default)s)")  # fmt: skip
    group.add_argument("--orders", choices=("both", "given"), default="both",
                       help="orders that responses are shown in (default: %(default)s)")  # fmt: skip
    group.add_argument("--score-only", action="store_true",
                       help="fast: probabilities of the ratings from one forward pass, no reasons; in a run that has the "
                       "reasoned verdicts too, how far the two agree is shown")  # fmt: skip
    group.add_argument("--no-video", action="store_true", help="control: the judge is not shown the video")


def _frame_options(group: Any) -> None:
    which = group.add_mutually_exclusive_group()
    which.add_argument("--frames", type=int, metavar="N", help=f"so many, uniform in time (usual: {DEFAULT_FRAMES})")
    which.add_argument("--fps", type=float, metavar="F", help="frames a second, with --max-frames")
    group.add_argument("--max-frames", type=int, metavar="M", help="at most so many frames with --fps")
    group.add_argument("--nested", action="store_true", default=None,
                       help="with --frames: fixed pairs, those of few frames among those of more")  # fmt: skip
    group.add_argument("--max-pixels", type=int, metavar="P", help=f"of one frame (usual: {DEFAULTS['max_pixels']:,})")


def _sampling_options(group: Any) -> None:
    for name, metavar, kind, meaning in (
        ("temperature", "T", float, "0 is greedy"),
        ("top_p", "P", float, "share of probability that is sampled from"),
        ("max_new_tokens", "N", int, "length of a reply"),
        ("seed", "S", int, "of the sampling"),
    ):
        words = f"{meaning} (usual: {DEFAULTS[name]})"
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=words)


def _bench_verb(verbs: Any) -> None:
    bench = verbs.add_parser("bench", help="how much sooner judging is with shared prompts", allow_abbrev=False)
    bench.add_argument("--model", default="random:qwen2.5-vl-22m", metavar="MODEL",
                       help="a folder, a Hub id, or random weights: random:qwen2.5-vl-22m, -3b, -7b "
                       "(default: %(default)s)")  # fmt: skip
    bench.add_argument("--frames", type=_positive, metavar="N", help="of the video (default: 60)")
    bench.add_argument("--rounds", type=_positive, metavar="N", help="of which medians count (default: 5)")
    bench.add_argument("--responses", type=_positive, metavar="R", help="judged about it (default: 5)")
    bench.add_argument(
        "--temperatures", type=_numbers, metavar="T,T..", help="each response at each (default: 0,0.5,1)"
    )
    bench.add_argument("--samples", type=_positive, metavar="S", help="of one response (default: 20)")
    bench.add_argument("--out", metavar="FILE", help="a JSON file to write")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected numbers such as 0,0.5,1") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1")
    return int(text)


def _run_verb(args: Namespace, command: str) -> int:
    if args.verb == "judge":
        from workbench.judge_command import judge

        return judge(args, command)
    if args.verb == "show":
        from workbench.show import show

        return show(args)
    if args.verb == "export":
        from workbench.store import Run

        print(f"written: {Run.open(args.run).export(args.to)}")
        return 0
    if args.verb == "doctor":
        from workbench import doctor

        return doctor.main()
    if args.verb == "runs":
        from workbench.runs_command import runs

        return runs(args)
    if args.verb == "demo":
        from workbench.demo import demo

        return demo(args.out, main)
    if args.verb == "bench":
        from workbench.benchmark import command as benchmark
        from workbench.benchmark.shape import Shape

        names = ("frames", "rounds", "responses", "temperatures", "samples")
        benchmark.bench(
            args.model, Shape(**{name: getattr(args, name) for name in names if getattr(args, name)}), args.out
        )
        return 0
    from workbench.show import show_backends

    return show_backends()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code. An error is one line on stderr and exit code 2."""
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter shows "?"
    args = parser().parse_args(argv)
    command = shlex.join(["python", "-m", "workbench", *argv])
    return answer(lambda: _run_verb(args, command), "stopped; nothing was being written")


if __name__ == "__main__":
    sys.exit(main())
