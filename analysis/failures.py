"""The queue of cases as training data: a run folder of their items and the people's labels, as `training fit` reads it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from analysis.case_texts import CaseTexts, read_texts
from analysis.cases import Case
from analysis.labelling import PROMPT
from analysis.rankings import joint_ranking
from workbench.errors import InputError
from workbench.schema import Judgment
from workbench.store import Run


class Exported(NamedTuple):
    """What was written: items, of which so many have a label; `unlabelled` still need one."""

    folder: Path
    items: int
    labelled: int

    @property
    def unlabelled(self) -> int:
        return self.items - self.labelled

    def __str__(self) -> str:
        still = f" {self.unlabelled} have no label yet; label them and export again." if self.unlabelled else ""
        return f"{self.items} items, {self.labelled} with a label to learn from.{still}"


def export_queue(
    folders: Sequence[str | Path], cases: Sequence[Case], out: Path, gold: str = "human", command: str = ""
) -> Exported:
    """Write the cases' items and one label each (see `label_of`) into a new run folder.

    Raises InputError where there is no case, StoreError where `out` holds a run already.
    """
    if not cases:
        raise InputError("failures: no case passes these filters, so there is nothing to export; widen one of them.")
    texts = read_texts(folders, [case.item for case in cases])
    run = Run.create(out, config={"imported": "failures", "gold": gold}, command=command)
    labels = [label for one in texts if (label := label_of(one, gold))]
    with run.writing():
        run.add_items(one.item for one in texts)
        for label in labels:
            run.append(label)
        run.finish()
    return Exported(run.folder, len(texts), len(labels))


def label_of(texts: CaseTexts, gold: str = "human") -> Judgment | None:
    """The one label of an item: the gold judge's, or of several people's the one that says what they say together. Beside a
    gold that is no person's (a bootstrap's targets, a model), what people said in place counts and the gold does not.

    Ratings: their mean, rounded half up; choices: what most say, a tie where as many say A as B; rankings: by mean place.
    Of several who say it, the one who gave a reason; where none does, a label of "human:together" that names them. None
    without any.
    """
    scored = [one for one in texts.judgments if one.status == "scored"]
    in_place = [
        one for one in scored if one.prompt == PROMPT and _is_person(one.judge) and not _is_person(gold or "human")
    ]
    given = in_place or [one for one in scored if _is_gold(one.judge, gold)]
    last: dict[str, Judgment] = {}
    for one in given:
        last[one.judge] = one
    people = list(last.values())
    if len(people) < 2:
        return people[0] if people else None
    scores = [one.score for one in people if one.score is not None]
    if scores:
        said = float(int(sum(scores) / len(scores) + 0.5))
        agreeing = [one for one in people if one.score == said]
        together: dict[str, Any] = {"score": said}
    elif rankings := [one.ranking for one in people if one.ranking is not None]:
        ranking = joint_ranking(rankings)
        agreeing = [one for one in people if one.ranking == ranking]
        together = {"ranking": ranking}
    else:
        choice = _majority([one.choice for one in people if one.choice])
        agreeing = [one for one in people if one.choice == choice]
        together = {"choice": choice}
    if agreeing:
        return max(agreeing, key=lambda one: bool(one.reasoning))
    settings = {"people": [one.judge for one in people]}
    return replace(people[0], judge="human:together", reasoning=None, settings=settings, **together)


def _is_person(judge: str) -> bool:
    return judge.partition(":")[0] == "human"


def _is_gold(judge: str, gold: str) -> bool:
    return judge == gold or (gold in ("human", "") and judge.startswith("human:"))


def _majority(choices: Sequence[str]) -> str:
    votes: dict[str, int] = defaultdict(int)
    for choice in choices:
        votes[choice] += 1
    if votes["A"] == votes["B"] or votes["tie"] > max(votes["A"], votes["B"]):
        return "tie"
    return "A" if votes["A"] > votes["B"] else "B"
