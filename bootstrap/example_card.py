"""One set of a run as HTML: its five responses, how each came to be, and what was rejected. All text is escaped here."""

from collections.abc import Sequence
from html import escape

from bootstrap.attempts import Attempt, RatedSet
from bootstrap.browse import Example
from bootstrap.chats import GOLD, TARGETS
from bootstrap.marks import Marks
from bootstrap.world_truth import true_rating
from workbench.errors import InputError
from workbench.page.ratings import ink_on, rating_colour
from workbench.schema import Item, Judgment


def set_card(example: Example, marks: Marks) -> str:
    """The set that an example is of, with the example picked out."""
    rated_set = example.rated_set
    seed = rated_set.seed
    state = "complete set" if rated_set.complete else "incomplete set"
    facts = [state, f"{rated_set.rounds} rounds", f"{rated_set.calls} calls", *filter(None, [example.kind])]
    described = f'<div class="vj-text">{escape(seed.description or "none")}</div>'
    head = (
        f'<header><div><h3>{escape(seed.instruction)}</h3><p class="vj-sub">{escape(" · ".join(facts))}</p></div></header>'
        f"<details><summary>The description that both participants read</summary>{described}</details>"
    )
    rows = "".join(_response(example, target, marks) for target in (GOLD, *TARGETS))
    return (
        f'<article class="vj-card vj-set">{head}<ol class="vj-responses">{rows}</ol>{_unreadable(rated_set)}</article>'
    )


def _response(example: Example, target: int, marks: Marks) -> str:
    """One rating of the set: the accepted response, and every attempt at it."""
    rated_set = example.rated_set
    attempts = [attempt for attempt in rated_set.attempts if attempt.target == target]
    accepted, here = rated_set.accepted.get(target), example.rating == target
    if accepted is None:
        body = '<p class="vj-sub">No response was accepted.</p>'
    else:
        body = f'<div class="vj-text">{escape(accepted.responses[0])}</div>' + _facts(
            rated_set, accepted, target, marks
        )
    picked = ' class="vj-picked" aria-current="true"' if here else ""
    return f"<li{picked}>{_chip(target)}<div>{body}{_history(example, attempts, marks, here)}</div></li>"


def _facts(rated_set: RatedSet, item: Item, target: int, marks: Marks) -> str:
    """What is known of a response beside its rating: the world's truth, and what people say."""
    said = ["the gold response, not rated"] if target == GOLD else []
    truth = _truth(rated_set.seed, item) if target != GOLD else None
    if truth is not None:
        said.append(f"truly a {truth}" + ("" if truth == target else f", not a {target}"))
    facts = f'<p class="vj-sub">{" · ".join(said)}</p>' if said else ""
    return facts + _marks(marks.get(item.id, ()), target)


def _marks(marks: Sequence[Judgment], target: int) -> str:
    return "".join(
        f'<p class="vj-mark">{escape(mark.judge.removeprefix("human:"))} says {mark.score:g}'
        f"{' (wrong)' if mark.score != target else ''}{': ' + escape(mark.reasoning) if mark.reasoning else ''}</p>"
        for mark in marks
    )


def _truth(seed: Item, item: Item) -> int | None:
    """The true rating by the world's rule; None for seeds of no world, and texts that are none of its."""
    try:
        return true_rating(seed, item.responses[0])
    except InputError:
        return None


def _history(example: Example, attempts: Sequence[Attempt], marks: Marks, here: bool) -> str:
    if not attempts:
        return ""
    rejected = sum(not attempt.accepted for attempt in attempts)
    title = f"{len(attempts)} attempt{'s' * (len(attempts) > 1)}" + (f", {rejected} rejected" if rejected else "")
    rows = "".join(_attempt(example, attempt, marks) for attempt in attempts)
    return f"<details{' open' if here else ''}><summary>{title}</summary><ol class='vj-attempts'>{rows}</ol></details>"


def _attempt(example: Example, attempt: Attempt, marks: Marks) -> str:
    """Round, what it was given and why; the text, unless it is the accepted one, which stands above."""
    given = "not rated readably" if attempt.rating is None else f"given {attempt.rating}"
    verdict = "accepted" if attempt.accepted else "rejected"
    why = attempt.reasoning or attempt.given.error or ""
    text = "" if attempt.accepted else f'<blockquote class="vj-quote">{escape(attempt.text)}</blockquote>'
    picked = ' class="vj-picked" aria-current="true"' if attempt is example.attempt else ""
    truth = None if attempt.accepted else _truth(example.rated_set.seed, attempt.item)
    known = f" · truly a {truth}" if truth is not None else ""
    more = "" if attempt.accepted else _marks(marks.get(attempt.item.id, ()), attempt.target)
    return (
        f"<li{picked}><p><b>Round {attempt.round}</b> {_chip(attempt.rating)} {given}: {verdict}{known}</p>{text}"
        f'<p class="vj-why"><span class="vj-sub">The evaluator:</span> {escape(why) or "no reason given"}</p>{more}</li>'
    )


def _chip(rating: int | None) -> str:
    if rating is None:
        return '<span class="vj-chip vj-none">none</span>'
    colour = rating_colour(rating)
    return f'<span class="vj-chip" style="background:{colour};color:{ink_on(colour)}">{rating}</span>'


def _unreadable(rated_set: RatedSet) -> str:
    if not rated_set.unreadable:
        return ""
    rows = "".join(
        f"<li>round {escape(str(one.get('round')))}, {escape(str(one.get('task')))}: {escape(str(one.get('reason')))}</li>"
        for one in rated_set.unreadable
    )
    return f"<details><summary>{len(rated_set.unreadable)} replies could not be read</summary><ul>{rows}</ul></details>"
