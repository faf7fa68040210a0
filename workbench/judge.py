"""Judging itself: items and a backend in, one Judgment for each request out, failures as values.

A request is (item, order of its responses, sample index). Videos are decoded once for all their requests; whatever a
resumed run has already answered (`done`) is not asked again.
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Literal, NamedTuple

from workbench.backends.base import Backend, BackendError, Chat, Declared, Reply
from workbench.errors import InputError, VideoError
from workbench.prompts import Prompt, form_for, render
from workbench.replies import ReplyForm, Unparsed, Verdict, read_reply
from workbench.schema import Choice, Item, Judgment, Sampling, VideoPolicy, View, content_id
from workbench.suspicion import suspicions_of
from workbench.video import Frames, VideoLimits, sample_frames
from workbench.video.arrange import FrameOrder, arranged

Orders = Literal["both", "given"]
PairOutcome = Literal["A", "B", "tie", "inconsistent"]
BATCH_SIZE = 8  # requests, for judges that do not say how many they take at once
SCORE_ONLY = " (score only)"  # behind the name of a judge that does not write: another judge than the one that does
BATCH_FRAME_BYTES = 1 << 29  # decoded frames held at a time, more or less


class Request(NamedTuple):
    """One verdict to be asked for. `settings` is what, with item, judge, prompt and sample, makes the Judgment's key."""

    item: Item
    order: tuple[int, ...]
    sample: int
    settings: Mapping[str, Any]
    blank: Judgment  # what is known before asking; completed by `_answered` or `_unanswered`


class JudgePlan(NamedTuple):
    """What is to be asked of one judge: the settings that all its requests share."""

    backend: Backend
    prompt: Prompt
    sampling: Sampling
    policy: VideoPolicy
    view: View
    samples: int
    orders: Orders
    limits: VideoLimits | None
    score_only: bool = False
    frame_order: FrameOrder = "filmed"

    @property
    def judge(self) -> str:
        """The name that the verdicts go by."""
        return self.backend.name + SCORE_ONLY * self.score_only


def plan_judging(
    backend: Backend,
    prompt: Prompt,
    *,
    sampling: Sampling | None = None,
    policy: VideoPolicy | None = None,
    samples: int = 1,
    orders: Orders = "both",
    view: View | None = None,
    limits: VideoLimits | None = None,
    score_only: bool = False,
    frame_order: FrameOrder = "filmed",
) -> JudgePlan:
    """Settles what was left open with the judge's own defaults, and refuses what the judge says it cannot do.

    Frames in another order than `filmed` are a control: the seed of `sampling` shuffles them.

    Raises InputError when the checkpoint declares that it was not made for this prompt, scale or number of frames, or
    when it cannot tell probabilities without writing.
    """
    if score_only:
        check_scores_only(backend.name, getattr(backend, "scores_only", False))
    if score_only and samples > 1:
        raise InputError(f"samples: got {samples}, but without a reply nothing is drawn; ask for one.")
    if samples < 1:
        raise InputError(f"samples: got {samples}, expected at least 1.")
    plan = JudgePlan(backend, prompt, sampling or backend.sampling, policy or backend.video_policy,
                     view or backend.view, samples, orders, limits, score_only, frame_order)  # fmt: skip
    check_declared(backend.name, backend.declared, prompt, plan.policy, plan.view)
    return plan


def check_scores_only(name: str, able: bool) -> None:
    """Raises InputError for a judge that cannot tell probabilities without writing."""
    if not able:
        raise InputError(f"{name} cannot score without writing a reply; only models that run here can.")


def check_declared(name: str, declared: Declared, prompt: Prompt, policy: VideoPolicy, view: View) -> None:
    """Raises InputError when a judge of that name declares that it was not made for this prompt, scale or frames."""
    if declared.kinds and prompt.kind not in declared.kinds:
        raise InputError(f"{name} was not made for {prompt.kind} judging; it knows {', '.join(declared.kinds)}.")
    if declared.prompts and prompt.name not in declared.prompts:
        raise InputError(f"{name} was not made for the prompt {prompt.name!r}; it knows {', '.join(declared.prompts)}.")
    scale = (prompt.form.low, prompt.form.high)
    if declared.scale and "score" in prompt.form.tags and scale != declared.scale:
        got, known = "{} to {}".format(*scale), "{} to {}".format(*declared.scale)
        raise InputError(f"{name} was not made for a scale of {got}; it knows {known}.")
    frames = policy.frames or policy.max_frames or 0
    if declared.max_frames and view == "video" and frames > declared.max_frames:
        raise InputError(f"{name} was made for at most {declared.max_frames} frames, got {frames}; ask for fewer.")


def response_orders(item: Item, orders: Orders) -> list[tuple[int, ...]]:
    """The orders in which an item's responses are shown: as given, and reversed too when `orders` is "both"."""
    given = tuple(range(len(item.responses)))
    return [given, given[::-1]] if orders == "both" and len(given) > 1 else [given]


def requests_for(item: Item, plan: JudgePlan) -> Iterator[Request]:
    """Every request that one item makes under a plan."""
    video = plan.policy.to_dict() if plan.view == "video" and item.video else None
    id, suspicious = item.id, suspicions_of(item)
    for order in response_orders(item, plan.orders):
        settings = {
            "judge": dict(plan.backend.identity),
            "sampling": plan.sampling.to_dict(),
            "video": video,
            "view": plan.view,
            "order": list(order),
        }
        if plan.score_only:
            settings["score_only"] = True
        if video and plan.frame_order != "filmed":
            settings["frame_order"] = plan.frame_order
        for sample in range(plan.samples):
            blank = Judgment(item=id, judge=plan.judge, prompt=plan.prompt.id, status="skipped",
                             settings=settings, sample=sample, suspicious=suspicious)  # fmt: skip
            yield Request(item, order, sample, settings, blank)


def one_response_each(items: Iterable[Item]) -> Iterator[Item]:
    """Items for pointwise judging: an item with several responses becomes one item for each of them."""
    for item in items:
        yield from (replace(item, responses=(response,)) for response in item.responses)


def judge_items(
    items: Iterable[Item],
    backend: Backend,
    prompt: Prompt,
    *,
    done: Container[str] = frozenset(),
    batch_size: int | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
    **settings: Any,
) -> Iterator[Judgment]:
    """Judge items, yielding each Judgment as soon as it is there.

    Args:
        items: what to judge. An item whose number of responses does not fit the prompt is "skipped", with the reason.
        done: keys of judgments not to ask for again (`Run.done_keys()`).
        batch_size: requests handed to the backend at a time; by default what it takes at once.
        on_stage: told what is going on ("decoding clip.mp4", "judging 8 requests"), for progress.
        settings: sampling, policy, samples, orders, view, limits, score_only, frame_order, as `plan_judging` takes them.

    A video that cannot be read and a failure of the backend become judgments with status "failed" and the error.
    Raises InputError for a request that the judge declares it was not made for.
    """
    plan = plan_judging(backend, prompt, **settings)
    yield from judge_together(items, [plan], done=done, batch_size=batch_size, on_stage=on_stage)


def judge_together(
    items: Iterable[Item],
    plans: Sequence[JudgePlan],
    *,
    done: Container[str] = frozenset(),
    batch_size: int | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Iterator[Judgment]:
    """Judge items under several plans at once, as `judge_items` does under one: the temperatures of a sweep.

    The plans differ in their sampling and number of samples alone, so that one batch may hold requests of all of them.
    """
    plan = plans[0]
    asked = _chats(_by_video(_open_requests(items, plans, done)), plan, on_stage)
    for batch in _batches(asked, batch_size or getattr(plan.backend, "takes_at_once", BATCH_SIZE)):
        ready = [(request, chat) for request, chat in batch if isinstance(chat, Chat)]
        yield from (chat for _, chat in batch if isinstance(chat, Judgment))
        if ready:
            on_stage(f"judging {len(ready)} request{'s' * (len(ready) > 1)}")
            sampling = plan.sampling if len(plans) == 1 else [_sampling_of(request) for request, _ in ready]
            replies = plan.backend.generate([chat for _, chat in ready], sampling)
            for (request, chat), reply in zip(ready, replies, strict=True):
                yield _judgment(request, chat, reply, plan.prompt)


def _sampling_of(request: Request) -> Sampling:
    return Sampling.from_dict(request.settings["sampling"])


def _open_requests(items: Iterable[Item], plans: Sequence[JudgePlan], done: Container[str]) -> Iterator[Request]:
    seen: set[str] = set()
    for item in items:
        for request in chain.from_iterable(requests_for(item, plan) for plan in plans):
            key = request.blank.key
            if key not in seen and key not in done:
                seen.add(key)
                yield request


def _by_video(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Requests grouped by video, in order of first appearance; those without a video are one group."""
    groups: dict[str | None, list[Request]] = defaultdict(list)
    for request in requests:
        groups[request.item.video.sha256 if request.item.video else None].append(request)
    yield from groups.values()


def _chats(groups: Iterable[list[Request]], plan: JudgePlan, on_stage) -> Iterator[tuple[Request, Chat | Judgment]]:
    """Each request with its chat, or with the Judgment that says why there is none."""
    for group in groups:
        frames, seconds = None, 0.0
        if group[0].settings["video"]:
            try:
                started = time.perf_counter()
                frames = _load_frames([request.item for request in group], plan, on_stage)
                frames = arranged(frames, plan.frame_order, plan.sampling.seed)
                seconds = (time.perf_counter() - started) / len(group)
            except VideoError as error:
                yield from ((request, _unanswered(request, "failed", str(error))) for request in group)
                continue
        for request in group:
            yield _with_decode_seconds(request, seconds), _chat(request, plan, frames)


def _batches(asked: Iterable[tuple[Request, Chat | Judgment]], size: int) -> Iterator[list]:
    """Up to `size` requests at a time, fewer where their frames would fill the memory."""
    batch, held = [], {}
    for request, chat in asked:
        batch.append((request, chat))
        if isinstance(chat, Chat) and chat.frames is not None:
            held[id(chat.frames)] = chat.frames.images.nbytes
        if len(batch) == size or sum(held.values()) > BATCH_FRAME_BYTES:
            yield batch
            batch, held = [], {}
    if batch:
        yield batch


def _load_frames(items: list[Item], plan: JudgePlan, on_stage: Callable[[str], None]) -> Frames:
    """The frames of the one video that these items share, from the first of their paths that still leads to a file."""
    video = items[0].video
    paths = [item.video.path for item in items if item.video and item.video.path]
    if video is None or not paths:
        raise VideoError("The item names no video file, only its hash. Give the path where the file is.")
    path = next(filter(os.path.exists, paths), paths[0])
    on_stage(f"decoding {os.path.basename(path)}")
    frames = sample_frames(path, plan.policy, limits=plan.limits)
    if frames.sha256 != video.sha256:
        raise VideoError(
            f"{path}: got content {frames.sha256[:12]}, expected {video.sha256[:12]}; "
            "the file changed since the item was made. Make the item again or restore the file."
        )
    return frames


def _chat(request: Request, plan: JudgePlan, frames: Frames | None) -> Chat | Judgment:
    try:
        chat = render(
            plan.prompt, request.item, frames=frames, view=plan.view, order=request.order, sample=request.sample
        )
        return replace(chat, score_only=plan.score_only)
    except InputError as error:
        return _unanswered(request, "skipped", str(error))


def _with_decode_seconds(request: Request, seconds: float) -> Request:
    return request._replace(blank=replace(request.blank, usage={"decode_seconds": round(seconds, 4)}))


def _unanswered(request: Request, status: Literal["failed", "skipped"], error: str) -> Judgment:
    return replace(request.blank, status=status, error=error)


def _judgment(request: Request, chat: Chat, reply: Reply | BackendError, prompt: Prompt) -> Judgment:
    """The Judgment that a reply amounts to: scored, unparsed with the reason, or failed with the error."""
    frames = chat.frames.record() if chat.frames else None
    if isinstance(reply, BackendError):
        return replace(request.blank, status="failed", error=str(reply), frames=frames)
    usage = {**request.blank.usage, **reply.usage}
    answered = replace(request.blank, reply=reply.text, frames=frames, usage=usage)
    form = form_for(prompt, request.item)
    verdict = reply.verdict or read_reply(form, reply.text)
    if isinstance(verdict, Unparsed):
        cut = "" if reply.finished else " The reply was cut off at max_new_tokens."
        return replace(answered, status="unparsed", error=verdict.reason + cut)
    probs = _by_score(form, reply.probs)
    return replace(answered, status="scored", **_in_item_terms(verdict, probs, request.order))


def _by_score(form: ReplyForm, probs: Mapping[str, float] | None) -> Mapping[str, float] | None:
    """Probabilities by the score's number, also where the judge writes the level's word."""
    if not (probs and form.words):
        return probs
    return {str(score): probs[words] for score, words in form.labels.items() if words in probs}


def _in_item_terms(verdict: Verdict, probs: Mapping[str, float] | None, order: tuple[int, ...]) -> dict[str, Any]:
    """A verdict speaks of responses as shown; a Judgment of the item's own."""
    swapped = order == (1, 0)
    if probs and swapped:
        probs = {swap_choice(label): probability for label, probability in probs.items()}
    return {
        "score": verdict.score,
        "choice": swap_choice(verdict.choice) if swapped and verdict.choice else verdict.choice,
        "ranking": tuple(order[shown] for shown in verdict.ranking) if verdict.ranking else None,
        "criteria": verdict.criteria or None,
        "probs": probs,
        "rubric": verdict.rubric,
        "reasoning": verdict.reasoning,
    }


def swap_choice(choice: str) -> str:
    """A for B and B for A; a tie stays a tie."""
    return {"A": "B", "B": "A"}.get(choice, choice)


def pair_outcome(first: Judgment, second: Judgment) -> PairOutcome | None:
    """What a pair judged in both orders comes to. None unless both were scored.

    The two agree, or the outcome is "inconsistent": a preference that follows the position is none, and a tie against
    a preference is no agreement either.
    """
    if first.choice is None or second.choice is None:
        return None
    return first.choice if first.choice == second.choice else "inconsistent"


class PairVerdict(NamedTuple):
    """The judgments of one pair in both orders (or in one, when only one was asked), and what they come to."""

    judgments: tuple[Judgment, ...]
    outcome: PairOutcome | Choice | None


def pair_verdicts(judgments: Iterable[Judgment]) -> list[PairVerdict]:
    """Joins the two orders of each pair: same item, judge, prompt, sample and settings but for the order."""
    groups: dict[tuple, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        if len(judgment.settings.get("order", ())) == 2:
            rest = {name: value for name, value in judgment.settings.items() if name != "order"}
            groups[judgment.item, judgment.judge, judgment.prompt, judgment.sample, content_id(rest)].append(judgment)
    return [PairVerdict(tuple(group), _outcome(group)) for group in groups.values()]


def _outcome(group: list[Judgment]) -> PairOutcome | Choice | None:
    return pair_outcome(*group) if len(group) == 2 else group[0].choice
