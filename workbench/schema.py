"""The records that everything is made of: Item, Judgment, Sampling, VideoPolicy. Frozen, with content ids and checked invariants.

Standard library only: importing this loads neither torch, transformers nor gradio.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

from workbench.errors import InputError

Kind = Literal["pointwise", "pairwise", "ranking"]
Status = Literal["scored", "unparsed", "failed", "skipped"]
Choice = Literal["A", "B", "tie"]
Decoder = Literal["auto", "pyav", "decord"]
View = Literal["video", "description", "none"]

DEFAULT_FRAMES = 8


def content_id(value: Any, length: int = 16) -> str:
    """Hash of a JSON-able value, independent of key order: `length` hex digits of SHA-256."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def utc_now() -> str:
    """The present moment as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Record:
    """What the frozen records share: to and from plain dictionaries, refusing keys they do not know."""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dictionary of every field."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`. Raises InputError for something that is no such record."""
        if not isinstance(data, Mapping):
            raise InputError(f"{cls.__name__}: got {type(data).__name__}, expected an object with named fields.")
        known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(data) - known)
        if unknown:
            raise InputError(
                f"{cls.__name__}: unknown field {unknown[0]!r}; known fields are {', '.join(sorted(known))}."
            )
        try:
            return cls(**data)
        except TypeError as error:
            raise InputError(f"{cls.__name__}: {error}.") from error


@dataclass(frozen=True)
class Video(Record):
    """A video by content. `sha256` is its identity; `path` is only a hint of where the file was last seen."""

    sha256: str
    path: str | None = None

    def __post_init__(self):
        if not (isinstance(self.sha256, str) and self.sha256):
            raise InputError(f"Video: got sha256 {self.sha256!r}, expected the hex digest of the file's content.")


@dataclass(frozen=True)
class Item(Record):
    """Something to judge: responses to one instruction about one video.

    One response is judged pointwise, two as a pair, more as a ranking. `description` is text that a text-only judge
    reads in the video's place. `tags` (name -> text) are carried along for filters and take no part in the identity.
    """

    video: Video | None
    instruction: str
    responses: tuple[str, ...]
    reference: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if isinstance(self.video, Mapping):
            object.__setattr__(self, "video", Video.from_dict(self.video))
        if isinstance(self.responses, str):
            raise InputError("Item: got one string as responses, expected a list of strings.")
        object.__setattr__(self, "responses", tuple(self.responses))
        if not (isinstance(self.instruction, str) and self.instruction.strip()):
            raise InputError("Item: the instruction is empty; give the question or task the response answers.")
        if not self.responses:
            raise InputError("Item: there is no response; give at least one.")
        for number, response in enumerate(self.responses, 1):
            if not (isinstance(response, str) and response.strip()):
                raise InputError(
                    f"Item: response {number} of {len(self.responses)} is empty; give its text or leave it out."
                )

    @property
    def kind(self) -> Kind:
        return "pointwise" if len(self.responses) == 1 else "pairwise" if len(self.responses) == 2 else "ranking"

    @property
    def id(self) -> str:
        """16 hex digits over the content: video, instruction, responses, reference, description."""
        video = self.video.sha256 if self.video else None
        return content_id([video, self.instruction, list(self.responses), self.reference, self.description])


@dataclass(frozen=True)
class Sampling(Record):
    """How a judge writes: temperature 0 is greedy. A sample depends on (seed, sample index) only, not on batching."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 1024
    seed: int = 0

    def __post_init__(self):
        if not 0 <= self.temperature <= 5:
            raise InputError(f"temperature: got {self.temperature}, expected 0 (greedy) to 5.")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p: got {self.top_p}, expected more than 0 and at most 1.")
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens: got {self.max_new_tokens}, expected at least 1.")


MOST_NESTED = 256  # frames


@dataclass(frozen=True)
class VideoPolicy(Record):
    """Which frames a judge sees, and how large.

    Either `frames` (that many, uniform in time) or `fps` (with `max_frames`), never both. Each frame is resized, keeping
    its shape, to an area of `min_pixels` to `max_pixels`, both edges multiples of `size_multiple` (patch times merge of
    the vision tower). Paper section 3 trains at 3,136 to 25,088 pixels a frame. `nested` takes neighbouring pairs in
    place of uniform frames, those of few frames among those of more (video/nested.py).
    """

    frames: int | None = None
    fps: float | None = None
    max_frames: int | None = None
    min_pixels: int = 3_136
    max_pixels: int = 25_088
    size_multiple: int = 28
    decoder: Decoder = "auto"
    nested: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As ever, and `nested` only where it was asked for: runs made before there was such a thing go on."""
        return {name: value for name, value in super().to_dict().items() if name != "nested" or value}

    def __post_init__(self):
        if (self.frames is None) == (self.fps is None):
            raise InputError(f"frames: got frames={self.frames} and fps={self.fps}, expected exactly one of the two.")
        if self.frames is not None and not 1 <= self.frames <= 10_000:
            raise InputError(f"frames: got {self.frames}, expected 1 to 10,000.")
        if self.fps is not None and not 0 < self.fps <= 1_000:
            raise InputError(f"fps: got {self.fps}, expected more than 0 and at most 1,000 frames a second.")
        if self.fps is not None and self.max_frames is None:
            raise InputError("fps: got no max_frames with it; say how many frames a long video may give, e.g. 180.")
        if self.max_frames is not None and (self.fps is None or self.max_frames < 1):
            raise InputError(
                f"max_frames: got {self.max_frames} with fps={self.fps}; it is a positive limit for fps sampling."
            )
        if self.nested and (self.frames is None or self.frames % 2 or self.frames > MOST_NESTED):
            raise InputError(
                f"nested: got frames={self.frames}, expected an even number of frames, at most {MOST_NESTED}: they come "
                "in pairs."
            )
        if not 0 < self.min_pixels <= self.max_pixels:
            raise InputError(
                f"pixels: got {self.min_pixels} to {self.max_pixels}, expected 0 < min_pixels <= max_pixels."
            )
        if self.size_multiple < 1:
            raise InputError(f"size_multiple: got {self.size_multiple}, expected at least 1.")
        if self.decoder not in get_args(Decoder):
            raise InputError(f"decoder: got {self.decoder!r}, expected one of {', '.join(get_args(Decoder))}.")


SCORE_FIELDS = ("score", "choice", "ranking", "criteria", "probs")


@dataclass(frozen=True)
class Judgment(Record):
    """One judge's verdict on one item. Humans and bootstrap targets are judges too (`human:ann3`, `target`).

    `choice` and `ranking` speak of the item's own responses (A is responses[0]; ranking lists positions, best first),
    whatever order they were shown in; that order is in `settings["order"]`. `score` is on the prompt's scale; `criteria`
    maps names to scores; `probs` maps each answer on the menu to its probability, in the item's terms.
    `frames` tells what the judge saw: indices, seconds, decoder, height, width. `usage` holds tokens and seconds by stage.
    `suspicious` names the item's texts that look like an attempt on the judge, and why (workbench.suspicion); it is a flag
    for people, and takes no part in the key or the verdict.
    The score fields are None unless `status` is "scored".
    """

    item: str
    judge: str
    prompt: str
    status: Status
    score: float | None = None
    choice: Choice | None = None
    ranking: tuple[int, ...] | None = None
    criteria: Mapping[str, float] | None = None
    probs: Mapping[str, float] | None = None
    rubric: str | None = None
    reasoning: str | None = None
    reply: str | None = None
    error: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    sample: int = 0
    frames: Mapping[str, Any] | None = None
    usage: Mapping[str, float] = field(default_factory=dict)
    suspicious: Mapping[str, Sequence[str]] = field(default_factory=dict)
    created: str = field(default_factory=utc_now)

    def __post_init__(self):
        if self.ranking is not None:
            object.__setattr__(self, "ranking", tuple(self.ranking))
        if self.status not in get_args(Status):
            raise InputError(f"Judgment: got status {self.status!r}, expected one of {', '.join(get_args(Status))}.")
        given = [name for name in SCORE_FIELDS if getattr(self, name) is not None]
        if self.status != "scored" and given:
            raise InputError(
                f"Judgment: got {given[0]} with status {self.status!r}; only a scored judgment has score fields."
            )
        if self.status == "scored" and not {"score", "choice", "ranking"} & set(given):
            raise InputError("Judgment: got status 'scored' without score, choice or ranking; expected one of them.")
        if self.status == "failed" and not self.error:
            raise InputError("Judgment: got status 'failed' without an error; say what went wrong.")
        if self.choice is not None and self.choice not in get_args(Choice):
            raise InputError(f"Judgment: got choice {self.choice!r}, expected one of {', '.join(get_args(Choice))}.")
        for name, number in self._numbers():
            if not math.isfinite(number):
                raise InputError(
                    f"Judgment: got {number} as {name}, expected a finite number; a missing score is None."
                )

    def _numbers(self):
        if self.score is not None:
            yield "score", self.score
        for mapping in (self.criteria, self.probs):
            yield from (mapping or {}).items()

    @property
    def key(self) -> str:
        """Identity for resume and de-duplication: 16 hex digits over item, judge, prompt, settings and sample."""
        return content_id([self.item, self.judge, self.prompt, self.settings, self.sample])
