"""The process that touches files nobody here made: `python -m workbench.video.worker`, started by process.py only.

One line of JSON comes in on standard input, which then stays open: when it closes, the parent is gone and so is this
process. One line of JSON goes out, and for frames their raw bytes after it. Never a pickle.
"""

import dataclasses
import json
import os
import signal
import sys
import threading
import traceback
from typing import Any, BinaryIO

from workbench.errors import WorkbenchError
from workbench.schema import VideoPolicy
from workbench.video.frames import Frames
from workbench.video.limits import VideoLimits
from workbench.video.preview import write_preview
from workbench.video.process import READY
from workbench.video.sample import probe_path, sample_path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> int:
    """Answer one request. Whatever FFmpeg or decord print goes nowhere near the reply."""
    reply = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.excepthook = lambda kind, error, trace: _send(reply, {"bug": "".join(traceback.format_exception(error))})
    reply.write(READY)
    reply.flush()
    request = json.loads(sys.stdin.buffer.readline())
    limits = VideoLimits(**request["limits"])
    _end_with_parent(request["parent"])
    _cap_memory(limits.memory)
    try:
        _answer(request, limits, reply)
    except WorkbenchError as error:
        _send(reply, {"error": str(error), "kind": type(error).__name__})
    except MemoryError:
        _send(reply, {"over": "memory"})
    reply.flush()
    os._exit(0)  # no clean-up of codecs: the process is over anyway


def _answer(request: dict[str, Any], limits: VideoLimits, reply: BinaryIO) -> None:
    path = request["path"]
    if request["task"] == "probe":
        _send(reply, {"info": dataclasses.asdict(probe_path(path, limits))})
    elif request["task"] == "preview":
        write_preview(path, request["out"], limits)
        _send(reply, {"out": request["out"]})
    else:
        _send_frames(reply, sample_path(path, VideoPolicy(**request["policy"]), limits))


def _send(reply: BinaryIO, message: dict[str, Any]) -> None:
    reply.write(json.dumps(message).encode() + b"\n")
    reply.flush()


def _send_frames(reply: BinaryIO, frames: Frames) -> None:
    fields = {field.name: getattr(frames, field.name) for field in dataclasses.fields(frames) if field.name != "images"}
    pixels = memoryview(frames.images).cast("B")
    _send(reply, {"frames": fields, "shape": frames.images.shape})
    reply.write(pixels)


def _end_with_parent(parent: int) -> None:
    """Die when the parent does: the kernel's word on Linux, and everywhere a thread that sees standard input close."""
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before we asked
            os._exit(1)


def _wait_for_end_of_input() -> None:
    os.read(0, 1)
    os._exit(1)


def _cap_memory(limit: int) -> None:
    """A backstop for what grows faster than the parent looks. It lies above the limit that the parent watches, because
    a decoder whose allocation fails reports damage, and damage would be answered with neighbouring frames."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (2 * limit, 2 * limit))


if __name__ == "__main__":
    sys.exit(main())
