"""Figures in a real browser: what a screen reader is told, and what is saved as picture and as data."""

import csv
from pathlib import Path

from tests.browsing import needs_browser

pytestmark = needs_browser


def test_a_figure_is_named_and_saved_as_picture_and_as_the_data_behind_it(reader):
    page, saved = reader.page, {}
    reader.ready("A circle moves.")
    reader.ask()
    page.wait_for_selector(".vj-figure .vj-save button >> nth=2")
    figure = page.locator("#vj-judge-figure")
    assert figure.locator("[role=img]").get_attribute("aria-label") == "How sure the judge is"
    for name in ("png", "svg", "csv"):
        with page.expect_download() as download:
            figure.locator(f"button[data-save={name}]").click()
        assert download.value.suggested_filename == f"how-sure-the-judge-is.{name}"
        saved[name] = Path(download.value.path()).read_bytes()
    assert saved["png"].startswith(b"\x89PNG") and b"<svg" in saved["svg"]
    rows = list(csv.DictReader(saved["csv"].decode("utf-8-sig").splitlines()))
    assert [(row["series"], row["rating"], row["label"]) for row in rows][3] == ("How sure the judge is", "4", "70%")
    assert [float(row["probability"]) for row in rows] == [0.01, 0.04, 0.15, 0.7, 0.1]
