"""Choosing a judge in a real browser: the forms of Runs and Sensitivity say at once what it does not know, as Judge does."""

import pytest

from tests.browsing import needs_browser, turn_to

pytestmark = needs_browser
RUBRIC_JUDGE = "videojudge-7b-rubric"


@pytest.mark.parametrize(("tab", "judge", "prefix", "start"), [
    ("Runs", "#vj-table-judge", "#vj-table", "#vj-table-start"),
    ("Sensitivity", "#vj-sweep-judges", "#vj-sweep", "#vj-sweep-plan"),
])  # fmt: skip
def test_a_judge_of_rubrics_asks_for_one(reader, tab, judge, prefix, start):
    page = reader.page
    turn_to(page, tab)
    if tab == "Runs" and not page.is_visible(judge):
        page.click("#vj-table >> text=Judge a table of items")
    field = page.locator(f"{judge} input").first
    field.fill(RUBRIC_JUDGE)
    field.press("Enter")
    page.keyboard.press("Tab")
    page.wait_for_selector(f"{judge} >> text=/made for: Rubric, then score/i")
    page.wait_for_selector(f"{prefix}-fit >> text=Choose “Rubric, then score”.")
    page.click(start)
    page.wait_for_timeout(500)
    assert (
        page.locator(f"{prefix}-fit .vj-note").count() == 1 and not page.locator(f"{prefix}-message .vj-note").count()
    )
    reader.keep(f"{prefix[1:]}-refused")
    page.locator(f"{prefix}-mode").get_by_label("Rubric, then score", exact=True).check()
    page.wait_for_selector(f"{prefix}-fit .vj-note", state="detached")
    page.wait_for_selector(f"{prefix}-command >> text=--mode=rubric")
