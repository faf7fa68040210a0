"""How a judge does on the canaries of its batch, and where they are kept: apart from everything that is counted.

    runs/<run>/canaries/   a run folder of its own: the canaries' items (tags `canary`, `canary_of`) and judgments

No figure, table or export of the run reads that folder, so none ever counts a canary.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, get_args

from workbench.schema import Item, Judgment
from workbench.store import ANSWERED, Run

CanaryKind = Literal["known best", "known worst", "padded twin"]
KINDS: tuple[CanaryKind, ...] = get_args(CanaryKind)
Outcome = Literal["passed", "failed", "no verdict", "not comparable"]
FOLDER = "canaries"  # in the run's own
NEAR = 0.25  # of a scale: so far from its end is still a 5, or a 1
ADVICE = "Look at these verdicts before you trust the others: they are in the run's folder canaries."


class CanaryCount(NamedTuple):
    """How one judge did on the canaries of one kind. What cannot be compared (the response itself has no verdict, the judge
    no scale) counts neither way."""

    judge: str
    kind: CanaryKind
    asked: int
    failed: int
    no_verdict: int
    not_comparable: int


# -- where they are kept


def canary_run(run: Run) -> Run | None:
    """The run folder of a run's canaries; None where it carried none."""
    return Run.open(run.folder / FOLDER) if (run.folder / FOLDER / "run.json").is_file() else None


class CanaryWatch:
    """Takes the judgments of canaries out of a run as they come. `lines` is what is to be said of them so far."""

    def __init__(self, run: Run, apart: Run | None, forms: Mapping[str, Any]):
        self._apart, self._forms = apart, forms
        self._items = apart.items() if apart else {}
        self._own_ids = {item.tags["canary_of"] for item in self._items.values()}
        self._judgments = {one.key: one for one in apart.judgments()} if apart else {}
        self._own = {one.key: one for one in run.judgments() if one.item in self._own_ids} if apart else {}
        self.answered = {key for key, one in self._judgments.items() if one.status in ANSWERED}
        self.lines = canary_lines(self._counts())

    def takes(self, judgment: Judgment) -> bool:
        """Whether a judgment is about a canary, which is then kept here."""
        if judgment.item in self._own_ids:
            self._own[judgment.key] = judgment
        if self._apart is None or judgment.item not in self._items:
            return False
        self._apart.append(judgment)
        self._judgments[judgment.key] = judgment
        self.lines = canary_lines(self._counts())
        return True

    def _counts(self) -> list[CanaryCount]:
        return count_canaries(self._items, self._judgments.values(), self._own.values(), self._forms)


@contextmanager
def watching_canaries(run: Run, canaries: Sequence[Item]) -> Iterator[CanaryWatch]:
    """Keep the canaries of a run in their own folder, made where it is missing. Call it inside `run.writing()`."""
    head = run.head()
    forms = {prompt["id"]: prompt["form"] for prompt in head["prompts"]}
    if not canaries:
        yield CanaryWatch(run, canary_run(run), forms)
        return
    config = {**head["config"], "canaries_of": run.folder.name}
    apart = canary_run(run) or Run.create(
        run.folder / FOLDER, config=config, prompts=head["prompts"], command=head["command"]
    )
    with apart.writing():
        apart.add_items(canaries)
        yield CanaryWatch(run, apart, forms)
        apart.finish()


# -- how a judge did


def canary_counts(run: Run, judgments: Iterable[Judgment] | None = None) -> list[CanaryCount]:
    """How each judge of a run did on its canaries, by kind. Empty for a run without any."""
    apart = canary_run(run)
    if apart is None:
        return []
    forms = {prompt["id"]: prompt["form"] for prompt in run.head()["prompts"]}
    return count_canaries(apart.items(), apart.judgments(), run.judgments() if judgments is None else judgments, forms)


def count_canaries(
    items: Mapping[str, Item], judgments: Iterable[Judgment], own: Iterable[Judgment], forms: Mapping[str, Any]
) -> list[CanaryCount]:
    """Outcomes by judge and kind. `judgments` are of the canaries `items`, `own` of the batch; `forms` are by prompt."""
    beside = _groups(own)
    found: dict[tuple[str, Any], Counter[str]] = defaultdict(Counter)
    for (id, *rest), group in _groups(judgments).items():
        if id in items:
            tags = items[id].tags
            twin = beside.get((tags["canary_of"], *rest), [])
            outcome = canary_outcome(tags["canary"], group, twin, forms.get(group[0].prompt, {}))
            found[group[0].judge, tags["canary"]][outcome] += 1
    return [
        CanaryCount(judge, kind, said.total(), said["failed"], said["no verdict"], said["not comparable"])
        for (judge, kind), said in sorted(found.items())
    ]


def _groups(judgments: Iterable[Judgment]) -> dict[tuple, list[Judgment]]:
    """The orders of one question together."""
    groups: dict[tuple, list[Judgment]] = defaultdict(list)
    for one in judgments:
        groups[one.item, one.judge, one.prompt, one.sample].append(one)
    return groups


def canary_outcome(
    kind: str, judgments: Sequence[Judgment], own: Sequence[Judgment], form: Mapping[str, Any]
) -> Outcome:
    """What one canary, asked in every order, says of its judge.

    A known best passes in the upper quarter of the scale (4 or 5 of 1 to 5), or where it wins in every order; a known worst
    in the lowest quarter (1 or 2), or where it loses in every order. A padded twin fails where it scores higher than the
    response itself (`own`), or wins in every order.
    """
    if any(one.status != "scored" for one in judgments):
        return "no verdict"
    if judgments[0].score is not None:
        return _of_score(kind, judgments[0], own, form)
    if judgments[0].choice is not None:
        choices = {one.choice for one in judgments}
        failed = {"known best": choices != {"A"}, "known worst": "B" in choices, "padded twin": choices == {"B"}}[kind]
        return "failed" if failed else "passed"
    rankings = [one.ranking or () for one in judgments]
    last = (
        len(rankings[0]) - 1
    )  # where the known worst and the padded twin stand in the item; the known best stands first
    failed = {
        "known best": any(ranking[0] != 0 for ranking in rankings),
        "known worst": any(ranking[-1] != last for ranking in rankings),
        "padded twin": all(ranking.index(last) < ranking.index(0) for ranking in rankings),
    }[kind]
    return "failed" if failed else "passed"


def _of_score(kind: str, judgment: Judgment, own: Sequence[Judgment], form: Mapping[str, Any]) -> Outcome:
    score = float(judgment.score or 0.0)
    if kind == "padded twin":
        beside = [one.score for one in own if one.score is not None]
        return "not comparable" if not beside else "failed" if score > beside[0] else "passed"
    judge = judgment.settings.get("judge", {})
    if judge.get("backend") == "reward" and judge.get("scale") is None:  # a raw number on no scale
        return "not comparable"
    low, high = judge.get("scale") or (form.get("low", 1), form.get("high", 5))
    place = (score - low) / (high - low)
    failed = place < 1 - NEAR if kind == "known best" else place > NEAR
    return "failed" if failed else "passed"


# -- saying it


def canary_lines(counts: Sequence[CanaryCount]) -> list[str]:
    """One line a judge: an alarm where it failed a canary or gave no verdict on one. Empty without canaries."""
    lines = []
    for judge in dict.fromkeys(count.judge for count in counts):
        own = [count for count in counts if count.judge == judge]
        asked, silent = sum(one.asked for one in own), sum(one.no_verdict for one in own)
        apart = sum(one.not_comparable for one in own)
        parts = [f"{one.failed} of {one.asked} {one.kind}" for one in own if one.failed]
        parts += [f"{silent} of {asked} without a verdict"] if silent else []
        rest = f" ({apart} could not be compared)" if apart else ""
        if parts:
            lines.append(f"CANARIES FAILED: {judge}: {', '.join(parts)}{rest}. {ADVICE}")
        else:
            lines.append(f"canaries passed: {judge}: {asked - apart} of {asked}{rest}")
    return lines


def canaries_failed(counts: Iterable[CanaryCount]) -> bool:
    """Whether any judge failed a canary, or gave no verdict on one."""
    return any(count.failed or count.no_verdict for count in counts)
