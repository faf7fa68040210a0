"""A generator and an evaluator that know the procedural world, with faults that can be set: the loop without a model.

    generator  world:miss=0.2                   a response misses the rating it is written for, with this probability
    evaluator  world:noise=0.1,bias@3=+1        a rating is one off with probability 0.1; what truly is a 3 gets +1
               world:bias@2=0.5,bias@3=-1.5     a fraction is a probability: +1 in half of the cases; -1 or -2 evenly

Both reply with the JSON that a model is asked for, and are read by the same reader. The generator believes what it is
told: given one too many, it writes a response that is truly one lower than the one it is to replace, so a biased
evaluator pulls its responses off their ratings, as it would a model's. Neither reads the prompts; they know the truth
of the seed that the Chat carries. What they draw depends on the run's seed, the prompt and the round alone.
"""

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.chats import TARGETS
from bootstrap.world_truth import repertoire, true_rating
from workbench.backends.base import Chat, Declared, Reply
from workbench.backends.sampling import draws_for
from workbench.errors import BackendError, InputError
from workbench.schema import DEFAULT_FRAMES, Item, Sampling, VideoPolicy, View

LOW, HIGH = min(TARGETS), max(TARGETS)
OPTION = re.compile(r"(?P<name>[a-z]+)(?:@(?P<rating>[1-5]))?=(?P<value>[+-]?\d+(?:\.\d+)?)")


@dataclass
class _WorldParticipant:
    """What both share: a Backend that answers each chat by itself, from its seed."""

    name: str
    identity: Mapping[str, Any]
    view: View = "description"
    sampling: Sampling = Sampling()
    video_policy: VideoPolicy = VideoPolicy(frames=DEFAULT_FRAMES)
    declared: Declared = Declared()

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply | BackendError]:
        """One reply for each chat; a BackendError where its seed is not from a world."""
        return [self._answer(chat, sampling) for chat in chats]

    def _answer(self, chat: Chat, sampling: Sampling) -> Reply | BackendError:
        draws = draws_for(sampling.seed, chat.sample, chat.text.encode())
        try:
            text = json.dumps(self.reply(chat.item, draws), indent=1)
        except InputError as error:
            return BackendError(f"{self.name}: {error}")
        usage = {"prompt_tokens": len(chat.text.split()), "reply_tokens": len(text.split())}  # its tokens are words
        return Reply(text, usage=usage)

    def reply(self, item: Item, draws: random.Random) -> dict[str, Any]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class WorldGenerator(_WorldParticipant):
    """Writes responses of a known true rating, and misses the one it aims at with probability `miss`."""

    miss: float = 0.0

    def reply(self, item: Item, draws: random.Random) -> dict[str, Any]:
        """The responses that "generate" or "regenerate" asks for."""
        if item.tags["task"] == "generate":
            return {f"rating_{target}": self._write(item, target, draws) for target in TARGETS}
        intended, given = (map(int, item.tags[name].split(",")) for name in ("intended", "given"))
        return {
            f"rating_{target}": self._rewrite(item, text, target, rated, draws)
            for text, target, rated in zip(item.responses, intended, given, strict=True)
        }

    def _rewrite(self, item: Item, text: str, target: int, rated: int, draws: random.Random) -> str:
        """Another response, better or worse than this one by as much as the evaluator found missing."""
        level = true_rating(item, text) or target
        return self._write(item, min(max(level - (rated - target), LOW), HIGH), draws, other_than=text)

    def _write(self, item: Item, level: int, draws: random.Random, other_than: str | None = None) -> str:
        if draws.random() < self.miss:
            level = draws.choice([near for near in (level - 1, level + 1) if LOW <= near <= HIGH])
        texts = repertoire(item).by_rating[level]
        return draws.choice([text for text in texts if text != other_than] or texts)


@dataclass
class WorldEvaluator(_WorldParticipant):
    """Rates by the truth, then errs: first by the bias at the true rating, then by noise."""

    noise: float = 0.0
    bias: Mapping[int, float] = field(default_factory=dict)  # true rating: shift

    def reply(self, item: Item, draws: random.Random) -> dict[str, Any]:
        """The ratings that "evaluate" asks for; a response that is none of the world's gets none."""
        return {f"response_{number}": self._rate(item, text, draws) for number, text in enumerate(item.responses, 1)}

    def _rate(self, item: Item, text: str, draws: random.Random) -> dict[str, Any]:
        true = true_rating(item, text)
        if true is None:
            return {"reasoning": "This is not a response of the world, so its truth is not known.", "rating": None}
        shift = self.bias.get(true, 0.0)
        given = true + math.floor(shift) + (draws.random() < shift - math.floor(shift))
        given = min(max(given, LOW), HIGH)
        if draws.random() < self.noise:
            given = draws.choice([near for near in (given - 1, given + 1) if LOW <= near <= HIGH])
        return {"reasoning": _reasoning(5 - given), "rating": given}


def load_world_generator(spec: str) -> WorldGenerator:
    """The generator of a spec such as "world:miss=0.2". Raises InputError for options that it does not have."""
    options = _options(spec, {"miss": None})
    miss = _share(spec, "miss", options.get(("miss", None), 0.0))
    return WorldGenerator(spec, {"backend": "world", "role": "generator", "miss": miss}, miss=miss)


def load_world_evaluator(spec: str) -> WorldEvaluator:
    """The evaluator of a spec such as "world:noise=0.1,bias@3=+1". Raises InputError as above."""
    options = _options(spec, {"noise": None, "bias": "rating"})
    noise = _share(spec, "noise", options.get(("noise", None), 0.0))
    bias = {rating: value for (name, rating), value in sorted(options.items(), key=str) if rating is not None}
    shown = {str(rating): value for rating, value in bias.items()}
    identity = {"backend": "world", "role": "evaluator", "noise": noise, "bias": shown}
    return WorldEvaluator(spec, identity, noise=noise, bias=bias)


def _options(spec: str, known: Mapping[str, str | None]) -> dict[tuple[str, int | None], float]:
    """The options of a spec by (name, rating after @)."""
    forms = [f"{name}@<rating>=<shift>" if at else f"{name}=<0 to 1>" for name, at in known.items()]
    found: dict[tuple[str, int | None], float] = {}
    for part in filter(None, spec.partition(":")[2].split(",")):
        match = OPTION.fullmatch(part.strip())
        key = (match["name"], int(match["rating"]) if match["rating"] else None) if match else None
        if match is None or match["name"] not in known or bool(match["rating"]) != bool(known[match["name"]]):
            raise InputError(f"{spec}: got the option {part!r}, expected some of {', '.join(forms)}.")
        if key in found:
            raise InputError(f"{spec}: got {part.partition('=')[0]} twice, expected it once.")
        found[key] = float(match["value"])
    return found


def _share(spec: str, name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise InputError(f"{spec}: got {name}={value:g}, expected 0 to 1.")
    return value


def _reasoning(wrong: int) -> str:
    if wrong >= 4:
        return "Hardly anything of what it says fits the description."
    return f"{('One thing', 'Two things', 'Three things')[wrong - 1]} in it do{'es' * (wrong == 1)} not fit the description."
