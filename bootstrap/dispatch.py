"""Many conversations at once: what they ask is gathered by participant, answered in threads or batches, and sent back.

A model in this process answers one batch at a time, as large as there are conversations under way; a participant that
waits for others (a server), or is plain Python, answers single calls in parallel threads. All bookkeeping happens in
the caller's thread; only `Backend.generate` runs in others.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import NamedTuple

from bootstrap.chats import Role, Task
from bootstrap.journal import Journal, call_key
from bootstrap.loop import Ask, Conversation, Transcript
from workbench.backends.base import Backend, Reply
from workbench.errors import BackendError
from workbench.schema import Item, Sampling

PARALLEL_FAMILIES = ("server", "scripted", "world")  # specs of these may be called from several threads


class Participant(NamedTuple):
    """A generator or evaluator, and how it samples."""

    backend: Backend
    sampling: Sampling


@dataclass
class Talk:
    """A conversation under way. `created` tells when each of its calls was answered."""

    seed: Item
    conversation: Conversation
    created: dict[tuple[Task, int], str] = field(default_factory=dict)


class Finished(NamedTuple):
    """A conversation that has ended, with its transcript or with the error that ended it."""

    talk: Talk
    result: Transcript | BackendError


class _Call(NamedTuple):
    talk: Talk
    ask: Ask
    key: str


@dataclass
class _Lane:
    """The calls that wait for one backend, and those it works on. The roles may share a backend, hence a lane."""

    backend: Backend
    batch: int
    parallel: int
    waiting: deque = field(default_factory=deque)
    busy: int = 0


def converse(
    talks: Iterator[Talk],
    participants: Mapping[Role, Participant],
    journal: Journal,
    room: Callable[[int], int],
    concurrency: int,
) -> Iterator[Finished]:
    """Hold up to `concurrency` conversations at a time, yielding each when it ends.

    `room` tells how many more calls may be made, given those under way; when it says none, what is under way is
    finished and the conversations that still have something to ask are left as they are (their calls are in the
    journal).
    """
    dispatcher = _Dispatcher(participants, journal, room, concurrency)
    try:
        yield from dispatcher.run(talks)
    finally:
        dispatcher.pool.shutdown(wait=False, cancel_futures=True)


class _Dispatcher:
    def __init__(self, participants, journal: Journal, room: Callable[[int], int], concurrency: int):
        self.participants, self.journal, self.room, self.concurrency = participants, journal, room, concurrency
        lanes = {id(one.backend): _lane(one.backend, concurrency) for one in participants.values()}
        self.lanes = {role: lanes[id(one.backend)] for role, one in participants.items()}
        self.pool = ThreadPoolExecutor(max_workers=max(2, concurrency))
        self.under_way: dict[Future, list[_Call]] = {}
        self.open = 0  # conversations that have begun and not ended

    def run(self, talks: Iterator[Talk]) -> Iterator[Finished]:
        while True:
            yield from self._begin(talks)
            self._submit()
            if not self.under_way:
                return
            done, _ = wait(self.under_way, return_when=FIRST_COMPLETED)
            for future in done:
                yield from self._answer(future)

    def _begin(self, talks: Iterator[Talk]) -> Iterator[Finished]:
        while self.open < self.concurrency:  # also where no call may be made: the journal may answer all of it
            talk = next(talks, None)
            if talk is None:
                return
            self.open += 1
            yield from self._go_on(talk, None)

    def _go_on(self, talk: Talk, text: str | None) -> Iterator[Finished]:
        """Send a reply into the conversation, and further ones while the journal knows them."""
        try:
            ask = talk.conversation.send(text)  # None starts it
            while recorded := self.journal.find(key := self._key(ask)):
                talk.created[ask.task, ask.round] = recorded.created
                ask = talk.conversation.send(recorded.text)
        except StopIteration as end:
            self.open -= 1
            yield Finished(talk, end.value)
            return
        self.lanes[ask.role].waiting.append(_Call(talk, ask, key))

    def _key(self, ask: Ask) -> str:
        backend, sampling = self.participants[ask.role]
        return call_key(backend.identity, sampling, ask.chat)

    def _calls(self) -> int:
        return sum(map(len, self.under_way.values()))

    def _submit(self) -> None:
        """Hand waiting calls to every backend that has a place free."""
        for lane in {id(lane): lane for lane in self.lanes.values()}.values():
            while lane.waiting and lane.busy < lane.parallel:
                calls = self._take(lane, min(lane.batch, self.room(self._calls())))
                if not calls:
                    return
                sampling = self.participants[calls[0].ask.role].sampling
                chats = [call.ask.chat for call in calls]
                self.under_way[self.pool.submit(lane.backend.generate, chats, sampling)] = calls
                lane.busy += 1

    def _take(self, lane: _Lane, most: int) -> list[_Call]:
        """Up to `most` waiting calls of the role whose turn it is: roles sample differently, even on one backend."""
        role = lane.waiting[0].ask.role
        calls = [call for call in lane.waiting if call.ask.role == role][:most]
        taken = set(map(id, calls))
        lane.waiting = deque(call for call in lane.waiting if id(call) not in taken)
        return calls

    def _answer(self, future: Future) -> Iterator[Finished]:
        calls = self.under_way.pop(future)
        self.lanes[calls[0].ask.role].busy -= 1
        replies: list[Reply | BackendError] = future.result()
        for (talk, ask, key), reply in zip(calls, replies, strict=True):
            if isinstance(reply, BackendError):
                self.open -= 1
                talk.conversation.close()
                yield Finished(talk, reply)
                continue
            recorded = self.journal.add(key, talk.seed.id, ask.task, ask.round, ask.prompt, reply)
            talk.created[ask.task, ask.round] = recorded.created
            yield from self._go_on(talk, recorded.text)


def _lane(backend: Backend, concurrency: int) -> _Lane:
    parallel = backend.name.partition(":")[0] in PARALLEL_FAMILIES
    return _Lane(backend, batch=1 if parallel else concurrency, parallel=concurrency if parallel else 1)
