"""The verbs `show` and `backends`: a run as a table or in full, its records as JSON, the list of judges."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.canary_watch import canary_counts, canary_lines
from workbench.errors import InputError
from workbench.schema import Item, Judgment
from workbench.store import Run
from workbench.terminal import one_line, paragraph, plain, table
from workbench.verdict_text import VerdictGroup, verdict_groups, verdict_lines


def run_json(
    run: Run, items: Mapping[str, Item], judgments: Sequence[Judgment], rejected: Sequence[Mapping]
) -> dict[str, Any]:
    """The records of a run for other programs: items, judgments, outcomes of the groups, rejected rows."""
    groups = verdict_groups(judgments)
    return {
        "run": str(run.folder),
        "items": {id: item.to_dict() for id, item in items.items()},
        "judgments": [judgment.to_dict() for judgment in judgments],
        "outcomes": [{"item": g.judgments[0].item, "judge": g.judgments[0].judge, "sample": g.judgments[0].sample,
                      "outcome": g.outcome} for g in groups],
        "rejected": list(rejected),
        "canaries": [count._asdict() for count in canary_counts(run, judgments)],
    }  # fmt: skip


def show(args: Namespace) -> int:
    """Run `show`: a run's table, or with --item everything about some items."""
    run = Run.open(args.run)
    items, judgments = run.items(), run.judgments()
    if args.item is not None:
        chosen = [item for id, item in items.items() if id.startswith(args.item)]
        if not chosen:
            raise InputError(f"--item: no item of {run.folder} begins with {args.item!r}; the table lists them.")
        print(plain("\n".join(verdict_lines(run, chosen, judgments))))
        return 0
    groups = verdict_groups(judgments)
    if args.failed:
        groups = [group for group in groups if any(judgment.status != "scored" for judgment in group.judgments)]
    print(plain("\n".join(_head_lines(run, items, judgments))))
    print(verdict_table(items, groups[: args.rows], whole=args.failed))
    if len(groups) > args.rows:
        print(f"... and {len(groups) - args.rows} more; see them with --rows {len(groups)}, or export the run")
    rejected = run.rejected()
    if rejected and args.failed:
        print("\n" + _rejected_table(rejected[: args.rows]))
    return 0


def _head_lines(run: Run, items: Mapping[str, Item], judgments: Sequence[Judgment]) -> list[str]:
    head, status = run.head(), run.status()
    counts = Counter(judgment.status for judgment in judgments)
    said = ", ".join(f"{count} {name}" for name, count in counts.items()) or "none yet"
    lines = [f"run      {run.folder}, made {head['created']}"]
    if status.get("state"):
        lines.append(f"state    {run.state()}, {status.get('done', 0)} of {status.get('total', 0)} verdicts")
    if status.get("state") == "failed":
        lines.append(f"error    {plain(str(status.get('last_error')))}")
    lines.append(f"holds    items: {len(items)}; verdicts: {said}; rejected rows: {len(run.rejected())}")
    lines += map(plain, canary_lines(canary_counts(run, judgments)))
    lines += [suspicious_line(judgments)] if any(judgment.suspicious for judgment in judgments) else []
    return [*lines, ""]


def suspicious_line(judgments: Iterable[Judgment]) -> str:
    """How many items hold text that looks like an attempt on the judge, by kind."""
    kinds = {
        one.item: {kind for found in one.suspicious.values() for kind in found} for one in judgments if one.suspicious
    }
    counts = Counter(kind for found in kinds.values() for kind in sorted(found))
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"flagged  items with suspicious text: {len(kinds)} ({said}); --item ID tells which"


def verdict_table(items: Mapping[str, Item], groups: Iterable[VerdictGroup], *, whole: bool = False) -> str:
    """One row a verdict: item, judge, sample, verdict, and the response or what went wrong, cut or `whole`."""
    rows = (_row(items, group) for group in groups)
    return table(("item", "judge", "sample", "verdict", "about"), rows, whole=whole)


def _row(items: Mapping[str, Item], group: VerdictGroup) -> tuple[str, ...]:
    first = group.judgments[0]
    item = items.get(first.item)
    error = next((judgment.error for judgment in group.judgments if judgment.error), None)
    row = f"row {item.tags['row']}: " if item and error and "row" in item.tags else ""
    about = row + error if error else " | ".join(item.responses) if item else ""
    return first.item, one_line(first.judge, 28), str(first.sample + 1), group.outcome, about


def _rejected_table(rejected: Iterable[Mapping[str, Any]]) -> str:
    rows = ((str(row["row"]), str(row.get("line") or ""), str(row["reason"])) for row in rejected)
    return table(("row", "line", "rejected because"), rows, whole=True)


def show_backends() -> int:
    """Run `backends`: every judge there is, and what keeps it from loading here."""
    from workbench.backends import list_backends

    for row in list_backends():
        print(paragraph(row.spec, f"{row.what}\nnot usable here: {row.missing}" if row.missing else row.what))
    return 0
