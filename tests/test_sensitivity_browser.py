"""The Sensitivity tab in a real browser: empty, planned, started, a square clicked, narrow. Skips without a Chromium."""

import pytest

from tests import clips
from tests.browsing import ARTEFACTS, SECONDS, needs_browser
from tests.server import serving

pytestmark = needs_browser


@pytest.fixture
def page(browser, tmp_path):
    clips.Clip(frames=12, size=(64, 48)).write(tmp_path / "clip.mp4")
    (tmp_path / "items.csv").write_text("video,instruction,response\nclip.mp4,What?,one\nclip.mp4,What?,two\n")
    with serving(tmp_path) as (address, judge):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(3 * SECONDS)
        page.goto(address)
        page.get_by_role("tab", name="Sensitivity").click()
        page.wait_for_selector("#vj-sweep-status >> text=No sweep yet")
        yield page, judge, tmp_path
        page.close()


def fill(page, field: str, text: str) -> None:
    page.locator(f"#vj-sweep-{field}").get_by_role("textbox").fill(text)


def test_a_sweep_is_planned_started_and_its_cells_opened(page):
    page, judge, folder = page
    page.get_by_label("A run or a table").check()
    fill(page, "path", str(folder / "items.csv"))
    field = page.locator("#vj-sweep-judges input")
    field.fill(judge)
    field.press("Enter")
    page.locator("#vj-sweep-judges .token:has-text('embedded') .token-remove").click()
    fill(page, "frames", "2,4,100")
    fill(page, "name", "small")
    page.wait_for_selector("#vj-sweep-command >> text=100")
    page.click("#vj-sweep-plan")
    page.wait_for_selector("#vj-sweep-preflight >> text=1 of 1 clips have fewer")
    page.click("#vj-sweep-start")
    page.wait_for_selector("#vj-sweep-status .vj-done")
    plot = page.locator("#vj-sweep-map rect.nsewdrag")
    plot.wait_for()
    page.locator("#vj-sweep-map .js-plotly-plot[data-heard]").wait_for()
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)  # temperature 1, 2 frames
    page.wait_for_selector("#vj-sweep-verdicts >> text=temperature 1, 2 frames")
    assert page.evaluate("window.pwned") is None
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "sensitivity-narrow.png", full_page=True)
