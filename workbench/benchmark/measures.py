"""The four measurements, each taking turns between contenders, so that both meet the same other load on the machine."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from workbench.backends.base import Chat, Reply
from workbench.benchmark.arithmetic import Counter, Work, add
from workbench.benchmark.contenders import Request, Times, ours, plainly, timed
from workbench.benchmark.shape import Shape, text_of
from workbench.schema import Sampling
from workbench.video.frames import Frames

PLAIN_EACH_ROUND = 3  # plain judgments timed a round; their median stands for each of the others
MENU, SLOT = ("1", "2", "3", "4", "5"), "<score>"


class Measured(NamedTuple):
    """One ratio. `limit` is what it could reach at most, by arithmetic; `bar` what is aimed at."""

    key: str
    what: str
    ratio: float
    processor_ratio: float  # the same of processor seconds
    peer_seconds: float
    seconds: float
    limit: float
    details: dict[str, Any]


class Bench(NamedTuple):
    """A loaded judge, its frames by count, and the shape."""

    judge: Any
    frames: dict[int, Frames]
    shape: Shape
    say: Callable[[str], None]

    def chat(self, response: int, frames: int | None = None, **options: Any) -> Chat:
        tokenizer, shape = self.judge._tokenizer, self.shape
        instruction = text_of(tokenizer, shape.instruction_tokens, 0)
        text = f"{instruction}\n{text_of(tokenizer, shape.response_tokens, response + 1)}"
        return Chat("", self.frames[frames or shape.frames], text, **options)

    def greedy(self, tokens: int | None = None) -> Sampling:
        return Sampling(max_new_tokens=tokens or self.shape.reply_tokens)


def shared_prefix(bench: Bench, tokens: dict[int, list[int]]) -> Measured:
    """Every response at every temperature, against plain `generate` for each. `tokens` holds our last replies."""
    shape, judge = bench.shape, bench.judge
    samplings = [replace(bench.greedy(), temperature=one) for one in shape.temperatures]
    requests = [(bench.chat(number), sampling) for number in range(shape.responses) for sampling in samplings]
    us, peer = Times(), Times()
    greedy = {"replies": 0, "tokens": 0, "equal_tokens": 0}
    for turn in range(shape.rounds):
        replies = us.add(timed(lambda: ours(judge, requests), judge._model.device))
        for place in range(PLAIN_EACH_ROUND):
            number = (turn * PLAIN_EACH_ROUND + place) % len(requests)
            plain = peer.add(timed(lambda at=number: plainly(judge, requests[at]), judge._model.device))
            if not requests[number][1].temperature:
                _compare(greedy, plain[0], tokens[number])
    count, work = len(requests), Counter(judge._model)
    prompt, shared = replies[0].usage["prompt_tokens"], replies[0].usage["prompt_tokens"] - shape.response_tokens
    patches = 4 * replies[0].usage["video_tokens"]
    each = add(work.vision(patches), work.prefill(prompt), work.decode(shape.reply_tokens, prompt))
    once = add(
        work.vision(patches),
        work.prefill(shared),
        work.prefill(shape.response_tokens, shared).times(shape.responses),
        work.decode(shape.reply_tokens, prompt).times(count),
    )
    stages = _stages(replies)
    details = {
        "judgments": count,
        "prompt_tokens": prompt,
        "video_tokens": replies[0].usage["video_tokens"],
        "stage_seconds": stages,
        "tokens_per_second": count * shape.reply_tokens / us.median(),
        "peer_tokens_per_second": shape.reply_tokens / peer.median(),
        "operations": once._asdict(),
        "peer_operations": each.times(count)._asdict(),
        "operations_per_second": once.total / us.median(),
        "peer_operations_per_second": each.total / peer.median(),
        "prefill_operations_per_second": once.prefill / stages["prefill_seconds"],
        "greedy": greedy,
    }
    what = f"{shape.responses} responses x {len(samplings)} temperatures, replies of {shape.reply_tokens} tokens"
    return _measured("shared_prefix_ratio", what, us, peer, count, count, details)


def samples(bench: Bench) -> Measured:
    """Samples of one prompt, against one `generate` with num_return_sequences."""
    shape, judge = bench.shape, bench.judge
    sampling = replace(bench.greedy(), temperature=1.0)
    chat = bench.chat(0)
    requests = [(replace(chat, sample=number), sampling) for number in range(shape.samples)]
    us, peer = Times(), Times()
    for _ in range(shape.rounds):
        replies = us.add(timed(lambda: ours(judge, requests), judge._model.device))
        peer.add(timed(lambda: plainly(judge, (chat, sampling), shape.samples), judge._model.device))
    work, prompt = Counter(judge._model), replies[0].usage["prompt_tokens"]
    vision, decode = work.vision(4 * replies[0].usage["video_tokens"]), work.decode(shape.reply_tokens, prompt)
    theirs = add(vision, work.prefill(prompt).times(shape.samples), decode.times(shape.samples))
    limit = theirs.total / add(vision, work.prefill(prompt), decode.times(shape.samples)).total
    details = {"stage_seconds": _stages(replies), "tokens_per_second": shape.samples * shape.reply_tokens / us.median()}
    what = f"{shape.samples} samples against generate(num_return_sequences={shape.samples})"
    return _measured("samples_ratio", what, us, peer, 1, limit, details)


def score_only(bench: Bench) -> Measured:
    """Probabilities of the ratings without a reply, against plain replies as long as a reasoned verdict."""
    shape, judge = bench.shape, bench.judge
    chats = [bench.chat(number, menu=MENU, slot=SLOT, score_only=True) for number in range(shape.scored)]
    requests = [(chat, bench.greedy(shape.long_reply_tokens)) for chat in chats]
    us, peer = Times(), Times()
    for turn in range(shape.rounds):
        replies = us.add(timed(lambda: ours(judge, requests), judge._model.device))
        number = turn % len(requests)
        peer.add(timed(lambda at=number: plainly(judge, requests[at]), judge._model.device))
    work, prompt = Counter(judge._model), replies[0].usage["prompt_tokens"]
    vision, shared = work.vision(4 * replies[0].usage["video_tokens"]), prompt - shape.response_tokens
    theirs = add(vision, work.prefill(prompt), work.decode(shape.long_reply_tokens, prompt)).times(shape.scored)
    branches = work.prefill(shape.response_tokens, shared).times(shape.scored)
    limit = theirs.total / add(vision, work.prefill(shared), branches).total
    what = f"{shape.scored} responses without a reply against plain replies of {shape.long_reply_tokens} tokens"
    return _measured("score_only_ratio", what, us, peer, shape.scored, limit, {"stage_seconds": _stages(replies)})


def sweep(bench: Bench) -> Measured:
    """One judgment at every frame count, all decoded as one ragged batch, over the one with most frames alone."""
    shape, judge = bench.shape, bench.judge
    columns = [(bench.chat(0, frames=count), bench.greedy()) for count in shape.sweep]
    whole, alone = Times(), Times()
    for _ in range(shape.rounds):
        replies = whole.add(timed(lambda: ours(judge, columns), judge._model.device))
        alone.add(timed(lambda: ours(judge, columns[-1:]), judge._model.device))
    bound = sum(shape.sweep) / max(shape.sweep)
    what = f"a judgment at each of {', '.join(map(str, shape.sweep))} frames over {max(shape.sweep)} alone"
    return Measured(
        "sweep_ratio", what, whole.median() / alone.median(), whole.median("processor") / alone.median("processor"),
        alone.median(), whole.median(), bound, {"stage_seconds": _stages(replies)},
    )  # fmt: skip


def equality(bench: Bench, tokens: dict[int, list[int]]) -> dict[str, Any]:
    """Greedy replies and score-only verdicts of many responses: shares that are the same as the plain way's."""
    judge, responses = bench.judge, bench.shape.equal_responses
    requests = [(bench.chat(number), bench.greedy()) for number in range(responses)]
    ours(judge, requests)
    found = {"replies": 0, "tokens": 0, "equal_tokens": 0}
    for number, request in enumerate(requests):
        _compare(found, plainly(judge, request)[0], tokens[number])
    chats = [bench.chat(number, menu=MENU, slot=SLOT, score_only=True) for number in range(responses)]
    together = ours(judge, [(chat, bench.greedy()) for chat in chats])
    alone = [_plain_verdict(judge, chat) for chat in chats]
    same = sum(reply.text == verdict for reply, verdict in zip(together, alone, strict=True))
    return found | {"dtype": judge.identity["dtype"], "verdicts": responses, "equal_verdicts": same}


def _plain_verdict(judge: Any, chat: Chat) -> str:
    """The score-only verdict by the path that shares nothing."""
    shares, judge._shares = judge._shares, False
    try:
        (reply,) = ours(judge, [(chat, Sampling())])
    finally:
        judge._shares = shares
    return reply.text


def _compare(found: dict[str, int], plain: Sequence[int], shared: Sequence[int]) -> None:
    found["replies"] += 1
    found["tokens"] += len(plain)
    found["equal_tokens"] += sum(one == other for one, other in zip(plain, shared, strict=True))


def _stages(replies: Sequence[Reply]) -> dict[str, float]:
    """Seconds by stage of all replies together."""
    names = [name for name in replies[0].usage if name.endswith("_seconds")]
    return {name: round(sum(reply.usage[name] for reply in replies), 4) for name in names}


def _measured(
    key: str, what: str, us: Times, peer: Times, count: int, limit: float, details: dict[str, Any]
) -> Measured:
    ratios = [count * peer.median(kind) / us.median(kind) for kind in ("seconds", "processor")]
    return Measured(key, what, *ratios, count * peer.median(), us.median(), limit, details)


__all__ = ["Bench", "Measured", "Request", "Work", "equality", "samples", "score_only", "shared_prefix", "sweep"]
