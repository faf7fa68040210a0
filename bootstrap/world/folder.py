"""A world folder: clips, items, target judgments and facts, scene after scene; resumable, and the same every time.

    world.json        what was asked for, and the vocabulary; a folder holds one world
    clips/ID.mp4      one clip a scene
    items.jsonl       workbench Items: five responses an instruction one by one, and pairs of them
    judgments.jsonl   the target Judgment of every item, in the same order
    facts.jsonl       what every scene knows; the format is told in facts.py

The line of facts is written last of a scene's, so it stands for a scene that is complete. A run that was killed is
resumed by the same command: what belongs to complete scenes is kept, the rest is cut off and made again. A larger
number of scenes adds to a smaller one; a smaller one leaves a folder as it is.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from bootstrap.world import negatives
from bootstrap.world.clip import write_clip
from bootstrap.world.cuts import CUTS
from bootstrap.world.drawing import draw_frames
from bootstrap.world.facts import Facts, scene_facts
from bootstrap.world.negatives import Source, make_negative
from bootstrap.world.quality import QualityWorld, make_quality_scene
from bootstrap.world.sampling import Length, Setting, sample_scene
from bootstrap.world.scene import Split
from bootstrap.world.targets import RULE, scene_rows
from bootstrap.world.words import lexicon
from workbench.errors import InputError
from workbench.schema import Video

FILES = ("items", "judgments", "facts")


@dataclass(frozen=True)
class World:
    """What a world folder is made from; scene i is the same whatever the number of scenes."""

    setting: Setting
    split: Split
    seed: int
    questions: int = 3  # at most so many a scene
    pair_share: float = 0.5  # of the ten pairs of an instruction's responses


Record = dict[str, Any]  # what world.json holds
Lines = dict[str, list[Facts]]  # of one scene, for each of FILES


def write_world(
    out: Path, world: World, scenes: int, workers: int = 1, on_scene: Callable[[int], None] = lambda done: None
) -> None:
    """Write or resume a world folder of `scenes` scenes. Raises InputError where the folder holds another world."""
    vocabulary = lexicon(world.setting.name).vocabulary
    record = {"rule": RULE, "world": asdict(world), "vocabulary": vocabulary}
    write_folder(out, record, partial(make_scene, out, world), range(scenes), workers, on_scene)


def write_quality(
    out: Path, world: QualityWorld, scenes: int, workers: int = 1, on_scene: Callable[[int], None] = lambda done: None
) -> None:
    """Write or resume a folder of clips of known quality. Raises InputError where the folder holds another world."""
    make = partial(make_quality_scene, out, world)
    write_folder(out, world.record(), make, range(scenes), workers, on_scene)


def write_negatives(
    out: Path, source: Path, workers: int = 1, on_scene: Callable[[int], None] = lambda done: None
) -> None:
    """Write or resume a folder of temporal negatives of the world folder `source`, three a scene.

    Raises InputError where `source` is no world folder made by this rule, or `out` holds something else.
    """
    world = read_world(source)
    vocabulary = lexicon(world.setting.name).vocabulary
    record = {"rule": negatives.RULE, "world": asdict(world), "vocabulary": vocabulary}
    jobs = negative_sources(source)
    write_folder(out, record, partial(make_negative, out, world), jobs, workers, on_scene)


def negative_sources(source: Path) -> list[Source]:
    """The cuts to make of the complete scenes of a world folder."""
    scenes = list(_whole_lines(source / "facts.jsonl"))
    return [Source(facts["index"], facts["sha256"], kind) for facts in scenes for kind in CUTS]


def read_world(folder: Path) -> World:
    """What a world folder was made from. Raises InputError where it is none, or was made by another rule."""
    try:
        record = json.loads((folder / "world.json").read_text(encoding="utf-8"))
        rule, world = record["rule"], record["world"]
        setting = world["setting"]
        lengths = tuple(Length(*part) for part in setting["lengths"])
        setting = Setting(**{**setting, "lengths": lengths, "behaviours": tuple(setting["behaviours"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: got no readable world.json, expected a folder made by `bootstrap world`."
        ) from error
    if rule != RULE:
        raise InputError(f"{folder}: it was made by {rule}, expected {RULE}; make the world again with this version.")
    return World(**{**world, "setting": setting})


def write_folder(
    out: Path,
    record: Record,
    make: Callable[[Any], Lines],
    scenes: Sequence[Any],
    workers: int,
    on_scene: Callable[[int], None],
) -> None:
    """Write or resume a folder described by `record`: the lines that `make` gives of each of `scenes`, in their order.

    Raises InputError where the folder was made from something else.
    """
    (out / "clips").mkdir(parents=True, exist_ok=True)
    _claim_folder(out, json.loads(json.dumps(record)))
    there = _cut_to_complete_scenes(out)
    with ExitStack() as stack:
        files = {name: stack.enter_context((out / f"{name}.jsonl").open("a", encoding="utf-8")) for name in FILES}
        for done, lines in enumerate(_each_scene(make, scenes[there:], workers), there + 1):
            for name in FILES:
                files[name].writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines[name])
                files[name].flush()
            on_scene(done)


def _cut_to_complete_scenes(out: Path) -> int:
    """Cut the JSONL files to the scenes that are complete, clip included; return how many these are."""
    scenes = []
    for facts in _whole_lines(out / "facts.jsonl"):
        if not (out / facts["video"]).is_file():
            break
        scenes.append(facts["scene"])
    known = set(scenes)
    rows = sum(1 for _ in takewhile(lambda item: item["tags"]["scene"] in known, _whole_lines(out / "items.jsonl")))
    for name in FILES:
        _cut(out / f"{name}.jsonl", len(scenes) if name == "facts" else rows)
    return len(scenes)


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSONL file; a last line without its end is left out."""
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.endswith("\n"))


def _cut(path: Path, count: int) -> None:
    """Shorten a file to its first `count` lines."""
    if path.exists():
        with path.open("r+b") as file:
            for _ in range(count):
                file.readline()
            file.truncate(file.tell())


def make_scene(out: Path, world: World, index: int) -> Lines:
    """Draw the clip of one scene, unless it is there, and give the lines that belong to it in each of FILES."""
    scene = sample_scene(world.setting, world.split, world.seed, index)
    path = out / "clips" / f"{scene.id}.mp4"
    if not path.exists():
        write_clip(path, draw_frames(scene), scene.fps)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = f"clips/{path.name}"
    rows = scene_rows(scene, Video(digest, name), world.questions, world.pair_share)
    return {
        "items": [row.item.to_dict() for row in rows],
        "judgments": [row.judgment.to_dict() for row in rows],
        "facts": [scene_facts(scene, name, digest)],
    }


def _each_scene(make: Callable[[Any], Lines], scenes: Sequence[Any], workers: int) -> Iterator[Lines]:
    if workers == 1:
        yield from map(make, scenes)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(make, scenes, chunksize=8)


def _claim_folder(out: Path, record: Record) -> None:
    path = out / "world.json"
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))
        if there != record:
            made = f"{there['rule']}, split {there['world']['split']}, seed {there['world']['seed']}"
            raise InputError(
                f"{out}: got a folder that holds another world ({made}, or other options), expected an empty folder or "
                "one of this very world to resume; give another --out, or the options it was made with."
            )
        return
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
