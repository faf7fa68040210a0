"""Writing frames as an H.264 mp4 file, and what a given compression leaves of them."""

import io
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

CRF = 23  # constant rate factor of x264: 0 keeps everything, 51 is the coarsest


def write_clip(path: Path, frames: Iterable[np.ndarray], fps: int, crf: int = CRF) -> None:
    """Encode uint8 [h, w, 3] frames into `path`, which appears only when it is complete; the same bytes every time."""
    partial = path.with_name(path.name + ".partial")
    with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        _encode(container, frames, fps, crf)
    partial.replace(path)


def recompressed(frames: Iterable[np.ndarray], fps: int, crf: int) -> list[np.ndarray]:
    """The frames as they look after H.264 compression at `crf`."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        _encode(container, frames, fps, crf)
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _encode(container: OutputContainer, frames: Iterable[np.ndarray], fps: int, crf: int) -> None:
    stream = None
    for image in frames:
        if stream is None:
            stream = container.add_stream("libx264", rate=fps)
            stream.height, stream.width = image.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.thread_count = 1
            # With macroblock-tree rate control x264 gives one clip in ten a few other bytes from run to run.
            stream.options = {"crf": str(crf), "preset": "veryfast", "g": str(2 * fps), "mbtree": "0"}
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    container.mux(stream.encode())
