"""How well a judge does on a world folder it has not seen: against the true ratings, with and without the video."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from training.rows import Example, read_examples
from workbench.backends.base import Backend
from workbench.errors import InputError
from workbench.judge import judge_items
from workbench.prompts import load_prompt
from workbench.schema import Item, Judgment, Sampling, Video

RESAMPLES = 1000
BATCH = 40  # requests handed over at a time


class Figure(NamedTuple):
    """One measured value, its 95 % interval over resampled videos, and how many judgments it rests on."""

    value: float
    low: float
    high: float
    n: int


class Answered(NamedTuple):
    """A judgment beside the truth; `group` is the video, by which intervals are clustered."""

    judgment: Judgment
    truth: Judgment
    group: str
    tags: Mapping[str, str]


Figures = Mapping[str, Mapping[str, Figure]]  # by mode, then by name


def evaluate(
    backend: Backend,
    folder: Path,
    videos: int,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
    keep: Callable[[Figures], None] = lambda figures: None,
) -> Figures:
    """Figures by mode: every prompt the judge declares at temperature 0, pointwise also at 1, by number of objects, without
    reasons where the judge can, and without the video (each prompt of a judge that rates nothing by pointwise).

    `videos` is how many are drawn, by `seed`. What nothing supports is said and left out. `keep` is given all figures
    after every mode. Raises InputError where no row fits any prompt.
    """
    examples = _some_videos(read_examples(folder), folder, videos, seed)
    prompts = backend.declared.prompts or _undeclared(backend, examples, say)
    figures: dict[str, dict[str, Figure]] = {}
    for mode, answers in _modes(backend, prompts, examples):
        if found := measure(answers):
            figures[mode] = found
            keep(figures)
        say(f"{mode}: {_line(found) or 'nothing to measure, for the data has no such row'}")
    if not figures:
        kinds = ", ".join(sorted({each.item.kind for each in examples}))
        raise InputError(
            f"{folder}: got {kinds} rows, none of a kind that {backend.name} judges; give a world with some."
        )
    return figures


def _undeclared(backend: Backend, examples: Sequence[Example], say: Callable[[str], None]) -> list[str]:
    """The prompts by which a judge is measured that declares none, as an untuned base does."""
    there, known = {each.item.kind for each in examples}, backend.declared.kinds
    prompts = [kind for kind in ("pointwise", "pairwise") if kind in there and kind in (known or there)]
    say(f"{backend.name} declares no prompts; it is asked by: {', '.join(prompts) or 'none, for no row fits'}")
    return prompts


def _modes(
    backend: Backend, prompts: Sequence[str], examples: Sequence[Example]
) -> Iterator[tuple[str, Sequence[Answered]]]:
    """Every mode with its answers, judged when it is its turn."""
    dependent = [each for each in examples if _needs_video(each.item.tags)]
    rated = "pointwise" in prompts and any(each.item.kind == "pointwise" for each in dependent)
    controlled = {"pointwise"} if rated else {*prompts}  # ratings tell whether a judge looks; else all that there is
    for name in prompts:
        answers = answer(backend, name, examples)
        yield name, answers
        if name in controlled:
            yield f"{name}, video-dependent flaws", [each for each in answers if _needs_video(each.tags)]
            yield f"{name}, video-dependent flaws, without the video", answer(backend, name, dependent, view="none")
        if name == "pointwise":
            yield "pointwise, temperature 1", answer(backend, name, examples, sampling=_warm(backend.sampling))
            if getattr(backend, "scores_only", False):
                yield "pointwise, score only", answer(backend, name, examples, score_only=True)
        if name in ("pointwise", "pairwise_reasoning"):
            for count in sorted({each.tags["objects"] for each in answers if "objects" in each.tags}):
                mine = [each for each in answers if each.tags.get("objects") == count]
                yield f"{name}, {count} object{'s' * (count != '1')}", mine


def _needs_video(tags: Mapping[str, str]) -> bool:
    return tags.get("video_dependent") == "yes"


def _warm(sampling: Sampling) -> Sampling:
    return replace(sampling, temperature=1.0)


def answer(backend: Backend, name: str, examples: Sequence[Example], **settings: Any) -> list[Answered]:
    """The judge's verdicts on the examples that fit the prompt, pairs in both orders."""
    prompt = load_prompt(name)
    fitting = {each.item.id: each for each in examples if each.item.kind == prompt.kind}
    judged = judge_items((each.item for each in fitting.values()), backend, prompt, batch_size=BATCH, **settings)
    found = []
    for judgment in judged:
        item, target = fitting[judgment.item]
        found.append(Answered(judgment, target, item.video.sha256 if item.video else item.id, item.tags))
    return found


def measure(answers: Sequence[Answered]) -> dict[str, Figure]:
    """Share of well-formed replies, and of those what their kind allows: rank correlation and error, or accuracy.

    {} for no answers.
    """
    if not answers:
        return {}
    figures = {"well-formed": _figure(answers, lambda some: _share(each.judgment.status == "scored" for each in some))}
    scored = [each for each in answers if each.judgment.status == "scored"]
    rated = [each for each in scored if each.judgment.score is not None and each.truth.score is not None]
    chosen = [each for each in scored if each.judgment.choice is not None and each.truth.choice is not None]
    if rated:
        figures["Spearman"] = _figure(rated, _spearman)
        figures["MAE"] = _figure(rated, _mean_error)
    if chosen:
        figures["accuracy"] = _figure(chosen, _accuracy)
        hard = [each for each in chosen if each.tags.get("hard") == "yes"]
        figures |= {"accuracy, 2 against 3": _figure(hard, _accuracy)} if hard else {}
        figures["order flips"] = _figure(chosen, _flips)
    return figures


def _figure(answers: Sequence[Answered], statistic: Callable[[Sequence[Answered]], float]) -> Figure:
    """The statistic with a percentile interval over resampled videos."""
    groups: dict[str, list[Answered]] = {}
    for each in answers:
        groups.setdefault(each.group, []).append(each)
    clusters, rng = list(groups.values()), random.Random(0)
    values = []
    for _ in range(RESAMPLES):
        drawn = rng.choices(clusters, k=len(clusters))
        values.append(statistic([each for cluster in drawn for each in cluster]))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Figure(round(statistic(answers), 4), round(float(low), 4), round(float(high), 4), len(answers))


def _share(flags) -> float:
    flags = list(flags)
    return sum(flags) / len(flags)


def _spearman(answers: Sequence[Answered]) -> float:
    from scipy.stats import rankdata

    given = rankdata([each.judgment.score for each in answers])
    true = rankdata([each.truth.score for each in answers])
    if given.std() == 0 or true.std() == 0:
        return 0.0  # one score for everything tells nothing of the order
    return float(np.corrcoef(given, true)[0, 1])


def _mean_error(answers: Sequence[Answered]) -> float:
    return float(np.mean([abs(each.judgment.score - each.truth.score) for each in answers]))


def _accuracy(answers: Sequence[Answered]) -> float:
    return _share(each.judgment.choice == each.truth.choice for each in answers)


def _flips(answers: Sequence[Answered]) -> float:
    """Share of the pairs judged in both orders whose two verdicts differ."""
    verdicts: dict[str, set[str]] = {}
    for each in answers:
        verdicts.setdefault(each.judgment.item, set()).add(each.judgment.choice or "")
    return _share(len(choices) > 1 for choices in verdicts.values())


def _some_videos(examples: list[Example], folder: Path, count: int, seed: int) -> list[Example]:
    """The rows of `count` videos, with paths that can be opened from here."""
    videos = sorted({each.item.video.sha256 for each in examples if each.item.video})
    if not videos:
        raise InputError(f"{folder}: got no item with a video, expected a world folder.")
    kept = set(random.Random(seed).sample(videos, min(count, len(videos))))
    return [
        Example(_with_path(each.item, folder), each.target)
        for each in examples
        if each.item.video and each.item.video.sha256 in kept
    ]


def _with_path(item: Item, folder: Path) -> Item:
    assert item.video is not None
    return replace(item, video=Video(item.video.sha256, str(folder / (item.video.path or ""))))


def _line(figures: Mapping[str, Figure]) -> str:
    parts = [f"{name} {each.value:.3f} [{each.low:.3f}, {each.high:.3f}] n={each.n}" for name, each in figures.items()]
    return ", ".join(parts)
