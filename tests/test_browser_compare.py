"""The Compare tab in a real browser: what is missing, a blind vote, the names after it, the table of votes."""

from pathlib import Path

from tests.browsing import Reader, needs_browser

pytestmark = needs_browser
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
