"""Preference pairs from a judge's own samples: one that agrees with the label is chosen, one that does not is rejected.

Self-Rationalization (Trivedi et al. 2024, arXiv 2410.05495). A folder of pairs holds

    pairs.jsonl        the pairs, both replies as the judge wrote them
    items.jsonl        their items
    left_out.jsonl     every labelled item that gave no pair, and why
    preferences.json   judge, prompt, frames and options, and the counts: written last
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from training.rows import read_records
from workbench.errors import InputError
from workbench.schema import Item, Judgment, Record, content_id
from workbench.store import Run
from workbench.verdict_text import verdict

AGREES = 0.5  # a score this near the label agrees with it; labels between two levels agree with both
SHARED = ("judge", "sampling", "video", "view")  # settings that are the same for all samples


@dataclass(frozen=True)
class Pair(Record):
    """Two replies of one judge to the very same request, and the verdicts in them."""

    item: str
    order: tuple[int, ...]
    chosen: str
    rejected: str
    chosen_verdict: str
    rejected_verdict: str
    label: str

    def __post_init__(self):
        object.__setattr__(self, "order", tuple(self.order))


@dataclass(frozen=True)
class PairOptions:
    """Which pairs are made. `margin` lies between the two scores of a pair; choices have none."""

    margin: float = 1.0
    most: int = 4  # pairs of an item (in one order)
    seed: int = 0

    def __post_init__(self):
        if self.margin < 0 or self.most < 1:
            raise InputError(f"got margin {self.margin} and most {self.most}, expected margin >= 0 and most >= 1.")


class Made(NamedTuple):
    """The pairs of some items, and {"item", "order", "reason"} for each request that gave none."""

    pairs: list[Pair]
    left_out: list[dict[str, Any]]


def make_preferences(
    run: Run, labels: Path, out: Path, options: PairOptions, *, judge: str | None = None, by: str = "target"
) -> dict[str, Any]:
    """Write the folder of pairs and return its record.

    Samples are the run's judgments by `judge` (which may be left out where there is one), labels the judgments by `by`
    in a folder with items.jsonl and judgments.jsonl. Raises InputError where there is nothing to pair.
    """
    samples = _samples(run, judge)
    items = run.items()
    known = {item.id: _content(item) for item in read_records(labels / "items.jsonl", Item)}
    gold: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in read_records(labels / "judgments.jsonl", Judgment):
        if judgment.judge == by and judgment.status == "scored" and judgment.item in known:
            gold[known[judgment.item]].append(judgment)
    made = pair_samples(samples, {id: gold.get(_content(item), []) for id, item in items.items()}, options)
    record = _record(run, samples, made, options, by)
    if not made.pairs:
        raise InputError(f"preferences: got no pair from {len(samples)} samples: {record['left_out']}.")
    out.mkdir(parents=True, exist_ok=True)
    used = {pair.item for pair in made.pairs}
    _write_lines(out / "pairs.jsonl", (pair.to_dict() for pair in made.pairs))
    _write_lines(out / "items.jsonl", (item.to_dict() for id, item in items.items() if id in used))
    _write_lines(out / "left_out.jsonl", made.left_out)
    (out / "preferences.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def pair_samples(samples: Iterable[Judgment], labels: Mapping[str, Sequence[Judgment]], options: PairOptions) -> Made:
    """Pair the samples of each request: an item in one order. `labels` holds the gold judgments of every item."""
    requests: dict[tuple[str, tuple[int, ...]], list[Judgment]] = defaultdict(list)
    for sample in samples:
        requests[sample.item, tuple(sample.settings.get("order", ()))].append(sample)
    made = Made([], [])
    for (item, order), some in requests.items():
        gold = labels.get(item, ())
        told = _distinct(some)
        reason = _cannot_pair(gold, told)
        good = [] if reason else [one for one in told if agrees(one, gold[0])]
        bad = [] if reason else [one for one in told if not agrees(one, gold[0])]
        close = [(one, other) for one in good for other in bad if _gap(one, other) >= options.margin]
        reason = reason or _no_pair(good, bad, close)
        if reason:
            made.left_out.append({"item": item, "order": list(order), "reason": reason})
            continue
        rng = random.Random(f"{options.seed} {item} {order}")
        for one, other in _spread(close, options.most, rng):
            made.pairs.append(Pair(item, order, one.reply, other.reply, verdict(one), verdict(other), verdict(gold[0])))
    return made


def agrees(sample: Judgment, label: Judgment) -> bool:
    """Whether a judgment says what the label says: a score within half a level, the same choice or ranking."""
    if label.score is not None:
        return sample.score is not None and abs(sample.score - label.score) <= AGREES
    return (sample.choice, sample.ranking) == (label.choice, label.ranking)


# -- one request


def _distinct(samples: Sequence[Judgment]) -> list[Judgment]:
    """The scored samples with a text, each text once."""
    scored = (one for one in samples if one.status == "scored" and one.reply)
    return list({one.reply: one for one in scored}.values())


def _cannot_pair(gold: Sequence[Judgment], told: Sequence[Judgment]) -> str | None:
    if not gold:
        return "no label"
    if len({verdict(one) for one in gold}) > 1:
        return "labels disagree"
    if not told:
        return "no scored sample"
    return "all samples are the same text" if len(told) == 1 else None


def _no_pair(good: Sequence[Any], bad: Sequence[Any], close: Sequence[Any]) -> str | None:
    if not good:
        return "no sample agrees with the label"
    if not bad:
        return "all samples agree with the label"
    return None if close else "scores closer than the margin"


def _gap(one: Judgment, other: Judgment) -> float:
    return abs(one.score - other.score) if one.score is not None and other.score is not None else float("inf")


def _spread(pairs: list[tuple[Judgment, Judgment]], most: int, rng: random.Random) -> list[tuple[Judgment, Judgment]]:
    """Up to `most` of the pairs at random, those of samples that are used least so far first."""
    pairs, used, chosen = rng.sample(pairs, len(pairs)), Counter(), []
    while pairs and len(chosen) < most:
        best = min(pairs, key=lambda pair: used[pair[0].reply] + used[pair[1].reply])
        pairs.remove(best)
        used.update(one.reply for one in best)
        chosen.append(best)
    return chosen


# -- the run, the labels, the folder


def _samples(run: Run, judge: str | None) -> list[Judgment]:
    """Every judgment by the judge. Raises InputError where several judges or settings would be mixed."""
    judgments = run.judgments()
    judges = sorted({one.judge for one in judgments})
    if judge is None and len(judges) > 1:
        raise InputError(f"judge: the run has {', '.join(judges)}; name the one whose own samples are paired.")
    samples = [one for one in judgments if judge in (None, one.judge)]
    if not samples:
        raise InputError(
            f"judge: got {judge!r}, but the run {run.folder.name} has {', '.join(judges) or 'no judgment'}."
        )
    for name in SHARED:
        kinds = {content_id(one.settings.get(name)): one for one in samples if one.settings.get(name) is not None}
        if len(kinds) > 1:
            raise InputError(f"{run.folder.name}: its samples have several {name} settings; judge in one run with one.")
    if len({one.prompt for one in samples}) > 1:
        raise InputError(f"{run.folder.name}: its samples answer several prompts; judge in one run with one.")
    return samples


def _content(item: Item) -> str:
    """What a label is about; a table may have left out the reference or description."""
    return content_id([item.video.sha256 if item.video else None, item.instruction, list(item.responses)])


def _record(run: Run, samples: Sequence[Judgment], made: Made, options: PairOptions, by: str) -> dict[str, Any]:
    """preferences.json: where the pairs come from, how they were made, and how many."""
    shared = {
        name: next((one.settings[name] for one in samples if one.settings.get(name) is not None), None)
        for name in SHARED
    }
    prompt = next(each for each in run.head()["prompts"] if each["id"] == samples[0].prompt)
    requests = len({(one.item, tuple(one.settings.get("order", ()))) for one in samples})
    return {
        "run": run.folder.name,
        "judge": samples[0].judge,
        "labels_by": by,
        **{f"{name}_settings" if name == "judge" else name: value for name, value in shared.items()},
        "prompt": prompt,
        "options": asdict(options),
        "samples": dict(Counter(one.status for one in samples)),
        "requests": requests,
        "requests_with_pairs": len({(pair.item, pair.order) for pair in made.pairs}),
        "pairs": len(made.pairs),
        "left_out": dict(Counter(line["reason"] for line in made.left_out)),
        "pairs_by_label": dict(sorted(Counter(pair.label for pair in made.pairs).items())),
        "chosen": dict(sorted(Counter(pair.chosen_verdict for pair in made.pairs).items())),
        "rejected": dict(sorted(Counter(pair.rejected_verdict for pair in made.pairs).items())),
    }


def _write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
