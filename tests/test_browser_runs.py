"""The Runs tab in a real browser: a table is judged, watched after a reload and by its link, stopped, and gone on with."""

import pytest

from tests.browsing import Reader, needs_browser
from workbench import jobs
from workbench.run_list import visible_runs

pytestmark = needs_browser


@pytest.fixture
def slow_table(served):
    _, judge, folder = served
    rows = "".join(f"slowly {number},it moves\n" for number in range(400))  # two seconds each, by the script
    (folder / "slow.csv").write_text(f"instruction,response\n{rows}")
    yield folder / "slow.csv"
    for job in visible_runs(folder / "runs").all:
        if job.folder.name.startswith("watched"):
            jobs.stop(job.folder)


def open_runs(page):
    page.evaluate("document.querySelector('.overflow-menu button')?.click()")
    page.get_by_role("tab", name="Runs", exact=True).locator("visible=true").first.click()


@pytest.mark.timeout(900)
def test_a_run_is_started_found_again_by_its_link_stopped_and_gone_on_with(browser, served, slow_table):
    address, judge, folder = served
    reader = Reader(browser, served)
    page = reader.page
    open_runs(page)
    if not page.is_visible("#vj-table-path textarea, #vj-table-path input"):
        page.click("#vj-table >> text=Judge a table of items")
    page.fill("#vj-table-path textarea, #vj-table-path input", str(slow_table))
    page.fill("#vj-table-name textarea, #vj-table-name input", "watched")
    page.locator("#vj-table-judge input").fill(judge)
    page.locator("#vj-table-judge input").press("Enter")
    page.get_by_label("Text only").last.check()
    page.click("#vj-table-start")
    page.wait_for_selector("[data-run='watched'].vj-running")
    assert "python -m workbench judge" in reader.text("#vj-run-detail")
    page.wait_for_selector(".vj-strip-line >> text=watched")  # the page's judge has made room, and says so

    page.goto(f"{address}/?run=watched")  # as after closing the tab
    page.wait_for_selector("#vj-run-stop")
    page.wait_for_selector("#vj-run-detail >> text=/[1-9][0-9]* of 400 verdicts/")
    assert page.locator("[data-run='watched']").get_attribute("aria-pressed") == "true"
    reader.keep("runs")
    page.click("#vj-run-stop")
    page.wait_for_selector("[data-run='watched'].vj-stopped")
    done = jobs.find(folder / "runs" / "watched")
    assert done.state == "stopped" and 0 < done.status["done"] < 400

    page.click("#vj-run-resume")
    page.wait_for_selector("[data-run='watched'].vj-running")
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reader.keep("runs-narrow")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.click("#vj-run-stop")
    page.wait_for_selector("[data-run='watched'].vj-stopped")
    assert jobs.find(folder / "runs" / "watched").status["done"] >= done.status["done"]
    assert reader.asked_elsewhere == []
    page.close()
