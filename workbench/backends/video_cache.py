"""A video's tensors and features, made once for all chats about the same frames, within a number of bytes."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from workbench.backends.encoding import VideoInputs, video_inputs
from workbench.backends.step_features import Step, joined_steps, only_steps, split_steps, step_keys, works_by_steps
from workbench.video.frames import Frames

CACHE_BYTES = 2 << 30

_keys: "WeakKeyDictionary[Frames, bytes]" = WeakKeyDictionary()


def frames_key(frames: Frames) -> bytes:
    """Identity of what a model is shown: pictures and times, whatever file they are from. Hashed once an object."""
    if frames not in _keys:
        digest = hashlib.sha256(repr((frames.images.shape, frames.seconds, frames.indices)).encode())
        digest.update(frames.images.data if frames.images.flags.c_contiguous else frames.images.tobytes())
        _keys[frames] = digest.digest()
    return _keys[frames]


class _Entry(NamedTuple):
    value: Any
    bytes: int


class VideoCache:
    """What a processor and its vision tower make of frames. The least recently used goes first when it is too much."""

    def __init__(self, model: Any, processor: Any, limit: int = CACHE_BYTES):
        self.limit = limit
        self._model, self._processor = model, processor
        self._held: OrderedDict[tuple[str, bytes], _Entry] = OrderedDict()
        self._steps: dict[bytes, tuple[bytes, int, int]] = {}  # a pair's key -> the video, the step, and of how many

    @property
    def bytes(self) -> int:
        """Held at the moment."""
        return sum(entry.bytes for entry in self._held.values())

    def is_of(self, model: Any) -> bool:
        """Whether these are that model's features."""
        return self._model is model

    def inputs(self, frames: Frames) -> VideoInputs:
        """As the processor gives them; without the pixels where the features are there already."""
        return self._get("inputs", frames) or self._keep("inputs", frames, video_inputs(self._processor, frames))

    def features(self, frames: Frames) -> Mapping[str, Any]:
        """What forward takes for a video."""
        if (known := self._get("features", frames)) is not None:
            return known
        inputs = self.inputs(frames)
        if len(without_pixels(inputs).tensors) == len(inputs.tensors):  # the features were there, and had to go
            inputs = video_inputs(self._processor, frames)
        made = self._made(frames, inputs.tensors)
        self._keep("inputs", frames, without_pixels(inputs))
        return self._keep("features", frames, made)

    def _made(self, frames: Frames, tensors: Mapping[str, Any]) -> Mapping[str, Any]:
        """Features of frames that are not known; of their pairs those that other frames had are not made again."""
        from workbench.backends.decoding import to_model, vision_features

        def run(some: Mapping[str, Any]) -> Mapping[str, Any]:
            return vision_features(self._model, to_model(self._model, some))

        keys = step_keys(frames) if works_by_steps(self._model) else []
        steps = [self._step(key) for key in keys]
        missing = [number for number, step in enumerate(steps) if step is None]
        if len(missing) == len(keys):
            made = run(tensors)
        elif not missing:
            made = joined_steps(steps, self._held["features", self._steps[keys[0]][0]].value)
        else:
            rest = run(only_steps(tensors, missing))
            for number, step in zip(missing, split_steps(rest, len(missing)), strict=True):
                steps[number] = step
            made = joined_steps(steps, rest)
        self._steps.update((key, (frames_key(frames), number, len(keys))) for number, key in enumerate(keys))
        return made

    def _step(self, key: bytes) -> Step | None:
        """The features of a pair of frames that is held as a part of some video's."""
        if key not in self._steps:
            return None
        video, number, count = self._steps[key]
        return split_steps(self._held["features", video].value, count)[number]

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()
        self._steps.clear()

    def _get(self, kind: str, frames: Frames) -> Any:
        key = (kind, frames_key(frames))
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key].value

    def _keep(self, kind: str, frames: Frames, value: Any) -> Any:
        key = (kind, frames_key(frames))
        self._held.pop(key, None)
        self._held[key] = _Entry(value, _bytes(value))
        while len(self._held) > 1 and self.bytes > self.limit:
            (kind_gone, gone), _ = self._held.popitem(last=False)
            if kind_gone == "features":
                self._steps = {key: step for key, step in self._steps.items() if step[0] != gone}
        return value


def without_pixels(inputs: VideoInputs) -> VideoInputs:
    """What a prompt is written from: the grid, but none of the pictures."""
    return inputs._replace(tensors={name: one for name, one in inputs.tensors.items() if not one.is_floating_point()})


def _bytes(value: Any) -> int:
    """Memory of all tensors in nested mappings, sequences and model outputs."""
    if hasattr(value, "nbytes"):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_bytes, value.values()))
    return sum(map(_bytes, value)) if isinstance(value, (list, tuple)) else 0
