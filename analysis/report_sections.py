"""The sections of a report, in their order."""

from collections.abc import Callable

from analysis.findings import Findings
from analysis.report_calibration import abstaining, calibration, maps, readings
from analysis.report_confidence import comparisons, confidence
from analysis.report_preferences import dimensions, preferences, rankings, standings
from analysis.report_ratings import errors, people, ratings, spread, superiority
from analysis.report_scaling import scaling
from analysis.sections import Section

PARTS = (
    people,
    ratings,
    errors,
    spread,
    superiority,
    preferences,
    dimensions,
    standings,
    rankings,
    calibration,
    readings,
    maps,
    confidence,
    abstaining,
    scaling,
    comparisons,
)


def report_sections(found: Findings, on_part: Callable[[int], None] = lambda done: None) -> list[Section]:
    """The sections that have something in them. `on_part` hears how many of PARTS are done."""
    sections = []
    for number, part in enumerate(PARTS, 1):
        sections += part(found)
        on_part(number)
    return sections
