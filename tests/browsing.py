"""What the browser tests share: a Chromium, the served page, and somebody who reads it. Fixtures come by conftest.py.

Screenshots are left in artefacts/. A test file that drives the page skips, saying so, where there is no browser:

    from tests.browsing import needs_browser
    pytestmark = needs_browser
"""

import importlib.util
import os
import shutil

import pytest

from tests.clips import Clip
from tests.server import ROOT, serving

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
MISSING = (
    "playwright is not installed"
    if not importlib.util.find_spec("playwright")
    else "no Chromium found; install one or set CHROMIUM to its path"
    if not CHROMIUM
    else ""
)
needs_browser = pytest.mark.skipif(bool(MISSING), reason=MISSING or "a browser was found")

ARTEFACTS = ROOT / "artefacts"
SECONDS = 90_000  # milliseconds a thing may take to appear on a busy machine
UNNAMED = """() => [...document.querySelectorAll('input, textarea, button, select')]
  .filter(e => e.offsetParent && !(e.labels?.length || e.ariaLabel || e.innerText.trim() || e.title || e.placeholder))
  .map(e => e.outerHTML.slice(0, 160))"""


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The page's address, the spec of a scripted judge, and the folder it runs in; one server for all browser tests."""
    from bootstrap.__main__ import main as make_bootstrap

    folder = tmp_path_factory.mktemp("browser")
    Clip(size=(256, 144)).write(folder / "clip.mp4")
    Clip(codec="mpeg4", size=(256, 144)).write(folder / "old.avi")
    (folder / "notes.mp4").write_text("this is a text file")
    world = ["--scenes=4", "--split=train", "--setting=core", "--objects-max=1", "--seconds-min=1", "--seconds-max=1.5"]
    assert make_bootstrap(["world", f"--out={folder / 'world'}", *world]) == 0
    with serving(folder) as (address, judge):
        yield address, judge, folder


@pytest.fixture(scope="module")
def browser():
    """A Chromium. One a module: while Playwright is on, no other test of this process may run an asyncio loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        yield engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def reader(browser, served):
    """Somebody at the page, at 1280 pixels in light mode. Loading the page takes seconds, so a file's tests share one."""
    reader = Reader(browser, served)
    yield reader
    reader.page.close()


class Reader:
    """Somebody at the page, with what they would do. One page serves many tests, so `ready` puts the form in order."""

    def __init__(self, browser, served, width=1280, dark=False):
        address, self.judge, self.folder = served
        scheme = "dark" if dark else "light"
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page.set_default_timeout(SECONDS)
        self.asked_elsewhere: list[str] = []
        self.page.on("request", lambda request: self._note(request.url, address))
        self.page.goto(address)
        self.page.wait_for_selector("#vj-judge")

    def _note(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.asked_elsewhere.append(url)

    def upload(self, name: str) -> None:
        if (clear := self.page.locator("#vj-video button[aria-label='Clear']")).count():
            clear.click()
            self.page.wait_for_selector("#vj-player", state="hidden")
        self.page.set_input_files("#vj-video input[type=file]", str(self.folder / name))

    def fill(self, instruction: str, *responses: str, mode: str = "") -> None:
        for number, response in enumerate(responses):
            field = self._response(number)
            if not self.page.is_visible(field):
                self.page.click("#vj-add")
            self.page.fill(field, response)
        if mode:
            self.page.get_by_label(mode, exact=True).check()
        self.page.fill("#vj-instruction textarea", instruction)

    def _response(self, number: int) -> str:
        return f"#vj-response-{'ABCDEF'[number]} textarea"

    def choose_judge(self, spec: str = "") -> None:
        field = self.page.locator("#vj-judge-spec input")
        if field.input_value() != (spec or self.judge):
            field.fill(spec or self.judge)
            field.press("Enter")
            self.page.keyboard.press("Tab")

    def ask(self) -> None:
        """Press Judge and wait for a new verdict."""
        self.expect_new_verdict()
        self.page.click("#vj-judge:not([disabled])")
        self.wait_for_verdict()

    def expect_new_verdict(self) -> None:
        # The receipt names the run folder, so it is never drawn twice alike.
        self.page.evaluate("document.querySelector('.vj-receipt')?.setAttribute('data-old', '')")

    def wait_for_verdict(self) -> None:
        self.page.wait_for_selector(".vj-receipt:not([data-old])", state="attached")
        self.page.wait_for_selector("#vj-judge:not([disabled])")

    def ready(self, *responses: str, instruction: str = "What happens?", mode: str = "Score") -> None:
        """A form about clip.mp4 with just these responses, for the scripted judge."""
        if "clip.mp4" not in self.text("#vj-video").replace("\n", ""):
            self.upload("clip.mp4")
        self.page.wait_for_selector("#vj-player video")
        self.page.get_by_label("Score", exact=True).check()
        for number in range(5, max(1, len(responses)) - 1, -1):
            if self.page.is_visible(self._response(number)):
                self.page.click(f"text=Remove {'ABCDEF'[number]}")
                self.page.wait_for_selector(self._response(number), state="hidden")
        self.fill(instruction, *responses, mode=mode)
        self.choose_judge()

    def keep(self, name: str) -> None:
        """Leave a screenshot of the whole page; what sticks to the window's edge stands where it ends."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.wait_for_timeout(400)  # figures draw themselves after their data came
        unstuck = ".vj-actions { position: static !important }"
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True, style=unstuck)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)


def turn_to(page, name):
    """Open a tab; on a narrow screen it may be among those behind the menu at the end of the row."""
    tab = page.get_by_role("tab", name=name)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()
