"""The page in a real browser at every width, in both modes."""

import pytest

from tests.browsing import Reader, needs_browser, turn_to

pytestmark = needs_browser

SCREENS = [(400, True), *(pytest.param(*screen, marks=pytest.mark.slow)
                          for screen in ((400, False), (1280, True), (1920, False), (1920, True)))]  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_it_fits_any_width_in_both_modes(browser, served, width, dark):
    reader = Reader(browser, served, width, dark)
    name = f"{width}-{'dark' if dark else 'light'}"
    reader.keep(f"empty-{name}")
    reader.ready("A circle moves. " * 60 + "x" * 300)
    reader.ask()
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    reader.keep(f"result-{name}")
    turn_to(reader.page, "Bootstrap")
    reader.page.wait_for_selector("#vj-boot-status section")
    reader.page.wait_for_timeout(1500)  # figures and an example, where an earlier test made a run
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    reader.keep(f"bootstrap-{name}")
    reader.page.close()


def test_it_fits_a_wide_screen(reader):
    reader.page.set_viewport_size({"width": 1920, "height": 1000})
    reader.ready("A circle moves.")
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 1920
    reader.page.set_viewport_size({"width": 1280, "height": 900})
