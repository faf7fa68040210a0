"""A model in training with what it needs to see videos: shared by the stages of the embedded judge and their packs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from training.data import World
from training.loop import Place
from training.rows import Clip
from training.views import sha_and_view, turned_clip
from workbench.backends.encoding import VideoInputs, video_inputs
from workbench.backends.positions import RopeRule, rope_rule
from workbench.video.frames import Frames


class Learner(NamedTuple):
    """A model in training, the processor of its checkpoint, and the place of the stage."""

    model: Any
    processor: Any
    place: Place

    @property
    def rule(self) -> RopeRule | None:
        return rope_rule(self.model.config)

    def clips(
        self, world: World, videos: Sequence[str] | None = None, counts: Mapping[int, float] | None = None
    ) -> dict[str, Clip]:
        """Moments and model inputs of the videos (default: all); about 0.9 MB a video at 8 frames of 112x112."""
        return {video: self._clip(world.frames(video, counts)) for video in videos or world.videos}

    def _clip(self, frames: Frames) -> Clip:
        return Clip(replace(frames, images=frames.images[:0]), _in_half(video_inputs(self.processor, frames)))

    def turned(self, clip: Clip, video: str) -> Clip:
        """The clip as the video of that name shows it."""
        vision = self.model.config.vision_config
        return turned_clip(clip, sha_and_view(video)[1], vision.patch_size, vision.spatial_merge_size)


def _in_half(inputs: VideoInputs) -> VideoInputs:
    """Pixels in bfloat16, which eight bits of colour fit into: thousands of clips are held at once."""
    pixels = inputs.tensors["pixel_values_videos"].bfloat16()
    return inputs._replace(tensors={**inputs.tensors, "pixel_values_videos": pixels})
