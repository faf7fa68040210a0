"""Sections of a report about inference-time scaling: what joining several samples of a judge is worth."""

from collections.abc import Iterator, Mapping, Sequence

from analysis.figures_scaling import scaling_figure, scaling_info
from analysis.findings import Findings
from analysis.scaling import ScalePoint
from analysis.sections import Drawn, Section, counted
from analysis.tell import words

READINGS = {
    "mae": "Mean distance from the gold rating when K samples become one: falling means that more samples help.",
    "spearman": "Whether better responses get higher ratings when K samples become one: rising means that more samples help.",
    "accuracy": "Share of pairs decided as the gold when K votes become one, half of them in the other order; a tied vote is "
    "not right.",
}
SHOWN = {"ratings": ("mae", "spearman"), "preferences": ("accuracy",)}
WHISKERS = ("Each point is a mean over subsets of K samples; whiskers are 95 % intervals that draw whole videos, the same for "
            "every subset.")  # fmt: skip


def scaling(found: Findings) -> Iterator[Section]:
    for kind, figures in SHOWN.items():
        curves = {name: points for name, one in found.scaling.items() if (points := getattr(one, kind))}
        if curves:
            yield _section(kind, figures, curves)


def _section(kind: str, figures: Sequence[str], curves: Mapping[str, Sequence[ScalePoint]]) -> Section:
    drawn = tuple(
        Drawn(name, scaling_info(name, points, figure), scaling_figure, f"{READINGS[figure]} {WHISKERS}",
              counted(point.figures[figure] for point in points))
        for name, points in curves.items() for figure in figures
    )  # fmt: skip
    shown = list(next(iter(curves.values()))[0].figures)
    rows = tuple((f"{name}, {point.way}, K {point.k}", str(point.subsets), str(point.figures[shown[0]].n),
                  str(point.figures[shown[0]].left_out), *(str(point.figures[one]) for one in shown))
                 for name, points in curves.items() for point in points)  # fmt: skip
    return Section(
        f"scaling-{kind}", f"What are more samples worth? ({kind})", "Several samples of one judge at a temperature, joined by "
        "majority, mean, median or their probabilities.", "Scaling", "", (), ("judge, way, samples", "subsets", "n", "left out",
        *map(words, shown)), rows, drawn,
    )  # fmt: skip
