"""Who is measured: plain `generate` for every judgment, `generate` with num_return_sequences, and this workbench."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple

from workbench.backends.base import Chat, Reply
from workbench.backends.encoding import encode_chats
from workbench.schema import Sampling

Request = tuple[Chat, Sampling]


class Timed(NamedTuple):
    """What came out, and the seconds: by the clock, and of the processor (which others' work on it does not lengthen)."""

    result: Any
    seconds: float
    processor: float


class Times:
    """Measurements of one thing."""

    def __init__(self):
        self.seconds: list[float] = []
        self.processor: list[float] = []

    def add(self, timed: Timed) -> Any:
        """Keeps the times, gives the result."""
        self.seconds.append(timed.seconds)
        self.processor.append(timed.processor)
        return timed.result

    def median(self, kind: str = "seconds") -> float:
        return median(getattr(self, kind))


def timed(call: Any, device: Any) -> Timed:
    """Run a call to its end, on the GPU too."""
    _wait(device)
    start, processor = time.perf_counter(), time.process_time()
    result = call()
    _wait(device)
    return Timed(result, time.perf_counter() - start, time.process_time() - processor)


def _wait(device: Any) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def plainly(judge: Any, request: Request, count: int = 1) -> list[list[int]]:
    """Replies of exactly max_new_tokens by transformers' `generate`, as tokens: preprocessing, vision, prefill and all.

    All is the library's own, but for the position ids, so that greedy replies can be compared token for token.
    """
    import torch

    from workbench.backends.decoding import to_model

    chat, sampling = request
    drawn = {"temperature": sampling.temperature, "top_k": 0} if sampling.temperature else {}
    with torch.inference_mode(), _library_alone(judge._model):
        batch = to_model(judge._model, encode_chats(judge._processor, [chat], judge._rule))
        found = judge._model.generate(
            **batch,
            **drawn,
            do_sample=bool(drawn),
            max_new_tokens=sampling.max_new_tokens,
            num_return_sequences=count,
            eos_token_id=None,
            pad_token_id=0,
            use_cache=True,
        )
    return found[:, batch["input_ids"].shape[1] :].tolist()


@contextmanager
def _library_alone(model: Any) -> Iterator[None]:
    """The library's preprocessing and attention, as if we had changed nothing."""
    from workbench.backends import cascade, encoding, windows

    names = (cascade.NAME, windows.NAME)
    configs = {id(config): config for config in (getattr(module, "config", None) for module in model.modules())}
    changed = [(one, one._attn_implementation) for one in configs.values() if one is not None]
    changed = [(config, name) for config, name in changed if name in names]
    makes_patches, encoding.makes_patches = encoding.makes_patches, lambda _: False
    for config, _ in changed:
        config._attn_implementation_internal = "sdpa"
    try:
        yield
    finally:
        encoding.makes_patches = makes_patches
        for config, name in changed:
            config._attn_implementation_internal = name


def ours(judge: Any, requests: Sequence[Request]) -> list[Reply]:
    """The workbench's replies, from frames on: nothing is known of the video beforehand."""
    judge._set_up()
    judge._videos.clear()
    replies = judge.generate([chat for chat, _ in requests], [sampling for _, sampling in requests])
    for reply in replies:
        if not isinstance(reply, Reply):
            raise reply
    return replies


@contextmanager
def exactly_as_long(judge: Any) -> Iterator[dict[int, list[int]]]:
    """Nothing but max_new_tokens ends a reply. Gives each reply's tokens by its number in the last call."""
    tokens: dict[int, list[int]] = {}
    whole, configured = judge._reply, judge._model.generation_config.eos_token_id

    def kept(job, reply, probs):
        tokens[job.number] = reply.tokens
        return whole(job, reply, probs)

    judge._reply, judge._stops = kept, frozenset
    judge._model.generation_config.eos_token_id = None
    try:
        yield tokens
    finally:
        del judge._reply, judge._stops
        judge._model.generation_config.eos_token_id = configured
