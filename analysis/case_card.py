"""A case as HTML: what was asked, the responses, and, unless it is to be labelled blind, what people and judges say of it.

Everything that models, people or files wrote is escaped here. A blind card holds nothing of any verdict, gold or tag.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

from analysis.case_texts import CaseTexts
from analysis.cases import Case, Stand
from analysis.commands_failures import said_of
from workbench.page.ratings import choice_colour, ink_on, rating_colour
from workbench.page.verdict_card import letter_of, reasons, suspicion_flag
from workbench.schema import Item, Judgment
from workbench.suspicion import response_name
from workbench.verdict_text import shown, verdict

PLACES = ("First", "Second")


def blind_card(item: Item, order: Sequence[int]) -> str:
    """What a person needs to judge an item, and nothing else; responses in the order given."""
    names = PLACES if len(order) == 2 else [letter_of(place) for place in range(len(order))]
    titles = [f"{name} response" for name in names] if len(order) > 1 else ["The response"]
    texts = [item.responses[place] for place in order]
    hidden = '<p class="vj-sub">What the judges and others say is shown after your label.</p>'
    return f'<article class="vj-card">{_asked(item)}{_responses(titles, texts)}{_reference(item)}{hidden}</article>'


def open_card(case: Case | None, texts: CaseTexts, gold: str) -> str:
    """The same with everybody's verdicts: people first, then the judges with their errors and reasons."""
    item = texts.item
    titles = [f"Response {letter_of(place)}" for place in range(len(item.responses))]
    titles = titles if len(titles) > 1 else ["The response"]
    groups = _by_judge(texts.judgments)
    people = {name: some for name, some in groups.items() if name == gold or name.startswith("human:")}
    judges = {name: some for name, some in groups.items() if name not in people}
    stands = {stand.judge: stand for stand in case.stands} if case else {}
    said = "".join(_person(name, some) for name, some in people.items()) or '<li class="vj-sub">Nobody yet.</li>'
    found = "".join(_judge(name, some, stands) for name, some in judges.items())
    flags = [_flag(texts, response_name(item, place)) for place in range(len(item.responses))]
    others = "".join(_flag(texts, name) for name in ("instruction", "reference", "description"))
    return (
        f'<article class="vj-card vj-set">{_asked(item)}{_responses(titles, item.responses, flags)}{_reference(item)}'
        f'{others}{_facts(case, item)}<h4>What people say</h4><ul class="vj-said">{said}</ul>'
        f'<h4>What the judges say</h4><ul class="vj-said">{found}</ul></article>'
    )


def _asked(item: Item) -> str:
    return f'<header><div><h3 class="vj-text">{escape(item.instruction)}</h3></div></header>'


def _responses(titles: Sequence[str], texts: Iterable[str], flags: Iterable[str] = ()) -> str:
    parts = "".join(
        f'<div><h4>{escape(title)}</h4><div class="vj-text">{escape(text)}</div>{flag}</div>'
        for title, text, flag in zip(titles, texts, flags or [""] * len(titles), strict=True)
    )
    return f'<div class="vj-two">{parts}</div>'


def _flag(texts: CaseTexts, name: str) -> str:
    """The flag on one of the item's texts where a judgment carries it; a blind reader is not shown any."""
    return next((flag for one in texts.judgments if (flag := suspicion_flag(one, name))), "")


def _reference(item: Item) -> str:
    if not item.reference:
        return ""
    return (
        f'<details><summary>The reference answer</summary><div class="vj-text">{escape(item.reference)}</div></details>'
    )


def _facts(case: Case | None, item: Item) -> str:
    """Gold, how far the judges are apart, tags."""
    said = []
    if case is not None:
        said = [f"gold {said_of(case.gold)}", f"judges {case.spread:.3g} apart", f"{case.words} words"]
    said += [f"{name}: {text}" for name, text in item.tags.items()]
    return f'<p class="vj-sub">{escape(" · ".join(said))}</p>'


def _by_judge(judgments: Iterable[Judgment]) -> dict[str, list[Judgment]]:
    found: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        found[judgment.judge].append(judgment)
    return dict(found)


def _person(name: str, judgments: Sequence[Judgment]) -> str:
    rows = "".join(f"{_chip(one)} {_reason(one)}" for one in judgments)
    blind = " (blind)" if any(one.settings.get("blind") for one in judgments) else ""
    return f"<li><b>{escape(name.removeprefix('human:'))}</b>{blind} {rows}</li>"


def _judge(name: str, judgments: Sequence[Judgment], stands: dict[str, Stand]) -> str:
    own = [stand for label, stand in stands.items() if label == name or label.startswith(f"{name} [")]
    marks = "".join(f'<span class="vj-off">{escape(mark)}</span>' for stand in own for mark in _marks(stand))
    rows = "".join(f"<div>{_chip(one)} {escape(_asked_how(one))}{_more(one)}</div>" for one in judgments)
    return f"<li><b>{escape(name)}</b> {marks}{rows}</li>"


def _marks(stand: Stand) -> Iterable[str]:
    """What is wrong with a verdict, in words."""
    if stand.error is not None and abs(stand.error) > 1e-9:
        yield f"{abs(stand.error):.3g} too {'high' if stand.error > 0 else 'low'}"
    if stand.wrong:
        yield f"not the gold {'ranking' if ' > ' in str(stand.said) else 'choice'}"
    if stand.flips:
        yield "changes with order or sample"
    if stand.said is None:
        yield "no verdict"


def _asked_how(one: Judgment) -> str:
    """Prompt, order and sample, where they tell judgments apart."""
    said = [one.prompt.partition("@")[0]]
    if len(one.settings.get("order", ())) > 1:
        said.append(shown(one))
    return ", ".join([*said, *([f"sample {one.sample + 1}"] if one.sample else [])])


def _more(one: Judgment) -> str:
    """The reasons behind a verdict, or what stands in its place."""
    body = reasons(one)
    if one.status != "scored":
        body += f'<p class="vj-why">{escape(one.error or one.status)}</p>'
        body += f'<pre class="vj-raw">{escape(one.reply)}</pre>' if one.reply else ""
    return f"<details><summary>Its reasons</summary>{body}</details>" if body else ""


def _reason(one: Judgment) -> str:
    return f'<span class="vj-text">{escape(one.reasoning)}</span>' if one.reasoning else ""


def _chip(one: Judgment) -> str:
    if one.status != "scored":
        return f'<span class="vj-chip vj-none">{escape(one.status)}</span>'
    low, high = one.settings.get("scale") or (1, 5)
    on_scale = one.score is not None and low <= one.score <= high
    colour = rating_colour(one.score or 0, low, high) if on_scale else choice_colour(one.choice or "")
    return f'<span class="vj-chip" style="background:{colour};color:{ink_on(colour)}">{escape(verdict(one))}</span>'
