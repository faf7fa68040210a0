"""Temporal negatives: clips in which the frames of a world's clips are out of place, so that what fitted fits no more.

    row (tag negative_row)    what is judged                                   target
    gold                      a response that is true of the original clip     5 less the facts that are false now
    fitting                   the same said truly of this clip, where that     5
                              can be said in the world's words
    pair                      both, in random order                            the fitting one
    unharmed                  a response that is true of both                  5

Unharmed rows keep a judge from calling every such clip's responses wrong. Where the truth of a fact cannot be told, the
target has status "skipped" and says of which facts. cuts.py tells what is true of a cut.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bootstrap.world.asking import ask_all
from bootstrap.world.clip import write_clip
from bootstrap.world.cut_facts import cut_facts
from bootstrap.world.cuts import CUTS, UNKNOWN, Cut, CutKind, sample_cut, truth
from bootstrap.world.drawing import draw_frames
from bootstrap.world.facts import Facts, scene_facts
from bootstrap.world.flaws import Claim, Flaw, Response, rated_response, rating_of, write
from bootstrap.world.questions import Question, fields_of
from bootstrap.world.sampling import sample_scene, scene_generator
from bootstrap.world.scene import Scene
from bootstrap.world.targets import Row, pairwise_reasoning, pointwise_reasoning, rubric, scene_tags
from workbench.schema import Item, Judgment, Video

if TYPE_CHECKING:
    from bootstrap.world.folder import World

RULE = "negatives@1"  # written as the prompt of every target; raise it when the same world gives other clips or rows
STREAM = 10  # the first of the streams of a scene's random numbers that its cuts use


class Source(NamedTuple):
    """One cut to make: of the scene at `index` of a world, whose clip has the digest `sha256`."""

    index: int
    sha256: str
    kind: CutKind


def make_negative(out: Path, world: World, source: Source) -> dict[str, list[Facts]]:
    """Write the clip of one cut and give its lines of items, judgments and facts."""
    scene = sample_scene(world.setting, world.split, world.seed, source.index)
    rng = scene_generator(world.split, world.seed, source.index, STREAM + CUTS.index(source.kind))
    cut = sample_cut(rng, source.kind, scene.frame_count)
    path = out / "clips" / f"{scene.id}-{source.kind}.mp4"
    if not path.exists():
        frames = list(draw_frames(scene))
        write_clip(path, (frames[number] for number in cut.frames), scene.fps)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    video = Video(digest, f"clips/{path.name}")
    whole = scene_facts(scene, video.path, source.sha256)
    asked = ask_all(scene, scene_generator(world.split, world.seed, source.index, 1), world.questions)
    rows = [
        row for n, question in enumerate(asked) for row in negative_rows(scene, whole, question, cut, rng, video, n)
    ]
    return {
        "items": [row.item.to_dict() for row in rows],
        "judgments": [row.judgment.to_dict() for row in rows],
        "facts": [cut_facts(scene, whole, cut, video.path, digest)],
    }


def negative_rows(
    scene: Scene, whole: Facts, question: Question, cut: Cut, rng: np.random.Generator, video: Video, number: int
) -> list[Row]:
    """The rows of one question about a cut."""
    truths = {fact.field: truth(scene, whole, question, cut, fact) for fact in question.facts}
    gold = rejudged(rated_response(scene, question, rng, 5), truths)
    tags = {
        **scene_tags(scene),
        "scene": f"{scene.id}-{cut.kind}",
        "original": scene.id,
        "negative": cut.kind,
        "set": f"{scene.id}-{cut.kind}/{number}",
        "instruction_kind": question.kind,
        "video_dependent": "yes",
        "seconds": f"{len(cut.frames) / scene.fps:.2f}",
    }
    open_facts = [] if gold.rating == 1 else [field for field, value in truths.items() if value == UNKNOWN]
    fitting = None if open_facts else _fitting(question, truths, rng)

    def row(name: str, responses: list[Response], **verdict) -> Row:
        ratings = "" if open_facts else ",".join(str(response.rating) for response in responses)
        flaws = ";".join(",".join(f"{flaw.kind}:{flaw.fact}" for flaw in response.flaws) for response in responses)
        mine = {**tags, "negative_row": name, "rating": ratings, "flaws": flaws}
        mine |= {"hard": "no"} if len(responses) == 2 else {}
        reference = fitting.text if fitting else None
        item = Item(video, question.instruction, tuple(response.text for response in responses), reference, tags=mine)
        shared = dict(judge="target", prompt=RULE, rubric=rubric(question), created="")
        return Row(item, Judgment(item=item.id, **{"status": "scored", **shared, **verdict}))

    if open_facts:
        why = f"The rating does not follow from the facts: what is true of {', '.join(open_facts)} cannot be told."
        return [row("gold", [gold], status="skipped", error=why)]
    name = "gold" if gold.flaws else "unharmed"
    rows = [row(name, [gold], score=float(gold.rating), reasoning=pointwise_reasoning(gold))]
    if fitting and gold.flaws:
        rows.append(row("fitting", [fitting], score=5.0, reasoning=pointwise_reasoning(fitting)))
        pair = [(gold, fitting)[i] for i in rng.permutation(2)]
        choice = "A" if pair[0] is fitting else "B"
        rows.append(row("pair", pair, choice=choice, reasoning=pairwise_reasoning(*pair)))
    return rows


def rejudged(response: Response, truths: dict[str, str]) -> Response:
    """The response with its claims held against other truths; flaws are the claims that are false for sure."""
    claims = tuple(Claim(fact._replace(true=truths[fact.field]), said) for fact, said in response.claims)
    wrong = [claim for claim in claims if claim.said != claim.fact.true and claim.fact.true != UNKNOWN]
    flaws = tuple(Flaw("temporal", claim.fact.field) for claim in wrong)
    return Response(response.text, rating_of(flaws), claims, flaws)


def _fitting(question: Question, truths: dict[str, str], rng: np.random.Generator) -> Response | None:
    """A response that says what is true of the cut, where every fact has a value that can be said."""
    if any(truths[fact.field] not in fact.values for fact in question.facts):
        return None
    template = question.forms(rng)
    text = write(question, template, dict(truths), way=int(rng.integers(3)))
    claims = tuple(
        Claim(fact._replace(true=truths[fact.field]), truths[fact.field]) for fact in fields_of(template, question)
    )
    return Response(text, 5, claims, ())
