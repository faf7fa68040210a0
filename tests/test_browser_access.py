"""Every tab under axe-core, light and dark, empty and with a verdict: what it finds is a fault, but for what Gradio draws."""

import pytest

from tests.browsing import Reader, needs_browser, turn_to

pytestmark = [needs_browser, pytest.mark.slow]
axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")

TABS = ("Judge", "Compare", "Sensitivity", "Bootstrap", "Meta-eval", "Train", "Runs")
# (rule, part of the element's HTML) -> why it stays: Gradio renders these, and no setting of its changes them.
GRADIO_DRAWS: dict[tuple[str, str], str] = {}


def faults(page) -> list[str]:
    """What axe finds on the page as it stands, one line an element, without what Gradio draws."""
    found = axe_playwright.Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
        if not any(rule["id"] == name and part in node["html"] for name, part in GRADIO_DRAWS)
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_any_tab(browser, served, dark):
    reader = Reader(browser, served, dark=dark)
    found = {"Judge, empty": faults(reader.page)}
    reader.ready("A circle moves.")
    reader.ask()
    for tab in TABS:
        turn_to(reader.page, tab)
        reader.page.wait_for_timeout(1000)
        found[tab] = faults(reader.page)
    reader.page.close()
    assert {tab: lines for tab, lines in found.items() if lines} == {}


@pytest.mark.parametrize(("width", "dark"), [(400, True), (1280, False)], ids=["narrow", "wide"])
def test_axe_finds_nothing_in_a_comparison(browser, served, width, dark):
    reader = Reader(browser, served, width, dark)
    turn_to(reader.page, "Compare")
    reader.page.locator(".vj-examples:visible button").first.click()
    reader.page.wait_for_selector("#vj-cmp-player video")
    reader.page.click("#vj-cmp-start")
    reader.page.wait_for_selector("#vj-cmp-sides .vj-side-by >> nth=1")
    reader.page.wait_for_timeout(1500)  # figures draw themselves
    reader.keep(f"compare-{width}-{'dark' if dark else 'light'}")
    assert faults(reader.page) == []
    reader.page.close()
