"""Two browsers at a page for many: what a model writes is never run, and neither sees the other's runs."""

import pytest

from tests.browsing import ARTEFACTS, SECONDS, needs_browser
from tests.clips import Clip
from tests.server import serving

pytestmark = needs_browser

EVIL = """<img src=x onerror="window.pwned=1"><script>window.pwned=1</script><svg onload="window.pwned=1"></svg>
<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>[click](javascript:window.pwned=1) <a href="javascript:pwned=1">x</a>
${window.pwned=1} {{window.pwned=1}} "><details open ontoggle="window.pwned=1">"""
SCRIPT = f"""
rules:
  - reply: |
      <thinking>{EVIL.replace(chr(10), chr(10) + "      ")}</thinking><score>4</score>
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The address of a page for many, its judge, whose every word is an attack, and a clip with such a name."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "evil.yaml").write_text(SCRIPT)
    Clip(size=(64, 48)).write(folder / "clip.mp4").rename(folder / "<img src=x onerror=pwned=1>.mp4")
    judge = f"scripted:{folder / 'evil.yaml'}"
    with serving(folder, "--users", "many", WORKBENCH_JUDGES=judge) as (address, _):
        yield address, judge, folder


@pytest.fixture
def open_page(browser, many):
    """Open the page in a browser of its own; everything it asks elsewhere is noted."""
    contexts = []

    def opened(where: str = "/"):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(4 * SECONDS)
        page.elsewhere = []
        page.on("request", lambda asked: page.elsewhere.append(asked.url)
                if not asked.url.startswith((many[0], "data:", "blob:")) else None)  # fmt: skip
        page.goto(many[0] + where)
        page.wait_for_selector("#vj-judge")
        return page

    yield opened
    for context in contexts:
        context.close()


def test_what_is_written_is_not_run_and_runs_are_ones_own(open_page, many):
    page = open_page()
    assert "clearing its cookies loses" in page.inner_text(".vj-theirs")
    page.set_input_files("#vj-video input[type=file]", str(next(many[2].glob("*.mp4"))))
    page.wait_for_selector("#vj-player video")
    page.fill("#vj-instruction textarea", EVIL)
    page.fill("#vj-response-A textarea", EVIL)
    field = page.locator("#vj-judge-spec input")
    field.fill(many[1])
    field.press("Enter")
    page.keyboard.press("Tab")
    page.click("#vj-judge")
    page.wait_for_selector(".vj-card h3")
    assert "onerror" in page.inner_text(".vj-card")
    for details in page.locator("#vj-result details").all():
        details.evaluate("each => each.open = true")
    page.screenshot(path=ARTEFACTS / "server-many.png", full_page=True)
    assert page.evaluate("window.pwned === undefined")
    name = page.inner_text(".vj-receipt tr:last-child td").rpartition("/")[2]
    page.goto(f"{many[0]}/?verdict={name}")  # what is stored is shown again
    page.wait_for_selector(".vj-card h3")
    assert "onerror" in page.inner_text(".vj-card")
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned === undefined") and page.elsewhere == []
    other = open_page(f"/?verdict={name}")
    other.wait_for_selector("#vj-no-verdict .vj-note")
    assert other.locator("#vj-no-verdict").bounding_box()["y"] < 900, "said where nobody looks"
    assert (
        "in the browser that judged it alone" in other.inner_text("#vj-no-verdict")
        and not other.locator(".vj-card h3").count()
    )
    other.set_viewport_size({"width": 400, "height": 800})
    other.goto(f"{many[0]}/?verdict=none")  # no word on which verdicts there are
    other.wait_for_selector("#vj-no-verdict .vj-note")
    other.wait_for_function("document.querySelector('#vj-no-verdict').getBoundingClientRect().top < innerHeight")
    assert "in the browser that judged it alone" in other.inner_text("#vj-no-verdict")
    other.screenshot(path=ARTEFACTS / "server-no-verdict-400.png")
