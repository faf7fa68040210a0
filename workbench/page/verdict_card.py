"""Verdicts as HTML cards. Everything a model, a person or a file wrote is escaped here; the markup is only ours."""

from collections.abc import Sequence
from html import escape

from workbench.backends.stopping import STOPPED
from workbench.export import expected_score
from workbench.judge import pair_outcome
from workbench.page.ratings import choice_colour, ink_on, rating_colour
from workbench.page.score_scale import score_colour
from workbench.schema import Judgment
from workbench.suspicion import MEANINGS
from workbench.verdict_text import scale_of

EXCERPT_LENGTH = 280  # characters of a response that are shown before "show all"
NOT_SCORED = {
    "unparsed": ("No verdict", "The reply holds no rating that can be read. It is not counted as a low score."),
    "failed": ("Failed", "The judge could not answer. This says nothing about the response."),
    "skipped": ("Not judged", "This request does not fit what was asked. This says nothing about the response."),
}
NOT_REACHED = ("Stopped", "You stopped the judge before it came to this. This says nothing about the response.")
OUTCOMES = {
    "A": ("A", "Response A is better", "In both orders the judge preferred response A."),
    "B": ("B", "Response B is better", "In both orders the judge preferred response B."),
    "tie": ("=", "A tie", "In both orders the judge found the two equally good."),
    "inconsistent": (
        "?",
        "Inconsistent",
        "The verdict changed with the order the responses were shown in, so it is no preference. Both are below.",
    ),
}
NO_OUTCOME = ("–", "No outcome", "At least one of the two orders has no verdict. What there is stands below.")


def score_card(
    judgment: Judgment, title: str, response: str, *, low: int, high: int, known: float | None = None
) -> str:
    """One response's score on the judge's own scale, else the prompt's (`low` to `high`), with its reasons. `known` is the
    rating an example comes with."""
    if judgment.status != "scored" or judgment.score is None:
        return not_scored_card(judgment, title, response)
    score, scale = f"{judgment.score:.3g}", scale_of(judgment, low, high)
    below = f"of {scale[1]:g}" if scale else ""
    where = f"on a scale of {scale[0]:g} to {scale[1]:g}" if scale else "a raw number on no scale"
    said = f"{score} {below}".strip()
    facts = [f"<strong>{said}</strong>, {'' if scale == (low, high) else f'{where}, '}higher is better"]
    if (expected := expected_score(judgment)) is not None:
        facts.append(f"expected {expected:.1f}")
    if judgment.probs and (share := judgment.probs.get(score)) is not None:
        facts.append(f"{share:.0%} sure of {score}")
    if known is not None:
        facts.append(f"this example's known rating is {known:g}")
    badge = _badge(score_colour(judgment, low, high), score, below, f"{said}, {where}")
    body = excerpt(response) + suspicion_flag(judgment, "response") + _criteria(judgment, low, high) + reasons(judgment)
    return _card(badge, escape(title), " · ".join(facts), body)


def pair_card(judgments: Sequence[Judgment], responses: Sequence[str]) -> str:
    """A pair judged in both orders: what it comes to, and each order's own verdict, agreeing or not."""
    first, second = judgments
    outcome = pair_outcome(first, second)
    mark, name, said = OUTCOMES[outcome] if outcome else NO_OUTCOME
    orders = "".join(map(_order_panel, judgments))
    lettered = zip("AB", responses, strict=True)
    shown = "".join(
        f"<div><h4>Response {letter}</h4>{excerpt(text)}{suspicion_flag(first, f'response {letter}')}</div>"
        for letter, text in lettered
    )
    body = f'<div class="vj-two">{shown}</div><p class="vj-sub">Asked in both orders:</p><div class="vj-two">{orders}</div>'
    return _card(_badge(choice_colour(outcome or ""), mark), name, said, body)


def ranking_card(judgments: Sequence[Judgment], responses: Sequence[str]) -> str:
    """A ranking, best first, for each order the responses were shown in, and whether the orders agree."""
    rankings = {judgment.ranking for judgment in judgments}
    if None in rankings:
        mark, name, said = NO_OUTCOME
    elif len(rankings) == 1:
        mark = letter_of(judgments[0].ranking[0])
        name, said = f"Response {mark} is ranked first", "The ranking is the same in both orders they were shown in."
    else:
        mark, name, said = OUTCOMES["inconsistent"]
    panels = "".join(_ranking_panel(judgment, responses) for judgment in judgments)
    colour = choice_colour("inconsistent" if mark == "?" else "tie")
    return _card(_badge(colour, mark), name, said, f'<div class="vj-two">{panels}</div>')


def not_scored_card(judgment: Judgment, title: str, response: str) -> str:
    """What stands where a score would: why there is none, and the reply as it came."""
    name, meaning = _not_scored(judgment)
    body = excerpt(response) + suspicion_flag(judgment, "response") + _why_not(judgment)
    badge = _badge(choice_colour("tie"), "–")
    return _card(badge, f"{escape(title)}: {name.lower()}", meaning, body, kind=judgment.status)


def reasons(judgment: Judgment) -> str:
    """The judge's rubric and reasoning, where it wrote any."""
    parts = []
    if judgment.reasoning:
        parts.append(f'<h4>Reasoning</h4>{_letters(judgment)}<div class="vj-text">{escape(judgment.reasoning)}</div>')
    if judgment.rubric:
        text = f'<div class="vj-text">{escape(judgment.rubric)}</div>'
        parts.append(f"<details><summary>The rubric the judge wrote first</summary>{text}</details>")
    return "".join(parts)


def excerpt(text: str, length: int = EXCERPT_LENGTH) -> str:
    """A response as quoted text; a long one is folded behind its beginning, whose direction stays its own (bdi)."""
    if len(text) <= length:
        return f'<blockquote class="vj-quote">{escape(text)}</blockquote>'
    start = escape(text[:length].rsplit(" ", 1)[0])
    head = f'<summary><bdi class="vj-quote">{start} …</bdi> <em>show all</em></summary>'
    return f'<details class="vj-fold">{head}<blockquote class="vj-quote">{escape(text)}</blockquote></details>'


def suspicion_flag(judgment: Judgment, name: str) -> str:
    """A visible flag on a text that looks like an attempt on the judge (`workbench.suspicion`); "" on any other."""
    found = judgment.suspicious.get(name, ())
    if not found:
        return ""
    why = " and ".join(MEANINGS.get(kind, kind) for kind in found)
    said = f"This {name.split()[0]} {why}. It was judged as any other: look at the verdict with care."
    return f'<p class="vj-flag" role="note"><strong>Suspicious text.</strong> {escape(said)}</p>'


def letter_of(position: int) -> str:
    """The name of a response by position: A, B, C ..."""
    return chr(ord("A") + position)


def _letters(judgment: Judgment) -> str:
    """What the letters in a judge's own words stand for, where it saw the responses in another order; "" elsewhere."""
    order = list(judgment.settings.get("order", (0,)))
    if order == sorted(order):
        return ""
    names = [f"{letter_of(place)} is response {letter_of(position)}" for place, position in enumerate(order)]
    return f'<p class="vj-sub">In its words {", ".join(names)}.</p>'


def shown_order(judgment: Judgment) -> str:
    """The order a judge saw, in words: "A, then B"."""
    return ", then ".join(letter_of(position) for position in judgment.settings.get("order", (0,)))


def _card(badge: str, title: str, fact: str, body: str, kind: str = "scored") -> str:
    head = f'<header>{badge}<div><h3>{title}</h3><p class="vj-sub">{fact}</p></div></header>'
    return f'<article class="vj-card vj-{kind}">{head}{body}</article>'


def _badge(colour: str, mark: str, below: str = "", spoken: str = "") -> str:
    """The coloured square of a card. `spoken` is what a screen reader says; without it the title says it all."""
    said = f'role="img" aria-label="{escape(spoken)}"' if spoken else 'aria-hidden="true"'
    style = f"background:{colour};color:{ink_on(colour)}"
    size = f' style="font-size:{5.2 / len(mark):.2f}rem"' if len(mark) > 3 else ""  # 50 pixels wide
    return f'<div class="vj-badge" style="{style}" {said}><b{size}>{escape(mark)}</b><span>{escape(below)}</span></div>'


def _chip(colour: str, text: str) -> str:
    return f'<span class="vj-chip" style="background:{colour};color:{ink_on(colour)}">{escape(text)}</span>'


def _criteria(judgment: Judgment, low: int, high: int) -> str:
    rows = "".join(
        f"<li><span>{escape(name)}</span>{_chip(rating_colour(score, low, high), f'{score:g} of {high}')}</li>"
        for name, score in (judgment.criteria or {}).items()
    )
    return f'<h4>By criterion</h4><ul class="vj-criteria">{rows}</ul>' if rows else ""


def _order_panel(judgment: Judgment) -> str:
    if judgment.choice is None:
        return _panel(judgment, _why_not(judgment))
    name = "a tie" if judgment.choice == "tie" else f"prefers {judgment.choice}"
    share = (judgment.probs or {}).get(judgment.choice)
    sure = f" {share:.0%} sure" if share is not None else ""
    return _panel(judgment, f"<p>{_chip(choice_colour(judgment.choice), name)}{sure}</p>{reasons(judgment)}")


def _ranking_panel(judgment: Judgment, responses: Sequence[str]) -> str:
    if judgment.ranking is None:
        return _panel(judgment, _why_not(judgment))
    rows = "".join(
        f"<li><b>{letter_of(place)}</b>{excerpt(responses[place], 120)}"
        f"{suspicion_flag(judgment, f'response {letter_of(place)}')}</li>"
        for place in judgment.ranking
    )
    best_first = f'<p class="vj-sub">Best first.</p><ol class="vj-ranking">{rows}</ol>'
    return _panel(judgment, best_first + reasons(judgment))


def _panel(judgment: Judgment, body: str) -> str:
    """One order's verdict, or what stands in its place."""
    none = "" if judgment.status == "scored" else f'<p class="vj-sub">{_not_scored(judgment)[0]}.</p>'
    return f"<section><h4>Shown as {shown_order(judgment)}</h4>{none}{body}</section>"


def _not_scored(judgment: Judgment) -> tuple[str, str]:
    """What a judgment without a verdict is called, and what that means."""
    return NOT_REACHED if judgment.error == STOPPED else NOT_SCORED[judgment.status]


def _why_not(judgment: Judgment) -> str:
    why = f'<p class="vj-why">{escape(judgment.error)}</p>' if judgment.error else ""
    if judgment.reply is None:
        return why
    return f'{why}<h4>The reply as it came</h4><pre class="vj-raw">{escape(judgment.reply) or "(empty)"}</pre>'
