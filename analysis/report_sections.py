"""The sections of a report, in their order."""

from analysis.findings import Findings
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
    confidence,
    scaling,
    comparisons,
)


def report_sections(found: Findings) -> list[Section]:
    """The sections that have something in them."""
    return [section for part in PARTS for section in part(found)]
