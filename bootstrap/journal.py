"""Every call of a run with its reply verbatim, in replies.jsonl: what a resumed run does not ask again.

A reply is on its way to the disk before the loop goes on with it. A run that was killed anywhere therefore replays what
it had and asks the rest, and comes to the same sets even where a model would not answer the same twice.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from bootstrap.chats import Task
from workbench.backends.base import Chat, Reply
from workbench.schema import Sampling, content_id, utc_now
from workbench.store import cut_broken_tail, read_lines


class Recorded(NamedTuple):
    """A reply that is in the journal, and when it came."""

    text: str
    created: str


class Spent(NamedTuple):
    """What a run has used, over all its starts."""

    calls: int = 0
    tokens: int = 0

    def plus(self, usage: Mapping[str, float]) -> "Spent":
        return Spent(self.calls + 1, self.tokens + int(usage.get("prompt_tokens", 0) + usage.get("reply_tokens", 0)))


class Journal:
    """The calls of one run. One process writes it, inside `run.writing()`."""

    def __init__(self, path: Path, finished_seeds: Collection[str]):
        """Replies of seeds that are finished are counted, not kept in memory."""
        cut_broken_tail(path)
        self.spent = Spent()
        self._known: dict[str, Recorded] = {}
        for line in read_lines(path):
            self.spent = self.spent.plus(line["usage"])
            if line["seed"] not in finished_seeds:
                self._known[line["key"]] = Recorded(line["reply"], line["created"])
        self._file: TextIO = path.open("a", encoding="utf-8")

    def find(self, key: str) -> Recorded | None:
        """The reply to a call that was made before."""
        return self._known.get(key)

    def add(self, key: str, seed: str, task: Task, round: int, prompt: str, reply: Reply) -> Recorded:
        """Write down a call that was answered."""
        recorded = Recorded(reply.text, utc_now())
        line: dict[str, Any] = {"key": key, "seed": seed, "task": task, "round": round, "prompt": prompt}
        line |= {"reply": reply.text, "finished": reply.finished, "usage": dict(reply.usage)}
        self._file.write(json.dumps({**line, "created": recorded.created}, allow_nan=False) + "\n")
        self._file.flush()
        self.spent = self.spent.plus(reply.usage)
        return recorded

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def call_key(identity: Mapping[str, Any], sampling: Sampling, chat: Chat) -> str:
    """What makes two calls the same: who is asked, how it samples, what it reads, and the sample index."""
    return content_id([dict(identity), sampling.to_dict(), chat.system, chat.text, chat.sample])
