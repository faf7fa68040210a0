"""The frames of the training clips: of no other video than the row names, decoded once and kept as uint8 arrays."""

import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from workbench.errors import InputError, VideoError
from workbench.schema import Video, VideoPolicy, content_id
from workbench.video import sample_frames
from workbench.video.frames import Frames

FIELDS = ("seconds", "indices", "decoder", "sha256", "duration", "frame_count")


def frames_of(video: Video, policy: VideoPolicy) -> Frames:
    """What `sample_frames` gives for the very video that a row names.

    Raises VideoError for a file that cannot be read or holds another video, InputError where the row names no file.
    """
    if video.path is None:
        raise InputError(f"video {video.sha256[:12]}: got no path, expected the clip's file; make the data again.")
    frames = sample_frames(video.path, policy)
    if frames.sha256 != video.sha256:
        raise VideoError(
            f"{video.path}: got content {frames.sha256[:12]}, expected {video.sha256[:12]}; the file changed since its "
            "rows were made. Restore the file, or make the rows again."
        )
    return frames


def load_frames(video: Video, policy: VideoPolicy, cache: Path) -> Frames:
    """What `frames_of` gives, read from the cache folder when it is there."""
    path = cache / f"{content_id([video.sha256, asdict(policy)])}.npz"
    if path.exists() and (kept := _read(path)).sha256 == video.sha256:
        return kept  # frames of another video may lie there: they were not always compared before they were kept
    frames = frames_of(video, policy)
    _write(path, frames)
    return frames


def _read(path: Path) -> Frames:
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
