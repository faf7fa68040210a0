"""Every tab at the narrowest and the widest screen, in both modes: nothing to scroll sideways, and a picture of each."""

import pytest

from app import TABS
from tests.browsing import Reader, needs_browser, turn_to

pytestmark = needs_browser
WIDTHS = (400, 2560)
# What stands out to the right of the page, for whoever has to find it.
TOO_WIDE = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.offsetParent && e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.outerHTML.slice(0, 120)).slice(0, 5)"""


@pytest.mark.parametrize(
    "dark", [pytest.param(False, id="light"), pytest.param(True, id="dark", marks=pytest.mark.slow)]
)
def test_no_tab_scrolls_sideways(browser, served, dark):
    reader = Reader(browser, served, WIDTHS[0], dark)
    page, found = reader.page, {}
    for tab in TABS:
        turn_to(page, tab)
        page.wait_for_selector(f"[role=tab][aria-selected=true]:has-text('{tab}')", state="attached")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            reader.keep(f"tab-{tab.lower()}-{width}-{'dark' if dark else 'light'}")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found[tab, width] = page.evaluate(TOO_WIDE)
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == dark
    assert found == {}
    reader.page.close()
