"""The Judge tab in a real browser: main path, both orders, seeking, staleness, errors in place, escaping, keyboard."""

from pathlib import Path

import pytest

from tests.browsing import UNNAMED, needs_browser
from tests.server import ROOT
from workbench.page.examples import load_examples

pytestmark = needs_browser


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
    reader.choose_judge("nobody")  # said beside the button, before it is pressed
    reader.page.wait_for_selector("#vj-fit .vj-note >> text=got 'nobody', which is no judge")
    assert "embedded" in reader.text("#vj-fit")


def test_what_a_judge_was_not_made_for_is_refused_in_place(reader):
    reader.ready("first", "second", "third", mode="Rank")
    reader.choose_judge("embedded")
    reader.page.wait_for_selector("#vj-judge-spec >> text=The small judge that ships")  # its own frames come with it
    reader.page.wait_for_selector("#vj-fit .vj-note >> text=was not made for ranking")
    reader.keep("refused")
    reader.page.get_by_label("Score", exact=True).check()
    reader.page.wait_for_selector("#vj-fit .vj-note", state="detached")
    reader.page.get_by_text("Reference, frames and sampling").click()
    count = reader.page.locator("#vj-frame-count input[type=number]")
    for _ in range(10):  # the judge's own number of frames may come after what is typed this fast
        count.fill("60")
        count.press("Tab")
        reader.page.wait_for_timeout(2000)
        if reader.page.locator("#vj-fit .vj-note >> text=at most 32 frames").count():
            break
    reader.page.wait_for_selector("#vj-fit .vj-note >> text=at most 32 frames")
    reader.choose_judge()
    reader.page.wait_for_selector("#vj-fit .vj-note", state="detached")
    reader.page.get_by_text("Reference, frames and sampling").click()


def test_stop_stops_and_keeps_what_is_done(reader):
    reader.ready("one", "two", "three", instruction="slowly")
    reader.page.click("#vj-judge")
    reader.page.wait_for_selector(".vj-work >> text=Judging")
    reader.page.wait_for_selector("#vj-message .vj-waiting >> text=Judging")  # in sight below a long form
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


def test_every_control_has_a_name(reader):
    reader.ready("A circle moves.")
    reader.ask()
    assert reader.page.evaluate(UNNAMED) == []
