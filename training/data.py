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
from training.views import AS_IT_IS, TOLD, View, seen_as, sha_and_view, turned_example, turned_facts
from workbench.errors import InputError
from workbench.schema import VideoPolicy
from workbench.video.frames import Frames


@dataclass(frozen=True)
class World:
    """A folder that `python -m bootstrap world` made, seen under one video policy; frames are cached in `cache`.

    With more `views` than one, every video is there once for each: as "SHA256" and as "SHA256 mirrored", say.
    """

    folder: Path
    policy: VideoPolicy
    cache: Path
    views: tuple[View, ...] = (AS_IT_IS,)

    @cached_property
    def examples(self) -> Mapping[str, list[Example]]:
        """Every row, by its video, its rationale in fixed order."""
        rows = by_video([_in_fixed_order(example, self.vocabulary) for example in read_examples(self.folder)])
        return {
            seen_as(video, view): [turned_example(example, view) for example in some]
            for view in self.views
            if view in TOLD
            for video, some in rows.items()
        }

    @cached_property
    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """What each scene knows, by its video."""
        scenes = [json.loads(line) for line in _read(self.folder / "facts.jsonl").splitlines()]
        return {seen_as(facts["sha256"], view): turned_facts(facts, view) for view in self.views for facts in scenes}

    @cached_property
    def vocabulary(self) -> Mapping[str, Sequence[str]]:
        """The words of each attribute."""
        return json.loads(_read(self.folder / "world.json"))["vocabulary"]

    @cached_property
    def videos(self) -> list[str]:
        """Every video that has facts and, in some view, rows."""
        told = {sha_and_view(video)[0] for video in self.examples}
        return [video for video in self.facts if sha_and_view(video)[0] in told]

    @cached_property
    def scenes(self) -> list[str]:
        """The sha256 of every video, once."""
        return [*dict.fromkeys(sha_and_view(video)[0] for video in self.videos)]

    @cached_property
    def told(self) -> list[str]:
        """The videos that have rows."""
        return [video for video in self.videos if video in self.examples]

    def frames(self, video: str, counts: Mapping[int, float] | None = None) -> Frames:
        """The frames of a video as it is, decoded on first use; their number drawn by the shares of `counts`, if given.

        A video has the same number every time, in every view.
        """
        policy, video = self.policy, sha_and_view(video)[0]
        if counts:
            policy = replace(policy, frames=random.Random(video).choices(list(counts), list(counts.values()))[0])
        item = next(self.examples[seen][0].item for seen in self._views_of(video) if seen in self.examples)
        assert item.video is not None and item.video.path is not None
        return load_frames(replace(item.video, path=str(self.folder / item.video.path)), policy, self.cache)

    def _views_of(self, sha256: str) -> list[str]:
        return [seen_as(sha256, view) for view in self.views]


def _in_fixed_order(example: Example, vocabulary: Mapping[str, Sequence[str]]) -> Example:
    reasoning = in_fixed_order(example.target.reasoning or "", vocabulary)
    return example._replace(target=replace(example.target, reasoning=reasoning or None))


def _read(path: Path) -> str:
    if not path.exists():
        raise InputError(f"{path}: got no such file, expected it; make the folder with python -m bootstrap world.")
    return path.read_text(encoding="utf-8")
