"""From (Item, Judgment) to the token ids a judge learns from: rendered by the very functions that inference uses."""

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

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
DESCRIBE, LOOK, LIST_CLAIMS, COMPARE = "Describe the video.", "Look at:", "Claims of:", "Compare:"
STEP = re.compile(r"(\w+): seen ([^,:]+), said ([^,:]+):")


class Example(NamedTuple):
    """An item and the verdict that a judge should give on it."""

    item: Item
    target: Judgment


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
    processor: Any, rule: RopeRule | None, prompt: Prompt, example: Example, clip: Clip, order: tuple[int, ...]
) -> Encoded:
    """Prompt and target reply as inference encodes them; labels are -100 on everything but the reply and its end."""
    verdict = verdict_as_shown(example.target, order, prompt)
    reply = write_reply(form_for(prompt, example.item), verdict)
    chat = render(prompt, example.item, frames=clip.frames, order=order)
    return encode_chat(processor, chat, rule, video=clip.inputs, reply=reply)


def encode_description(processor: Any, rule: RopeRule | None, example: Example, clip: Clip) -> Encoded:
    """A short request with the video, and the scene's description as the reply: teaches to look."""
    assert example.item.description is not None
    chat = Chat(system="", frames=clip.frames, text=DESCRIBE)
    return encode_chat(processor, chat, rule, video=clip.inputs, reply=example.item.description)


def encode_claims(processor: Any, rule: RopeRule | None, example: Example) -> Encoded:
    """A response without any video, and what it claims as the reply, as the target's reasoning takes it in turn."""
    claims = [f"{name}: said {said}." for name, _, said in STEP.findall(example.target.reasoning or "")]
    chat = Chat(system="", frames=None, text=f"{LIST_CLAIMS}\n{example.item.responses[0]}")
    return encode_chat(processor, chat, rule, reply=" ".join(claims))


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
    """A rationale of ten made-up facts, with loss on its verdicts alone: teaches to tell equal from unequal, and to count.

    In whole rationales the verdicts are one token in ten: there, this skill had not come after thousands of steps; alone,
    it comes within some hundred.
    """
    steps, wrong = [], 0
    for _ in range(10):
        name = rng.choice(list(values))
        seen = rng.choice(values[name])
        said = seen if rng.random() < 0.55 else rng.choice(values[name])
        wrong += seen != said
        steps.append(f"{name}: seen {seen}, said {said}: " + ("correct." if seen == said else f"wrong ({wrong})."))
    encoded = encode_chat(processor, Chat(system="", frames=None, text=COMPARE), rule, reply=" ".join(steps))
    return replace(encoded, labels=_verdict_labels(processor, encoded))


def _verdict_labels(processor: Any, encoded: Encoded) -> Any:
    """The labels of the words "correct" and "wrong" and of the count behind "wrong"; -100 elsewhere."""
    correct, wrong = (processor.tokenizer(f" {word}")["input_ids"][0] for word in ("correct", "wrong"))
    told = (encoded.ids == correct) | (encoded.ids == wrong)
    for behind in (1, 2, 3):
        told[behind:] |= encoded.ids[:-behind] == wrong
    return encoded.labels.masked_fill(~told, -100)


def encode_look(processor: Any, rule: RopeRule | None, example: Example, clip: Clip) -> Encoded:
    """The names of facts with the video, and what is seen of each as the reply: teaches to look before comparing."""
    facts = [(name, seen) for name, seen, _ in STEP.findall(example.target.reasoning or "")]
    chat = Chat(system="", frames=clip.frames, text=f"{LOOK} {', '.join(name for name, _ in facts)}")
    reply = " ".join(f"{name}: seen {seen}." for name, seen in facts)
    return encode_chat(processor, chat, rule, video=clip.inputs, reply=reply)
