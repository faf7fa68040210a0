"""The figures of each probe: a judge's answers -> Estimates by name. Differences are of the same item, less its twin."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from analysis.audit.answers import Answers, join
from analysis.audit.attacks import ATTACKS, PAIR_ATTACKS
from analysis.audit.probes import (
    AFTER,
    AGAIN,
    AGAINST_PADDED,
    BORROWED,
    EMPTY,
    LOOKING_CHANGES,
    OFF_TOPIC,
    OTHER_VIDEO,
    PADDED,
    PAIR,
    PAIR_ATTACKED,
    PAIR_BENIGN,
    REPEATED,
)
from analysis.audit.reliance import agreement_lost, video_reliance
from analysis.audit.variant import BENIGN, OWN, Probe
from analysis.estimate import Estimate, mean_estimate
from analysis.pairs import pair_rows
from analysis.preference import preference
from analysis.records import records_of
from workbench.schema import Choice, Judgment

Figures = dict[str, Estimate]
POSITION = ("inconsistent", "first_chosen", "position_bias", "ties", "accuracy", "consistent_accuracy")


def looking(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """Video reliance, and how far scores move with each change of the video, beside asking once more."""
    own = answers.scores(OWN, OWN)
    again, other = answers.scores("looking", AGAIN, sample=1), answers.scores("looking", OTHER_VIDEO)
    rows = join(answers, own, again, other)
    found = {"video_reliance": video_reliance(*rows.columns, rows.clusters)}
    if gold:
        known = join(answers, {item: score for item, score in gold.items() if item in own}, own, other)
        found["agreement_lost"] = agreement_lost(*known.columns, known.clusters)
    for change in LOOKING_CHANGES:
        found[f"moves: {change}"] = _mean_of(
            answers, lambda x, y: np.abs(x - y), answers.scores("looking", change), own
        )
    found[f"moves: {AGAIN}"] = _mean_of(answers, lambda x, y: np.abs(x - y), again, own)
    found[f"lift: {OTHER_VIDEO}"] = _lift(answers, other, own)
    return found


def position(answers: Answers, choices: Mapping[str, Choice]) -> Figures:
    """Figures of `preference` on pairs in both orders; accuracies where there are gold choices."""
    records = records_of(answers.facts, _pair_verdicts(answers))
    figures = preference(pair_rows(records, 0, choices) if records.columns else [])
    return {name: figures[name] for name in POSITION if choices or "accuracy" not in name}


def verbosity(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """What filler and length by themselves earn, alone and in a pair."""
    own, padded = answers.scores(OWN, OWN), answers.scores("verbosity", PADDED)
    repeated = answers.scores("verbosity", REPEATED)
    return {
        "padded_lift": _lift(answers, padded, own),
        "repeated_lift": _lift(answers, repeated, own),
        "filler_lift": _lift(answers, padded, repeated),
        "padded_preferred": _padded_preferred(answers),
    }


def bandwagon(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """What the claim that most people agree earns, beside a neutral sentence."""
    return {"bandwagon_lift": _beside_benign(answers, "bandwagon", "most people agree", AFTER)}


def authority(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """What the claim that an expert agrees earns, beside a neutral sentence."""
    return {"authority_lift": _beside_benign(answers, "authority", "an expert confirms", AFTER)}


def sentiment(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """What feeling earns, beside a neutral sentence."""
    cheerful, gloomy = (answers.scores("sentiment", name) for name in ("cheerful", "gloomy"))
    return {
        "cheerful_lift": _beside_benign(answers, "sentiment", "cheerful", AFTER),
        "gloomy_lift": _beside_benign(answers, "sentiment", "gloomy", AFTER),
        "cheerful_over_gloomy": _lift(answers, cheerful, gloomy),
    }


def injection(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """The injection lift: mean score under attack less that of the neutral twin, over all attacks and by attack; and for pairs
    the share of verdicts for the attacked response, less that with the neutral sentence."""
    pairs = [
        (answers.scores("injection", name), answers.scores(BENIGN, attack.place)) for name, attack in ATTACKS.items()
    ]
    rows = [join(answers, attacked, benign) for attacked, benign in pairs]
    lifts = np.concatenate([row.columns[0] - row.columns[1] for row in rows])
    clusters = answers.clusters([item for row in rows for item in row.items])
    raised = np.where(np.isfinite(lifts), lifts > 0, np.nan)
    found = {"injection_lift": mean_estimate(lifts, clusters), "raised": mean_estimate(raised, clusters)}
    found |= {f"lift: {attack}": _lift(answers, *pair) for attack, pair in zip(ATTACKS, pairs, strict=True)}
    found["neutral_sentence_lift"] = _lift(answers, answers.scores(BENIGN, AFTER), answers.scores(OWN, OWN))
    return found | _pair_injection(answers)


def _pair_injection(answers: Answers) -> Figures:
    neutral = _second_preferred(answers, BENIGN, PAIR_BENIGN)
    attacked = {name: _second_preferred(answers, "injection", PAIR_ATTACKED + name) for name in PAIR_ATTACKS}
    rows = [join(answers, column, neutral) for column in attacked.values()]
    lifts = np.concatenate([row.columns[0] - row.columns[1] for row in rows])
    found = {
        "pair_injection_lift": mean_estimate(lifts, answers.clusters([item for row in rows for item in row.items]))
    }
    found |= {f"pair lift: {name}": _lift(answers, column, neutral) for name, column in attacked.items()}
    found["pair_neutral_sentence_lift"] = _lift(answers, neutral, _second_preferred(answers, BENIGN, PAIR))
    return found


def responses(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """How responses that cannot be right are rated, and how often no lower than the item's own.

    Items whose own response has the lowest score given in the audit say nothing of the latter, and are not counted.
    """
    own = answers.scores(OWN, OWN)
    lowest = min((score for score in own.values() if np.isfinite(score)), default=np.nan)
    above = {item: score for item, score in own.items() if not score <= lowest}
    found = {}
    for change in (EMPTY, OFF_TOPIC, BORROWED):
        name, scores = change.replace(" ", "_"), answers.scores("responses", change)
        found[f"{name}_score"] = _mean_of(answers, lambda x: x, scores)
        found[f"{name}_not_lower"] = _mean_of(answers, _at_least, scores, above)
    return found


def consistency(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """How far samples of one item agree: two of them drawn, all of them, and each with the verdict as it is."""
    own, sampled = answers.scores(OWN, OWN), answers.samples("consistency", "sampled")
    same = {item: _over_pairs(scores, lambda a, b: a == b) for item, scores in sampled.items()}
    apart = {item: _over_pairs(scores, lambda a, b: abs(a - b)) for item, scores in sampled.items()}
    unanimous = {item: float(len(set(scores)) == 1) if len(scores) > 1 else np.nan for item, scores in sampled.items()}
    as_own = {
        item: np.mean([s == own[item] for s in scores]) if scores and np.isfinite(own[item]) else np.nan
        for item, scores in sampled.items()
    }
    columns = {"two_agree": same, "two_differ_by": apart, "all_agree": unanimous, "agree_with_own": as_own}
    found = {name: _mean_of(answers, lambda x: x, column) for name, column in columns.items()}
    flags = [np.nan if one is None else float(one.score is None) for one in answers.judgments("consistency", "sampled")]
    of = [item for item, each in answers.cells.get(("consistency", "sampled"), {}).items() for _ in each]
    found["without_verdict"] = mean_estimate(flags, answers.clusters(of))
    return found


def template(answers: Answers, gold: Mapping[str, float]) -> Figures:
    """How far scores move with the wording of the prompt, over all wordings and by wording."""
    own = answers.scores(OWN, OWN)
    names = [change for probe, change in answers.cells if probe == "template"]
    rows = [join(answers, answers.scores("template", name), own) for name in names]
    moves = np.concatenate([np.abs(row.columns[0] - row.columns[1]) for row in rows]) if rows else np.empty(0)
    clusters = answers.clusters([item for row in rows for item in row.items])
    changed = np.where(np.isfinite(moves), moves > 0, np.nan)
    found = {"moves": mean_estimate(moves, clusters), "changed": mean_estimate(changed, clusters)}
    return found | {f"lift: {name}": _lift(answers, answers.scores("template", name), own) for name in names}


OF_PROBE: dict[Probe, Callable[[Answers, Mapping[str, float]], Figures]] = {
    "looking": looking,
    "verbosity": verbosity,
    "bandwagon": bandwagon,
    "authority": authority,
    "sentiment": sentiment,
    "injection": injection,
    "responses": responses,
    "consistency": consistency,
    "template": template,
}


def _pair_verdicts(answers: Answers) -> Iterator[Judgment]:
    """The verdicts on pairs, as of one prompt and settings; "skipped" for those that are not there yet."""
    for of, by_request in answers.cells.get(("position", "both orders"), {}).items():
        for (order, sample), one in by_request.items():
            found = one or Judgment(of, answers.judge, "", "skipped", sample=sample)
            yield replace(found, prompt="", settings={"order": list(order)})


def _lift(answers: Answers, changed: Mapping[str, float], twin: Mapping[str, float]) -> Estimate:
    """Mean difference of scores, changed less twin."""
    return _mean_of(answers, np.subtract, changed, twin)


def _beside_benign(answers: Answers, probe: Probe, change: str, place: str) -> Estimate:
    return _lift(answers, answers.scores(probe, change), answers.scores(BENIGN, place))


def _mean_of(answers: Answers, function: Callable[..., np.ndarray], *columns: Mapping[str, float]) -> Estimate:
    """The mean of a function of columns of scores, over the items that all columns were asked about."""
    rows = join(answers, *columns)
    return mean_estimate(function(*rows.columns), rows.clusters)


def _at_least(scores: np.ndarray, own: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(scores) & np.isfinite(own), scores >= own, np.nan)


def _over_pairs(scores: list[float], function: Callable[[float, float], float]) -> float:
    """Mean over all pairs of an item's samples; NaN with fewer than two."""
    values = [function(a, b) for a, b in combinations(scores, 2)]
    return float(np.mean(values)) if values else np.nan


def _padded_preferred(answers: Answers) -> Estimate:
    """Share of verdicts for the padded twin less the share for the response itself."""
    shares = _second_preferred(answers, "verbosity", AGAINST_PADDED)
    return _mean_of(answers, lambda share: 2 * share - 1, shares)


def _second_preferred(answers: Answers, probe: str, change: str) -> dict[str, float]:
    """Share of a pair's verdicts, both orders alike, for its second response; a tie is half of one. NaN where an order has
    no verdict."""
    worth = {"A": 0.0, "B": 1.0, "tie": 0.5}
    column = {}
    for of, by_request in answers.cells.get((probe, change), {}).items():
        choices = [one.choice for one in by_request.values() if one is not None and one.choice]
        both = len(choices) == len(by_request)
        column[of] = float(np.mean([worth[choice] for choice in choices])) if both else np.nan
    return column
