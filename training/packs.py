"""Packs of rows: what a step of the embedded judge sees, of each drill and prompt that a stage mixes."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from training.data import World
from training.gaze import IN_VIEW
from training.learner import Learner
from training.misled import encode_misled, misled
from training.presets import TEXT_FLAWS, Stage
from training.rationales import BROKEN_WORDS, swapped
from training.rows import (
    Clip,
    Example,
    Sight,
    encode_claims,
    encode_comparison,
    encode_example,
    encode_look,
    fact_values,
    sights,
)
from training.sft import Packed, pack
from training.views import other_things, reworded
from workbench.backends.encoding import Encoded
from workbench.errors import InputError
from workbench.prompts import Prompt, load_prompt

REFERENCE_SHARE = 0.1  # of the judging packs show the reference answer
MISLED_SHARE = 0.3  # of the values seen in a misled rationale are drawn anew
BLIND_SHARE = 0.03  # of the judging packs with rationales show no video: all that is seen is drawn anew
SIGHTS, COMPARISONS = 4, 3  # things to look at in one video; made-up comparisons at a time
COMES_OR_GOES = 3  # times as often as others one looks at videos, and at things in them, that are not always in view
TURNED_SHARE = 0.4  # of the responses whose claims are listed have words turned around
ASIDE_SHARE = 0.15  # of the responses whose claims are listed, and of the rows judged, hold a sentence about nothing
NO_MORE: Mapping[str, float] = {}

Task = Callable[[random.Random, str], list[Encoded]]  # (random numbers, video) -> rows of one pack


def draw_packs(
    tasks: Mapping[str, Task],
    mix: Mapping[str, float],
    videos: Mapping[str, Sequence[str]],
    rng: random.Random,
) -> list[tuple[str, str | None, Packed]]:
    """The packs of one step, with task and video (None: shows none): as many as `mix` says, a fraction being a chance.

    `videos` holds what each task draws from.
    """
    found = []
    for name, packs in mix.items():
        for _ in range(int(packs) + (rng.random() < packs % 1)):
            video = rng.choice(videos[name])
            rows = tasks[name](rng, video)
            if rows and (rows[0].types == 2).any():
                found.append((name, video, pack(rows)))
            else:
                found += [(name, None, pack([row])) for row in rows]
    return found


def looked_at(world: World) -> list[str]:
    """The videos of a world, those in which a thing comes or goes as often as one should look at them."""
    partly = [video for video in world.videos if any("time" in sight.seen for sight in sights(world.facts[video]))]
    return [*world.videos, *partly * (COMES_OR_GOES - 1)]


def task_of(name: str, learner: Learner, world: World, clips: Mapping[str, Clip], plan: Stage) -> Task:
    """A drill, or judging by the prompt of that name, of up to `plan.rows` rows about a video.

    Few rows a pack, of many videos a step: with five responses each about three videos, a judge did not find in 25,000
    rows how to read a colour out of a response, which it finds in 2,000 rows about as many videos.
    """
    processor, rule = learner.processor, learner.rule
    if name == "look":
        seen = {video: sights(facts) for video, facts in world.facts.items()}
        often = {video: [COMES_OR_GOES if "time" in sight.seen else 1 for sight in seen[video]] for video in seen}
        return lambda rng, video: [
            encode_look(processor, rule, _some_facts(sight, rng), clips[video])
            for sight in rng.sample(seen[video], min(SIGHTS, len(seen[video])), counts=often[video])
        ]
    if name == "claims":
        return partial(_claims_rows, learner, world)
    if name == "compare":
        values = fact_values(chain.from_iterable(world.examples.values()))
        if not values:
            raise InputError(
                f"{world.folder}: got no rationale that says what was seen; give a folder of bootstrap world."
            )
        return lambda rng, video: [encode_comparison(processor, rule, values, rng) for _ in range(COMPARISONS)]
    prompts = [load_prompt(name, reference=shown) for shown in (False, True)]
    values = fact_values(chain.from_iterable(world.examples.values()))
    return partial(_judge_rows, learner, world, clips, prompts, plan, values)


def _claims_rows(learner: Learner, world: World, rng: random.Random, video: str) -> list[Encoded]:
    """What one response claims, its words for things changed where the videos are; none for one that is broken already."""
    found = []
    for example in _set_of(world, video, "pointwise", 1, rng):
        if BROKEN_WORDS not in (example.target.reasoning or ""):
            shown = reworded(example, other_things(world.vocabulary, rng)) if len(world.views) > 1 else example
            found.append(encode_claims(learner.processor, learner.rule, shown, rng, TURNED_SHARE, ASIDE_SHARE))
    return found


def _some_facts(sight: Sight, rng: random.Random) -> Sight:
    """Some of the facts, in their order; all of two objects, which are told apart by their colours.

    Of event, time and span only one: beside an event, the others would be read off it and not seen. Of a thing that
    comes or goes, one is always asked.
    """
    if "colour2" in sight.seen:
        return sight
    when = [name for name in IN_VIEW if name in sight.seen]
    kept = {rng.choice(when)} if "time" in when or (when and rng.random() < 0.5) else set()
    others = [name for name in sight.seen if name not in when]
    names = kept.union(rng.sample(others, rng.randint(0 if kept else 1, len(others))))
    return Sight(sight.subject, {name: value for name, value in sight.seen.items() if name in names})


def share(examples: Sequence[Example], often: Mapping[str, float]) -> float:
    """How often these responses to one instruction come up, by `Stage.often`."""
    tags = examples[0].item.tags
    in_text = often.get(TEXT_FLAWS, 1.0) if tags.get("video_dependent") == "no" else 1.0
    return in_text * often.get(tags.get("instruction_kind", ""), 1.0)


def _set_of(
    world: World, video: str, kind: str, most: int, rng: random.Random, often: Mapping[str, float] = NO_MORE
) -> list[Example]:
    """Up to `most` examples of one instruction about the video: as branches of one prefix they cost least.

    Some instructions come up more often than others, as `Stage.often` says.
    """
    sets: dict[str, list[Example]] = {}
    for example in world.examples[video]:
        if example.item.kind == kind:
            sets.setdefault(example.item.instruction, []).append(example)
    if not sets:
        return []
    chosen = rng.choices(list(sets.values()), [share(some, often) for some in sets.values()])[0]
    return rng.sample(chosen, min(most, len(chosen)))


def _judge_rows(
    learner: Learner,
    world: World,
    clips: Mapping[str, Clip],
    prompts: Sequence[Prompt],
    plan: Stage,
    values: Mapping[str, Sequence[str]],
    rng: random.Random,
    video: str,
) -> list[Encoded]:
    """Rows of one instruction for a prompt, with the reference or without; half as many pairs, but in both orders.

    A few without the video: what a judge then says it sees is anyone's guess, but its reply has the form it was asked for.
    """
    prompt = prompts[rng.random() < REFERENCE_SHARE]
    most = plan.rows if prompt.kind == "pointwise" else max(1, plan.rows // 2)
    shown = chain.from_iterable(
        _orders(each, prompt) for each in _set_of(world, video, prompt.kind, most, rng, plan.often)
    )
    thinks = "thinking" in prompt.form.tags
    blind = thinks and plan.misled > 0 and rng.random() < BLIND_SHARE
    deceived = 1.0 if blind else MISLED_SHARE if thinks and rng.random() < plan.misled else 0.0
    rows = [(example.with_aside(rng) if rng.random() < ASIDE_SHARE else example, order) for example, order in shown]
    others = [misled(each.target.reasoning or "", values, deceived, rng) if deceived else None for each, _ in rows]
    clip = None if blind and all(others) else clips[video]
    encoded = []
    for (example, order), other in zip(rows, others, strict=True):
        row = learner.processor, learner.rule, prompt, example, clip, order
        encoded.append(encode_misled(*row, other) if other else encode_example(*row))
    return encoded


def _orders(example: Example, prompt: Prompt) -> Iterator[tuple[Example, tuple[int, ...]]]:
    """The example as given, and a pair in the other order too; its rationale then speaks of A and B as shown."""
    given = tuple(range(len(example.item.responses)))
    yield example, given
    if prompt.kind == "pairwise":
        reasoning = swapped(example.target.reasoning or "")
        if reasoning or "thinking" not in prompt.form.tags:
            yield example.with_reasoning(reasoning), given[::-1]
