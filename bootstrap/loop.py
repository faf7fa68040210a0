"""The generator-evaluator loop for one seed (Algorithm 1 of the paper), as a conversation that yields what it asks.

Round 1 generates responses for the ratings 4 to 1 in one call. Every round then has the new ones rated in one call,
accepts those with |target - given| <= alpha, and the next round has the others regenerated with the gap and the
evaluator's reasoning. The gold response is rating 5 and is never scored.

Settled where the paper says nothing:
- After the last round nothing is regenerated: it could not be evaluated any more, so it would be dropped unread.
- An accepted response stays accepted; later rounds neither show nor rate it again.
- A reply, or an entry of it, that cannot be read costs its round: a response that is missing is asked for again, one
  that was not rated readably is rated again, and neither is guessed.
- A "new" response with the same text as the rejected one is not rated again (the verdict stands), and one with the
  text of the gold or of the prompt's worked example is none.

The conversation knows no backend: it yields an Ask and is sent the text of the reply. What it asks depends on the
seed, the settings and the replies alone, so the same replies lead to the same outcome whenever they arrive.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bootstrap.chats import (
    ROLES,
    TARGETS,
    Mismatch,
    Role,
    Task,
    evaluate_chat,
    generate_chat,
    regenerate_chat,
    shown_order,
)
from bootstrap.json_replies import Rating, read_ratings, read_responses
from bootstrap.templates import Template
from workbench.backends.base import Chat
from workbench.errors import InputError
from workbench.schema import Item

ROUNDS = 3  # evaluations of a set; the paper does not state its T
ALPHA = 0  # the paper states 0 for its meta-evaluation sets, and nothing for its training set


@dataclass(frozen=True)
class LoopSettings:
    """rounds: at most so many evaluations of a set (T); alpha: how far given may be from target; seed: of the order
    in which responses are shown and of the sampling."""

    rounds: int = ROUNDS
    alpha: int = ALPHA
    seed: int = 0

    def __post_init__(self):
        if not 1 <= self.rounds <= 100:
            raise InputError(f"rounds: got {self.rounds}, expected 1 to 100.")
        if not 0 <= self.alpha <= 3:
            raise InputError(f"alpha: got {self.alpha}, expected 0 (the rating itself) to 3.")


class Ask(NamedTuple):
    """A question to one of the participants; the conversation goes on with the text of its reply."""

    task: Task
    prompt: str  # id of the template
    round: int
    chat: Chat

    @property
    def role(self) -> Role:
        return ROLES[self.task]


class Shown(NamedTuple):
    """A response put before the evaluator. `verdict` is None where none could be read, and `problem` says why."""

    target: int
    round: int
    text: str
    position: int  # among those shown with it, from 0
    written_by: Task  # the prompt that made it
    written_in: int  # the round that made it
    verdict: Rating | None
    problem: str | None
    accepted: bool


class Unreadable(NamedTuple):
    """An entry of a reply that could not be used, and why."""

    task: Task
    round: int
    target: int
    reason: str


class Transcript(NamedTuple):
    """All that happened to a seed. The set is complete when every target has an accepted response."""

    shown: tuple[Shown, ...]
    unreadable: tuple[Unreadable, ...]
    rounds: int

    @property
    def complete(self) -> bool:
        return {one.target for one in self.shown if one.accepted} == set(TARGETS)


Conversation = Generator[Ask, str, Transcript]


@dataclass
class _Draft:
    """The response a target has at the moment. `fresh` until it is rated readably."""

    text: str
    written_by: Task
    written_in: int
    verdict: Rating | None = None

    @property
    def fresh(self) -> bool:
        return self.verdict is None


@dataclass
class _State:
    seed: Item
    settings: LoopSettings
    templates: Mapping[Task, Template]
    drafts: dict[int, _Draft] = field(default_factory=dict)
    pending: set[int] = field(default_factory=lambda: set(TARGETS))
    shown: list[Shown] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def accepts(target: float, given: float, alpha: int) -> bool:
    """Whether a response written for `target` and rated `given` is kept."""
    return abs(target - given) <= alpha


def refine(seed: Item, settings: LoopSettings, templates: Mapping[Task, Template]) -> Conversation:
    """The conversation about one seed: yields each Ask, is sent the reply's text, returns the Transcript."""
    state = _State(seed, settings, templates)
    for round in range(1, settings.rounds + 1):
        yield from _regenerate(state, round)
        yield from _generate(state, round)
        yield from _evaluate(state, round)
        if not state.pending:
            break
    return Transcript(tuple(state.shown), tuple(state.unreadable), round)


def _ask(state: _State, task: Task, round: int, chat: Chat) -> Ask:
    return Ask(task, state.templates[task].id, round, chat)


def _generate(state: _State, round: int) -> Generator[Ask, str, None]:
    """Ask for the responses that are missing: all in the first round, later those that could not be read."""
    missing = sorted(state.pending - set(state.drafts), reverse=True)
    if missing:
        chat = generate_chat(state.templates["generate"], state.seed, round)
        reply = yield _ask(state, "generate", round, chat)
        _take_texts(state, "generate", round, reply, missing)


def _regenerate(state: _State, round: int) -> Generator[Ask, str, None]:
    """Ask for others in place of those that were rated off target."""
    mismatches = [
        Mismatch(target, draft.text, draft.verdict)
        for target, draft in sorted(state.drafts.items(), reverse=True)
        if target in state.pending and draft.verdict is not None
    ]
    if mismatches:
        chat = regenerate_chat(state.templates["regenerate"], state.seed, mismatches, round)
        reply = yield _ask(state, "regenerate", round, chat)
        _take_texts(state, "regenerate", round, reply, [one.target for one in mismatches])


def _take_texts(state: _State, task: Task, round: int, reply: str, wanted: list[int]) -> None:
    found = read_responses(reply, wanted)
    problems = dict(found.problems)
    for target, text in found.values.items():
        if text == (state.seed.reference or "").strip():
            problems[target] = "the response is the gold response itself"
        elif f'"{text}"' in state.templates[task].template:
            problems[target] = "the response is copied from the prompt"
        elif target in state.drafts and text == state.drafts[target].text:
            problems[target] = "the response is the rejected one itself"
        else:
            state.drafts[target] = _Draft(text, task, round)
    state.unreadable += [Unreadable(task, round, target, reason) for target, reason in sorted(problems.items())]


def _evaluate(state: _State, round: int) -> Generator[Ask, str, None]:
    """Have every fresh response rated, and accept those on target."""
    fresh = [target for target in state.pending if target in state.drafts and state.drafts[target].fresh]
    if not fresh:
        return
    order = shown_order(state.seed, round, state.settings.seed, fresh)
    texts = [state.drafts[target].text for target in order]
    chat = evaluate_chat(state.templates["evaluate"], state.seed, texts, round)
    reply = yield _ask(state, "evaluate", round, chat)
    found = read_ratings(reply, len(order))
    for number, target in enumerate(order, 1):
        _take_verdict(state, round, number, target, found.values.get(number), found.problems.get(number))


def _take_verdict(
    state: _State, round: int, number: int, target: int, verdict: Rating | None, problem: str | None
) -> None:
    draft = state.drafts[target]
    draft.verdict = verdict
    accepted = verdict is not None and accepts(target, verdict.score, state.settings.alpha)
    if accepted:
        state.pending.remove(target)
    if problem:
        state.unreadable.append(Unreadable("evaluate", round, target, problem))
    state.shown.append(
        Shown(target, round, draft.text, number - 1, draft.written_by, draft.written_in, verdict, problem, accepted)
    )
