"""How long a call on a lent GPU may take, told before it: a preflight from the frames, the texts and the judge's size.

Seconds grow in straight lines with the tokens of the video, those of the texts and the steps of the longest reply. The
rates are arithmetic over the GPU's bandwidth and operations with much to spare, until calls have been timed: from then on
they are scaled by the slowest of the last calls.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from workbench.backends.base import BackendError, Chat, Reply
from workbench.schema import Sampling

BYTES_PER_SECOND = 0.4e12  # of weights read for a step: a quarter of what the cards that are lent can
OPERATIONS_PER_SECOND = 40e12  # while prompts are read
STEP_SECONDS = 0.03  # a step's least: launching a layer's kernels, some thirty layers
VIDEO_FACTOR = 3  # a video token costs its share of the vision tower beside the language model
CHARACTERS_PER_TOKEN = 3
START_SECONDS = 5.0  # the GPU is handed over, the weights are moved
MARGIN = 1.5
LEAST, MOST = 10.0, 120.0  # the most is what a visitor who is not logged in has for a whole day
REMEMBERED = 8


class Work(NamedTuple):
    """What one call has to do."""

    video_tokens: float
    text_tokens: float
    steps: int  # of the longest reply
    replies: int


def work_of(chats: Sequence[Chat], samplings: Sequence[Sampling], size_multiple: int) -> Work:
    """A call about one video: its frames count once, each text for itself. Replies may be as long as is allowed."""
    frames = {id(chat.frames): chat.frames.images.shape for chat in chats if chat.frames is not None}
    video = sum(-(-count // 2) * height * width / size_multiple**2 for count, height, width, _ in frames.values())
    text = sum(len(chat.text) + len(chat.system) for chat in chats) / CHARACTERS_PER_TOKEN
    written = [one.max_new_tokens for chat, one in zip(chats, samplings, strict=True) if not chat.score_only]
    return Work(video, text, max(written, default=0), len(chats))


def done_by(work: Work, replies: Sequence[Reply | BackendError]) -> Work:
    """The work that was really done: replies are mostly shorter than they might be."""
    lengths = [reply.usage.get("reply_tokens", work.steps) for reply in replies if isinstance(reply, Reply)]
    return work._replace(steps=int(max(lengths, default=work.steps)))


@dataclass
class Preflight:
    """Predicts the seconds of calls of one judge, of `parameters` numbers in `bytes_each` bytes."""

    parameters: float
    bytes_each: float = 2.0
    slower_by: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))  # than the arithmetic, as timed

    def arithmetic(self, work: Work) -> float:
        """Seconds by the rates alone, from the GPU's first operation."""
        read = 2 * self.parameters * (VIDEO_FACTOR * work.video_tokens + work.text_tokens) / OPERATIONS_PER_SECOND
        step = max(STEP_SECONDS, self.parameters * self.bytes_each / BYTES_PER_SECOND) * (1 + work.replies / 64)
        return read + work.steps * step

    def seconds(self, work: Work) -> float:
        """What to ask for: with a margin, and within what can be asked for."""
        factor = max(self.slower_by) if self.slower_by else 1.0
        return min(MOST, max(LEAST, START_SECONDS + MARGIN * factor * self.arithmetic(work)))

    def timed(self, work: Work, seconds: float) -> None:
        """Learn from a call that did this work in so many seconds of the GPU."""
        if (told := self.arithmetic(work)) > 0:
            self.slower_by.append(seconds / told)
