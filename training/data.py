"""What a fit learns from: the rows and facts of a world folder, and each clip's frames and model inputs, made once."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from training.clips import load_frames
from training.rationales import in_fixed_order
from training.rows import Example, by_video, read_examples
from workbench.errors import InputError
from workbench.schema import VideoPolicy
from workbench.video.frames import Frames


@dataclass(frozen=True)
class World:
    """A folder that `python -m bootstrap world` made, seen under one video policy; frames are cached in `cache`."""

    folder: Path
    policy: VideoPolicy
    cache: Path

    @cached_property
    def examples(self) -> Mapping[str, list[Example]]:
        """Every row, by the sha256 of its video, its rationale in fixed order."""
        return by_video([_in_fixed_order(example, self.vocabulary) for example in read_examples(self.folder)])

    @cached_property
    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """What each scene knows, by the sha256 of its video."""
        lines = _read(self.folder / "facts.jsonl").splitlines()
        return {facts["sha256"]: facts for facts in map(json.loads, lines)}

    @cached_property
    def vocabulary(self) -> Mapping[str, Sequence[str]]:
        """The words of each attribute."""
        return json.loads(_read(self.folder / "world.json"))["vocabulary"]

    @cached_property
    def videos(self) -> list[str]:
        """The sha256 of every video that has rows and facts, in the file's order."""
        return [video for video in self.examples if video in self.facts]

    def frames(self, video: str, counts: Mapping[int, float] | None = None) -> Frames:
        """The frames of a video, decoded on first use; their number drawn by the shares of `counts`, if given.

        A video has the same number every time.
        """
        policy = self.policy
        if counts:
            policy = replace(policy, frames=random.Random(video).choices(list(counts), list(counts.values()))[0])
        item = self.examples[video][0].item
        assert item.video is not None and item.video.path is not None
        return load_frames(replace(item.video, path=str(self.folder / item.video.path)), policy, self.cache)


def _in_fixed_order(example: Example, vocabulary: Mapping[str, Sequence[str]]) -> Example:
    reasoning = in_fixed_order(example.target.reasoning or "", vocabulary)
    return example._replace(target=replace(example.target, reasoning=reasoning or None))


def _read(path: Path) -> str:
    if not path.exists():
        raise InputError(f"{path}: got no such file, expected it; make the folder with python -m bootstrap world.")
    return path.read_text(encoding="utf-8")
