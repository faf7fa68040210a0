"""The page in a real browser: main path, both orders, seeking, staleness, errors in place, escaping, widths, modes.

Needs playwright and a Chromium (named by CHROMIUM, or on the PATH); skips, saying so, where there is none.
Screenshots are left in artefacts/.
"""

import os
import shutil
from pathlib import Path

import pytest

from bootstrap.__main__ import main as make_bootstrap
from bootstrap.marks import read_marks
from tests.clips import Clip
from tests.server import ROOT, serving
from workbench.page.examples import load_examples

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; install one or set CHROMIUM to its path")

ARTEFACTS = ROOT / "artefacts"
TRAINING_SECONDS = 240_000
SECONDS = 30_000  # milliseconds a thing may take to appear on a busy machine


@pytest.fixture(scope="module")
def served(tmp_path_factory):
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
    with playwright.sync_playwright() as engine:
        yield engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


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
        """Leave a screenshot of the whole page."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.wait_for_timeout(400)  # figures draw themselves after their data came
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)


@pytest.fixture(scope="module")
def reader(browser, served):
    """Loading the page takes seconds, so the tests share one."""
    reader = Reader(browser, served)
    yield reader
    reader.page.close()


def test_an_empty_form_says_everything_that_is_missing(reader):
    reader.page.click("#vj-judge")
    reader.page.wait_for_selector("#vj-message .vj-note")
    assert "add a video, write the instruction and give a response" in reader.text("#vj-message")
    reader.keep("missing")


@pytest.mark.skipif(not (ROOT / "workbench/embedded/config.json").exists(), reason="the judge that ships is not built")
def test_one_click_gives_a_verdict_of_the_judge_that_ships(reader):
    reader.page.click("#vj-try")
    reader.page.wait_for_selector(".vj-card", timeout=120_000)
    assert reader.page.locator(".vj-card.vj-scored").count() == len(load_examples()[0].responses)
    assert "What this judge knows" in reader.page.inner_text("#vj-result")
    reader.keep("embedded")


def test_the_main_path_and_nothing_is_asked_of_the_network(reader):
    reader.ready("A circle moves.")
    reader.ask()
    assert "4 of 5, higher is better" in reader.text(".vj-card") and "expected 3.8" in reader.text(".vj-card")
    reader.page.wait_for_selector(".vj-figure .barlayer .point")
    assert reader.page.locator(".vj-figure .barlayer .point").count() == 5
    assert reader.page.locator(".vj-frame").count() == 8
    reader.page.get_by_role("tab", name="Prompt and reply").click()
    assert "A circle moves." in reader.page.get_by_label("The exact prompt", exact=True).inner_text()
    assert "<score>4</score>" in reader.page.get_by_label("The reply, word for word", exact=True).inner_text()
    reader.page.get_by_role("tab", name="Command").click()
    assert (
        "python -m workbench judge"
        in reader.page.get_by_label("Repeats this verdict on the command line", exact=True).inner_text()
    )
    reader.page.get_by_role("tab", name="JSON").click()
    with reader.page.expect_download() as download:
        reader.page.get_by_text("Download JSON").click()
    assert '"judgments"' in Path(download.value.path()).read_text()
    assert reader.asked_elsewhere == []
    reader.keep("result")


def test_an_example_fills_the_form_and_its_command_names_the_shipped_file(reader):
    example = load_examples()[0]
    reader.page.get_by_role("button", name=example.title, exact=True).click()
    reader.page.wait_for_selector("#vj-player video")
    reader.choose_judge()
    reader.ask()
    assert reader.page.locator(".vj-card").count() == len(example.responses)
    assert "known rating" in reader.text(".vj-card >> nth=0")
    reader.page.get_by_role("tab", name="Command").click()
    command = reader.page.get_by_label("Repeats this verdict on the command line", exact=True).inner_text()
    assert f"judge workbench/examples/{Path(example.video).name} " in command
    reader.keep("example")


def test_a_frame_sends_the_player_to_its_second(reader):
    reader.ready("A circle moves.")
    reader.ask()
    reader.page.wait_for_function("document.querySelector('#vj-player video').readyState > 0")  # before, it cannot seek
    for number in (5, 2, 2):
        reader.page.evaluate("document.querySelector('#vj-player video').currentTime = 0")
        frame = reader.page.locator(".vj-frame").nth(number)
        seconds = float(frame.get_attribute("data-seconds"))
        frame.focus()
        reader.page.keyboard.press("Enter")
        place = "document.querySelector('#vj-player video').currentTime"
        reader.page.wait_for_function(f"Math.abs({place} - {seconds}) < 0.1")


def test_model_text_is_shown_and_never_run(reader):
    reader.ready("A circle moves.")
    reader.ask()
    assert '<img src=x onerror="window.pwned = true">' in reader.text(".vj-card")
    reader.fill("ramble")
    reader.ask()
    assert "no verdict" in reader.text(".vj-card h3").lower() and "of 5" not in reader.text(".vj-card")
    assert '<img src=x onerror="window.pwned = true">' in reader.text(".vj-raw")
    assert reader.page.evaluate("window.pwned") is None
    reader.keep("unparsed")


def test_a_pair_is_judged_in_both_orders(reader):
    reader.ready("one", "two", mode="Compare two, with reasons")
    reader.ask()
    card = reader.text(".vj-card")
    assert "Inconsistent" in card and "prefers A" in card and "prefers B" in card
    reader.keep("pair")


def test_responses_can_be_added_taken_out_and_ranked(reader):
    reader.ready("first", "second", "third", "fourth", mode="Rank")
    reader.page.click("text=Remove B")
    reader.page.wait_for_function("document.querySelector('#vj-response-B textarea').value === 'third'")
    reader.ask()
    assert "Best first." in reader.text(".vj-card")


def test_a_verdict_goes_out_of_date_and_comes_back(reader):
    reader.ready("A circle moves.")
    reader.ask()
    assert reader.page.locator(".vj-stale-mark").count() == 0
    reader.page.fill("#vj-instruction textarea", "Something else?")
    reader.page.wait_for_selector(".vj-stale-mark")
    assert "the instruction" in reader.text("#vj-stale")
    reader.keep("stale")
    reader.page.fill("#vj-instruction textarea", "What happens?")
    reader.page.wait_for_selector(".vj-stale-mark", state="detached")


def test_a_long_job_says_how_far_it_is(reader):
    reader.ready("A circle moves.", instruction="slowly")
    reader.page.click("#vj-judge")
    reader.page.wait_for_selector(".vj-work >> text=Judging")
    reader.keep("working")
    reader.page.wait_for_selector("#vj-judge:not([disabled])")
    assert "3 of 5" in reader.text(".vj-card")


def test_a_failing_judge_is_no_low_score(reader):
    reader.ready("A circle moves.", instruction="break")
    reader.ask()
    assert "failed" in reader.text(".vj-card h3") and "out of memory" in reader.text(".vj-card")


def test_a_text_file_as_video_is_one_error_in_place_and_the_page_lives(reader):
    reader.upload("notes.mp4")
    reader.page.wait_for_selector(".vj-note.error")
    assert "notes.mp4" in reader.text(".vj-note.error")
    reader.keep("no-video")
    reader.ready("A circle moves.")
    assert reader.page.locator(".vj-note.error").count() == 0
    reader.ask()


def test_a_video_that_browsers_cannot_play_gets_a_preview(reader):
    reader.upload("old.avi")
    reader.page.wait_for_selector("#vj-player video")
    reader.page.wait_for_function("document.querySelector('#vj-player video').videoWidth > 0")
    assert "the judge reads your original" in reader.page.inner_text(".vj-panel")


def test_an_unknown_judge_names_the_known_ones(reader):
    reader.ready("A circle moves.")
    reader.choose_judge("nobody")
    reader.page.click("#vj-judge")
    reader.page.wait_for_selector("#vj-message .vj-note.error")
    assert "embedded" in reader.text("#vj-message")


def test_what_a_judge_was_not_made_for_is_refused_in_place(reader):
    reader.ready("first", "second", "third", mode="Rank")
    reader.choose_judge("embedded")
    reader.page.wait_for_selector("#vj-fit .vj-note >> text=was not made for ranking")
    reader.keep("refused")
    reader.page.get_by_label("Score", exact=True).check()
    reader.page.wait_for_selector("#vj-fit .vj-note", state="detached")
    reader.page.get_by_text("Reference, frames and sampling").click()
    count = reader.page.locator("#vj-frame-count input[type=number]")
    count.fill("60")
    count.press("Tab")
    reader.page.wait_for_selector("#vj-fit .vj-note >> text=at most 32 frames")
    reader.choose_judge()
    reader.page.wait_for_selector("#vj-fit .vj-note", state="detached")
    reader.page.get_by_text("Reference, frames and sampling").click()


def test_stop_stops_and_keeps_what_is_done(reader):
    reader.ready("one", "two", "three", instruction="slowly")
    reader.page.click("#vj-judge")
    reader.page.wait_for_selector(".vj-work >> text=Judging")
    reader.expect_new_verdict()
    reader.page.click("#vj-stop")
    reader.wait_for_verdict()
    assert reader.page.locator(".vj-card.vj-scored").count() == 1
    assert "stopped" in reader.text(".vj-card.vj-failed h3")
    reader.keep("stopped")
    reader.page.wait_for_selector("#vj-stop", state="hidden")
    reader.ready("A circle moves.")
    reader.ask()
    assert reader.page.locator(".vj-card.vj-scored").count() == 1


def test_everything_is_reached_by_keyboard(reader):
    reader.ready("A circle moves.")
    reached = set()
    reader.page.focus("#vj-instruction textarea")
    for _ in range(60):
        reader.page.keyboard.press("Tab")
        reached.add(reader.page.evaluate("document.activeElement.closest('[id^=vj-]')?.id || ''"))
    assert {"vj-response-A", "vj-add", "vj-mode", "vj-judge-spec", "vj-judge"} <= reached
    reader.page.focus("#vj-judge")
    reader.expect_new_verdict()
    reader.page.keyboard.press("Enter")
    reader.wait_for_verdict()


UNNAMED = """() => [...document.querySelectorAll('input, textarea, button, select')]
  .filter(e => e.offsetParent && !(e.labels?.length || e.ariaLabel || e.innerText.trim() || e.title || e.placeholder))
  .map(e => e.outerHTML.slice(0, 160))"""


def test_every_control_has_a_name(reader):
    reader.ready("A circle moves.")
    reader.ask()
    assert reader.page.evaluate(UNNAMED) == []


def test_a_bootstrap_run_is_started_watched_browsed_marked_and_exported(reader):
    page = reader.page
    page.get_by_role("tab", name="Bootstrap").click()
    page.wait_for_selector("text=No run yet")
    reader.keep("bootstrap-empty")
    page.click("#vj-boot-start")
    page.wait_for_selector("#vj-boot-message >> text=name the seeds")
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


SCREENS = [(400, True), *(pytest.param(*screen, marks=pytest.mark.slow)
                          for screen in ((400, False), (1280, True), (1920, False), (1920, True)))]  # fmt: skip


def turn_to(page, name):
    """Open a tab; on a narrow screen it may be among those behind the menu at the end of the row."""
    tab = page.get_by_role("tab", name=name)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()


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


def test_a_training_is_started_watched_tried_and_looked_at(reader):
    page = reader.page
    page.goto(page.url)
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector("#vj-train-status >> text=No training yet")
    reader.keep("train-empty")
    page.fill("#vj-train-data textarea", "/no/such/place")
    page.click("#vj-train-start")
    page.wait_for_selector("#vj-train-message .vj-note.error >> text=is not there")
    page.fill("#vj-train-data textarea", "world")
    page.locator("#vj-train-steps").get_by_role("textbox").fill("reading=1 dense=1 looking=1 single=1 judge=1")
    page.locator("#vj-train-name").get_by_role("textbox").fill("small")
    page.wait_for_selector("#vj-train-command >> text=judge=1")
    page.click("#vj-train-start")
    page.wait_for_selector("#vj-train-stop", state="visible")
    page.reload()  # it goes on, and is found again
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector("#vj-train-status :is(.vj-done, .vj-failed)", timeout=TRAINING_SECONDS)
    assert "Done" in page.inner_text("#vj-train-status")
    page.wait_for_selector("#vj-train-curves .js-plotly-plot >> text=loss: judge")
    page.wait_for_selector("#vj-train-checkpoints >> text=looking")
    page.locator("#vj-train-repo").get_by_role("textbox").fill("ann/small")
    page.click("#vj-train-look")
    page.wait_for_selector("#vj-train-plan >> text=pipeline_tag: video-text-to-text")
    reader.keep("train")
    page.click("#vj-train-try")
    page.wait_for_selector("#vj-judge-spec", state="visible")
    assert page.locator("#vj-judge-spec input").input_value().endswith("runs/small/judge")
    page.wait_for_selector("#vj-judge-spec >> text=Made for: Score")  # its own judge.json


STRICT = "rules:\n  - reply: <thinking>Much is missing.</thinking><score>2</score>\n"


def test_a_vote_is_blind_until_it_is_cast(browser, served):
    (served[2] / "strict.yaml").write_text(STRICT)
    reader = Reader(browser, served)
    page, specs = reader.page, [reader.judge, f"scripted:{served[2] / 'strict.yaml'}"]
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_selector("#vj-cmp-empty >> text=side by side")
    reader.keep("compare-empty")
    page.click("#vj-cmp-start")
    page.wait_for_selector("#vj-cmp-message .vj-note >> text=Almost there: add a video")
    field = page.locator("#vj-cmp-judges input")
    for spec in [None, None, *specs]:  # the two that stand there first go
        field.focus()
        if spec:
            field.fill(spec)
        page.keyboard.press("Enter" if spec else "Backspace")
    page.keyboard.press("Escape")
    page.set_input_files("#vj-cmp-video input[type=file]", str(served[2] / "clip.mp4"))
    page.wait_for_selector("#vj-cmp-player video")
    page.fill("#vj-cmp-instruction textarea", "What happens?")
    page.fill("#vj-cmp-response-A textarea", "A circle moves.")
    page.locator("#vj-cmp-blind input").check()
    page.locator("#vj-cmp-who").get_by_role("textbox").fill("anna")
    page.click("#vj-cmp-start")
    page.wait_for_selector("#vj-cmp-first", state="visible")
    shown = page.inner_html("#vj-cmp-sides")
    assert "yaml" not in shown and "Much is missing." in shown and "2 of 5" in shown and "4 of 5" in shown
    assert page.evaluate("window.pwned") is None
    reader.keep("compare-blind")
    page.click("#vj-cmp-first")
    page.wait_for_selector("#vj-cmp-told .vj-note >> text=You chose")
    page.wait_for_selector("#vj-cmp-votes >> text=Elo rating by votes")
    assert all(Path(spec).name in page.inner_text("#vj-cmp-sides") for spec in specs)
    reader.keep("compare-voted")
    assert not reader.asked_elsewhere
    reader.page.close()
