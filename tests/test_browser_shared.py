"""What all tabs share, in a real browser: the tour, figures saved as picture and as data, verdicts opened by their links."""

import csv
from pathlib import Path

from tests.browsing import needs_browser

pytestmark = needs_browser


def test_the_tour_is_offered_once_and_left_at_any_step(reader):
    page = reader.page
    page.click("#vj-tour-start")
    page.click("#vj-tour-0")  # takes the first example
    page.wait_for_selector("#vj-player video")
    page.wait_for_selector("#vj-judge.vj-pointed")
    reader.keep("tour")
    page.click("#vj-tour-leave-1")
    page.wait_for_selector("#vj-tour", state="hidden")
    assert page.locator(".vj-pointed").count() == 0
    page.goto(page.url)
    page.wait_for_selector("#vj-judge")
    page.wait_for_timeout(1000)
    assert not page.is_visible("#vj-tour-offer")


def test_a_figure_is_named_and_saved_as_picture_and_as_the_data_behind_it(reader):
    page, saved = reader.page, {}
    reader.ready("A circle moves.")
    reader.ask()
    page.wait_for_selector(".vj-figure .vj-save button >> nth=2")
    figure = page.locator("#vj-judge-figure")
    assert figure.locator(".js-plotly-plot[role=img]").get_attribute("aria-label") == "How sure the judge is"
    for name in ("png", "svg", "csv"):
        with page.expect_download() as download:
            figure.locator(f"button[data-save={name}]").click()
        assert download.value.suggested_filename == f"how-sure-the-judge-is.{name}"
        saved[name] = Path(download.value.path()).read_bytes()
    assert saved["png"].startswith(b"\x89PNG") and b"<svg" in saved["svg"]
    rows = list(csv.DictReader(saved["csv"].decode("utf-8-sig").splitlines()))
    assert [(row["series"], row["rating"], row["label"]) for row in rows][3] == ("How sure the judge is", "4", "70%")
    assert [float(row["probability"]) for row in rows] == [0.01, 0.04, 0.15, 0.7, 0.1]


def test_a_verdict_is_opened_again_by_its_link(reader):
    page = reader.page
    reader.ready("A circle moves.", instruction="What is it?")
    reader.ask()
    page.wait_for_function("location.search.startsWith('?verdict=page-')")
    page.goto(page.url)
    page.wait_for_selector("#vj-result .vj-card")
    page.wait_for_selector("#vj-result .vj-frame >> nth=7")
    assert page.input_value("#vj-instruction textarea") == "What is it?" and "4 of 5" in reader.text(".vj-card")
    page.wait_for_selector(".vj-stale-mark", state="detached")  # the form that it is about is read a moment later
    page.goto(f"{page.url.partition('?')[0]}?verdict=none")
    page.wait_for_selector("#vj-no-verdict .vj-note.error >> text=none")
