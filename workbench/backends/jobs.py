"""From chats to micro-batches: what shares a beginning is put side by side, as much at a time as memory holds."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from workbench.backends.base import Chat
from workbench.backends.cascade import FIRST_CAPACITY
from workbench.backends.encoding import Encoded
from workbench.backends.prefix_tree import Node, Prompt, depth_first, plan_prefixes
from workbench.backends.resources import Clock, available_bytes
from workbench.backends.video_cache import VideoCache, frames_key
from workbench.schema import Sampling

USED_SHARE = 0.7  # of the free memory that a plan may fill
LOGIT_BYTES = 48  # a logit with the copies in double precision that sampling makes of it


class Job(NamedTuple):
    """One chat, encoded. `prompt` is the digest of all that the model reads, `node` the end of it in the plan.

    `opening` holds the tokens of the reply that stand at the end of what the model reads.
    """

    number: int  # in the call
    chat: Chat
    sampling: Sampling
    encoded: Encoded
    prompt: bytes
    max_new_tokens: int
    opening: tuple[int, ...] = ()
    node: Node | None = None


def digest(chat: Chat, encoded: Encoded) -> bytes:
    """Identity of all that the model reads: the tokens, and the video by content, frames and size."""
    seen = repr((chat.frames.sha256, chat.frames.indices, chat.frames.images.shape)) if chat.frames is not None else ""
    return hashlib.sha256(encoded.ids.numpy().tobytes() + seen.encode()).digest()


def plan_jobs(jobs: Sequence[Job]) -> list[Job]:
    """The jobs with their nodes, in an order in which those that share a beginning are neighbours."""
    distinct = {(job.prompt, _video(job)): job for job in jobs}
    leaves = plan_prefixes(
        [Prompt(job.encoded.ids.tolist(), _video(job), _video_end(job)) for job in distinct.values()]
    )
    ends = dict(zip(distinct, leaves, strict=True))
    planned = [job._replace(node=ends[job.prompt, _video(job)]) for job in jobs]
    for job in planned:
        for node in job.node.path:
            node.waiting += 1
    return [planned[number] for number in depth_first([job.node for job in planned])]


def _video(job: Job) -> bytes | None:
    return frames_key(job.chat.frames) if job.chat.frames is not None else None


def _video_end(job: Job) -> int:
    """Tokens up to the last that stands for pixels."""
    places = job.encoded.types.nonzero()
    return int(places[-1]) + 1 if len(places) else 0


def finish(jobs: Sequence[Job]) -> None:
    """Drop the segments that no other job waits for."""
    for job in jobs:
        for node in job.node.path if job.node else ():
            node.waiting -= 1
            if not node.waiting:
                node.segment = node.logits = None


def forget(jobs: Sequence[Job]) -> None:
    """Drop all that was prefilled for these jobs, to be made again when it is needed."""
    for job in jobs:
        for node in job.node.path if job.node else ():
            node.segment = node.logits = None


def fitting(jobs: Sequence[Job], most: int, model: Any) -> int:
    """How many of the first jobs to take together: at most `most`, at least one, else what free memory holds."""
    text = model.config.get_text_config()
    each, logits = token_bytes(model), LOGIT_BYTES * text.vocab_size
    longest = max(len(job.encoded) for job in jobs)
    budget = USED_SHARE * available_bytes(model.device) - longest * _activation_bytes(model)
    counted: set[Node] = set()
    for number, job in enumerate(jobs[:most]):
        # Own tokens three times: the store of a batch doubles when it is full, and is joined again when replies left it.
        budget -= max(FIRST_CAPACITY, 3 * job.max_new_tokens) * each + logits
        path = job.node.path if job.node else ()
        missing = [node for node in path if node not in counted and node.segment is None]
        counted.update(missing)
        budget -= each * (sum(node.end - node.start for node in missing) if job.node else len(job.encoded))
        if budget < 0:
            return max(1, number)
    return min(most, len(jobs))


def token_bytes(model: Any) -> int:
    """Keys and values of one token in all layers."""
    text = model.config.get_text_config()
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    return 2 * text.num_hidden_layers * heads * size * model.dtype.itemsize


def _activation_bytes(model: Any) -> int:
    """What one token of a prompt takes while a layer works on it."""
    text = model.config.get_text_config()
    return (
        4
        * (text.hidden_size + (getattr(text, "intermediate_size", None) or 4 * text.hidden_size))
        * model.dtype.itemsize
    )


def prefill_nodes(model: Any, jobs: Sequence[Job], videos: VideoCache, clock: Clock) -> None:
    """Prefill what these jobs' prompts consist of and is not there: first beginnings with their videos, then the rest."""
    from workbench.backends.sharing import prefill_branches, prefill_root

    missing = {node: job for job in jobs for node in job.node.path if node.segment is None}
    for node, job in missing.items():
        if node.parent is None:
            with clock.stage("vision_seconds"):
                vision = videos.features(job.chat.frames) if job.chat.frames is not None else {}
            with clock.stage("prefill_seconds"):
                node.segment, node.logits = prefill_root(model, job.encoded, node.end, vision)
    below = [node for node in missing if node.parent is not None]
    for depth in sorted({len(node.path) for node in below}):
        level = [node for node in below if len(node.path) == depth]
        with clock.stage("prefill_seconds"):
            for node, found in zip(
                level, prefill_branches(model, [_branch(node, missing[node]) for node in level]), strict=True
            ):
                node.segment, node.logits = found


def _branch(node: Node, job: Job) -> Any:
    from workbench.backends.sharing import Branch

    tokens = slice(node.start, node.end)
    path = tuple(above.segment for above in node.path[:-1])
    return Branch(path, job.encoded.ids[tokens], job.encoded.positions[:, tokens])
