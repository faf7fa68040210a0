"""The Train tab in a real browser: start, re-attach after a reload, watch, look at what would be pushed, try it."""

from tests.browsing import needs_browser

pytestmark = needs_browser
TRAINING_SECONDS = 240_000  # milliseconds


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
    page.locator("#vj-train-steps").get_by_role("textbox").fill("reading=1 dense=1 looking=1 judge=1")
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
