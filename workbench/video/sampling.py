"""Which frames a policy asks for: by time, never by frame number. Pure functions."""

import numpy as np

from workbench.schema import VideoPolicy
from workbench.video.nested import nested_instants

EARLY = 0.0005  # a frame due within half a millisecond counts as shown: containers round times to milliseconds


def wanted_positions(seconds: np.ndarray, duration: float, policy: VideoPolicy) -> list[int]:
    """Positions in presentation order, ascending, of the frames that answer `policy`.

    `seconds` float64 [frames] are ascending presentation times from 0; `duration` is the end of the last frame.
    `frames=n` asks n instants spread evenly from the first frame's time to the last frame's, both included (n=1: the
    middle). `fps` asks every 1/fps from the first frame until `duration`; where that is more than `max_frames`,
    `max_frames` even instants. Each instant is answered by the frame on show then, so that with a variable frame rate
    one frame may answer twice. With `nested` the instants are those of nested.py. A video with no more frames than
    instants gives every frame once.
    """
    count = policy.frames if policy.frames is not None else _instants_at(policy.fps, duration)
    even = policy.frames is not None or count > policy.max_frames
    count = count if policy.frames is not None else min(count, policy.max_frames)
    if len(seconds) <= count:
        return list(range(len(seconds)))
    if policy.nested:
        instants = nested_instants(count, seconds[-1])
    else:
        instants = _even_instants(count, seconds[-1]) if even else np.arange(count) / policy.fps
    return [int(place) for place in np.searchsorted(seconds, instants + EARLY, side="right") - 1]


def _instants_at(fps: float, duration: float) -> int:
    """How many of 0, 1/fps, 2/fps ... lie before `duration`; at least one."""
    return max(1, int(np.ceil(duration * fps - EARLY * fps)))


def _even_instants(count: int, last: float) -> np.ndarray:
    return np.linspace(0, last, count) if count > 1 else np.array([last / 2])
