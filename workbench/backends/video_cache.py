"""A video's tensors and features, made once for all chats about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.backends.base import Chat
from workbench.backends.encoding import VideoInputs, video_inputs
from workbench.video.frames import Frames


class VideoCache:
    """What the processor and the vision tower make of each distinct Frames object, once for all chats about it."""

    def __init__(self, model: Any, processor: Any):
        self._model, self._processor = model, processor
        self._inputs: dict[int, VideoInputs] = {}
        self._features: dict[int, Any] = {}

    def inputs(self, frames: Frames) -> VideoInputs:
        if id(frames) not in self._inputs:
            self._inputs[id(frames)] = video_inputs(self._processor, frames)
        return self._inputs[id(frames)]

    def features(self, frames: Frames) -> Mapping[str, Any]:
        from workbench.backends.decoding import to_model, vision_features

        if id(frames) not in self._features:
            tensors = to_model(self._model, self.inputs(frames).tensors)
            self._features[id(frames)] = vision_features(self._model, tensors)
        return self._features[id(frames)]

    def keep_only(self, chats: Sequence[Chat]) -> None:
        """Forget the videos that none of these chats is about."""
        wanted = {id(chat.frames) for chat in chats}
        for known in (self._inputs, self._features):
            for key in set(known) - wanted:
                del known[key]

    def clear(self) -> None:
        self.keep_only([])
