"""Sections of a report about ratings: people among themselves, errors, correlations, where ratings go wrong."""

from collections.abc import Iterator

from analysis.figures import (
    confusion_figure,
    confusion_info,
    errors_figure,
    errors_info,
    spread_figure,
    spread_info,
)
from analysis.findings import Findings
from analysis.meta_evaluation import Annotators
from analysis.sections import Drawn, Section, best_of, forest, table
from analysis.tell import reasons, share


def people(found: Findings) -> Iterator[Section]:
    people = found.meta.annotators
    if people is None:
        return
    each = dict(zip(people.names, people.against_others, strict=True))
    header, rows = table(each) if each else ((), ())
    reading = "Each person's Spearman correlation with the mean of the others: no judge need do better than this."
    yield Section(
        "people", "How far do people agree among themselves?",
        "Krippendorff's alpha and Kendall's tau are 1 for perfect agreement and 0 for chance. Where people disagree, no judge can "
        "agree with all.",
        "Ratings", " ".join(_agreed(people)), tuple(reasons(each)), header, rows,
        (forest("spearman", each, reading, "high", 0.0),) if each else (),
    )  # fmt: skip


def _agreed(people: Annotators) -> Iterator[str]:
    """How far people agree, in a sentence for each kind of label."""
    if people.names:
        alpha = "; ".join(f"{name} {one} (n {one.n})" for name, one in people.alpha.items())
        yield f"{len(people.names)} people rated {people.items} items. Krippendorff's alpha: {alpha}."
    for one, did, figure in ((people.choices, "chose in {} pairs", "Krippendorff's alpha: nominal"),
                             (people.rankings, "ranked {} items", "Kendall's tau of two people, mean:")):  # fmt: skip
        if one:
            yield f"{len(one.names)} people {did.format(one.items)}. {figure} {one.agreement} (n {one.agreement.n})."


def ratings(found: Findings) -> Iterator[Section]:
    rated = {name: judge.ratings for name, judge in found.meta.judges.items() if judge.ratings}
    if not rated:
        return
    figures = {name: one.figures for name, one in rated.items()}
    coverage = {name: one.coverage for name, one in rated.items()}
    header, rows = table(figures, coverage)
    drawn = (
        forest("mae", figures, "Mean distance from the gold rating, in rating units: less is better.", "low", None, coverage),
        forest("spearman", figures, "Whether better responses get higher ratings: 1 is the gold's own order, 0 (dotted) "
               "none of it.", "high", 0.0, coverage),
        forest("bias", figures, "Mean rating less mean gold rating: right of the dotted line the judge is too kind, left of "
               "it too strict.", "zero", 0.0, coverage),
    )  # fmt: skip
    notes = [f"{name}: {one}" for name, one in coverage.items()]
    yield Section(
        "ratings", "How close are the ratings to the gold ones?",
        "Each judge's ratings beside the (mean) gold rating of the same items. A reply that could not be read is left out and "
        "counted in the coverage; it is no low rating.",
        "Ratings", best_of(drawn[1].info, "rank correlation"), (*notes, *reasons(figures)), header, rows, drawn,
    )  # fmt: skip


def errors(found: Findings) -> Iterator[Section]:
    rated = {
        name: judge.ratings for name, judge in found.meta.judges.items() if judge.ratings and judge.ratings.by_rating
    }
    if not rated:
        return
    drawn, rows = [], []
    for name, one in rated.items():
        of = f"n {one.coverage.scored}; coverage {share(one.coverage.share)}."
        drawn.append(Drawn(name, confusion_info(name, found.rated[name]), confusion_figure,
                           "Rows are gold ratings, columns what the judge gave; a good judge fills the diagonal. Colour is the "
                           "share of the row, the number the count.", of))  # fmt: skip
        drawn.append(Drawn(name, errors_info(name, one.by_rating), errors_figure,
                           "Share of ratings that are 2 or more too low (left, blue) and too high (right, orange), by gold "
                           "rating. Whiskers: 95 % intervals that draw whole videos.", of))  # fmt: skip
        rows += [(f"{name}, gold {line.rating:g}", str(line.mae.n), str(line.mean_score), str(line.mae), str(line.bias),
                  str(line.over_by_2), str(line.under_by_2)) for line in one.by_rating]  # fmt: skip
    yield Section(
        "errors", "Where do the ratings go wrong?",
        "A mean of several people counts as the nearest level, halves up. The failure explorer shows the videos behind each cell.",
        "Ratings", "", (), ("judge, rating", "n", "mean score", "mae", "bias", "over by 2", "under by 2"), tuple(rows),
        tuple(drawn),
    )  # fmt: skip


def spread(found: Findings) -> Iterator[Section]:
    if not found.rated:
        return
    info = spread_info("Ratings given", {f"gold ({found.meta.gold})": found.gold.mean,
                                         **{name: one.scores for name, one in found.rated.items()}})  # fmt: skip
    gold = found.gold.mean
    yield Section(
        "spread", "Which ratings does each judge give?",
        "A judge that gives one rating to nearly everything can have a small error and still tell nothing.", "Ratings", "", (),
        (), (),
        (Drawn("", info, spread_figure, "Each bar is cut into the share of each rating; compare the judges' bars with the gold "
               "one. Orange is low, blue is high, and the rating is written in it.",
               f"n {len(gold)} gold ratings; coverage is that of the ratings above. Shares are counts, without an interval."),),
    )  # fmt: skip


def superiority(found: Findings) -> Iterator[Section]:
    gaps = {name: judge.ratings.superiority._asdict() for name, judge in found.meta.judges.items()
            if judge.ratings and judge.ratings.superiority.psup.n}  # fmt: skip
    if not gaps:
        return
    header, rows = table(gaps)
    drawn = forest("psup", gaps, "How often the better of two responses to one question is rated strictly higher, each rated "
                   "alone. Who guesses has less than one half (dotted), for ties are no success.", "high", 0.5)  # fmt: skip
    yield Section("superiority", "Is the better response rated higher?", "All pairs of responses to one question with unequal "
                  "gold ratings. Delta is the mean gap in ratings; ties stand by themselves.", "Ratings",
                  best_of(drawn.info, "PSup"), tuple(reasons(gaps)), header, rows, (drawn,))  # fmt: skip
