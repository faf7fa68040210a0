"""What the frozen vision tower makes of each video: made once, kept on disk up to a limit, reused every epoch.

A file a video, named by its content, the frames, the tower and the arithmetic; so runs on one base can share a folder.
Above the limit a video's file holds its shape alone, and the tower runs again at each use.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from training.clips import frames_of
from training.features import tower_features, vision_features
from training.parallel import Team
from training.rows import Clip
from workbench.backends.encoding import VideoInputs, video_inputs
from workbench.errors import VideoError
from workbench.schema import Video, VideoPolicy, content_id
from workbench.video.frames import Frames

TOKENS = "tokens"  # [n, width]: merged tokens, or what goes into the merger
Source = torch.Tensor | VideoInputs  # features that were kept, or what the tower is to look at again


class Vision(NamedTuple):
    """A checkpoint that looks, and how. `merged`: keep merged tokens (a frozen merger), else what goes into it."""

    model: Any
    processor: Any
    revision: str
    policy: VideoPolicy
    merged: bool


class FeatureStore:
    """The features of the videos of one training, in one folder."""

    def __init__(self, folder: Path, vision: Vision, limit_gb: float):
        self.folder, self.vision, self.limit = folder, vision, limit_gb * 1e9
        self.clips: dict[str, Clip] = {}  # by the sha256 of the video, without pictures
        self.problems: dict[str, str] = {}  # videos that cannot be read or are others than their rows name, and why
        self.not_kept: set[str] = set()
        self._videos: Mapping[str, Video] = {}

    def prepare(self, videos: Mapping[str, Video], team: Team, on_done: Callable[[int], None]) -> None:
        """Encode what is not there yet, each process its share; then know all. All processes call this.

        `on_done` is told how many of the process's share are there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._videos = videos
        mine = list(videos)[team.rank :: team.size]
        spent = sum(path.stat().st_size for path in map(self._path, mine) if path.exists())
        for number, video in enumerate(mine, 1):
            if not self._path(video).exists():
                spent += self._encode(video, keep=spent < self.limit / team.size)
            on_done(number)
        team.wait()
        for video in videos:
            self._read(video)

    def source(self, video: str) -> Source:
        """Where a video's features come from; may be asked for in another thread, for no model runs."""
        from safetensors import safe_open

        if video in self.not_kept:
            return self._inputs(self._videos[video])[0]
        with safe_open(self._path(video), framework="pt") as file:
            return file.get_tensor(TOKENS)

    def tokens(self, source: Source) -> torch.Tensor:
        """Features [n, width] of one video."""
        if isinstance(source, torch.Tensor):
            return source
        encode = vision_features if self.vision.merged else tower_features
        with torch.no_grad():
            return encode(self.vision.model, [source.tensors])[0]

    def _path(self, video: str) -> Path:
        vision = self.vision
        about = [video, vision.policy.__dict__, vision.revision, vision.merged, str(vision.model.dtype)]
        return self.folder / f"{content_id(about)}.safetensors"

    def _inputs(self, video: Video) -> tuple[VideoInputs, Frames]:
        frames = frames_of(video, self.vision.policy)
        return video_inputs(self.vision.processor, frames), frames

    def _encode(self, video: str, keep: bool) -> int:
        """Write a video's file; its bytes. A video that cannot be read has none, and is tried again by the next start."""
        from safetensors.torch import save_file

        try:
            inputs, frames = self._inputs(self._videos[video])
        except VideoError as error:
            self._path(video).with_suffix(".txt").write_text(str(error), encoding="utf-8")
            return 0
        tensors = {name: tensor for name, tensor in inputs.tensors.items() if "grid" in name}
        tensors["seconds"] = torch.from_numpy(np.array(frames.seconds))
        tensors |= {TOKENS: self.tokens(inputs).cpu().contiguous()} if keep else {}
        height, width = frames.images.shape[1:3]
        about = {"placeholder": inputs.placeholder, "seconds_per_grid": repr(inputs.seconds_per_grid),
                 "size": f"{height}x{width}", "duration": repr(frames.duration)}  # fmt: skip
        path = self._path(video)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        save_file(tensors, draft, metadata=about)
        draft.replace(path)
        path.with_suffix(".txt").unlink(missing_ok=True)
        return path.stat().st_size

    def _read(self, video: str) -> None:
        """Know a video's shape; its features stay on disk."""
        from safetensors import safe_open

        path = self._path(video)
        if not path.exists():
            self.problems[video] = path.with_suffix(".txt").read_text(encoding="utf-8")
            return
        with safe_open(path, framework="pt") as file:
            about, names = file.metadata(), list(file.keys())
            grids = {name: file.get_tensor(name) for name in names if "grid" in name}
            seconds = tuple(file.get_tensor("seconds").tolist())
        if TOKENS not in names:
            self.not_kept.add(video)
        height, width = map(int, about["size"].split("x"))
        pictures = np.empty((0, height, width, 3), np.uint8)  # encoding a row needs none
        frames = Frames(pictures, seconds, (), "kept", video, float(about["duration"]), len(seconds))
        self.clips[video] = Clip(frames, VideoInputs(grids, about["placeholder"], float(about["seconds_per_grid"])))
