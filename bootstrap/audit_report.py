"""The audit as text for the terminal, and as a folder: audit.json, audit.txt, and report.html with the figures."""

import html
import json
from collections.abc import Iterator
from pathlib import Path

from bootstrap.acceptance import Bias, Matrix
from bootstrap.audit import Audit, to_json
from bootstrap.audit_sections import audit_sections, section_head, section_table
from bootstrap.audit_words import biased, fall
from bootstrap.chats import TARGETS

INTERVALS = (
    "[from, to]: 95 % interval that draws whole videos. n: rows it is of; left out: rows or sets it could not use."
)
STYLE = (
    "body{max-width:900px;margin:2em auto;padding:0 1em;font-family:system-ui,sans-serif;line-height:1.5}"
    "section{margin:2.5em 0}.vj-sub{color:#4b5362}.vj-answer{font-weight:600}pre{white-space:pre-wrap}"
    ".vj-table{overflow-x:auto}table{border-collapse:collapse;font-size:.9em}"
    "th,td{padding:4px 12px;text-align:right;border-bottom:1px solid #e1e4ea;white-space:nowrap}"
    "th:first-child{text-align:left}th[scope=row]{font-weight:400}"
)


def audit_text(audit: Audit) -> str:
    """Every finding, a paragraph a question."""
    parts = [_yield, _funnel, _matrices, _biases, _truth, _distances, _probes, _words, _repeats, _marks]
    blocks = ["\n".join(lines) for part in parts if (lines := list(part(audit)))]
    return "\n\n".join([*blocks, INTERVALS])


def write_report(folder: Path, audit: Audit) -> list[Path]:
    """Write the three files, over those of an earlier audit. Returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    text = audit_text(audit)
    contents = {
        "audit.json": json.dumps(to_json(audit), indent=2, allow_nan=False) + "\n",
        "audit.txt": text + "\n",
        "report.html": _page(audit, text),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


# -- paragraphs


def _yield(audit: Audit) -> Iterator[str]:
    yield f"Yield: {audit.complete} complete sets of {audit.seeds} seeds about {audit.videos} videos; {audit.failed} failed"
    for one in audit.yields:
        yield f"  after round {one.round}: {one.share}"
    for kind, share in audit.by_kind.items():
        yield f"  {kind}: {share}"


def _funnel(audit: Audit) -> Iterator[str]:
    yield "Accepted, by round and target"
    for stage in audit.funnel:
        told = f"{stage.accepted} of {stage.shown}" + (f", {stage.unreadable} unreadable" if stage.unreadable else "")
        yield f"  round {stage.round}, target {stage.target}: {told}; {stage.acceptance}"


def _matrices(audit: Audit) -> Iterator[str]:
    for matrix in audit.matrices:
        yield f"Target against given, {matrix.name}: given as intended {matrix.agreement}"
        yield from _cells(matrix)


def _cells(matrix: Matrix) -> Iterator[str]:
    yield "  target  given" + "".join(f"{given:>7}" for given in TARGETS) + "  unreadable"
    for target in TARGETS:
        counts = "".join(f"{matrix.counts[target][given]:>7}" for given in TARGETS)
        yield f"  {target:>6}       {counts}{matrix.unreadable[target]:>12}"


def _biases(audit: Audit) -> Iterator[str]:
    yield f"Bias of the evaluator: given minus target in the first round. {biased(audit.biases)}"
    yield from map(_bias, audit.biases)
    yield "  (what the generator missed is in it; at 4 and 1 honest errors point inwards)"


def _bias(bias: Bias) -> str:
    return f"  at {bias.target}: {bias.gap}; size {bias.error.value or 0:.3f}: {bias.verdict}"


def _truth(audit: Audit) -> Iterator[str]:
    if audit.truth_problem:
        yield f"The truth of the world is not known: {audit.truth_problem}"
    if audit.truth is None:
        return
    yield f"Against the truth of the world: the evaluator's given minus true. {biased(audit.truth.evaluator)}"
    yield from map(_bias, audit.truth.evaluator)
    for name, shares in (("written right in round 1", audit.truth.hits), ("labels that are right", audit.truth.labels)):
        yield from (f"  {name}, {target}: {share}" for target, share in shares.items())


def _distances(audit: Audit) -> Iterator[str]:
    for distance in audit.distances:
        yield f"{distance.metric} to the gold response by rating: {fall(distance.falls, distance.surely)}"
        yield from (f"  {rating}: {one}" for rating, one in distance.by_rating.items())
        yield from (f"  {a} above {b} by {one}" for (a, b), one in distance.steps.items())


def _probes(audit: Audit) -> Iterator[str]:
    yield "What gives the rating away without the video (accuracy on videos not trained on)"
    for probe in audit.probes:
        verdict = probe.verdict.upper() if probe.verdict == "leaks" else probe.verdict
        yield f"  {probe.sees} → {probe.tells}, {probe.rows}: {probe.accuracy}, chance {probe.chance:.3f}: {verdict}"


def _words(audit: Audit) -> Iterator[str]:
    found = ", ".join(f"{word!r} {count} times" for word, count in list(audit.words.found.items())[:10]) or "none"
    yield f"Responses with words about ratings: {found}"
    yield from (f"  rating {rating}: {share}" for rating, share in audit.words.by_rating.items())


def _repeats(audit: Audit) -> Iterator[str]:
    found = {pair: share for pair, share in audit.repeats.within.items() if share.value}
    yield "Near-duplicates across ratings" + ("" if found else ": none within a set")
    yield from (f"  {a} and {b} of a set: {share}" for (a, b), share in found.items())
    yield f"  responses that repeat one about another video: {audit.repeats.across}"
    yield f"  of these with the same rating (chance 0.200): {audit.repeats.same_rating}"


def _marks(audit: Audit) -> Iterator[str]:
    if (marks := audit.marks) is None:
        return
    yield f"People ({marks.people}) marked {marks.responses} responses; {marks.wrong_sets} sets hold one marked as wrong"
    for rating, share in marks.wrong.items():
        if share.n:
            yield f"  kept as {rating}: wrong {share}; deserved less kept {marks.gap[rating].value:+.2f}"
    if marks.rejected.n:
        yield f"  rejected ones that deserve their target: {marks.rejected}"
    yield "  (they chose what to look at: shares of what was marked, not of the run)"


# -- the page


def _page(audit: Audit, text: str) -> str:
    """One file that needs nothing else: the sections with their figures, then the text."""
    first = True
    body = []
    for section in audit_sections(audit):
        figures = []
        for figure in section.figures():
            figures.append(figure.to_html(full_html=False, include_plotlyjs=first, config={"displayModeBar": False}))
            first = False
        body.append(f"<section>{section_head(section)}{''.join(figures)}{section_table(section)}</section>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Bootstrap audit</title><style>{STYLE}</style><h1>Bootstrap audit</h1>{''.join(body)}"
        f"<h2>The same as text</h2><pre>{html.escape(text)}</pre></html>\n"
    )
