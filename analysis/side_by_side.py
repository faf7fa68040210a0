"""Several judges on one form, one after the other, and what they say side by side as HTML.

What may be shown while two judges are anonymous is made by `blind_sides` alone: cards without names, notes or times.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import NamedTuple

from analysis.labelling import LABELS, labelled_by
from workbench.backends.stopping import never
from workbench.errors import InputError, WorkbenchError
from workbench.judge import one_response_each, pair_outcome
from workbench.owners import own_name
from workbench.page.form import JudgeForm, missing_inputs, missing_reference, missing_sentence, prompt_options
from workbench.page.frame_strip import frame_strip
from workbench.page.known_judge import refusals
from workbench.page.ratings import ink_on
from workbench.page.receipt import receipt_table, verdict_json
from workbench.page.resident import ResidentJudge
from workbench.page.score_scale import score_colour
from workbench.page.show import cards, error_note, notes, table_box
from workbench.page.verbatim import verbatim, verbatim_command
from workbench.page.verdict import PageVerdict, Stopped, item_of, judge_form
from workbench.page.verdict_card import letter_of
from workbench.prompts import load_prompt
from workbench.schema import Judgment
from workbench.verdict_text import scale_of, verdict

MOST_JUDGES = 6
PERSON = "human:"
Stage = Callable[[str], None]


class Side(NamedTuple):
    """One judge's verdict, or why there is none."""

    judge: str
    verdict: PageVerdict | None
    problem: str = ""


def missing_sides(form: JudgeForm, judges: Sequence[str], blind: bool) -> str:
    """What the form still needs, in a sentence; "" when it is complete."""
    missing = missing_inputs(replace(form, judge="some"))
    names = chosen_judges(judges)
    if len(names) < 2:
        missing.append("choose two judges or more")
    if len(names) > MOST_JUDGES:
        missing.append(f"choose at most {MOST_JUDGES} judges")
    people = [name for name in names if name.startswith(PERSON)]
    if people and not form.scores:
        missing.append(
            f"take {', '.join(people)} out of the judges: a person has seen several responses in one order, so what people "
            "say of pairs and rankings is compared over runs, below"
        )
    missing += missing_reference(form, names)
    if blind and form.mode == "ranking":
        missing.append("choose another way of judging: blind votes are on scores and pairs")
    return missing_sentence(missing) or (_refused(form, names) if blind else "")


def _refused(form: JudgeForm, judges: Sequence[str]) -> str:
    """Why one of the judges would refuse the form: a vote needs two that answer, whichever are drawn."""
    return next(iter(refusals(replace(form, judge=name) for name in judges if not name.startswith(PERSON))), "")


def chosen_judges(judges: Sequence[str] | None) -> list[str]:
    """The specs, once each."""
    return list(dict.fromkeys(name.strip() for name in judges or () if name and name.strip()))


def judge_sides(
    form: JudgeForm,
    judges: Sequence[str],
    runs: Path,
    resident: ResidentJudge,
    tell: Stage = lambda stage: None,
    stop_requested: Callable[[], bool] = never,
    blind: bool = False,
) -> list[Side]:
    """Every judge on the form, in turn: only one is in memory. One that fails does not keep the others from answering.

    Raises InputError where the form lacks something, Stopped once `stop_requested()`.
    """
    if sentence := missing_sides(form, judges, blind):
        raise InputError(sentence)
    sides = []
    for number, name in enumerate(chosen_judges(judges), 1):
        if stop_requested():
            raise Stopped("Stopped before all judges had answered.")
        sides.append(
            _side(replace(form, judge=name), runs, resident, _told(tell, number, len(judges), blind), stop_requested)
        )
    return sides


def _told(tell: Stage, number: int, count: int, blind: bool) -> Stage:
    """Stages of one judge; blind ones do not tell its name, nor that it had to be loaded."""
    if blind:
        return lambda stage: tell(f"judge {number} of {count} is at work")
    return lambda stage: tell(f"judge {number} of {count}: {stage}")


def _side(
    form: JudgeForm, runs: Path, resident: ResidentJudge, tell: Stage, stop_requested: Callable[[], bool]
) -> Side:
    try:
        if form.judge.startswith(PERSON):
            return Side(form.judge, labels_of(form, runs / own_name(LABELS)))
        return Side(form.judge, judge_form(form, runs, resident, tell, stop_requested))
    except Stopped:
        raise
    except WorkbenchError as error:
        return Side(form.judge, None, str(error))


def labels_of(form: JudgeForm, folder: Path) -> PageVerdict:
    """What a person (judge human:NAME) has said of these very responses, from the page's labels.

    Raises InputError where they have not, and for pairs, which people see in one order only.
    """
    if not form.scores:
        raise InputError(f"{form.judge}: what people say of pairs and rankings is compared over runs, below.")
    item, prompt = item_of(form), load_prompt(form.mode, **prompt_options(form))
    given = labelled_by(folder, form.judge.removeprefix(PERSON))
    judgments = tuple(given[one.id] for one in one_response_each([item]) if one.id in given)
    several = len(item.responses) > 1
    if len(judgments) < len(item.responses):
        what = "all of these responses" if several else "this response"
        raise InputError(f"{form.judge} has not labelled {what}; open a run that judged it in the failure explorer of the "
                         "Meta-eval tab, and label it there.")  # fmt: skip
    titles = tuple(f"Response {letter_of(place)}" if several else "The response" for place in range(len(judgments)))
    return PageVerdict(form, item, prompt, judgments, titles, (), None, {}, (), "", folder)


# -- what is shown


def open_sides(sides: Sequence[Side]) -> str:
    """Every judge under its name, after a table of how far they are apart."""
    columns = "".join(
        f'<section class="vj-side-by"><h3>{escape(side.judge)}</h3>{_open(side)}</section>' for side in sides
    )
    return f'{overview(sides)}<div class="vj-sides">{columns}</div>'


def _open(side: Side) -> str:
    if side.verdict is None:
        return error_note(side.problem)
    if side.judge.startswith(PERSON):
        return cards(side.verdict)
    found = side.verdict
    record = verdict_json(found.item, found.judgments, found.command)
    folds = (
        ("The frames it saw", frame_strip(found.frames)),
        ("Prompt and reply", _asked(found)),
        ("Settings and command", receipt_table(found.judgments, found.report, found.folder)
         + verbatim_command("Repeats this verdict", found.command)),
        ("JSON", verbatim("Item and judgments", record)),
    )  # fmt: skip
    behind = "".join(f"<details><summary>{title}</summary>{html}</details>" for title, html in folds if html)
    return f'{notes(found)}{cards(found)}<div class="vj-card">{behind}</div>'


def _asked(found: PageVerdict) -> str:
    """Every request as the judge got it, and its reply; "" where it was never asked."""
    several = len(found.asked) > 1
    return "".join(
        verbatim(f"The exact prompt{f': {one.title}' * several}", one.prompt)
        + verbatim(f"The reply, word for word{f': {one.title}' * several}", one.reply)
        for one in found.asked
    )


def blind_sides(sides: Sequence[Side], order: Sequence[int]) -> str:
    """Two judges without names, in the order given."""
    names = ("First", "Second")
    columns = "".join(
        f'<section class="vj-side-by"><h3>{name} judge</h3>{_blind(sides[place])}</section>'
        for name, place in zip(names, order, strict=True)
    )
    return f'<div class="vj-sides">{columns}</div>'


def _blind(side: Side) -> str:
    """The cards, without errors of the machine, which would name the judge."""
    if side.verdict is None:
        return error_note("This judge could not answer.")
    return cards(side.verdict)


def overview(sides: Sequence[Side]) -> str:
    """What each judge says of each response, and how far they are apart: a table."""
    shown = [side for side in sides if side.verdict is not None]
    if len(shown) < 2 or shown[0].verdict is None:
        return ""
    form = shown[0].verdict.form
    names = "".join(f'<th scope="col">{escape(side.judge)}</th>' for side in shown)
    if form.scores:
        count = len(shown[0].verdict.judgments)
        rows = "".join(_score_row(place, count, shown) for place in range(count))
        head = f'<th scope="col">response</th>{names}<th scope="col">apart by</th>'
    else:
        rows = f'<tr><th scope="row">outcome</th>{"".join(f"<td>{_outcome(side)}</td>" for side in shown)}</tr>'
        head = f'<th scope="col"></th>{names}'
    return table_box("Verdicts side by side", f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>")


def _score_row(place: int, count: int, sides: Sequence[Side]) -> str:
    judgments = [side.verdict.judgments[place] for side in sides if side.verdict]
    low, high = next((side.verdict.prompt.form.low, side.verdict.prompt.form.high) for side in sides if side.verdict)
    scores = [one.score for one in judgments if one.score is not None]
    scales = {scale_of(one, low, high) for one in judgments if one.score is not None}
    one_scale = len(scales) == 1 and None not in scales
    apart = f"{max(scores) - min(scores):.3g}" if len(scores) > 1 and one_scale else "other scales" if scores else ""
    cells = "".join(f"<td>{_chip(one, low, high)}</td>" for one in judgments)
    return f'<tr><th scope="row">{letter_of(place) if count > 1 else "the response"}</th>{cells}<td>{apart}</td></tr>'


def _chip(judgment: Judgment, low: int, high: int) -> str:
    if judgment.score is None:
        return f'<span class="vj-chip vj-none">{escape(judgment.status)}</span>'
    colour = score_colour(judgment, low, high)
    return f'<span class="vj-chip" style="background:{colour};color:{ink_on(colour)}">{judgment.score:.3g}</span>'


def _outcome(side: Side) -> str:
    assert side.verdict is not None
    return escape(said_in_all(side.verdict))


def said_in_all(found: PageVerdict) -> str:
    """What a judge's verdict on a pair or ranking comes to over both orders."""
    judgments = found.judgments
    if any(one.status != "scored" for one in judgments):
        return "no verdict"
    if found.form.mode != "ranking":
        return pair_outcome(*judgments) or "no verdict"
    return verdict(judgments[0]) if len({one.ranking for one in judgments}) == 1 else "inconsistent"
