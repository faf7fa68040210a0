"""A judge that runs in this process: chats in, replies out, planned so that what they share is computed once."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from workbench.backends import cascade, fused, windows
from workbench.backends.base import Chat, Reply, sampling_of_each
from workbench.backends.encoding import Encoded, encode_chat
from workbench.backends.jobs import Job, digest, finish, fitting, forget, plan_jobs, prefill_nodes
from workbench.backends.judge_file import JudgeFile
from workbench.backends.positions import RopeRule
from workbench.backends.presets import default_policy, preset_for
from workbench.backends.resources import Clock, fitting_threads, free_memory, is_out_of_memory
from workbench.backends.slots import Forced, closing, force_slot
from workbench.backends.stopping import never, stopped
from workbench.backends.video_cache import VideoCache, frames_key, without_pixels
from workbench.errors import BackendError
from workbench.schema import Sampling, View

GREEDY = Sampling()
NO_SLOT = "Without a reply only one choice from a menu can be told; this prompt's verdict is none. Let the judge write."


def numbers_by_itself(network: Any) -> bool:
    """Whether the architecture has three-row positions, by a rule that only the library knows."""
    return hasattr(getattr(network, "model", None), "get_rope_index")


class Logs(NamedTuple):
    """Log-probabilities float [vocabulary] of what follows a prompt, and what it took."""

    logs: Any
    usage: Mapping[str, float]


class LocalBackend:
    """A model in this process. One call of `generate` runs at a time; others wait."""

    scores_only = True  # takes chats with `score_only`
    takes_at_once = 64  # requests that are worth waiting for: those about one video share its prefill

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
        preset = preset_for(hub_id) if hub_id else None
        as_published = preset is not None and judge_file == JudgeFile() and "adapter" not in identity
        self.declared = preset.declared if preset and as_published else judge_file.declared
        self.warning, self._opens = judge_file.warning, judge_file.opens_replies
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
        self._videos: VideoCache | None = None
        self._shares = False  # whether the architecture can share beginnings; known when it is first used
        self._lock = threading.Lock()

    def generate(self, chats: Sequence[Chat], sampling: Sampling | Sequence[Sampling]) -> list[Reply | BackendError]:
        """A Reply for each chat, in order, or the BackendError that kept it from one.

        Chats are planned together: each video is looked at once, each distinct beginning of prompts is prefilled once,
        and all replies that fit into memory are decoded as one batch, whatever the sampling of each.
        """
        import torch

        with self._lock, torch.inference_mode(), fitting_threads(self._model):
            if self._model is None:
                raise BackendError(f"{self.name} is closed; load it again.")
            if self.stop_requested():
                return [stopped() for _ in chats]
            self._set_up()
            each = list(zip(chats, sampling_of_each(chats, sampling), strict=True))
            written = iter(self._write([(chat, one) for chat, one in each if not chat.score_only]))
            scored = iter(self._score([chat for chat in chats if chat.score_only]))
            return [next(scored if chat.score_only else written) for chat in chats]

    def _write(self, each: Sequence[tuple[Chat, Sampling]]) -> list[Reply | BackendError]:
        """Replies that the judge writes."""
        clock = Clock(self._model.device)
        with clock.stage("encode_seconds"):
            encoded = self._encode_all(each)
        jobs = [job for job in encoded if isinstance(job, Job)]
        answers = self._answer(plan_jobs(jobs) if self._shares else jobs)
        results = [answers[job.number] if isinstance(job, Job) else job for job in encoded]
        return _with_usage(results, clock, len(jobs))

    def _score(self, chats: Sequence[Chat]) -> list[Reply | BackendError]:
        """Verdicts without a written reply: the menu's probabilities right at its beginning."""
        clock, jobs = Clock(self._model.device), []
        asked: list[tuple[Forced, range] | BackendError] = []
        with clock.stage("encode_seconds"):
            for chat in chats:
                forced = force_slot(self._tokenizer, chat.slot, chat.menu)
                encoded = self._encode(chat) if forced else BackendError(NO_SLOT)
                if isinstance(encoded, BackendError):
                    asked.append(encoded)
                    continue
                first = len(jobs)
                for reading in forced.readings():
                    whole = encoded.then(reading)
                    jobs.append(Job(len(jobs), chat, GREEDY, whole, digest(chat, whole), 0))
                asked.append((forced, range(first, len(jobs))))
        answers = self._answer(plan_jobs(jobs) if self._shares else jobs)
        results = [one if isinstance(one, BackendError) else self._scored(*one, jobs, answers) for one in asked]
        return _with_usage(results, clock, len(chats))

    def _scored(
        self, forced: Forced, numbers: range, jobs: Sequence[Job], answers: Mapping[int, Any]
    ) -> Reply | BackendError:
        for number in numbers:
            if isinstance(answers[number], BackendError):
                return answers[number]
        chat, encoded = jobs[numbers[0]].chat, jobs[numbers[0]].encoded
        logs = {reading: answers[number].logs for reading, number in zip(forced.readings(), numbers, strict=True)}
        if not all(after.amax().isfinite() for after in logs.values()):
            return self._not_finite()
        probs = forced.probabilities(logs)
        label = max(probs, key=probs.__getitem__)
        usage = {"prompt_tokens": len(encoded), "video_tokens": encoded.video_tokens, "reply_tokens": 0}
        usage |= answers[numbers[0]].usage
        return Reply(f"{chat.slot}{label}{closing(chat.slot)}", probs, usage)

    def _set_up(self) -> None:
        if self._videos is None or not self._videos.is_of(self._model):
            self._videos = VideoCache(self._model, self._processor)
            self._shares = cascade.install(self._model)
            windows.install(self._model)

    def move(self, device: str) -> None:
        """Move the model to a device; it goes on from there."""
        with self._lock:
            self._model.to(device)
            self._videos = None
            self.report = {**self.report, "device": device}

    def close(self) -> None:
        """Free the model's memory."""
        with self._lock:
            if self._model is not None:
                fused.forget(self._model)
            self._model = self._processor = self._tokenizer = self._videos = None
        free_memory()

    def _answer(self, jobs: Sequence[Job]) -> dict[int, Reply | BackendError]:
        """The answer to each job by its number, in micro-batches; when memory runs out, in ones of half the size."""
        answers: dict[int, Reply | BackendError] = {}
        while jobs:
            if self.stop_requested():
                return answers | {job.number: stopped() for job in jobs}
            batch = jobs[: fitting(jobs, self.batch_size, self._model)]
            message = self._try(batch, answers)
            if message is None:
                finish(batch)
                jobs = jobs[len(batch) :]
                continue
            forget(jobs)
            self._videos.clear()
            free_memory()
            if len(batch) > 1:
                self.batch_size = (len(batch) + 1) // 2
            else:
                answers[batch[0].number] = self._too_large(batch[0].chat, message)
                finish(batch)
                jobs = jobs[1:]
        return answers

    def _try(self, batch: Sequence[Job], answers: dict[int, Reply | BackendError]) -> str | None:
        """Answer a micro-batch; or what it was that said that memory ran out."""
        try:
            answers |= self._answer_together(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return str(error).splitlines()[0] if str(error) else type(error).__name__
        return None

    def _too_large(self, chat: Chat, message: str) -> BackendError:
        seen = ""
        if chat.frames is not None:
            count, height, width, _ = chat.frames.images.shape
            seen = f"{count} frames of {width}x{height} and "
        return BackendError(
            f"Out of memory on {self._model.device} with {seen}{len(chat.text)} characters of text, "
            f"alone in its batch. Use fewer or smaller frames, quantization, or a smaller judge. ({message[:200]})"
        )

    def _answer_together(self, jobs: Sequence[Job]) -> dict[int, Reply | BackendError]:
        clock = Clock(self._model.device)
        if jobs[0].max_new_tokens == 0:
            return self._logs(jobs, clock)
        batches = self._shared_batch(jobs, clock) if self._shares else self._plain_batches(jobs, clock)
        answers = {
            job.number: reply
            for some, batch in batches
            for job, reply in zip(some, self._decode(some, batch, clock), strict=True)
        }
        return dict(zip(answers, _with_usage(answers.values(), clock, len(jobs)), strict=True))

    def _logs(self, jobs: Sequence[Job], clock: Clock) -> dict[int, Any]:
        """What comes after each prompt, from one forward pass: no reply is written."""
        if self._shares:
            prefill_nodes(self._model, jobs, self._videos, clock)
            logits = {job.number: job.node.logits for job in jobs}
        else:
            prefixes = self._plain_prefixes(jobs, clock)
            logits = {job.number: prefixes[job.prompt].logits for job in jobs}
        usage = {stage: round(seconds / len(jobs), 4) for stage, seconds in clock.seconds.items()}
        return {number: Logs(one[0].float().log_softmax(dim=-1).cpu(), usage) for number, one in logits.items()}

    def _encode_all(self, each: Sequence[tuple[Chat, Sampling]]) -> list[Job | BackendError]:
        """Each chat as a job; those that differ in sample or sampling alone are encoded once."""
        seen: dict[Any, Encoded | BackendError] = {}
        encoded: list[Job | BackendError] = []
        for number, (chat, one) in enumerate(each):
            opening = self._opening(chat)
            key = (chat.frames and frames_key(chat.frames), chat.system, chat.text, opening)
            if key not in seen:
                seen[key] = self._encode(chat, opening)
            found = seen[key]
            if isinstance(found, BackendError):
                encoded.append(found)
            else:
                room = min(one.max_new_tokens, self._context() - len(found))
                encoded.append(Job(number, chat, one, found, digest(chat, found), room, opening))
        return encoded

    def _opening(self, chat: Chat) -> tuple[int, ...]:
        """The tokens by which the reply is begun: the form's first tag, up to its ">", which may be one token with what
        follows."""
        if not self._opens or not chat.opening:
            return ()
        begun = chat.opening.removesuffix(">")
        return tuple(self._tokenizer(begun, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def _encode(self, chat: Chat, opening: Sequence[int] = ()) -> Encoded | BackendError:
        try:
            if chat.frames is not None and self.view != "video":
                raise BackendError(f"{self.name} reads text only; judge with view 'description' or 'none'.")
            video = without_pixels(self._videos.inputs(chat.frames)) if chat.frames is not None else None
            encoded = encode_chat(self._processor, chat, self._rule, video=video)
            if self._rule is None and video is not None and numbers_by_itself(self._model):
                encoded = replace(encoded, positions=self._library_positions(encoded))
            encoded = encoded.then(opening) if opening else encoded
            self._check_room(encoded)
        except BackendError as error:
            return error
        return encoded

    def _context(self) -> int:
        """How many tokens a prompt and its reply may have together."""
        return getattr(self._model.config.get_text_config(), "max_position_embeddings", None) or 10**9

    def _check_room(self, encoded: Encoded) -> None:
        """Raises BackendError when a prompt leaves no room for a reply within the model's context."""
        if len(encoded) >= self._context():
            raise BackendError(
                f"The prompt is too long for {self.name}: {len(encoded)} tokens, {encoded.video_tokens} of them video, "
                f"and the model takes {self._context()} with the reply. Use fewer or smaller frames, or shorter text."
            )

    def _library_positions(self, encoded: Encoded) -> Any:
        """Prompt positions by the model's own code, for architectures whose rule is not known here."""
        inputs = {name: tensor for name, tensor in encoded.vision.items() if "grid" in name}
        positions, _ = self._model.model.get_rope_index(
            encoded.ids.unsqueeze(0), mm_token_type_ids=encoded.types.unsqueeze(0), **inputs
        )
        return positions[:, 0]

    def _shared_batch(self, jobs: Sequence[Job], clock: Clock) -> Iterator[tuple[Sequence[Job], Any]]:
        """All jobs as one batch over shared segments; what of these is missing is prefilled."""
        from workbench.backends import sharing

        prefill_nodes(self._model, jobs, self._videos, clock)
        with clock.stage("generate_seconds"):
            requests = [self._request(job, sharing.shared_prefix(job.node.path, job.encoded)) for job in jobs]
            batch = sharing.SharedBatch(self._model, requests)
        yield jobs, batch

    def _plain_batches(self, jobs: Sequence[Job], clock: Clock) -> Iterator[tuple[Sequence[Job], Any]]:
        """Batches that copy the cache: one of all jobs where caches can be joined, else one of each."""
        from workbench.backends import decoding

        prefixes = self._plain_prefixes(jobs, clock)
        together = decoding.can_batch(prefixes[jobs[0].prompt])
        for some in [jobs] if together else [[job] for job in jobs]:
            with clock.stage("generate_seconds"):
                requests = [self._request(job, prefixes[job.prompt]) for job in some]
                batch = decoding.Batch(self._model, requests)
            yield some, batch

    def _plain_prefixes(self, jobs: Sequence[Job], clock: Clock) -> dict[bytes, Any]:
        from workbench.backends import decoding

        prefixes: dict[bytes, Any] = {}
        for job in jobs:
            if job.prompt in prefixes:  # another sample of the same prompt
                continue
            with clock.stage("vision_seconds"):
                vision = self._videos.features(job.chat.frames) if job.chat.frames is not None else {}
            with clock.stage("prefill_seconds"):
                prefixes[job.prompt] = decoding.prefill(self._model, job.encoded, vision)
        return prefixes

    def _request(self, job: Job, prefix: Any) -> Any:
        from workbench.backends.decoding import Request
        from workbench.backends.sampling import draws_for

        return Request(prefix, draws_for(job.sampling.seed, job.chat.sample, job.prompt), job.max_new_tokens)

    def _decode(self, jobs: Sequence[Job], batch: Any, clock: Clock) -> Iterator[Reply | BackendError]:
        from workbench.backends.slots import find_slot, slot_probabilities

        with clock.stage("generate_seconds"):
            replies = batch.decode([job.sampling for job in jobs], self._stops(), self.stop_requested)
        with clock.stage("probability_seconds"):
            slots = [
                find_slot(self._tokenizer, reply.tokens, job.chat.slot, job.chat.menu, job.opening)
                if batch.can_continue
                else None
                for job, reply in zip(jobs, replies, strict=True)
            ]
            probabilities = slot_probabilities(batch, slots)
        for job, reply, probs in zip(jobs, replies, probabilities, strict=True):
            yield self._reply(job, reply, probs)

    def _reply(self, job: Job, reply: Any, probs: Mapping[str, float] | None) -> Reply | BackendError:
        if reply.broken:
            return self._not_finite()
        if not reply.finished and len(reply.tokens) < job.max_new_tokens:
            return stopped()
        written = [*job.opening, *reply.tokens]
        text = self._tokenizer.decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        usage = {
            "prompt_tokens": len(job.encoded),
            "video_tokens": job.encoded.video_tokens,
            "reply_tokens": len(reply.tokens),
        }
        return Reply(text, probs, usage, finished=reply.finished)

    def _not_finite(self) -> BackendError:
        return BackendError(
            f"{self.name} computed numbers that are not finite in {self.identity['dtype']}; "
            "load it with dtype='bfloat16' or 'float32'."
        )

    def _stops(self) -> frozenset[int]:
        configured = self._model.generation_config.eos_token_id
        several = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in [*several, self._tokenizer.eos_token_id] if token is not None)


def _with_usage(results: Iterable[Any], clock: Clock, count: int) -> list[Any]:
    """Replies with an even share of what `count` of them took together; errors as they are."""
    usage = {stage: round(seconds / max(1, count), 4) for stage, seconds in clock.seconds.items()}
    return [one._replace(usage={**one.usage, **usage}) if isinstance(one, Reply) else one for one in results]
