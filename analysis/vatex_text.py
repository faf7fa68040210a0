"""The figures of VATEX-EVAL as lines of text, and as JSON."""

import json
from typing import Any

from analysis.estimate import Estimate
from analysis.vatex_eval import Correlation, Part, Report

SHOWN = 10  # rejected rows that are listed


def report_lines(report: Report) -> list[str]:
    """Correlations times 100, as the field prints them, each with its 95 % interval."""
    lines = [f"VATEX-EVAL: {report.captions} captions of {report.videos} videos"]
    lines += [f"  rejected {reason}" for reason in report.rejected[:SHOWN]]
    if len(report.rejected) > SHOWN:
        lines.append(f"  ... and {len(report.rejected) - SHOWN} more rows rejected")
    for part in report.parts:
        lines += ["", *_part_lines(part)]
    told = ", ".join(f"{mean.value:.2f}" for mean in report.slot_means if mean.value is not None)
    return [*lines, "", f"mean rating by caption slot: {told}"]


def _part_lines(part: Part) -> list[str]:
    first = part.metrics[0].kendall
    left_out = f", {first.left_out} left out (a rating is missing)" if first.left_out else ""
    lines = [f"{part.name} (n {first.n}{left_out}; x100, 95 % interval over {first.videos} videos)"]
    lines.append(f"  {'':<36}  {'Kendall tau-b':<24}  Spearman rho")
    lines += [_line(one) for one in (*part.metrics, *part.annotators)]
    alpha = part.alpha
    value = "none" if alpha.value is None else f"{alpha.value:.3f}{_interval(alpha, 3, 1)}"
    return [*lines, f"  Krippendorff's alpha (interval): {value}"]


def _line(one: Correlation) -> str:
    return f"  {one.name:<36}  {_hundred(one.kendall):<24}  {_hundred(one.spearman)}"


def _hundred(value: Estimate) -> str:
    if value.value is None:
        return f"none ({value.reason})"
    return f"{100 * value.value:.2f}{_interval(value, 2, 100)}"


def _interval(value: Estimate, decimals: int, times: int) -> str:
    if value.low is None or value.high is None:
        return ""
    return f" [{times * value.low:.{decimals}f}, {times * value.high:.{decimals}f}]"


def report_json(report: Report) -> str:
    """The report as JSON, correlations as they are (not times 100)."""
    return json.dumps(_plain(report), indent=1)


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _plain(inner) for name, inner in value._asdict().items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
