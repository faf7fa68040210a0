"""A judge that answers by rules from a file, `scripted:<file>`: what tests, demos and CI use in a model's place.

view: none                  # optional: video (default), description, none
rules:                      # the first rule that fits answers
  - contains: red ball      # in the rendered text; `matches` takes a regular expression
    where: {instruction: colour, response: red, tags.source: demo}   # in the item's own fields
    reply: <score>4</score> # or a list: sample i of seed s gets the (s + i)-th, over and over
    probs: {"4": 0.8, "5": 0.2}
    delay_seconds: 0.5
  - fail: overloaded        # no condition: fits always; answers with a failure
"""

import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from workbench.backends.base import Chat, Declared, Reply, sampling_of_each
from workbench.backends.stopping import never, stopped
from workbench.errors import BackendError, InputError
from workbench.schema import DEFAULT_FRAMES, Item, Sampling, VideoPolicy, View, content_id

_FIELDS = ("instruction", "response", "reference", "description", "video")  # beside tags.<name>
_LONGEST_DELAY = 600.0


@dataclass(frozen=True)
class Rule:
    """One rule of a script; see the module's docstring. `response` in `where` fits when any of the responses does."""

    contains: str | None = None
    matches: str | None = None
    where: Mapping[str, str] | None = None
    reply: str | Sequence[str] | None = None
    probs: Mapping[str, float] | None = None
    delay_seconds: float = 0.0
    fail: str | None = None

    def __post_init__(self):
        if isinstance(self.reply, str):
            object.__setattr__(self, "reply", (self.reply,))
        for name in ("contains", "matches", "fail"):
            _expect(isinstance(getattr(self, name), str | None), name, getattr(self, name), "text")
        _expect(isinstance(self.delay_seconds, int | float), "delay_seconds", self.delay_seconds, "seconds")
        _expect(
            0 <= self.delay_seconds <= _LONGEST_DELAY, "delay_seconds", self.delay_seconds, f"0 to {_LONGEST_DELAY:g}"
        )
        _expect(
            (self.reply is None) != (self.fail is None),
            "reply and fail",
            (self.reply, self.fail),
            "exactly one of them",
        )
        _check_reply(self.reply)
        _check_regex(self.matches)
        _check_where(self.where)
        _check_probs(self.probs)

    def fits(self, chat: Chat) -> bool:
        """Whether every condition of the rule holds for a request."""
        if self.contains is not None and self.contains not in chat.text:
            return False
        if self.matches is not None and not re.search(self.matches, chat.text):
            return False
        return all(_field_holds(chat.item, name, text) for name, text in (self.where or {}).items())


@dataclass
class ScriptedBackend:
    """The judge of one script. The same request, seed and sample index get the same reply, however they are batched."""

    name: str
    rules: tuple[Rule, ...]
    identity: Mapping[str, Any]
    view: View = "video"
    sampling: Sampling = Sampling()
    video_policy: VideoPolicy = VideoPolicy(frames=DEFAULT_FRAMES)
    declared: Declared = Declared()
    stop_requested: Callable[[], bool] = never  # asked before every request

    def generate(self, chats: Sequence[Chat], sampling: Sampling | Sequence[Sampling]) -> list[Reply | BackendError]:
        """One reply for each chat, by the first rule that fits; a BackendError where that rule fails or none fits."""
        return [self._answer(chat, one) for chat, one in zip(chats, sampling_of_each(chats, sampling), strict=True)]

    def _answer(self, chat: Chat, sampling: Sampling) -> Reply | BackendError:
        if self.stop_requested():
            return stopped()
        rule = next((rule for rule in self.rules if rule.fits(chat)), None)
        if rule is None:
            return BackendError(
                f"{self.name}: no rule fits this request; end the script with a rule without conditions."
            )
        time.sleep(rule.delay_seconds)
        if rule.fail is not None or rule.reply is None:
            return BackendError(f"{self.name}: {rule.fail}")
        words = re.findall(r"\s*\S+\s*", rule.reply[(sampling.seed + chat.sample) % len(rule.reply)])
        kept = words[: sampling.max_new_tokens]  # a script's tokens are its words
        usage = {
            "prompt_tokens": len(chat.text.split()),
            "reply_tokens": len(kept),
            "generate_seconds": rule.delay_seconds,
        }
        return Reply("".join(kept), rule.probs, usage, finished=len(kept) == len(words))

    def close(self) -> None:
        """Nothing is held."""


def load_scripted(path: str) -> ScriptedBackend:
    """The judge of a script file, YAML or JSON. Raises InputError, with the rule's number, for what is no script."""
    script = _read(Path(path))
    unknown = sorted(set(map(str, script)) - {"rules", "view"})
    # Little of the file is quoted: it may be none of the reader's own, as where a page is served to others.
    _expect(not unknown, Path(path).name, "".join(unknown[:1])[:24], "the keys rules and view")
    view = script.get("view", "video")
    _expect(view in get_args(View), "view", view, f"one of {', '.join(get_args(View))}")
    rules = script.get("rules")
    _expect(isinstance(rules, list) and rules, "rules", rules, "a list with at least one rule")
    read = tuple(_rule(Path(path).name, number, rule) for number, rule in enumerate(rules, 1))
    return ScriptedBackend(f"scripted:{path}", read, {"backend": "scripted", "script": content_id(script)}, view)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        script = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        content_id(script)  # dates and numbers that are none have no place in a script
    except OSError as error:
        raise InputError(f"scripted: {path} cannot be read: {error.strerror}. Give the file with the rules.") from error
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        why = f"line {mark.line + 1}" if mark else str(error)[:80]
        raise InputError(f"{path.name}: got something that is no YAML or JSON of texts and numbers: {why}") from error
    _expect(isinstance(script, dict), path.name, type(script).__name__, "a mapping with the key rules")
    return script


def _rule(file: str, number: int, rule: Any) -> Rule:
    try:
        _expect(isinstance(rule, dict), "a rule", rule, f"a mapping with some of {', '.join(Rule.__annotations__)}")
        unknown = sorted(set(map(str, rule)) - set(Rule.__annotations__))
        _expect(not unknown, "the keys", ", ".join(unknown), f"some of {', '.join(Rule.__annotations__)}")
        return Rule(**rule)
    except InputError as error:
        raise InputError(f"{file}, rule {number}: {error}") from error


def _field_holds(item: Item | None, name: str, text: str) -> bool:
    if item is None:
        return False
    if name.startswith("tags."):
        return text in item.tags.get(name.removeprefix("tags."), "")
    if name == "response":
        return any(text in response for response in item.responses)
    if name == "video":
        return item.video is not None and text in (item.video.sha256, item.video.path)
    return text in (getattr(item, name) or "")


# -- checking a rule


def _expect(holds: Any, name: str, got: Any, expected: str) -> None:
    if not holds:
        raise InputError(f"{name}: got {got!r:.80}, expected {expected}.")


def _check_reply(reply: Any) -> None:
    if reply is not None:
        texts = isinstance(reply, list | tuple) and reply and all(isinstance(text, str) for text in reply)
        _expect(texts, "reply", reply, "text or a list of texts")


def _check_regex(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise InputError(f"matches: got {pattern!r}, expected a regular expression; {error}.") from error


def _check_where(where: Any) -> None:
    _expect(where is None or isinstance(where, dict), "where", where, "a mapping from the item's fields to text")
    for name, text in (where or {}).items():
        known = name in _FIELDS or str(name).startswith("tags.")
        _expect(known, "where", name, f"one of {', '.join(_FIELDS)} or tags.<name>")
        _expect(isinstance(text, str), f"where {name}", text, "text")


def _check_probs(probs: Any) -> None:
    _expect(probs is None or isinstance(probs, dict), "probs", probs, "a mapping from label to probability")
    for label, share in (probs or {}).items():
        fine = isinstance(label, str) and isinstance(share, int | float) and math.isfinite(share) and 0 <= share <= 1
        _expect(fine, "probs", {label: share}, 'labels in quotes with 0 to 1, such as "4": 0.8')
