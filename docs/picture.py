"""Takes the picture of the page that the README shows: a shipped example, judged by the judge that ships.

    python -m docs.picture [--out docs/page.png] [--judge embedded]

Needs playwright and a Chromium (named by CHROMIUM, or on the PATH).
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.server import serving
from workbench.page.examples import load_examples
from workbench.page.verdict_card import letter_of

SIZE = {"width": 1280, "height": 940}
PATIENCE = 600_000  # milliseconds: the judge is loaded first


def take(page: Page, judge: str, out: Path) -> None:
    """Judge the first response of the first example, and photograph the window."""
    page.set_default_timeout(PATIENCE)
    page.click("#vj-tour-decline")
    page.locator(".vj-examples button").first.click()
    page.wait_for_selector("#vj-player video")
    for number in range(len(load_examples()[0].responses), 1, -1):
        page.click(f"text=Remove {letter_of(number - 1)}")
        page.wait_for_selector(f"#vj-response-{letter_of(number - 1)}", state="hidden")
    field = page.locator("#vj-judge-spec input")
    field.fill(judge)
    field.press("Enter")
    page.click("#vj-judge")
    page.wait_for_selector(".vj-card")
    page.wait_for_timeout(1500)  # figures draw themselves after their data came
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=out)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("page.png"))
    parser.add_argument("--judge", default="embedded")
    options = parser.parse_args(argv)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (address, _), sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5)
        page.goto(address)
        take(page, options.judge, options.out)
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
