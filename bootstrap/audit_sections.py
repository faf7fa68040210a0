"""The audit as sections: a question, the sentence that says how to read the answer, the answer, a table, figures.

What report.html and the Bootstrap tab show, one under another.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

from bootstrap.acceptance import Bias
from bootstrap.audit import Audit
from bootstrap.audit_words import biased, fall
from bootstrap.clustered import Estimate
from bootstrap.repeats import Repeats

ESTIMATE = ("value", "95 % interval", "n", "videos", "left out")
Cells = tuple[str, ...]


class Section(NamedTuple):
    """One question. `answer` is "" where the table says it all; `figures` are plotly ones, made when they are shown."""

    key: str
    title: str
    reading: str
    answer: str
    columns: Cells
    rows: tuple[Cells, ...]
    figures: Callable[[], list[Any]] = list


def audit_sections(audit: Audit) -> list[Section]:
    """The sections of an audit, those without anything to tell left out."""
    parts = (_yield, _acceptance, _matrices, _bias, _truth, _distances, _probes, _words, _repeats, _marks)
    return [section for part in parts if (section := part(audit)) is not None]


def section_head(section: Section) -> str:
    """Title, reading and answer as HTML."""
    answer = f'<p class="vj-answer">{escape(section.answer)}</p>' if section.answer else ""
    return f'<h3>{escape(section.title)}</h3><p class="vj-sub">{escape(section.reading)}</p>{answer}'


def section_table(section: Section) -> str:
    """The table as HTML, in a box of its own that scrolls where it is too wide; "" without rows."""
    if not section.rows:
        return ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in section.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in section.rows
    )
    box = f'class="vj-table" tabindex="0" role="region" aria-label="{escape(section.title)}"'
    return f"<div {box}><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


# -- cells


def _estimate(one: Estimate, form: str = ".1%") -> Cells:
    if one.value is None:
        return ("none", "", "0", "0", str(one.left_out))
    interval = "" if one.low is None else f"{one.low:{form}} to {one.high:{form}}"
    return (f"{one.value:{form}}", interval, f"{one.n:,}", f"{one.videos:,}", f"{one.left_out:,}")


def _rows(named: Iterable[tuple[str, Estimate]], form: str = ".1%") -> tuple[Cells, ...]:
    return tuple((name, *_estimate(one, form)) for name, one in named)


# -- the questions


def _yield(audit: Audit) -> Section:
    from bootstrap import figures

    after = [(f"after round {one.round}", one.share) for one in audit.yields]
    kinds = [(f"kind: {kind}", share) for kind, share in audit.by_kind.items()]
    return Section(
        "yield", "How many seeds come to all five ratings?",
        "Yield: the share of the seeds worked on that have an accepted response for every rating, after each round. A kind of "
        "instruction far below the others is one that the dataset will hold little of.",
        f"{audit.complete:,} complete sets of {audit.seeds:,} seeds about {audit.videos:,} videos; {audit.failed:,} failed.",
        ("seeds", *ESTIMATE), _rows([*after, *kinds]),
        lambda: [figures.interval_figure(figures.yield_info(audit.yields), "Complete sets after each round",
                                         "No seed is finished yet.", percent=True)],
    )  # fmt: skip


def _acceptance(audit: Audit) -> Section:
    from bootstrap import figures

    rows = tuple(
        (f"round {one.round}, target {one.target}", f"{one.shown:,}", f"{one.accepted:,}", f"{one.unreadable:,}",
         *_estimate(one.acceptance)) for one in audit.funnel
    )  # fmt: skip
    return Section(
        "acceptance", "What becomes of the responses of each round?",
        "Accepted: given the rating it was written for, or within alpha of it. Shares are of those rated readably. Later rounds "
        "hold what earlier ones rejected, so that they accept less is no fault.",
        "", ("responses", "shown", "accepted", "unreadable", *ESTIMATE), rows,
        lambda: [figures.funnel_figure(figures.funnel_info(audit.funnel))],
    )  # fmt: skip


def _matrices(audit: Audit) -> Section:
    from bootstrap import figures

    return Section(
        "matrix", "Where do generator and evaluator disagree?",
        "Target against given: each row is what responses were written for, each column what they were given; colour is the "
        "share of the row. Weight off the diagonal at one rating is a bias there, weight on both sides of it is noise.",
        "", ("given as intended", *ESTIMATE), _rows((one.name, one.agreement) for one in audit.matrices),
        lambda: [figures.matrix_figure(figures.matrix_info(one)) for one in audit.matrices],
    )  # fmt: skip


def _bias_rows(found: Sequence[Bias], name: str) -> tuple[Cells, ...]:
    return tuple(
        (f"{name} {one.target}", *_estimate(one.gap, "+.2f"), f"{one.error.value or 0:.2f}", one.verdict)
        for one in found
    )


def _bias(audit: Audit) -> Section:
    return Section(
        "bias", "Is the evaluator biased at a rating?",
        "Mean of given less target in the first round. What the generator missed is in it. At 4 and 1 honest errors can only "
        "point inwards, so there a bias is called one only above the mean error at 2 and 3.",
        biased(audit.biases), ("target", *ESTIMATE, "mean size", "verdict"), _bias_rows(audit.biases, "target"),
    )  # fmt: skip


def _truth(audit: Audit) -> Section | None:
    if audit.truth is None:
        if not audit.truth_problem:
            return None
        return Section("truth", "What is the truth?", "The seeds are of a world that cannot be made again here.",
                       audit.truth_problem, (), ())  # fmt: skip
    truth, nothing = audit.truth, ("", "")
    shares = [(f"written right in round 1, target {target}", share) for target, share in truth.hits.items()]
    shares += [(f"label that is right, {target}", share) for target, share in truth.labels.items()]
    return Section(
        "truth", "What is the truth?",
        "In the procedural world every response has a true rating. Given less true is the evaluator's own bias, without the "
        "generator's misses; the labels that are right are those that the dataset will teach.",
        biased(truth.evaluator), ("against the truth", *ESTIMATE, "mean size", "verdict"),
        _bias_rows(truth.evaluator, "given less true, truly") + tuple((*row, *nothing) for row in _rows(shares)),
    )  # fmt: skip


def _distances(audit: Audit) -> Section | None:
    from bootstrap import figures

    if not audit.distances:
        return None
    rows: list[Cells] = []
    for one in audit.distances:
        rows += _rows(((f"{one.metric}, rating {rating}", mean) for rating, mean in one.by_rating.items()), ".2f")
        rows += _rows(((f"{one.metric}, {a} above {b} by", step) for (a, b), step in one.steps.items()), "+.2f")
    return Section(
        "distance", "Do the responses move away from the gold?",
        "Text metrics against the gold response, by rating: they must fall from 4 to 1 (in the paper BLEU from 11.0 to 3.0). "
        "A step is sure when its whole interval is above 0, in the same sets.",
        " ".join(f"{one.metric} {fall(one.falls, one.surely)}." for one in audit.distances),
        ("metric, 0 to 100", *ESTIMATE), tuple(rows),
        lambda: [figures.interval_figure(figures.distance_info(one), f"{one.metric} to the gold response by rating",
                                         "No complete set yet.") for one in audit.distances],
    )  # fmt: skip


def _probes(audit: Audit) -> Section:
    from bootstrap import figures

    rows = tuple(
        (f"{one.sees} → {one.tells}, {one.rows}", *_estimate(one.accuracy), f"{one.chance:.1%}", one.verdict)
        for one in audit.probes
    )
    unsure = sum(one.verdict in ("unsure", "too few videos") for one in audit.probes)
    leaking = [one for one in audit.probes if one.verdict == "leaks"]
    return Section(
        "leaks", "What gives the rating away without the video?",
        "A linear classifier sees only the length, the words, or the place of a response, and is tested on videos it was not "
        "trained on. It leaks when the whole interval is more than 10 points above chance (dotted): a judge could learn to do "
        "the same instead of looking. Flaws that show in the text (grammar, off-topic) are probed apart, and do leak.",
        f"Of {len(audit.probes)} probes {len(leaking) or 'none'} leak{'s' * (len(leaking) < 2)}"
        + (f"; {unsure} had too few videos to be sure." if unsure else "."),
        ("probe", *ESTIMATE, "chance", "verdict"), rows,
        lambda: [figures.interval_figure(figures.leak_info(audit.probes), "Accuracy of leak probes beside chance",
                                         "Too few videos to probe.", percent=True)],
    )  # fmt: skip


def _words(audit: Audit) -> Section:
    found = ", ".join(f"{word!r} {count} times" for word, count in list(audit.words.found.items())[:10])
    return Section(
        "words", "Do responses speak of ratings?",
        "Share of responses with words about ratings, flaws or references. The gold's share, at 5, shows what is usual.",
        found, ("responses", *ESTIMATE), _rows((f"rating {rating}", share) for rating, share in audit.words.by_rating.items()),
    )  # fmt: skip


def _repeats(audit: Audit) -> Section:
    found: Repeats = audit.repeats
    within = [(f"{a} and {b} of a set are alike", share) for (a, b), share in found.within.items() if share.value]
    across = [
        ("repeats one about another video", found.across),
        ("and has its rating (chance 20 %)", found.same_rating),
    ]
    return Section(
        "repeats", "Are there near-duplicates across ratings?",
        "Within a set, alike responses with different ratings make labels that hang on a word. Across videos, a repeated "
        "response whose rating repeats too is a template that tells the rating.",
        "" if within else "None within a set.", ("responses", *ESTIMATE), _rows([*within, *across]),
    )  # fmt: skip


def _marks(audit: Audit) -> Section | None:
    if (marks := audit.marks) is None:
        return None
    wrong = [(f"kept as {rating}: wrong", share) for rating, share in marks.wrong.items() if share.n]
    rejected = [("rejected, but deserves its target", marks.rejected)] if marks.rejected.n else []
    return Section(
        "marks", "What do people say?",
        "They chose what to look at, so these are shares of what was marked and not of the run. Sets with a response marked as "
        "wrong are left out of exports unless they are asked for.",
        f"People: {marks.people}; responses they marked: {marks.responses}; sets that hold one marked as wrong: "
        f"{marks.wrong_sets}.",
        ("marks", *ESTIMATE), _rows([*wrong, *rejected]),
    )  # fmt: skip


def section_figures(sections: Iterable[Section]) -> Iterator[Any]:
    """All figures of the sections, in their order."""
    return (figure for section in sections for figure in section.figures())
