"""An audit's run folder -> everything it says: `audit_report(run)`. Figures are defined in docs/audit.md."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from analysis.audit.answers import Answers, answers_by_judge
from analysis.audit.ask import Asked, read_asked
from analysis.audit.measure import OF_PROBE, Figures, position
from analysis.audit.source import gold_name, is_gold
from analysis.audit.variant import PROBES, Probe
from analysis.estimate import Estimate
from analysis.matching import gold_ratings
from analysis.pairs import gold_choices
from analysis.plain_values import write_json
from analysis.records import ItemFacts, item_facts, records_of
from workbench.errors import InputError
from workbench.schema import Choice, Judgment
from workbench.store import Run

ABSENT = "not asked yet"


class JudgeAudit(NamedTuple):
    """One judge: its requests by status, figures by probe, and why it was not asked some of it, by probe."""

    judge: str
    requests: int
    statuses: dict[str, int]
    probes: dict[Probe, Figures]
    refused: dict[str, str]

    @property
    def video_reliance(self) -> Estimate | None:
        """None where the judge was not asked whether it looks."""
        return self.probes.get("looking", {}).get("video_reliance")


class AuditReport(NamedTuple):
    """An audit read from its run. `gold` names whose labels were used, None where there are none."""

    run: str
    options: dict[str, Any]
    gold: str | None
    items: int
    pairs: int
    judges: dict[str, JudgeAudit]


class _Gold(NamedTuple):
    name: str | None
    ratings: Mapping[str, float]
    choices: Mapping[str, Choice]


def audit_report(run: Run | str | Path) -> AuditReport:
    """The figures of an audit, finished or not: what has no verdict yet is left out and counted.

    Raises StoreError for a folder that is no run, InputError for a run that is no audit.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    asked = read_asked(run)
    if not asked:
        raise InputError(f"{run.folder} is no audit: nothing was asked in it. Give the folder that `audit` printed.")
    judgments = run.judgments()
    facts = {item.id: item_facts(item) for item in run.items().values()}
    gold = _gold([one for one in judgments if is_gold(one.judge)], facts)
    bases = {line.of: facts[line.of].kind for line in asked}
    judges = {
        name: _judge(answers, [line for line in asked if line.judge == name], judgments, gold)
        for name, answers in answers_by_judge(asked, judgments, facts).items()
    }
    kinds = Counter(bases.values())
    options = run.head()["config"].get("audit", {})
    return AuditReport(str(run.folder), options, gold.name, kinds["pointwise"], kinds["pairwise"], judges)


def write_report(run: Run) -> AuditReport:
    """Write audit.json and return what is in it."""
    report = audit_report(run)
    write_json(run.folder / "audit.json", report)
    return report


def _judge(answers: Answers, asked: list[Asked], judgments: list[Judgment], gold: _Gold) -> JudgeAudit:
    statuses = {one.key: one.status for one in judgments}
    keys = {line.key for line in asked if line.key}
    counted = Counter(statuses.get(key, ABSENT) for key in keys)
    there = {line.probe for line in asked if line.key}
    found: dict[Probe, Figures] = {}
    for probe in PROBES:
        if probe in there:
            found[probe] = _figures(probe, answers, gold)
    return JudgeAudit(answers.judge, len(keys), dict(counted), found, dict(answers.refused))


def _figures(probe: Probe, answers: Answers, gold: _Gold) -> Figures:
    if probe == "position":
        return position(answers, gold.choices)
    return OF_PROBE[probe](answers, gold.ratings)


def _gold(labels: list[Judgment], facts: Mapping[str, ItemFacts]) -> _Gold:
    name = gold_name(labels)
    if name is None:
        return _Gold(None, {}, {})
    records = records_of(facts, labels)
    return _Gold(name, gold_ratings(records, name).by_item, gold_choices(records, name))
