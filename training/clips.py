"""The frames of the training clips, decoded once and kept as uint8 arrays beside the run."""

import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from workbench.errors import InputError
from workbench.schema import Video, VideoPolicy, content_id
from workbench.video import sample_frames
from workbench.video.frames import Frames

FIELDS = ("seconds", "indices", "decoder", "sha256", "duration", "frame_count")


def load_frames(video: Video, policy: VideoPolicy, cache: Path) -> Frames:
    """What `sample_frames` gives for the video under the policy, read from the cache folder when it is there."""
    path = cache / f"{content_id([video.sha256, asdict(policy)])}.npz"
    if not path.exists():
        if video.path is None:
            raise InputError(f"video {video.sha256[:12]}: got no path, expected the clip's file; make the data again.")
        _write(path, sample_frames(video.path, policy))
    with np.load(path) as kept:
        return Frames(
            images=kept["images"],
            seconds=tuple(kept["seconds"].tolist()),
            indices=tuple(kept["indices"].tolist()),
            **{name: kept[name].item() for name in FIELDS[2:]},
        )


def _write(path: Path, frames: Frames) -> None:
    """Write under another name, then rename: a kill in between leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with open(partial, "wb") as file:
        np.savez(file, images=frames.images, **{name: getattr(frames, name) for name in FIELDS})
    partial.replace(path)
