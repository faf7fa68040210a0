"""A judge as the reward of a training: a function with TRL's signature, for models that answer questions about videos.

    from workbench.reward import judge_reward
    trainer = GRPOTrainer(model, reward_funcs=judge_reward("videojudge-7b-rubric", prompt="rubric"), ...)

The reward of a completion is the judge's rating of it, the mean under its own probabilities over the ratings where it tells
any (1 to 5 by default, higher is better); None where there is no verdict, never a number that was made up.
"""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.backends import load_backend
from workbench.backends.base import Backend
from workbench.errors import InputError
from workbench.export import expected_score
from workbench.judge import judge_together, plan_judging
from workbench.prompts import Prompt, load_prompt
from workbench.schema import Item, Judgment, Video
from workbench.video import sha256_of

Message = Mapping[str, Any]
Completion = str | Sequence[Message]


def judge_reward(
    judge: str = "embedded",
    *,
    prompt: str = "pointwise",
    score_only: bool = False,
    reference: bool = False,
    video: str = "video",
    **judge_options: Any,
) -> "JudgeReward":
    """A reward function by a judge, loaded at once.

    Args:
        judge: as `load_backend` takes it; `judge_options` (device, quantization, ...) go there too.
        prompt: one that rates a single response.
        score_only: have the judge tell its probabilities right away instead of reasoning first: many times faster, and
            another judge. `python -m workbench judge --score-only` measures how far the two agree.
        reference: show the judge the column `reference`, a correct answer; by default it does without.
        video: the column that holds the videos' paths; looked for where the judge looks at videos.

    Raises InputError for a prompt that rates no single response or that the judge was not made for, and what `load_backend`
    raises.
    """
    loaded = load_prompt(prompt, reference=reference)
    if loaded.kind != "pointwise":
        raise InputError(
            f"prompt: got {prompt!r}, which is for {loaded.kind} judging; expected one that rates a response."
        )
    return JudgeReward(load_backend(judge, **judge_options), loaded, score_only, video)


class JudgeReward:
    """Callable as TRL calls its reward functions; `__name__` is what it logs them by."""

    def __init__(self, backend: Backend, prompt: Prompt, score_only: bool = False, video: str = "video"):
        self.plan = plan_judging(backend, prompt, score_only=score_only)
        self.video = video
        self.__name__ = f"judge_{backend.name}"

    def __call__(
        self, prompts: Sequence[Completion], completions: Sequence[Completion], **columns: Any
    ) -> list[float | None]:
        """The rating of each completion, in order; None where the judge gave none.

        Of the data set's columns, each a list as long as `prompts`, these are read where they are there: the videos' (a path
        each, or a list of one), `instruction` (else the prompt's own text), `reference`, `description`. Completions that are
        equal, about the same video and instruction, are judged once. What TRL gives beside the columns is passed over, but for
        `log_metric`, which is told the share without a verdict.

        Raises InputError where there is no column of videos and the judge looks at videos.
        """
        if len(prompts) != len(completions):
            raise InputError(f"completions: got {len(completions)} for {len(prompts)} prompts, expected one each.")
        if self.plan.view == "video" and self.video not in columns:
            raise InputError(
                f"{self.video}: the data set has no such column; name the one with the videos' paths: video=..."
            )
        items = list(self._items(prompts, completions, columns))
        asked = {item.id: item for item in items if item is not None}
        judged = {judgment.item: judgment for judgment in judge_together(asked.values(), [self.plan])}
        rewards = [reward_of(judged[item.id]) if item is not None else None for item in items]
        self._tell(judged.values(), rewards, columns.get("log_metric"))
        return rewards

    def _items(
        self, prompts: Sequence[Completion], completions: Sequence[Completion], columns: Mapping[str, Any]
    ) -> Iterator[Item | None]:
        """What each row asks of the judge; None for a completion without text, which no judge can rate."""
        for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            text = completion_text(completion).strip()
            given = {
                name: columns[name][row] for name in ("instruction", "reference", "description") if name in columns
            }
            instruction = given.get("instruction") or instruction_text(prompt)
            video = _video(columns[self.video][row]) if self.plan.view == "video" else None
            reference, description = given.get("reference") or None, given.get("description") or None
            yield Item(video, instruction, (text,), reference, description) if text else None

    def _tell(self, judgments: Any, rewards: Sequence[float | None], log_metric: Any) -> None:
        missing = sum(reward is None for reward in rewards)
        if log_metric and rewards:
            log_metric(f"{self.__name__}/without_verdict", missing / len(rewards))
        for error in sorted({str(one.error) for one in judgments if one.status == "failed"}):
            warnings.warn(f"{self.__name__}: {error}", RuntimeWarning, stacklevel=3)


def reward_of(judgment: Judgment) -> float | None:
    """The number that a verdict comes to; None for what is no verdict."""
    if judgment.status != "scored":
        return None
    expected = expected_score(judgment)
    return judgment.score if expected is None else expected


def completion_text(completion: Completion) -> str:
    """What the model wrote: the text itself, or that of the last message."""
    if isinstance(completion, str):
        return completion
    return _message_text(completion[-1]) if completion else ""


def instruction_text(prompt: Completion) -> str:
    """What was asked: the prompt, or the text of its last message by the user."""
    if isinstance(prompt, str):
        return prompt
    asked = [message for message in prompt if message.get("role") == "user"]
    if not asked:
        raise InputError("prompts: got a conversation without a message by the user; give a column `instruction`.")
    return _message_text(asked[-1])


def _message_text(message: Message) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def _video(value: Any) -> Video:
    """The video of a row: a path, or a list of one. Raises InputError for anything else, and for no file."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if not isinstance(value, (str, os.PathLike)):
        raise InputError(f"video: got {value!r:.80}, expected a path, or a list of one.")
    path = Path(value).expanduser()
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(
            f"video: {path} cannot be read ({error.strerror}); correct the column, or where it starts."
        ) from error
    return Video(_hash(str(path), stat.st_mtime_ns, stat.st_size), str(path))


@lru_cache(maxsize=10_000)
def _hash(path: str, modified: int, size: int) -> str:
    """The content's hash; a file comes up in every epoch."""
    return sha256_of(path)
