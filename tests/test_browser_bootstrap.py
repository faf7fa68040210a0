"""The Bootstrap tab in a real browser: start, watch, browse by rating, mark, audit, export, an error in place."""

from pathlib import Path

from bootstrap.marks import read_marks
from tests.browsing import UNNAMED, needs_browser

pytestmark = needs_browser


def test_a_bootstrap_run_is_started_watched_browsed_marked_and_exported(reader):
    page = reader.page
    page.get_by_role("tab", name="Bootstrap").click()
    page.wait_for_selector("text=No run yet")
    reader.keep("bootstrap-empty")
    page.click("#vj-boot-start")
    page.wait_for_selector("#vj-boot-message >> text=name the seeds")
    page.click("#vj-boot-world")
    page.wait_for_selector("#vj-boot-world-said >> text=Now start the run")
    assert "/world-" in page.input_value("#vj-boot-seeds textarea")
    page.fill("#vj-boot-seeds textarea", "world")
    page.get_by_label("Name", exact=True).fill("first")
    page.wait_for_selector("#vj-boot-command >> text=--seeds=world")
    page.click("#vj-boot-start")
    page.wait_for_selector("#vj-boot-status >> text=Done")
    page.wait_for_selector(".vj-figure .heatmap-label")
    page.wait_for_selector("#vj-boot-card .vj-set")
    page.locator("#vj-boot-rating").get_by_label("3", exact=True).check()
    page.wait_for_selector("#vj-boot-card .vj-picked >> text=attempt")
    page.wait_for_function("document.querySelector('#vj-boot-player video')?.videoWidth > 0")
    first = page.inner_html("#vj-boot-card")
    page.click("#vj-boot-after")
    page.wait_for_selector("#vj-boot-count >> text=Example 2 of")
    assert page.inner_html("#vj-boot-card") != first  # another set, or another attempt picked out
    page.get_by_text("Is this example wrong?").click()
    page.locator("#vj-boot-deserves").get_by_label("1", exact=True).check()
    page.click("#vj-boot-mark")
    page.wait_for_selector("#vj-boot-card .vj-mark >> text=reader says 1 (wrong)")
    assert sum(map(len, read_marks(reader.folder / "runs" / "first").values())) == 1
    page.click("#vj-boot-audit")
    page.wait_for_selector("#vj-audit-marks >> text=responses they marked: 1")
    page.wait_for_selector("#vj-audit-matrix .heatmap-label")
    page.wait_for_selector("#vj-audit-leaks >> text=dotted")
    with page.expect_download() as download:
        page.click("#vj-boot-report")
    assert "What gives the rating away" in Path(download.value.path()).read_text()
    page.click("#vj-boot-export")
    page.wait_for_selector("#vj-boot-exported >> text=complete sets")
    with page.expect_download() as download:
        page.click("#vj-boot-archive")
    assert Path(download.value.path()).stat().st_size > 1000
    reader.keep("bootstrap")
    assert page.evaluate(UNNAMED) == [] and reader.asked_elsewhere == []
    page.fill("#vj-boot-seeds textarea", "/no/such/place")
    page.click("#vj-boot-start")
    page.wait_for_selector("#vj-boot-message .vj-note.error >> text=is not there")
    page.get_by_role("tab", name="Judge").click()
