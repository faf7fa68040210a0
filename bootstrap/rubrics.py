"""A rubric for each instruction: the world's own where the seeds are of a world folder, or written by any backend.

A rubric is for judges that see the video and not the gold response, so one that refers to the reference or to the
description is refused. What was written is cached, one line a seed; a refused or failed one is asked for again.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bootstrap.chats import rubric_chat
from bootstrap.dataset import world_of
from bootstrap.json_replies import LEVELS, read_rubric, write_rubric
from bootstrap.templates import load_template
from workbench.backends.base import Backend, Reply
from workbench.errors import BackendError
from workbench.schema import Item, Sampling, content_id, utc_now
from workbench.store import cut_broken_tail, read_lines

BATCH = 8  # rubrics asked for at a time
TELLS = re.compile(
    r"\bthe (?:video |dense )?description\b|\bthe reference\b|\b(?:reference|gold) (?:answer|response)\b", re.IGNORECASE
)


class Rubric(NamedTuple):
    """A seed's rubric, or why there is none."""

    seed: str
    text: str | None
    problem: str | None


def world_rubrics(seeds: Sequence[Item]) -> dict[str, str]:
    """The rubrics that a world folder has for its own instructions, by the id of the seed; none for other seeds."""
    wanted: dict[Path, dict[tuple, list[str]]] = {}
    for seed in seeds:
        if seed.video and (world := world_of(seed)):
            wanted.setdefault(world, {}).setdefault((seed.video.sha256, seed.instruction), []).append(seed.id)
    rubrics: dict[str, str] = {}
    for world, places in wanted.items():
        rows = zip(read_lines(world / "items.jsonl"), read_lines(world / "judgments.jsonl"), strict=False)
        for item, judgment in rows:
            ids = places.get((item["video"]["sha256"], item["instruction"]), [])
            rubrics |= dict.fromkeys(ids, judgment["rubric"])
    return {seed: text for seed, text in rubrics.items() if text}


def write_rubrics(
    seeds: Sequence[Item],
    backend: Backend,
    sampling: Sampling,
    cache: Path,
    on_rubric: Callable[[Rubric], None] = lambda one: None,
) -> list[Rubric]:
    """A rubric for every seed, in order, by the rubric-writing prompt; each new one is appended to `cache` at once."""
    template = load_template("rubric")
    cut_broken_tail(cache)
    settings = [template.id, dict(backend.identity), sampling.to_dict()]
    known = {line["key"]: line["rubric"] for line in read_lines(cache)}
    keys = {seed.id: content_id([seed.id, *settings]) for seed in seeds}
    found = {seed.id: Rubric(seed.id, known[keys[seed.id]], None) for seed in seeds if keys[seed.id] in known}
    missing = [seed for seed in seeds if seed.id not in found]
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        replies = backend.generate([rubric_chat(template, seed) for seed in batch], sampling)
        for seed, reply in zip(batch, replies, strict=True):
            found[seed.id] = _read(seed, reply)
            if found[seed.id].text:
                _append(cache, keys[seed.id], seed, found[seed.id].text, backend.name, template.id)
            on_rubric(found[seed.id])
    return [found[seed.id] for seed in seeds]


def _read(seed: Item, reply: Reply | BackendError) -> Rubric:
    if isinstance(reply, BackendError):
        return Rubric(seed.id, None, str(reply))
    levels = read_rubric(reply.text)
    if levels.problems:
        level, reason = min(levels.problems.items())
        return Rubric(seed.id, None, f"level {level} of {len(LEVELS)}: {reason}")
    text = write_rubric(levels.values)
    tell = TELLS.search(text)
    return Rubric(seed.id, None, f"it refers to {tell[0]!r}") if tell else Rubric(seed.id, text, None)


def _append(cache: Path, key: str, seed: Item, text: str, judge: str, prompt: str) -> None:
    line: Mapping[str, str] = {"key": key, "seed": seed.id, "instruction": seed.instruction, "rubric": text,
                               "judge": judge, "prompt": prompt, "created": utc_now()}  # fmt: skip
    with cache.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
