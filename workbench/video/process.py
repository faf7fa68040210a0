"""Decoding in a worker process with limits on wall clock and memory; it is gone when the call returns or raises."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from workbench import errors
from workbench.errors import VideoError
from workbench.redaction import without_secrets
from workbench.schema import VideoPolicy
from workbench.video.container import check_path
from workbench.video.frames import Frames, VideoInfo
from workbench.video.limits import VideoLimits

COMMAND = (sys.executable, "-m", "workbench.video.worker")
READY = b"ready\n"  # the worker's first line, before it has touched the file
ROOT = Path(__file__).resolve().parents[2]
PLACES = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))  # workers of this process at a time
LOOK_EVERY = 0.05  # seconds between two looks at the worker's memory and at the clock
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # numpy's idle threads would count as memory


def probe_in_worker(path: str | Path, limits: VideoLimits) -> VideoInfo:
    """`sample.probe_path` in a worker. Raises VideoError."""
    message, _ = _ask({"task": "probe", "path": str(path)}, limits)
    return VideoInfo(**message["info"])


def sample_in_worker(path: str | Path, policy: VideoPolicy, limits: VideoLimits) -> Frames:
    """`sample.sample_path` in a worker. Raises VideoError."""
    message, images = _ask({"task": "sample", "path": str(path), "policy": policy.to_dict()}, limits)
    fields = message["frames"]
    return Frames(images=images, **fields | {"seconds": tuple(fields["seconds"]), "indices": tuple(fields["indices"])})


def preview_in_worker(path: str | Path, out: Path, limits: VideoLimits) -> None:
    """`preview.write_preview` in a worker. Raises VideoError."""
    _ask({"task": "preview", "path": str(path), "out": str(out)}, limits)


def _ask(request: dict[str, Any], limits: VideoLimits) -> tuple[dict[str, Any], np.ndarray | None]:
    """The worker's reply and, for frames, uint8 [n, height, width, 3]. It waits for a place where as many workers as this
    process may have are at work, each of which ends in its time; waiting takes nothing of this one's."""
    check_path(request["path"])
    with PLACES:
        return _ask_worker(request, limits)


def _ask_worker(request: dict[str, Any], limits: VideoLimits) -> tuple[dict[str, Any], np.ndarray | None]:
    name = Path(request["path"]).name
    request["path"] = os.path.abspath(request["path"])  # the worker starts in another folder
    line = json.dumps(request | {"limits": dataclasses.asdict(limits), "parent": os.getpid()}).encode() + b"\n"
    child = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=without_secrets(os.environ) | ONE_THREAD,  # a file may take a decoder over
        start_new_session=True,
    )
    watch = _Watch(child, limits)
    watch.start()
    started = False
    try:
        child.stdin.write(line)
        child.stdin.flush()
        started = child.stdout.readline() == READY
        message = json.loads(child.stdout.readline() or "{}")
        images = _read_images(child.stdout, message["shape"]) if "shape" in message else None
    except (BrokenPipeError, EOFError, json.JSONDecodeError):
        message, images = {}, None
    finally:
        watch.stop()
        code = _end(child)
    if not started and not watch.over:
        raise RuntimeError(f"the video worker did not start (exit code {code}); {' '.join(COMMAND)} tells why")
    _raise_for(name, message, watch.over, code, limits)
    return message, images


def _read_images(stream, shape: list[int]) -> np.ndarray:
    """Raises EOFError when the worker ended before it had written them all."""
    images = np.empty(shape, np.uint8)
    view = memoryview(images).cast("B")
    if stream.readinto(view) != len(view):
        raise EOFError
    return images


def _end(child: subprocess.Popen) -> int:
    """Kill the worker if it still runs, and reap it. Returns its exit code."""
    _kill(child)
    with suppress(BrokenPipeError):  # a request it did not live to read
        child.stdin.close()
    child.stdout.close()
    return child.wait()


def _kill(child: subprocess.Popen) -> None:
    """The whole process group. The child is not reaped yet, so the number is still its own."""
    with suppress(ProcessLookupError, PermissionError):  # what some systems say when it has just ended by itself
        os.killpg(child.pid, signal.SIGKILL)


def _raise_for(name: str, message: dict[str, Any], over: str | None, code: int, limits: VideoLimits) -> None:
    if "error" in message:
        raise getattr(errors, message["kind"])(message["error"])
    if "bug" in message:
        raise RuntimeError(f"the video worker failed:\n{message['bug']}")
    over = message.get("over") if message else over  # an answer that came just in time counts
    if over == "memory":
        raise VideoError(
            f"{name}: decoding needs more than the {limits.memory / 2**20:,.0f} MiB allowed. "
            "Make a smaller copy, ask for fewer frames, or raise the memory limit."
        )
    if over == "wall clock":
        raise VideoError(
            f"{name}: decoding took longer than the {limits.wall_clock:g} seconds allowed. "
            "Cut the video, make a smaller copy, or raise the time limit; a file that hangs the decoder is damaged."
        )
    if not message:
        raise VideoError(f"{name}: the decoder crashed on it (exit code {code}). The file is damaged: export it again.")


class _Watch(threading.Thread):
    """Kills the worker when it is over a limit; `over` then says which."""

    def __init__(self, child: subprocess.Popen, limits: VideoLimits):
        super().__init__(daemon=True)
        self.over: str | None = None
        self._child, self._limits, self._done = child, limits, threading.Event()

    def run(self) -> None:
        deadline = time.monotonic() + self._limits.wall_clock
        while not self._done.wait(LOOK_EVERY):
            self.over = "wall clock" if time.monotonic() > deadline else "memory" if self._too_large() else None
            if self.over:
                _kill(self._child)
                return

    def stop(self) -> None:
        """Let go of the worker: after this its number may be reused."""
        self._done.set()
        self.join()

    def _too_large(self) -> bool:
        try:
            return psutil.Process(self._child.pid).memory_info().rss > self._limits.memory
        except psutil.NoSuchProcess:
            return False
