"""Known judges on the Hub, as data: what they are called, and the frames and sampling they judge with by default.

Pixel limits are per frame. The published inference settings of VideoJudge (paper, section 3) allow 20480*28*28 pixels,
16 million a frame: 180 frames of 1080p would be 242,190 tokens. The presets stop at 128 visual tokens for two frames,
some 11,500 tokens for the longest video; raise `max_pixels` in the video policy where memory allows.
"""

from dataclasses import dataclass
from typing import Any

from workbench.backends.base import Declared
from workbench.schema import DEFAULT_FRAMES, Sampling, VideoPolicy, View


@dataclass(frozen=True)
class Preset:
    """A judge by name. `model` is its Hub id."""

    name: str
    model: str
    parameters: float  # in thousand millions; times 2 are the gigabytes of its weights in bfloat16
    video_policy: VideoPolicy
    prompts: tuple[str, ...] = ()  # the prompts it was trained for; empty: any
    view: View = "video"
    sampling: Sampling = Sampling(temperature=0.0, max_new_tokens=1024)
    note: str = ""

    @property
    def declared(self) -> Declared:
        """What a judge.json would say in the published checkpoint, which has none."""
        return Declared(prompts=self.prompts)


# 1 frame a second, at most 180: the paper's inference settings, which its untuned baselines share.
QWEN25 = VideoPolicy(fps=1.0, max_frames=180, min_pixels=16 * 28 * 28, max_pixels=128 * 28 * 28, size_multiple=28)
QWEN3 = VideoPolicy(fps=1.0, max_frames=180, min_pixels=16 * 32 * 32, max_pixels=128 * 32 * 32, size_multiple=32)
# SmolVLM resizes every frame to one square itself (384 pixels in the 2.2B, 512 in the small ones) and takes up to 64.
SMOLVLM_384 = VideoPolicy(fps=1.0, max_frames=64, min_pixels=3_136, max_pixels=384 * 384, size_multiple=2)
SMOLVLM_512 = VideoPolicy(fps=1.0, max_frames=64, min_pixels=3_136, max_pixels=512 * 512, size_multiple=2)
UNTUNED = "Not trained as a judge."

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "videojudge-7b-rubric", "VideoJudge/Qwen2.5-VL-7B-Instruct-VideoJudgeWithRubric-RS-20K", 8.3, QWEN25,
            prompts=("rubric",), note="VideoJudge (arXiv 2509.21451), trained to write a rubric, reason, and score.",
        ),
        Preset("qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", 3.8, QWEN25, note=UNTUNED),
        Preset("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", 8.3, QWEN25, note=UNTUNED),
        Preset("qwen2.5-vl-32b", "Qwen/Qwen2.5-VL-32B-Instruct", 33.5, QWEN25, note=UNTUNED),
        Preset("qwen2.5-vl-72b", "Qwen/Qwen2.5-VL-72B-Instruct", 73.4, QWEN25, note=UNTUNED),
        Preset("qwen3-vl-4b", "Qwen/Qwen3-VL-4B-Instruct", 4.4, QWEN3, note=UNTUNED),
        Preset("qwen3-vl-8b", "Qwen/Qwen3-VL-8B-Instruct", 8.8, QWEN3, note=UNTUNED),
        Preset("smolvlm2-2.2b", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", 2.2, SMOLVLM_384, note=UNTUNED),
        Preset("smolvlm2-500m", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 0.5, SMOLVLM_512, note=UNTUNED),
        Preset(
            "qwen3-8b-text", "Qwen/Qwen3-8B", 8.2, QWEN25, view="description",
            note=f"{UNTUNED} Reads the item's description in the place of the video.",
        ),
    )
}  # fmt: skip


def preset_for(model: str) -> Preset | None:
    """The preset with this Hub id, whatever way the judge was asked for."""
    return next((preset for preset in PRESETS.values() if preset.model == model), None)


def default_policy(processor: Any) -> VideoPolicy:
    """Frames for a checkpoint that says nothing: uniform ones, of the size its vision tower was made for."""
    from workbench.backends.encoding import patch_multiple

    video = getattr(processor, "video_processor", None)
    if video is None:
        return VideoPolicy(frames=DEFAULT_FRAMES)
    if (multiple := patch_multiple(video)) is not None:
        return VideoPolicy(frames=DEFAULT_FRAMES, size_multiple=multiple, max_pixels=32 * multiple**2)
    pixels = (_square_edge(video) or 384) ** 2
    return VideoPolicy(frames=DEFAULT_FRAMES, size_multiple=2, min_pixels=min(3_136, pixels), max_pixels=pixels)


def _square_edge(video_processor: Any) -> int | None:
    """The edge of the square that a fixed-size architecture resizes every frame to."""
    for sizes in (getattr(video_processor, "max_image_size", None), video_processor.size):
        for key in ("longest_edge", "height", "shortest_edge"):
            if sizes and (edge := dict(sizes).get(key)):
                return edge
    return None
