"""What came of a sweep, cell by cell: agreement with labels, spread, mode share, invalid share, order flips, cost.

A cell is measured by the same functions as any other judge (`agree`); what only repeats can tell is added here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal, NamedTuple

import numpy as np

from analysis.agreement import agreement
from analysis.estimate import Estimate, mean_estimate, numbered
from analysis.matching import Coverage, gold_ratings, match_ratings
from analysis.pairs import gold_choices, pair_coverage, pair_rows
from analysis.preference import preference
from analysis.records import Column, Records, Verdict, item_facts, records_of
from analysis.sweep_grid import Cell, Clip, Sweep, given_frames
from analysis.sweep_items import is_label, stored_clips
from analysis.sweep_run import stored_refusals
from workbench.errors import InputError
from workbench.schema import Item, Judgment, Kind
from workbench.store import Run, read_lines

State = Literal["measured", "refused", "waiting"]
RATING_FIGURES = {"spearman": "spearman", "mae": "mae", "accuracy": "exact"}  # of a cell -> of `agreement`
REPEATED = ("spread", "mode_share")
FIGURES = ("spearman", "mae", "accuracy", "spread", "mode_share", "invalid", "order_flips")
NO_LABELS = "no labels for these items"
GREEDY = "greedy: one sample, another would be the same"
ONE_SAMPLE = "one sample: ask for more"
NO_SPREAD = "choices have no spread; see the mode share"


class Cost(NamedTuple):
    """What verdicts took, each on average. Seconds are of all temperatures of a frame count: they share their batches.
    None where the judge tells neither."""

    tokens: float | None  # read and written
    video_tokens: float | None
    seconds: float | None
    total_tokens: float
    total_seconds: float


class CellFigures(NamedTuple):
    """A cell as measured. `capped` of its items have clips with fewer frames than it asks for: they gave all they have."""

    cell: Cell
    state: State
    reason: str
    samples: int
    items: int
    capped: int
    coverage: Coverage
    figures: dict[str, Estimate]
    cost: Cost

    @property
    def complete(self) -> bool:
        """Whether every verdict of it was asked for and answered, readably or not."""
        wanted, got = self.coverage.left_out + self.coverage.scored, self.coverage.scored + self.coverage.unparsed
        return self.state == "measured" and wanted == got


class SweepResult(NamedTuple):
    """A sweep's folder read: its grid, the labels it is measured by (None without any), and its cells.

    `verdicts` are each cell's own, and `records` holds the items and labels beside them.
    """

    sweep: Sweep
    kind: Kind
    gold: str | None
    cells: list[CellFigures]
    verdicts: dict[Cell, list[Verdict]]
    records: Records


def sweep_of(run: Run) -> Sweep:
    """The grid that a run was made for. Raises InputError for a run that is no sweep."""
    config = run.head()["config"]
    if "sweep" not in config:
        raise InputError(f"{run.folder} is no sweep; give a run that `python -m analysis sweep` made.")
    return Sweep.from_dict(config["sweep"])


def read_sweep(folder: str | Path, gold: str | None = None) -> SweepResult:
    """Measure what a sweep's folder holds, finished or not. `gold` is human, target or a judge's name; by default
    human, else target, where there are such labels.

    Raises InputError for a folder that is no sweep, and for labels that are not there.
    """
    run = Run.open(folder)
    sweep, items = sweep_of(run), run.items()
    facts = {name: item_facts(item) for name, item in items.items()}
    taken: dict[tuple, tuple[dict[str, float], float]] = {}
    records = records_of(facts, _noting(read_lines(run.folder / "judgments.jsonl"), taken))
    gold = gold or _there(records)
    kind = next((one.kind for one in facts.values()), "pointwise")
    finder = _Finder(records, items, stored_clips(run.folder), taken)
    labels = _labels(records, gold, kind)
    refused = {
        (judge, int(frames)): why for judge, whys in stored_refusals(run.folder).items() for frames, why in whys.items()
    }
    # Clips with few frames may have verdicts that would do; a refused cell stays empty all the same.
    verdicts = {cell: [] if (cell.judge, cell.frames) in refused else finder.verdicts(cell) for cell in sweep.cells}
    cells = [
        _measured(cell, sweep, kind, labels, records, verdicts[cell], finder, refused.get((cell.judge, cell.frames), ""))
        for cell in sweep.cells
    ]  # fmt: skip
    return SweepResult(sweep, kind, gold, cells, verdicts, records)


def _there(records: Records) -> str | None:
    judges = {column.judge for column in records.columns}
    if any(is_label(judge) and judge != "target" for judge in judges):
        return "human"
    return "target" if "target" in judges else None


def labels_of(found: SweepResult) -> Mapping[str, Any]:
    """The label of every item that has one: a rating, or a choice."""
    return _labels(found.records, found.gold, found.kind)


def _labels(records: Records, gold: str | None, kind: Kind) -> Mapping[str, Any]:
    if gold is None:
        return {}
    return gold_ratings(records, gold).by_item if kind == "pointwise" else gold_choices(records, gold)


def _noting(lines: Iterable[Mapping[str, Any]], taken: dict) -> Iterator[Judgment]:
    """The judgments, and on the way what each of them took: (tokens by kind, seconds)."""
    for line in lines:
        judgment = Judgment.from_dict(line)
        tokens = {name: judgment.usage[name] for name in ("prompt_tokens", "reply_tokens", "video_tokens")
                  if name in judgment.usage}  # fmt: skip
        seconds = sum(value for name, value in judgment.usage.items() if name.endswith("_seconds"))
        order = judgment.settings.get("order")
        place = (judgment.item, *_place(judgment.judge, judgment.settings), judgment.sample, tuple(order or ()))
        taken[place] = (tokens, seconds)
        yield judgment


def _place(judge: str, settings: Mapping[str, Any]) -> tuple[str, float | None, int | None]:
    """Judge, temperature and number of frames that a judgment was asked with."""
    temperature = (settings.get("sampling") or {}).get("temperature")
    return judge, temperature, (settings.get("video") or {}).get("frames")


class _Finder:
    """Finds the verdicts of a cell: by the frames that each item's clip gave."""

    def __init__(self, records: Records, items: Mapping[str, Item], clips: Mapping[str, Clip], taken: Mapping):
        self.items, self.clips, self.taken = items, clips, taken
        self.found: dict[tuple, list[Verdict]] = defaultdict(list)
        for verdict in records.verdicts:
            column = records.columns[verdict.column]
            self.found[(verdict.item, *_place(column.judge, column.settings))].append(verdict)

    def frames(self, item: str, asked: int) -> int:
        video = self.items[item].video
        return given_frames(asked, self.clips.get(video.sha256) if video else None)

    def verdicts(self, cell: Cell) -> list[Verdict]:
        found: list[Verdict] = []
        for item in self.items:
            for frames in (self.frames(item, cell.frames), None):  # None: nobody looked, so frames are all one
                found += self.found.get((item, cell.judge, cell.temperature, frames), ())
        return found

    def capped(self, cell: Cell) -> int:
        return sum(self.frames(item, cell.frames) < cell.frames for item in self.items)

    def cost(self, cell: Cell, verdict: Verdict) -> tuple[Mapping[str, float], float]:
        for frames in (self.frames(verdict.item, cell.frames), None):
            place = (verdict.item, cell.judge, cell.temperature, frames, verdict.sample, verdict.order or ())
            if place in self.taken:
                return self.taken[place]
        return {}, 0.0


def judgments_of(folder: str | Path, cell: Cell) -> list[Judgment]:
    """The judgments of one cell in full, item by item: what a reader who asks about a figure wants to see."""
    run = Run.open(folder)
    items, clips = run.items(), stored_clips(run.folder)
    if str(cell.frames) in stored_refusals(run.folder).get(cell.judge, {}):
        return []
    wanted = set()
    for name, item in items.items():
        frames = given_frames(cell.frames, clips.get(item.video.sha256) if item.video else None)
        wanted |= {(name, cell.judge, cell.temperature, count) for count in (frames, None)}
    found = [one for one in run.judgments() if (one.item, *_place(one.judge, one.settings)) in wanted]
    place = {name: number for number, name in enumerate(items)}
    return sorted(found, key=lambda one: (place.get(one.item, -1), one.sample, list(one.settings.get("order", ()))))


# -- one cell


def _measured(
    cell: Cell, sweep: Sweep, kind: Kind, labels: Mapping, records: Records, verdicts: list[Verdict], finder: _Finder,
    refused: str,
) -> CellFigures:  # fmt: skip
    asked = len(finder.items) * sweep.samples_at(cell.temperature) * (1 if kind == "pointwise" else 2)
    counts = Counter(verdict.status for verdict in verdicts)
    coverage = Coverage(*(counts[name] for name in ("scored", "unparsed", "failed", "skipped")),
                        absent=max(0, asked - len(verdicts)))  # fmt: skip
    state: State = "measured" if verdicts else "refused" if refused else "waiting"
    figures = {} if not verdicts else cell_figures(verdicts, kind, labels, records, cell.temperature)
    return CellFigures(cell, state, refused, sweep.samples_at(cell.temperature), len(finder.items),
                       finder.capped(cell), coverage, figures, _cost(cell, sweep, finder, verdicts))  # fmt: skip


def cell_figures(
    verdicts: list[Verdict], kind: Kind, labels: Mapping, records: Records, temperature: float
) -> dict[str, Estimate]:
    """Every figure that these verdicts of one cell have: of ratings or of pairs, and those that repeats give."""
    videos = {item: facts.video for item, facts in records.items.items()}
    figures = _rated(verdicts, labels, records) if kind == "pointwise" else _chosen(verdicts, labels, records)
    figures |= repeats(verdicts, videos, temperature > 0)
    figures["invalid"] = invalid_share(verdicts, videos)
    return {name: figures[name] for name in FIGURES if name in figures}


def _rated(verdicts: list[Verdict], labels: Mapping[str, float], records: Records) -> dict[str, Estimate]:
    if not labels:
        return dict.fromkeys(RATING_FIGURES, Estimate(None, None, None, 0, len(verdicts), 0, NO_LABELS))
    place = dict(zip(labels, numbered([records.items[item].video for item in labels]).tolist(), strict=True))
    matched = match_ratings(verdicts, labels, place, records)
    found = agreement(matched.scores, matched.gold, matched.clusters, matched.coverage.left_out)
    return {name: found[source] for name, source in RATING_FIGURES.items()}


def _chosen(verdicts: list[Verdict], labels: Mapping[str, Any], records: Records) -> dict[str, Estimate]:
    rows = pair_rows(as_one_judge(records, verdicts), 0, labels)
    found = preference(rows)
    figures = {"accuracy": found["accuracy"], "order_flips": found["inconsistent"]}
    if not labels:
        figures["accuracy"] = Estimate(None, None, None, 0, pair_coverage(rows, labels).no_gold, 0, NO_LABELS)
    return figures


def as_one_judge(records: Records, verdicts: Iterable[Verdict]) -> Records:
    """Records in which these verdicts, whatever frames their clips gave, are one judge's: column 0."""
    return Records(records.items, [one._replace(column=0) for one in verdicts], [Column("cell", "", {})])


def repeats(verdicts: Iterable[Verdict], videos: Mapping[str, str], sampled: bool) -> dict[str, Estimate]:
    """Spread and mode share over the samples of one request (item and order); requests with fewer than two verdicts are
    left out and counted.

    spread: standard deviation of the scores (n - 1), averaged over requests. mode_share: how often the most frequent
    verdict was given.
    """
    by_request: dict[tuple, list[Any]] = defaultdict(list)
    for one in verdicts:
        if one.status == "scored":
            by_request[one.item, one.order].append(one.score if one.score is not None else one.choice or one.ranking)
    several = {request: given for request, given in by_request.items() if len(given) > 1}
    if not several:
        none = Estimate(None, None, None, 0, len(by_request), 0, ONE_SAMPLE if sampled else GREEDY)
        return dict.fromkeys(REPEATED, none)
    clusters, left_out = numbered([videos[item] for item, _ in several]), len(by_request) - len(several)
    modes = [Counter(given).most_common(1)[0][1] / len(given) for given in several.values()]
    found = {"mode_share": mean_estimate(modes, clusters, left_out)}
    if all(isinstance(value, float) for given in several.values() for value in given):
        found["spread"] = mean_estimate([stdev(given) for given in several.values()], clusters, left_out)
    else:
        found["spread"] = Estimate(None, None, None, 0, len(several), 0, NO_SPREAD)
    return found


def invalid_share(verdicts: Iterable[Verdict], videos: Mapping[str, str]) -> Estimate:
    """Share of replies that hold no verdict; requests without a reply (failed, skipped) are left out and counted."""
    verdicts = list(verdicts)
    replied = [one for one in verdicts if one.status in ("scored", "unparsed")]
    values = np.array([one.status == "unparsed" for one in replied], dtype=float)
    return mean_estimate(values, numbered([videos[one.item] for one in replied]), len(verdicts) - len(replied))


def _cost(cell: Cell, sweep: Sweep, finder: _Finder, verdicts: list[Verdict]) -> Cost:
    own = [finder.cost(cell, one) for one in verdicts]
    beside = [cell._replace(temperature=temperature) for temperature in sweep.temperatures] if verdicts else []
    column = [finder.cost(other, one)[1] for other in beside for one in finder.verdicts(other)]
    tokens = [sum(told.get(name, 0) for name in ("prompt_tokens", "reply_tokens")) for told, _ in own if told]
    video = [told["video_tokens"] for told, _ in own if "video_tokens" in told]
    return Cost(
        mean(tokens) if tokens else None, mean(video) if video else None, mean(column) if any(column) else None,
        float(sum(tokens)), round(sum(seconds for _, seconds in own), 3),
    )  # fmt: skip
