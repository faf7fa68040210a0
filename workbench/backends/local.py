"""Judges that run here: any video-capable transformers checkpoint, or a text-only one that reads a description.

`load_local` serves local folders, Hub ids, the judge that ships and the random-weights checkpoints of the tests alike.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, get_args

from workbench.backends.base import Chat, Reply
from workbench.backends.encoding import Encoded, encode_chat
from workbench.backends.judge_file import JudgeFile, read_judge_file
from workbench.backends.loading import (
    Placement,
    Quantization,
    check_safetensors,
    load_model,
    load_processor,
    place,
    read_config,
    reads_video,
    resolve,
)
from workbench.backends.positions import AfterVideo, RopeRule, rope_rule
from workbench.backends.presets import default_policy, preset_for
from workbench.backends.resources import Clock, free_memory, is_out_of_memory
from workbench.backends.stopping import never, stopped
from workbench.backends.video_cache import VideoCache
from workbench.errors import BackendError
from workbench.schema import Sampling, View

BATCH_SIZE = 8


def load_local(
    model: str,
    adapter: str | None = None,
    *,
    name: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    quantization: Quantization | None = None,
    device_map: str | Mapping[str, Any] | None = None,
    revision: str | None = None,
    after_video: AfterVideo = "largest",
    batch_size: int = BATCH_SIZE,
) -> "LocalBackend":
    """Load a judge from a folder or by Hub id, with a PEFT adapter on top if one is given (a folder or Hub id too).

    Args:
        name: what judgments call the judge; default "hf:<model>[+<adapter>]".
        dtype, device: "auto" takes bfloat16 on a GPU and float32 on a CPU.
        quantization: weights in 4 or 8 bits, by bitsandbytes.
        device_map: "auto" spreads the layers over all GPUs; overrides `device`.
        revision: the Hub's branch, tag or commit; judgments record the commit it led to.
        after_video: the convention of position ids after a video, see `positions.RopeRule`.
        batch_size: replies decoded together; halved by itself when memory runs out.

    Raises BackendError for anything that would not judge as intended: no safetensors, weights missing, remote code,
    an adapter that is not applied or has no effect, a device or package that is not there.
    """
    from workbench.backends.adapters import apply_adapter

    started = time.perf_counter()
    if batch_size < 1:
        raise BackendError(f"batch_size: got {batch_size}, expected at least 1.")
    if after_video not in get_args(AfterVideo):
        raise BackendError(f"after_video: got {after_video!r}, expected one of {', '.join(get_args(AfterVideo))}.")
    source, placement = resolve(model, revision), place(device, dtype, device_map, quantization)
    check_safetensors(source.folder, "checkpoint")
    judge_file = read_judge_file(source.folder) or JudgeFile()
    config = read_config(source.folder)
    video = reads_video(config, source.folder)
    processor = load_processor(source.folder, video)
    network, keys = load_model(source.folder, video, placement)
    rule = rope_rule(config, after_video)
    if quantization:
        _check_runs(network, processor, rule, placement)
    identity = {
        "model": source.hub_id or type(network).__name__,
        "revision": source.revision,
        "dtype": placement.dtype,
        "quantization": quantization,
        "positions": _position_record(network, rule),
    }
    report = identity | {
        "parameters": network.num_parameters(),
        "memory_bytes": network.get_memory_footprint(),
        "device": str(network.device),
        "device_map": getattr(network, "hf_device_map", None),
        "attention": network.config._attn_implementation,
        **keys,
    }
    if adapter is not None:
        added = resolve(adapter, None)
        check_safetensors(added.folder, "adapter")
        moved = apply_adapter(network, added.folder, processor, rule).moved
        judge_file = read_judge_file(added.folder) or judge_file  # what was trained knows best what it is for
        identity["adapter"] = {"model": added.hub_id, "revision": added.revision}
        report |= {"adapter": identity["adapter"], "adapter_largest_logit_change": moved}
    report["load_seconds"] = round(time.perf_counter() - started, 2)
    name = name or f"hf:{model}" + (f"+{adapter}" if adapter else "")
    return LocalBackend(name, network, processor, rule, identity, report, judge_file, source.hub_id, batch_size)


def _check_runs(network: Any, processor: Any, rule: RopeRule | None, placement: Placement) -> None:
    """Raises BackendError when quantized layers load but cannot compute, which depends on device and layer sizes."""
    from workbench.backends.probe import probe_logits

    try:
        probe_logits(network, processor, rule)
    except (RuntimeError, NotImplementedError) as error:
        raise BackendError(
            f"{placement.quantization} weights do not run for this model on {placement.device} ({error}); "
            "load it without quantization."
        ) from error


def _position_record(network: Any, rule: RopeRule | None) -> dict[str, Any] | str:
    if rule is not None:
        return rule.record()
    return "library" if _numbers_by_itself(network) else "one row"


def _numbers_by_itself(network: Any) -> bool:
    """Whether the architecture has three-row positions, by a rule that only the library knows."""
    return hasattr(getattr(network, "model", None), "get_rope_index")


class Job(NamedTuple):
    """One chat, encoded. `prompt` is the digest of all that the model reads."""

    chat: Chat
    encoded: Encoded
    prompt: bytes
    max_new_tokens: int


class LocalBackend:
    """A model in this process. One call of `generate` runs at a time; others wait."""

    def __init__(
        self,
        name: str,
        model: Any,
        processor: Any,
        rule: RopeRule | None,
        identity: Mapping[str, Any],
        report: Mapping[str, Any],
        judge_file: JudgeFile,
        hub_id: str | None,
        batch_size: int,
    ):
        self.name, self.identity, self.report = name, identity, report
        self.declared, self.warning = judge_file.declared, judge_file.warning
        preset = preset_for(hub_id) if hub_id else None
        takes_video = hasattr(processor, "video_processor")
        self.view: View = "video" if takes_video else "description"
        self.sampling = judge_file.sampling or (preset.sampling if preset else Sampling())
        self.video_policy = (
            judge_file.video_policy or (preset.video_policy if preset else None) or default_policy(processor)
        )
        self.batch_size = batch_size
        self.stop_requested: Callable[[], bool] = never  # asked at every token
        self._model, self._processor, self._rule = model, processor, rule
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._lock = threading.Lock()

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply | BackendError]:
        """A Reply for each chat, in order, or the BackendError that kept it from one."""
        import torch

        results: list[Reply | BackendError] = []
        with self._lock, torch.inference_mode():
            if self._model is None:
                raise BackendError(f"{self.name} is closed; load it again.")
            videos = VideoCache(self._model, self._processor)
            while len(results) < len(chats):
                group = chats[len(results) : len(results) + self.batch_size]
                results += self._answer(group, sampling, videos)
                videos.keep_only(chats[len(results) :])
        return results

    def close(self) -> None:
        """Free the model's memory."""
        with self._lock:
            self._model = self._processor = self._tokenizer = None
        free_memory()

    def _answer(self, chats: Sequence[Chat], sampling: Sampling, videos: VideoCache) -> list[Reply | BackendError]:
        """Replies of one micro-batch; when memory runs out, of its halves."""
        if self.stop_requested():
            return [stopped() for _ in chats]
        try:
            return self._answer_together(chats, sampling, videos)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
        videos.clear()
        free_memory()
        if len(chats) == 1:
            return [self._too_large(chats[0], message)]
        self.batch_size = half = (len(chats) + 1) // 2
        return [
            *self._answer(chats[:half], sampling, videos),
            *self._answer(chats[half:], sampling, videos),
        ]

    def _too_large(self, chat: Chat, message: str) -> BackendError:
        seen = ""
        if chat.frames is not None:
            count, height, width, _ = chat.frames.images.shape
            seen = f"{count} frames of {width}x{height} and "
        return BackendError(
            f"Out of memory on {self._model.device} with {seen}{len(chat.text)} characters of text, "
            f"alone in its batch. Use fewer or smaller frames, quantization, or a smaller judge. ({message[:200]})"
        )

    def _answer_together(
        self, chats: Sequence[Chat], sampling: Sampling, videos: VideoCache
    ) -> list[Reply | BackendError]:
        from workbench.backends.decoding import can_batch

        clock = Clock(self._model.device)
        with clock.stage("encode_seconds"):
            encoded = [self._encode(chat, sampling, videos) for chat in chats]
        jobs = [job for job in encoded if isinstance(job, Job)]
        prefixes = self._prefill(jobs, videos, clock)
        together = bool(jobs) and can_batch(prefixes[jobs[0].prompt])
        groups = [jobs] if together else [[job] for job in jobs]
        replies = iter([reply for group in groups if group for reply in self._decode(group, prefixes, sampling, clock)])
        usage = {stage: round(seconds / max(1, len(jobs)), 4) for stage, seconds in clock.seconds.items()}
        results = [next(replies) if isinstance(job, Job) else job for job in encoded]
        return [one._replace(usage={**one.usage, **usage}) if isinstance(one, Reply) else one for one in results]

    def _encode(self, chat: Chat, sampling: Sampling, videos: VideoCache) -> Job | BackendError:
        try:
            if chat.frames is not None and self.view != "video":
                raise BackendError(f"{self.name} reads text only; judge with view 'description' or 'none'.")
            video = videos.inputs(chat.frames) if chat.frames is not None else None
            encoded = encode_chat(self._processor, chat, self._rule, video=video)
            room = self._room(encoded)
        except BackendError as error:
            return error
        if self._rule is None and video is not None and _numbers_by_itself(self._model):
            encoded = replace(encoded, positions=self._library_positions(encoded))
        return Job(chat, encoded, _digest(chat, encoded), min(sampling.max_new_tokens, room))

    def _room(self, encoded: Encoded) -> int:
        """How many tokens a reply may have within the model's context. Raises BackendError when there is no room."""
        context = getattr(self._model.config.get_text_config(), "max_position_embeddings", None) or 10**9
        if len(encoded) >= context:
            raise BackendError(
                f"The prompt is too long for {self.name}: {len(encoded)} tokens, {encoded.video_tokens} of them video, "
                f"and the model takes {context} with the reply. Use fewer or smaller frames, or shorter text."
            )
        return context - len(encoded)

    def _library_positions(self, encoded: Encoded) -> Any:
        """Prompt positions by the model's own code, for architectures whose rule is not known here."""
        inputs = {name: tensor for name, tensor in encoded.vision.items() if "grid" in name}
        positions, _ = self._model.model.get_rope_index(
            encoded.ids.unsqueeze(0), mm_token_type_ids=encoded.types.unsqueeze(0), **inputs
        )
        return positions[:, 0]

    def _prefill(self, jobs: Sequence[Job], videos: VideoCache, clock: Clock) -> dict[bytes, Any]:
        from workbench.backends.decoding import prefill

        prefixes: dict[bytes, Any] = {}
        for job in jobs:
            if job.prompt in prefixes:  # another sample of the same prompt
                continue
            with clock.stage("vision_seconds"):
                vision = videos.features(job.chat.frames) if job.chat.frames is not None else {}
            with clock.stage("prefill_seconds"):
                prefixes[job.prompt] = prefill(self._model, job.encoded, vision)
        return prefixes

    def _decode(
        self, jobs: Sequence[Job], prefixes: Mapping[bytes, Any], sampling: Sampling, clock: Clock
    ) -> Iterator[Reply | BackendError]:
        from workbench.backends.decoding import Batch, Request, can_batch
        from workbench.backends.sampling import draws_for
        from workbench.backends.slots import find_slot, slot_probabilities

        requests = [
            Request(prefixes[job.prompt], draws_for(sampling.seed, job.chat.sample, job.prompt), job.max_new_tokens)
            for job in jobs
        ]
        with clock.stage("generate_seconds"):
            batch = Batch(self._model, requests)
            replies = batch.decode(sampling, self._stops(), self.stop_requested)
        with clock.stage("probability_seconds"):
            scorable = can_batch(requests[0].prefix)
            slots = [
                find_slot(self._tokenizer, reply.tokens, job.chat.slot, job.chat.menu) if scorable else None
                for job, reply in zip(jobs, replies, strict=True)
            ]
            probabilities = slot_probabilities(batch, slots)
        for job, reply, probs in zip(jobs, replies, probabilities, strict=True):
            yield self._reply(job, reply, probs)

    def _reply(self, job: Job, reply: Any, probs: Mapping[str, float] | None) -> Reply | BackendError:
        if reply.broken:
            return BackendError(
                f"{self.name} computed numbers that are not finite in {self.identity['dtype']}; "
                "load it with dtype='bfloat16' or 'float32'."
            )
        if not reply.finished and len(reply.tokens) < job.max_new_tokens:
            return stopped()
        text = self._tokenizer.decode(reply.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        usage = {
            "prompt_tokens": len(job.encoded),
            "video_tokens": job.encoded.video_tokens,
            "reply_tokens": len(reply.tokens),
        }
        return Reply(text, probs, usage, finished=reply.finished)

    def _stops(self) -> frozenset[int]:
        configured = self._model.generation_config.eos_token_id
        several = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in [*several, self._tokenizer.eos_token_id] if token is not None)


def _digest(chat: Chat, encoded: Encoded) -> bytes:
    """Identity of all that the model reads: the tokens, and the video by content, frames and size."""
    seen = repr((chat.frames.sha256, chat.frames.indices, chat.frames.images.shape)) if chat.frames is not None else ""
    return hashlib.sha256(encoded.ids.numpy().tobytes() + seen.encode()).digest()
