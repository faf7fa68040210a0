"""From a verdict, or the lack of one, to the pieces the Judge tab puts on the page."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from workbench.page.examples import known_rating
from workbench.page.figures import distribution_figure, distributions
from workbench.page.form import MODES, JudgeForm
from workbench.page.known_judge import common_mode, refusals
from workbench.page.places import without_folders
from workbench.page.ratings import RATING_ANCHORS, ink_on
from workbench.page.score_scale import score_colour
from workbench.page.verdict import PageVerdict
from workbench.page.verdict_card import letter_of, pair_card, ranking_card, score_card, suspicion_flag
from workbench.prompts.levels import level_note
from workbench.redaction import redact
from workbench.schema import Judgment
from workbench.verdict_text import scale_of


def cards(verdict: PageVerdict) -> str:
    """The verdict cards of whatever was judged."""
    form, judgments = verdict.form, verdict.judgments
    if form.mode == "ranking":
        shown = [ranking_card(judgments, verdict.item.responses)]
    elif not form.scores:
        shown = [pair_card(judgments, verdict.item.responses)]
    else:
        shown = [overview(verdict), *_score_cards(verdict)]
    return f'<div class="vj-cards" aria-live="polite">{"".join(shown)}</div>'


def _score_cards(verdict: PageVerdict) -> list[str]:
    scale, instruction = verdict.prompt.form, verdict.item.instruction
    judged = zip(verdict.judgments, verdict.titles, verdict.item.responses, strict=True)
    return [
        score_card(judgment, title, text, low=scale.low, high=scale.high, known=known_rating(instruction, text))
        for judgment, title, text in judged
    ]


def overview(verdict: PageVerdict) -> str:
    """All scores in one line, when there are several."""
    if len(verdict.judgments) < 2:
        return ""
    scale = verdict.prompt.form
    chips = "".join(
        f"<li>{letter_of(place)} {_score_chip(judgment, scale.low, scale.high)}</li>"
        for place, judgment in enumerate(verdict.judgments)
    )
    own = {scale_of(judgment, scale.low, scale.high) for judgment in verdict.judgments}
    of = next((f"of {one[1]:g}, " for one in own if one), "") if len(own) == 1 else ""
    said = f'<p class="vj-sub">{of}higher is better</p>'
    return f'<div class="vj-overview" role="group" aria-label="All scores"><ul>{chips}</ul>{said}</div>'


def table_box(title: str, rows: str) -> str:
    """A table's HTML in a box that scrolls sideways on a narrow screen, by keyboard too; `title` names it for who hears it."""
    return f'<div class="vj-table" tabindex="0" role="region" aria-label="{escape(title)}"><table>{rows}</table></div>'


def _score_chip(judgment: Judgment, low: int, high: int) -> str:
    if judgment.score is None:
        return '<span class="vj-chip vj-none">none</span>'
    colour = score_colour(judgment, low, high)
    style = f"background:{colour};color:{ink_on(colour)}"
    return f'<span class="vj-chip" style="{style}">{judgment.score:.3g}</span>'


def figure(verdict: PageVerdict) -> go.Figure | None:
    """The distribution over the answers; None for a judge that gave no probabilities."""
    form = verdict.prompt.form
    titles = verdict.titles if len(verdict.titles) > 1 else ["How sure the judge is"]
    info = distributions(verdict.judgments, titles, low=form.low, high=form.high)
    return distribution_figure(info) if info else None


def notes(verdict: PageVerdict) -> str:
    """What must be said beside the verdict: who judged, what it does not know, and that a control saw no video."""
    link = f'<button type="button" class="vj-link" data-verdict="{escape(verdict.folder.name)}">Copy link</button>'
    said = [f'<p class="vj-sub vj-by">{escape(judged_by(verdict))} {link}</p>']
    if verdict.limits_said:
        limits = escape(" ".join(verdict.limits_said))
        said.append(note(f"<strong>What this judge knows.</strong> {limits}", "warn"))
    if verdict.form.text_only:
        said.append(
            note(
                "<strong>Text-only control.</strong> The judge was not shown the video. "
                "A score close to the one with the video means that the judge did not need to look.",
                "warn",
            )
        )
    if unclear := level_note(verdict.prompt, verdict.form.rubric):
        said.append(note(escape(unclear[:1].upper() + unclear[1:]), "warn"))
    for name in ("instruction", "reference", "description"):  # a response's flag stands beside the response
        said.append(suspicion_flag(verdict.judgments[0], name))
    return "".join(said)


def judged_by(verdict: PageVerdict) -> str:
    """Judge, device and time in a sentence."""
    device = verdict.report.get("device")
    seconds = sum(judgment.usage.get("generate_seconds", 0.0) for judgment in verdict.judgments)
    count = len(verdict.judgments)
    where = f" on {device}" if device else ""
    return f"Judged by {verdict.form.judge.strip()}{where}: {count} verdict{'s' * (count > 1)} in {seconds:.1f} s."


def note(html: str, kind: str = "") -> str:
    """A message box; `html` is ours, its parts already escaped. Kind: "", "warn" or "error"."""
    role = "alert" if kind == "error" else "status"
    return f'<div class="vj-note {kind}" role="{role}">{html}</div>'


def refusal_note(*forms: JudgeForm, among: Sequence[str] = tuple(MODES)) -> str:
    """Says, before anything is asked, why the chosen judge would refuse it, or some of several, and which of the ways of
    judging `among` those offered all of them know; "" when none would."""
    reasons = refusals(forms)
    if not reasons:
        return ""
    mode, which = forms[0].mode, "this judge" if len(forms) == 1 else "all of these judges"
    fitting = common_mode([form.judge for form in forms], mode, among)
    instead = [] if fitting == mode else [f"Choose “{MODES[fitting].label}”."]
    return note(f"<strong>Not with {which}.</strong> {escape(' '.join([*reasons, *instead]))}", "warn")


def error_note(error: Exception | str) -> str:
    """An error written for the user, shown where it happened."""
    return note(escape(without_folders(redact(str(error)))), "error")


def stale_note(form: JudgeForm, judged: JudgeForm | None) -> str:
    """Says that the verdict on the page is not about what the form now holds; "" when it is."""
    if judged is None or form == judged:
        return ""
    changed = ", ".join(changed_fields(form, judged))
    text = f"<strong>Out of date.</strong> Since this verdict you changed: {changed}. Judge again to renew it."
    return f'<div class="vj-stale-mark">{note(text, "warn")}</div>'


FIELD_WORDS = {
    "text_only": "the text-only control",
    "score_only": "the fast mode",
    "low": "the scale",
    "high": "the scale",
}


def changed_fields(form: JudgeForm, judged: JudgeForm) -> Sequence[str]:
    """What differs between two forms, in words."""
    names = [name for name in vars(form) if getattr(form, name) != getattr(judged, name)]
    return list(dict.fromkeys(FIELD_WORDS.get(name, f"the {name}") for name in names))


def working(stage: str, seconds: float) -> str:
    """What stands where the verdict will be while the judge works."""
    text = escape(stage[:1].upper() + stage[1:] or "Starting")
    return (
        f'<div class="vj-work" role="status"><p><strong>{text}</strong> <span>{seconds:.0f} s</span></p>'
        '<div class="vj-bar" aria-hidden="true"><i></i></div></div>'
    )


def working_line(stage: str, seconds: float) -> str:
    """The same beside the button: below a narrow screen's form or a long one, the verdict's place is out of sight."""
    return f'<p class="vj-sub vj-waiting">{escape(stage[:1].upper() + stage[1:])} · {seconds:.0f} s</p>'


def empty_state() -> str:
    """What stands where the verdict will be: what the reader will get, in ten seconds."""
    steps = "".join(
        f'<i style="background:{colour};color:{ink_on(colour)}">{rating}</i>'
        for rating, colour in enumerate(RATING_ANCHORS, 1)
    )
    return f"""<section class="vj-empty" aria-label="What you will get">
<h2>Your verdict will appear here</h2>
<p class="vj-sub">Give a video, what was asked about it, and the answer to judge. You get:</p>
<ul>
<li><span aria-hidden="true">1–5</span><div><b>A score, and how sure the judge is of it</b>
<div class="vj-scale" role="img" aria-label="Ratings run from 1 to 5, higher is better">{steps}</div>
<p class="vj-sub">5 is accurate, complete and seen in the video; 1 is wrong or about something else.</p></div></li>
<li><span aria-hidden="true">A|B</span><div><b>Or a comparison in both orders</b>
<p class="vj-sub">If the judge changes its mind when the order changes, you are told so.</p></div></li>
<li><span aria-hidden="true">why</span><div><b>The reasons, and what is behind them</b>
<p class="vj-sub">The frames the judge saw, its exact prompt and reply, and the command that repeats it.</p></div></li>
</ul></section>"""
