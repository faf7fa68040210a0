"""The verbs `failures` and `label`: the cases behind the numbers, listed and exported; and a person's verdict on one."""

import argparse
from pathlib import Path
from typing import Any

from analysis.cases import DIRECTIONS, Case, Filters, Stand, check_filters, passing, read_cases
from analysis.commands_agree import GOLD
from workbench.terminal import one_line, plain, width

LISTED = 20


def add_verbs(verbs: Any) -> None:
    """The parsers of `failures` and `label`."""
    verb = verbs.add_parser("failures", help="the items that judges get wrong, as a list and as training data")
    verb.add_argument("runs", nargs="+", metavar="RUN", help="run folders; together they hold the judges and the gold")
    verb.add_argument("--gold", default="human", metavar="WHO", help=f'{GOLD}; "" for none')
    verb.add_argument("--judge", default="", metavar="LABEL", help="only what this judge gets wrong")
    verb.add_argument(
        "--direction", default="any", choices=DIRECTIONS, help="in which way wrong (default: %(default)s)"
    )
    verb.add_argument("--size", type=float, default=0.0, metavar="E", help="rating points it is off, at least")
    verb.add_argument("--rating", type=int, default=0, metavar="R", help="of the gold, rounded half up")
    verb.add_argument("--kind", default="", metavar="K", help="pointwise, pairwise, or what an item's tag of kind says")
    verb.add_argument("--words", type=_words, default=(0, 0), metavar="LOW..HIGH", help="of the longest response")
    verb.add_argument(
        "--spread", type=float, default=0.0, metavar="S", help="points that the judges are apart, at least"
    )
    verb.add_argument("--limit", type=int, default=0, metavar="N", help="only the worst N (0: all)")
    verb.add_argument("--out", type=Path, metavar="DIR", help="write them as a run that `python -m training fit` reads")
    verb.set_defaults(run=_failures)
    label = verbs.add_parser("label", help="a person's verdict on one item, kept as a human judgment")
    label.add_argument("runs", nargs="+", metavar="RUN", help="run folders that hold the item")
    label.add_argument("--item", required=True, metavar="ID")
    label.add_argument("--name", required=True, metavar="WHO", help="whose verdict: human:WHO")
    verdict = label.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--score", type=int, help="1 to 5, of a single response")
    verdict.add_argument("--choice", choices=("A", "B", "tie"), help="of two, in the item's own order")
    verdict.add_argument(
        "--ranking", metavar="'B > A > C'", help="of three and more, best first, in the item's own order"
    )
    label.add_argument("--reason", default="", metavar="TEXT")
    label.add_argument("--labels", type=Path, default=Path("runs/labels"), metavar="DIR", help="default: %(default)s")
    label.set_defaults(run=_label)


def _words(text: str) -> tuple[int, int]:
    low, dots, high = text.partition("..")
    if not dots or not all(part.isdigit() for part in (low, high) if part):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected e.g. 5..40, 40.. or ..40")
    return int(low or 0), int(high or 0)


def _failures(arguments: argparse.Namespace) -> int:
    from analysis.failures import export_queue

    filters = Filters(arguments.judge, arguments.direction, arguments.size, arguments.rating, arguments.kind,
                      *arguments.words, arguments.spread)  # fmt: skip
    cases = read_cases(arguments.runs, arguments.gold)
    check_filters(filters, cases)
    found = passing(cases, filters)
    found = found[: arguments.limit] if arguments.limit else found
    print(f"{len(found)} of {len(cases)} cases")
    for case in found[:LISTED]:
        print(case_line(case))
    if len(found) > LISTED:
        print(f"and {len(found) - LISTED} more")
    if arguments.out:
        exported = export_queue(arguments.runs, found, arguments.out, arguments.gold, arguments.command)
        print(f"{exported}\nrun folder: {exported.folder}\n"
              f"learn from it: python -m training fit --data {exported.folder} --preset ... --out ...")  # fmt: skip
    return 0


def _label(arguments: argparse.Namespace) -> int:
    from analysis.case_texts import read_case
    from analysis.labelling import keep_label, make_label
    from analysis.rankings import read_ranking

    item = read_case(arguments.runs, arguments.item).item
    ranking = read_ranking(arguments.ranking, len(item.responses)) if arguments.ranking else None
    judgment = make_label(item, arguments.name, score=arguments.score, choice=arguments.choice, ranking=ranking,
                          reason=arguments.reason, blind=False)  # fmt: skip
    keep_label(arguments.labels, item, judgment)
    print(f"{judgment.judge} on {item.id}: kept in {arguments.labels}")
    return 0


def case_line(case: Case) -> str:
    """A case in one line: item, gold, what each judge says, how far they are apart."""
    said = "; ".join(f"{plain(stand.judge)} {said_by(stand)}" for stand in case.stands)
    return one_line(f"  {case.item}  gold {said_of(case.gold)}  {said}  (apart {case.spread:g})", width() - 1)


def said_by(stand: Stand) -> str:
    """What a judge says, with its error."""
    if stand.said is None:
        return "no verdict"
    off = f" ({stand.error:+.3g})" if stand.error is not None else " (wrong)" if stand.wrong else ""
    return said_of(stand.said) + off


def said_of(value: float | str | None) -> str:
    """A rating or choice in words."""
    return "none" if value is None else value if isinstance(value, str) else f"{value:.3g}"
