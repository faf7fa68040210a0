"""World folders without clips for tests of the loop: what its participants need is made in milliseconds."""

import json
from dataclasses import asdict
from pathlib import Path

from bootstrap.world.folder import World
from bootstrap.world.sampling import CORE, sample_scene
from bootstrap.world.targets import RULE, scene_rows
from workbench.schema import Item, Video


def write_world_folder(folder: Path, scenes: int, seed: int = 0) -> Path:
    """A folder with the world.json and items.jsonl of a world; its clips are named and not drawn."""
    folder.mkdir(parents=True)
    world = World(CORE, "train", seed, questions=2, pair_share=0.1)
    (folder / "world.json").write_text(json.dumps({"rule": RULE, "world": asdict(world)}))
    with (folder / "items.jsonl").open("w") as file:
        for index in range(scenes):
            scene = sample_scene(world.setting, world.split, world.seed, index)
            video = Video(f"content of {scene.id}", f"clips/{scene.id}.mp4")
            for row in scene_rows(scene, video, world.questions, world.pair_share):
                file.write(json.dumps(row.item.to_dict()) + "\n")
    return folder


def plain_seed(number: int = 1) -> Item:
    """A seed that is from no world."""
    gold = f"A red ball rolls to the left {number} times."
    return Item(Video(f"video {number}", "v.mp4"), "What happens?", (gold,), gold, "A red ball rolls left.")
