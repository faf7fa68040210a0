"""The `judge` verb: what was typed becomes items and an assignment; they are judged in a run folder and shown."""

import contextlib
import json
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from workbench.backends import scores_only
from workbench.backends.base import Backend
from workbench.batch import Assignment, Progress, check_judge, judge_run, loaded_judges, there_already
from workbench.canaries import draw_canaries
from workbench.canary_watch import KINDS, canaries_failed, canary_counts, canary_lines
from workbench.errors import InputError
from workbench.judge import check_scores_only, one_response_each
from workbench.judge_options import assignment_of, check_source, prompt_options, prompt_record
from workbench.prompts import Prompt, form_for, load_prompt
from workbench.prompts.levels import level_note
from workbench.schema import Item, Judgment, Video, View
from workbench.score_only import agreements
from workbench.show import run_json, suspicious_line, verdict_table
from workbench.store import Run, new_run_folder
from workbench.table_items import gather_items
from workbench.tables import Rejected, Table, open_table
from workbench.terminal import one_line, plain
from workbench.verdict_text import verdict_groups, verdict_lines
from workbench.video import VideoLimits, probe

LISTED = 20  # rejected rows and failed verdicts that are listed one by one
LONGEST_REASON = 240
REPORT_SECONDS = 10.0  # between two lines of progress where there is no terminal to draw a bar on


def judge(args: Namespace, command: str) -> int:
    """Run `judge`. Returns 0 when everything was scored, 1 when something was not, 130 when interrupted."""
    check_source(args)
    prompt, assignment = load_prompt(args.mode, **prompt_options(args)), assignment_of(args)
    for spec in assignment.judges if assignment.score_only else ():  # all of them, before the first is asked
        check_scores_only(spec, scores_only(spec))
    source = _source(args, prompt)
    with contextlib.closing(loaded_judges(assignment.judges, assignment.judge_options)) as judges:
        first = next(judges)
        check_judge(first, prompt, assignment)
        if said := level_note(prompt, prompt_options(args)["rubric"]):
            _say(f"note: {said}")
        _check_videos(first, source, assignment)
        run = Run.create_or_resume(_folder(args), config=assignment.config(prompt), command=command,
                                   prompts=[prompt_record(prompt)])  # fmt: skip
        if there := there_already(run.judgments(), prompt, assignment):
            _say(f"resuming {run.folder}: {there} verdicts are there and are not asked again")
        notes: list[str] = []
        try:
            with run.writing():
                items = _store_items(run, source, prompt, args.limit)
                canaries = _canaries(args, items, prompt, assignment.view or first.view)
                with Watcher() as watcher:
                    judge_run(run, items, _noting(chain([first], judges), notes), prompt, assignment,
                              canaries=canaries, on_progress=watcher.progress, on_stage=watcher.stage)  # fmt: skip
        except KeyboardInterrupt:
            _say(f"stopped: what is judged is kept in {run.folder}; the same command with --out={run.folder} goes on")
            return 130
    return _report(run, items, args, notes)


def _source(args: Namespace, prompt: Prompt) -> Table | list[Item]:
    if not args.items:
        return _typed_items(args, prompt)
    return run_items(Path(args.items), prompt, args.limit) if _is_run(args.items) else _open_table(args)


def _is_run(items: str | None) -> bool:
    return bool(items) and (Path(str(items)) / "run.json").is_file()


def run_items(folder: Path, prompt: Prompt, limit: int | None) -> list[Item]:
    """The items of a run that fit the prompt, at most `limit`; for pointwise judging, one for each response.

    Raises InputError when none fits.
    """
    there = Run.open(folder).items()
    items = {item.id: item for item in one_response_each(there.values())} if prompt.kind == "pointwise" else there
    fitting = [item for item in items.values() if item.kind == prompt.kind]
    if not fitting:
        kinds = ", ".join(sorted({item.kind for item in there.values()})) or "no"
        raise InputError(
            f"{folder} has {kinds} items, none for the {prompt.kind} prompt {prompt.name!r}; choose another --mode."
        )
    return fitting[:limit]


def _typed_items(args: Namespace, prompt: Prompt) -> list[Item]:
    """The item that was typed; for pointwise judging, one for each response. The video is opened to check it."""
    video = None
    if args.video:
        info = probe(args.video, VideoLimits())
        video = Video(info.sha256, str(Path(args.video).resolve()))
    item = Item(video, args.instruction, tuple(args.response), args.reference, args.description)
    items = list(one_response_each([item])) if prompt.kind == "pointwise" else [item]
    for each in items:
        form_for(prompt, each)  # the number of responses fits
    return items


def _open_table(args: Namespace) -> Table:
    columns: dict[str, list[str]] = {}
    for text in args.column or ():
        role, named, name = text.partition("=")
        if not named:
            raise InputError(
                f"--column: got {text!r}, expected ROLE=COLUMN, such as instruction=question; ROLE= for none of the columns."
            )
        columns.setdefault(role.strip(), []).extend(filter(None, [name.strip()]))
    table = open_table(args.items, columns=columns, videos=args.videos, encoding=args.encoding,
                       instruction=args.instruction, no_video=args.no_video)  # fmt: skip
    _say(f"columns: {plain(str(table.columns))}")
    return table


def _check_videos(judge: Backend, source: Table | list[Item], assignment: Assignment) -> None:
    if (assignment.view or judge.view) != "video":
        return
    if isinstance(source, Table) and not source.columns.video:
        raise InputError(
            f"{judge.name} looks at videos, but no column holds their paths; name it with --column video=COLUMN, "
            "or add --no-video to judge the text alone."
        )
    if isinstance(source, list) and not any(item.video for item in source):
        raise InputError(
            f"{judge.name} looks at videos, but these items have none; import them with --videos DIR, or add --no-video "
            "to judge the text alone."
        )


def _noting(judges: Iterable[Backend], notes: list[str]) -> Iterator[Backend]:
    """The judges as they are; what each says of its own limits is put into `notes`."""
    for judge in judges:
        if judge.declared.domain:
            notes.append(f"note: {judge.name}: {judge.declared.domain}")
        yield judge


def _folder(args: Namespace) -> Path:
    if _is_run(args.items) and not args.out:
        return Path(args.items)  # judge into it
    return Path(args.out) if args.out else new_run_folder("runs", Path(args.items).stem if args.items else "judge")


def _store_items(run: Run, source: Table | list[Item], prompt: Prompt, limit: int | None) -> list[Item]:
    """Put the items into the run, and the rejected rows beside them. Equal rows are one item."""
    if isinstance(source, list):
        run.add_items(source)
        return source
    rows = tqdm(source.rows, desc="reading", unit=" rows", disable=None, leave=False)
    found = gather_items(rows, prompt, limit)
    run.add_items(found.items)
    run.add_rejected(row._asdict() for row in found.rejected)
    _say(f"items: {len(found.items)}, rejected rows: {found.rejected_count}, repeated: {found.repeated}")
    _list([(_row_name(row), row.reason) for row in found.rejected], run.folder)
    if not found.items:
        raise InputError(f"No row can be judged; the reasons are in {run.folder / 'rejected.jsonl'}.")
    return found.items


def _canaries(args: Namespace, items: list[Item], prompt: Prompt, view: View) -> list[Item]:
    """The canaries that go with the items, as many of each kind as were asked for; says how many there are."""
    if not args.canaries:
        return []
    found = draw_canaries(items, prompt, args.canaries, view=view, seed=args.seed or 0)
    counts = Counter(item.tags["canary"] for item in found)
    _say("canaries: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS) + "; kept apart from the verdicts")
    return found


def _row_name(row: Rejected) -> str:
    return f"{row.row} (line {row.line})" if row.line else str(row.row)


class Watcher:
    """Progress on stderr: a bar on a terminal, else a line every ten seconds."""

    def __enter__(self) -> "Watcher":
        self.bar = tqdm(unit=" verdicts", disable=None, desc="loading")
        self.statuses: Counter[str] = Counter()
        self.last = time.monotonic()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def stage(self, stage: str) -> None:
        self.bar.set_description(one_line(stage, 30))

    def progress(self, progress: Progress) -> None:
        self.statuses[progress.judgment.status] += 1
        if not self.bar.disable:
            self.bar.total, self.bar.initial = progress.total, progress.done - self.statuses.total()
            self.bar.n = progress.done
            self.bar.set_postfix(self.statuses)
        elif time.monotonic() - self.last > REPORT_SECONDS:
            self.last = time.monotonic()
            _say(f"{progress.done} of {progress.total} verdicts, about {progress.eta_seconds:.0f} s left")


def _report(run: Run, items: list[Item], args: Namespace, notes: list[str]) -> int:
    """Show what came of it, and where it is. Returns 1 when a row was rejected, a verdict is missing or a canary
    failed, else 0."""
    ids = {item.id: item for item in items}
    judgments = [judgment for judgment in run.judgments() if judgment.item in ids]
    rejected = run.rejected() if args.items and not _is_run(args.items) else []
    unscored = [judgment for judgment in judgments if judgment.status != "scored"]
    if args.json:
        print(json.dumps(run_json(run, ids, judgments, rejected), ensure_ascii=True, indent=2))
    elif args.items:
        _summarise(run, ids, judgments, unscored)
    else:
        print(plain("\n".join(verdict_lines(run, items, judgments))))
        if len(items) > 1:
            print(verdict_table(ids, verdict_groups(judgments)) + "\n")
    for note in (*notes, *agreements(judgments)):
        _say(str(note))
    counts = canary_counts(run, judgments)
    for line in canary_lines(counts):
        _say(line)
    if not args.json:
        print(f"run folder: {run.folder}")
    return int(bool(rejected or unscored or canaries_failed(counts)))


def _summarise(run: Run, items: Mapping[str, Item], judgments: list[Judgment], unscored: list[Judgment]) -> None:
    for judge in dict.fromkeys(judgment.judge for judgment in judgments):
        counts = Counter(judgment.status for judgment in judgments if judgment.judge == judge)
        print(f"{plain(judge)}: {', '.join(f'{count} {status}' for status, count in counts.items())}")
    reasons = [
        (items[one.item].tags.get("row", one.item), f"{one.judge}: {one.status}: {one.error}") for one in unscored
    ]
    _list(reasons, run.folder)
    if any(judgment.suspicious for judgment in judgments):
        print(plain(suspicious_line(judgments)))
    print(f"look closer: python -m workbench show {run.folder}")


def _list(reasons: list[tuple[str, str]], folder: Path) -> None:
    for name, reason in reasons[:LISTED]:
        _say("  " + one_line(f"row {name}: {reason}", LONGEST_REASON))
    if len(reasons) > LISTED:
        _say(f"  ... and {len(reasons) - LISTED} more in {folder}")


def _say(text: str) -> None:
    """A message beside the result, so that stdout holds the result alone."""
    tqdm.write(plain(text), file=sys.stderr)
