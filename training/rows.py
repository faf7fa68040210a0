"""From (Item, Judgment) to the token ids a judge learns from: rendered by the very functions that inference uses."""

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from training.asides import beside
from training.rationales import BROKEN_WORDS, LOOKS
from workbench.backends.base import Chat
from workbench.backends.encoding import Encoded, VideoInputs, encode_chat
from workbench.backends.positions import RopeRule
from workbench.errors import InputError
from workbench.judge import swap_choice
from workbench.prompts import Prompt, form_for, render
from workbench.replies import Verdict, write_reply
from workbench.schema import Item, Judgment, Record
from workbench.video.frames import Frames

# What the drills ask for, and a step of a rationale as it is taught.
LOOK, LIST_CLAIMS, COMPARE = "Look at", "Claims of:", "Compare:"
# Two objects are told apart by speed and by when they appear where the difference shows (as bootstrap.world asks).
STRAIGHT, CLEARLY_FASTER, CLEARLY_EARLIER = ("left", "right", "up", "down"), 1.4, 0.12  # times; share of the clip
STEP = re.compile(r"(\w+): seen ([^,:]+), said ([^,:]+):")


class Example(NamedTuple):
    """An item and the verdict that a judge should give on it."""

    item: Item
    target: Judgment

    def with_reasoning(self, reasoning: str | None) -> "Example":
        """The same with another rationale; with none, as it is."""
        return self._replace(target=replace(self.target, reasoning=reasoning)) if reasoning else self

    def with_aside(self, rng: random.Random) -> "Example":
        """The same with a sentence about nothing beside one of its responses."""
        responses = list(self.item.responses)
        number = rng.randrange(len(responses))
        responses[number] = beside(responses[number], rng)
        return self._replace(item=replace(self.item, responses=tuple(responses)))


class Sight(NamedTuple):
    """Something to look at in a video, and what is seen of it: fact -> value, in the order of rationales."""

    subject: str
    seen: Mapping[str, str]


class Clip(NamedTuple):
    """A video's frames, and what the checkpoint's processor makes of them."""

    frames: Frames
    inputs: VideoInputs


def read_records(path: Path, kind: type[Record]) -> Iterator[Any]:
    """The records of a JSONL file. Raises InputError, with the line, for one that is none."""
    if not path.exists():
        raise InputError(f"{path}: got no such file, expected it; make the folder with python -m bootstrap world.")
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield kind.from_dict(json.loads(line))
            except (InputError, json.JSONDecodeError) as error:
                raise InputError(f"{path} line {number}: {error}") from error


def read_examples(folder: Path) -> list[Example]:
    """The scored judgments of a data folder, each with its item, in the file's order."""
    items = {item.id: item for item in read_records(folder / "items.jsonl", Item)}
    judgments = read_records(folder / "judgments.jsonl", Judgment)
    examples = [Example(items[each.item], each) for each in judgments if each.status == "scored" and each.item in items]
    if not examples:
        raise InputError(f"{folder}: got no scored judgment with an item, expected at least one; make the data again.")
    return examples


def by_video(examples: list[Example]) -> Mapping[str, list[Example]]:
    """Examples grouped by the sha256 of their video, in order of first appearance."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        if example.item.video is None:
            raise InputError(f"item {example.item.id}: got no video, expected one; a judge is trained on videos.")
        groups.setdefault(example.item.video.sha256, []).append(example)
    return groups


def verdict_as_shown(target: Judgment, order: tuple[int, ...], prompt: Prompt) -> Verdict:
    """The target verdict in the terms of the responses as shown, with only the parts that the reply form has."""
    tags = prompt.form.tags
    choice = swap_choice(target.choice) if target.choice and order == (1, 0) else target.choice
    ranking = tuple(order.index(position) for position in target.ranking) if target.ranking else None
    return Verdict(
        score=target.score if "score" in tags else None,
        choice=choice if "answer" in tags else None,
        ranking=ranking if "ranking" in tags else None,
        criteria=target.criteria,
        rubric=target.rubric if "rubric" in tags else None,
        reasoning=target.reasoning if "thinking" in tags else None,
    )


def encode_example(
    processor: Any, rule: RopeRule | None, prompt: Prompt, example: Example, clip: Clip | None, order: tuple[int, ...]
) -> Encoded:
    """Prompt and target reply as inference encodes them; labels are -100 on everything but the reply and its end.

    Without a clip, the prompt says that there is no video.
    """
    verdict = verdict_as_shown(example.target, order, prompt)
    reply = write_reply(form_for(prompt, example.item), verdict)
    if clip is None:
        return encode_chat(processor, render(prompt, example.item, view="none", order=order), rule, reply=reply)
    chat = render(prompt, example.item, frames=clip.frames, order=order)
    return encode_chat(processor, chat, rule, video=clip.inputs, reply=reply)


def encode_claims(
    processor: Any,
    rule: RopeRule | None,
    example: Example,
    rng: random.Random,
    turned: float = 0.0,
    asides: float = 0.0,
) -> Encoded:
    """A response without any video, and what it claims as the reply, as the target's reasoning takes it in turn.

    A share `turned` of the responses has words turned around; the reply then ends with these, as they stand there. A
    share `asides` has a sentence about nothing beside it, whose words stand in their order.
    """
    text, claims = example.item.responses[0], STEP.findall(example.target.reasoning or "")
    told = [f"{name}: said {said}." for name, _, said in claims]
    if claims and rng.random() < turned:
        text, words = turned_around(text, rng)
        told += [f"{BROKEN_WORDS}: {words}."] if words else []
    text = beside(text, rng) if rng.random() < asides else text
    chat = Chat(system="", frames=None, text=f"{LIST_CLAIMS}\n{text}")
    return encode_chat(processor, chat, rule, reply=" ".join(told))


def turned_around(text: str, rng: random.Random) -> tuple[str, str]:
    """The text with three neighbouring words, or two, in reverse order, and these words as they stand there.

    Punctuation parts none of them; a text without such words comes back as it is, with "".
    """
    words = text.split(" ")
    for length in (3, 2):
        parts = [(start, words[start : start + length][::-1]) for start in range(len(words) - length + 1)]
        fitting = [(start, part) for start, part in parts if not any(word.endswith((".", ",")) for word in part)]
        if fitting:
            start, part = rng.choice(fitting)
            return " ".join([*words[:start], *part, *words[start + length :]]), " ".join(part)
    return text, ""


def fact_values(examples: Iterable[Example]) -> dict[str, list[str]]:
    """Every value that the rationales name for each fact: what comparisons are drawn from."""
    values: dict[str, set[str]] = {}
    for example in examples:
        for name, seen, said in STEP.findall(example.target.reasoning or ""):
            values.setdefault(name, set()).update((seen, said))
    return {name: sorted(found) for name, found in sorted(values.items())}


def encode_comparison(
    processor: Any, rule: RopeRule | None, values: Mapping[str, Sequence[str]], rng: random.Random
) -> Encoded:
    """A rationale of made-up facts, with loss on what follows from them alone: teaches to tell equal from unequal, to count,
    and to prefer the response with fewer errors.

    In whole rationales the verdicts are one token in ten: there, this skill had not come after thousands of steps; alone,
    it comes within some hundred. Half the rationales are of one response, with ten facts, half of a pair.
    """
    if rng.random() < 0.5:
        return _loss_on_conclusions(processor, rule, _made_up(10, values, rng)[0])
    counts = [0, 0]
    while counts[0] == counts[1]:
        parts, counts = zip(*(_made_up(rng.randint(1, 7), values, rng) for _ in range(2)), strict=True)
    told = [f"{letter}: {part} {count} wrong." for letter, part, count in zip("AB", parts, counts, strict=True)]
    better = "A" if counts[0] < counts[1] else "B"
    return _loss_on_conclusions(processor, rule, f"{' '.join(told)} {better} is better.")


def _made_up(facts: int, values: Mapping[str, Sequence[str]], rng: random.Random) -> tuple[str, int]:
    """As many steps of a rationale, and how many of them find something wrong."""
    steps, wrong = [], 0
    for _ in range(facts):
        name = rng.choice(list(values))
        seen = rng.choice(values[name])
        said = seen if rng.random() < 0.55 else rng.choice(values[name])
        wrong += seen != said
        steps.append(f"{name}: seen {seen}, said {said}: " + ("correct." if seen == said else f"wrong ({wrong})."))
    return " ".join(steps), wrong


def _loss_on_conclusions(processor: Any, rule: RopeRule | None, rationale: str) -> Encoded:
    encoded = encode_chat(processor, Chat(system="", frames=None, text=COMPARE), rule, reply=rationale)
    return replace(encoded, labels=_verdict_labels(processor, encoded))


def verdict_ids(processor: Any) -> tuple[int, int]:
    """The tokens of "correct" and "wrong" in a rationale."""
    correct, wrong = (processor.tokenizer(f" {word}")["input_ids"][0] for word in ("correct", "wrong"))
    return correct, wrong


def moment_ids(processor: Any) -> list[int]:
    """The tokens that tell when a thing comes or goes, and for how long it is in view."""
    words = ("appears", "vanishes", "stays", "early", "middle", "late", "short", "half", "most")
    return [processor.tokenizer(f" {word}")["input_ids"][-1] for word in words]


def conclusion_ids(processor: Any) -> list[tuple[int, int]]:
    """The tokens that the conclusions of rationales begin with, two each: "A is better.", "2 wrong", "Broken grammar"."""
    counts = [processor.tokenizer(f" {count} wrong")["input_ids"] for count in range(10)]
    spaces = [tuple(tokens[-3:-1]) for tokens in counts if len(tokens) > 2]  # where "Broken" could stand
    others = [processor.tokenizer(words)["input_ids"] for words in (" A is", " B is", " Broken grammar")]
    return [*(tuple(tokens[-2:]) for tokens in (*counts, *others)), *spaces]


def heading_ids(processor: Any) -> list[tuple[int, int]]:
    """The tokens that head the two parts of a pair's rationale: "A:", " B:". What follows tells a response off topic."""
    return [tuple(processor.tokenizer(heading)["input_ids"]) for heading in ("A:", " B:")]


def _verdict_labels(processor: Any, encoded: Encoded) -> Any:
    """The labels of the words "correct" and "wrong", of the count behind "wrong", and of all that follows from them."""
    import torch

    correct, wrong = verdict_ids(processor)
    ids = encoded.ids
    told = (ids == correct) | (ids == wrong)
    for behind in (1, 2, 3):
        told[behind:] |= ids[:-behind] == wrong
    pairs = torch.stack([ids, ids.roll(-1)], dim=1)[:, None]
    told |= (pairs == torch.tensor(conclusion_ids(processor))).all(-1).any(-1)
    return encoded.labels.masked_fill(~told, -100)


def encode_look(processor: Any, rule: RopeRule | None, sight: Sight, clip: Clip) -> Encoded:
    """What to look at and the names of facts, with the video; what is seen of each as the reply: teaches to look."""
    chat = Chat(system="", frames=clip.frames, text=f"{LOOK} {sight.subject}: {', '.join(sight.seen)}")
    return encode_chat(processor, chat, rule, video=clip.inputs, reply=_seen(sight.seen))


def _seen(values: Mapping[str, str]) -> str:
    return " ".join(f"{name}: seen {value}." for name, value in values.items())


def sights(facts: Mapping[str, Any]) -> list[Sight]:
    """All that can be asked of a scene's facts: the whole, each object by its colour and by its shape, and two of them."""
    things = facts["objects"]
    count = ("one", "two", "three", "four")[len(things) - 1]
    found = [Sight("the scene", {"background": facts["background"][0]["colour"], "count": count})]
    for thing in things:
        values = _object_values(thing)
        if len(things) == 1:
            found.append(Sight("the object", values))
        found.append(Sight(f"the {thing['colour']} object", _without(values, "colour")))
        found.append(Sight(f"the {thing['shape']}", _without(values, "shape")))
    after = things[1:] + things[:1] if len(things) > 1 else []
    return found + [sight for pair in zip(things, after, strict=False) if (sight := _side_by_side(*pair))]


def _object_values(thing: Mapping[str, Any]) -> dict[str, str]:
    """The facts of one object as rationales name them, in their order."""
    moves = [segment["motion"] for segment in thing["segments"]]
    motions = {"motion": moves[0]} if len(moves) == 1 else {"first": moves[0], "then": moves[-1]}
    return {**{name: thing[name] for name in LOOKS}, **motions, "event": thing["event"], **_in_view(thing["event"])}


def _in_view(event: str) -> dict[str, str]:
    """When a thing appears or vanishes, and for how much of the clip it is in view: short, half or most of it."""
    verb, _, time = event.partition(" ")
    if verb not in ("appears", "vanishes"):
        return {}
    early = "short" if verb == "vanishes" else "most"
    late = "most" if verb == "vanishes" else "short"
    return {"time": time, "span": {"early": early, "middle": "half", "late": late}[time]}


def _side_by_side(one: Mapping[str, Any], other: Mapping[str, Any]) -> Sight | None:
    """What differs between two objects, called by their shapes as questions about two call them; None where nothing does."""
    seen: dict[str, str] = {}
    if one["size"] != other["size"]:
        seen["larger"] = "larger" if one["size"] == "large" else "smaller"
    speeds = [_straight_speed(thing) for thing in (one, other)]
    if all(speeds) and max(speeds) > CLEARLY_FASTER * min(speeds):
        seen["speed"] = "faster" if speeds[0] > speeds[1] else "slower"
    shown = [_first_seen(thing) if "appears" in thing["event"] else 0 for thing in (one, other)]
    if all(shown) and abs(shown[0] - shown[1]) > CLEARLY_EARLIER * len(one["visible"]):
        seen["order"] = "before" if shown[0] < shown[1] else "after"
    colours = {"colour": one["colour"], "colour2": other["colour"]}
    return Sight(f"the {one['shape']} and the {other['shape']}", {**colours, **seen}) if seen else None


def _first_seen(thing: Mapping[str, Any]) -> int:
    """The number of the first frame that shows anything of it."""
    return next((number for number, share in enumerate(thing["visible"]) if share), 0)


def _straight_speed(thing: Mapping[str, Any]) -> float:
    """Of a thing that moves one way all the time, in frame edges a second; 0 of others."""
    moves = thing["segments"]
    return moves[0]["speed"] if len(moves) == 1 and moves[0]["motion"] in STRAIGHT else 0.0


def _without(values: Mapping[str, str], name: str) -> dict[str, str]:
    return {each: value for each, value in values.items() if each != name}
