"""Dense descriptions of videos by any judge that looks at videos: what generator and evaluator read in their place.

A description is cached under the video's content, the prompt, the judge's identity, its sampling and its frames, so
that a video is described once whatever the number of its seeds, and an interrupted run goes on where it was.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bootstrap.templates import Template, load_template
from workbench.backends.base import Backend, Chat, Reply
from workbench.errors import BackendError, InputError, VideoError
from workbench.schema import Item, Sampling, Video, VideoPolicy, content_id, utc_now
from workbench.store import cut_broken_tail, read_lines
from workbench.video import VideoLimits, sample_frames

TEMPERATURE, FPS, MAX_FRAMES = 0.6, 2.0, 180  # paper, section on dense descriptions
MAX_NEW_TOKENS = 1024
BATCH = 4  # videos whose frames are in memory at a time


class Described(NamedTuple):
    """A video's description, or why there is none. `cached` tells that nobody was asked."""

    video: Video
    text: str | None
    problem: str | None
    cached: bool


class Describer(NamedTuple):
    """Who describes, and how."""

    backend: Backend
    sampling: Sampling
    policy: VideoPolicy
    template: Template

    def key(self, video: Video) -> str:
        """What makes a description the same: content and settings, not the video's path."""
        settings = [dict(self.backend.identity), self.sampling.to_dict(), self.policy.to_dict()]
        return content_id([video.sha256, self.template.id, *settings])


def make_describer(
    backend: Backend,
    *,
    fps: float = FPS,
    max_frames: int = MAX_FRAMES,
    temperature: float = TEMPERATURE,
    max_new_tokens: int = MAX_NEW_TOKENS,
    seed: int = 0,
) -> Describer:
    """A describer with the paper's settings, unless told otherwise. Raises InputError for a judge that looks at no video."""
    if backend.view != "video":
        raise InputError(f"{backend.name}: it does not look at videos; give one that does.")
    policy = replace(backend.video_policy, frames=None, fps=fps, max_frames=max_frames)
    sampling = Sampling(temperature, backend.sampling.top_p, max_new_tokens, seed)
    return Describer(backend, sampling, policy, load_template("describe"))


def describe_videos(
    videos: Sequence[Video], describer: Describer, cache: Path, on_video: Callable[[Described], None] = lambda one: None
) -> list[Described]:
    """A description of every distinct video, in order; each new one is appended to `cache` as it comes.

    A video that cannot be read, a judge that fails, and a reply that is empty or was cut off become problems.
    """
    cut_broken_tail(cache)
    known = {line["key"]: line["description"] for line in read_lines(cache)}
    distinct = list({video.sha256: video for video in videos}.values())
    results: dict[str, Described] = {}
    for video in distinct:
        if text := known.get(describer.key(video)):
            results[video.sha256] = Described(video, text, None, cached=True)
            on_video(results[video.sha256])
    missing = [video for video in distinct if video.sha256 not in results]
    for start in range(0, len(missing), BATCH):
        for described in _describe(missing[start : start + BATCH], describer, cache):
            results[described.video.sha256] = described
            on_video(described)
    return [results[video.sha256] for video in distinct]


def with_descriptions(seeds: Iterable[Item], described: Iterable[Described]) -> Iterator[Item]:
    """The seeds with their video's description; those whose video has none stay as they are."""
    texts = {one.video.sha256: one.text for one in described}
    for seed in seeds:
        text = texts.get(seed.video.sha256) if seed.video else None
        yield replace(seed, description=text) if text else seed


def _describe(videos: list[Video], describer: Describer, cache: Path) -> Iterator[Described]:
    chats: list[Chat] = []
    asked: list[Video] = []
    for video in videos:
        try:
            chats.append(_chat(video, describer))
            asked.append(video)
        except VideoError as error:
            yield Described(video, None, str(error), cached=False)
    replies = describer.backend.generate(chats, describer.sampling) if chats else []
    for video, reply in zip(asked, replies, strict=True):
        described = _read(video, reply)
        if described.text and isinstance(reply, Reply):
            _append(cache, describer, video, described.text, reply)
        yield described


def _chat(video: Video, describer: Describer) -> Chat:
    if not video.path:
        raise VideoError("It names no file; give a video that is there.")
    frames = sample_frames(video.path, describer.policy, limits=VideoLimits())
    if frames.sha256 != video.sha256:
        raise VideoError(f"{video.path}: the file is another one than the seed was made from; make the seeds again.")
    item = Item(video, describer.template.name, ("-",), tags={"task": "describe"})
    return Chat(describer.template.system, frames, describer.template.fill(), item=item)


def _read(video: Video, reply: Reply | BackendError) -> Described:
    if isinstance(reply, BackendError):
        return Described(video, None, str(reply), cached=False)
    text = " ".join(reply.text.rpartition("</think>")[2].split())  # one paragraph, whatever was written
    if not any(letter.isalnum() for letter in text):
        return Described(video, None, "The reply is empty.", cached=False)
    if not reply.finished:
        return Described(video, None, "The reply was cut off; allow more tokens (--max-new-tokens).", cached=False)
    return Described(video, text, None, cached=False)


def _append(cache: Path, describer: Describer, video: Video, text: str, reply: Reply) -> None:
    line: dict[str, Any] = {
        "key": describer.key(video),
        "video": video.sha256,
        "description": text,
        "judge": describer.backend.name,
        "prompt": describer.template.id,
        "usage": dict(reply.usage),
        "created": utc_now(),
    }
    with cache.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")
