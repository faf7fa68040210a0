"""What every backend speaks: Chat in, Reply (or BackendError as a value) out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from workbench.errors import BackendError
from workbench.replies import Verdict
from workbench.schema import Item, Kind, Sampling, VideoPolicy, View
from workbench.video.frames import Frames


@dataclass(frozen=True, eq=False)
class Chat:
    """One request: a video (if any) followed by text, in one user turn. The video always comes first.

    `menu` holds the labels the verdict may take and `slot` the text right before it ("<score>"), so that a backend can
    tell the probabilities over the menu; an empty menu means none are wanted. `item` and `order` (positions of the
    item's responses as shown) are there for judges that compute instead of read (metrics, scalar heads).
    With `score_only` the judge does not write: its verdict is the most probable label of the menu, put right at the
    reply's beginning. Backends that can do that have `scores_only = True`. `opening` is the tag that a well-formed reply
    begins with ("<thinking>"), for judges whose replies are begun for them (`opens_replies` in judge.json).
    """

    system: str
    frames: Frames | None
    text: str
    menu: tuple[str, ...] = ()
    slot: str = ""
    sample: int = 0
    item: Item | None = None
    order: tuple[int, ...] = (0,)
    score_only: bool = False
    opening: str = ""


class Reply(NamedTuple):
    """What came back. `probs` maps menu labels (as shown) to probabilities; `verdict` is set by judges that compute one."""

    text: str
    probs: Mapping[str, float] | None = None
    usage: Mapping[str, float] = {}
    verdict: Verdict | None = None
    finished: bool = True  # False: cut off at max_new_tokens


@dataclass(frozen=True)
class Declared:
    """What a checkpoint says it was made for (its judge.json); empty fields mean anything goes."""

    kinds: tuple[Kind, ...] = ()
    prompts: tuple[str, ...] = ()  # prompt names
    scale: tuple[int, int] | None = None
    domain: str = ""  # a sentence; shown beside every verdict when not empty
    max_frames: int | None = None


def sampling_of_each(chats: Sequence[Chat], sampling: Sampling | Sequence[Sampling]) -> list[Sampling]:
    """One Sampling for each chat. Raises ValueError when there are more or fewer of them than chats."""
    each = [sampling] * len(chats) if isinstance(sampling, Sampling) else list(sampling)
    if len(each) != len(chats):
        raise ValueError(f"got {len(each)} samplings for {len(chats)} chats")
    return each


class Backend(Protocol):
    """A judge. Batching, prefix sharing, concurrency and retry are its own business."""

    name: str  # the spec it was made from: "embedded", "hf:Qwen/Qwen2.5-VL-7B-Instruct", ...
    identity: Mapping[str, Any]  # goes into Judgment.settings["judge"]: revision, adapter, dtype, conventions, ...
    view: View  # "video", "description" (text-only judge), "none"
    sampling: Sampling  # its defaults
    video_policy: VideoPolicy
    declared: Declared

    def generate(self, chats: Sequence[Chat], sampling: Sampling | Sequence[Sampling]) -> list[Reply | BackendError]:
        """One result for each chat, in order. A failure that is the backend's own is a value, not an exception.

        `sampling` is one for all chats, or one each: temperatures of a sweep share what their prompts have in common.
        """
        ...

    def close(self) -> None:
        """Free the model's memory. A closed backend is not used again."""
        ...
