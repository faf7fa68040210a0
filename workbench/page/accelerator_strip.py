"""The line above the tabs: which job has the accelerator, so that the page's own judge has made room for it."""

from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from workbench import turns
from workbench.owners import visible
from workbench.turn_words import name_of

LOOK_SECONDS = 4.0
QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def accelerator_line(page: gr.Blocks) -> None:
    """Lay the line out in the Blocks at hand and keep it true, on every tab."""
    shown, seen, timer = gr.HTML(elem_id="vj-accelerator"), gr.State(""), gr.Timer(LOOK_SECONDS)

    def look(before: str):
        now = accelerator_strip()
        return (gr.skip(), gr.skip()) if now == before else (now, now)

    for event in (page.load, timer.tick):
        event(look, seen, [shown, seen], **QUIET)


def accelerator_strip() -> str:
    """A line above the tabs while a job has the accelerator; "" otherwise."""
    holders = [holder for holder in turns.holders() if holder.kind == "job"]
    if not holders:
        return ""
    names = " and ".join(map(_linked, holders))
    return (
        f'<p class="vj-strip-line" role="status">On the accelerator: {names}. The page\'s judge has made room; a verdict that '
        "needs it waits for it.</p>"
    )


def _linked(holder: turns.Turn) -> str:
    folder, name = Path(holder.name), escape(name_of(holder))
    return f'<a href="?run={quote(folder.name)}">{name}</a>' if visible(folder) else name
