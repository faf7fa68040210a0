"""Looking through a run's examples in the Bootstrap tab: paging, filters, the video beside its set, and marks."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from bootstrap.browse import Filters, Outcome, examples_of, kinds_of, load_sets, neighbour, rounds_of
from bootstrap.example_card import set_card
from bootstrap.marks import mark_example, read_marks
from bootstrap.run_files import seed_clip
from bootstrap.tab_panels import Browser
from bootstrap.tab_texts import NO_EXAMPLE
from workbench import jobs
from workbench.errors import WorkbenchError
from workbench.page.show import error_note, note
from workbench.run_folders import chosen_folder
from workbench.schema import Item

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def wire_browser(shown: list, run: gr.Dropdown, browser: Browser, runs: Path) -> Any:
    """Wire paging, filters and marks; after the events `shown` there may be a first example. Gives the event of a mark."""

    def show(step: int | None, name: str | None, current: tuple | None, *filters) -> dict:
        if not name:
            return {browser.count: ""}
        return _example(browser, chosen_folder(runs, name), step, current, Filters(*filters))

    def fill(name: str | None, current: tuple | None, rating: int, round: int, outcome: Outcome, kind: str) -> dict:
        """The first example of a run that shows none yet, and the choices that it offers."""
        if not name or current is not None or not sets_size(chosen_folder(runs, name)):
            return {browser.count: gr.skip()}
        folder = chosen_folder(runs, name)
        example = _example(browser, folder, 0, None, Filters(rating, 0, outcome, ""))
        return _offered(browser, folder if example[browser.current] else None) | example

    def mark(name: str, *values) -> dict:
        return _marked(browser, chosen_folder(runs, name), *values)

    asked = [run, browser.current, *browser.filters]
    for button, step in ((browser.before, -1), (browser.after, 1), (browser.other, None)):
        button.click(partial(show, step), asked, browser.shown, **QUIET)
    gr.on([field.input for field in browser.filters], partial(show, 0), asked, browser.shown, trigger_mode="always_last",
          **QUIET)  # fmt: skip
    for event in shown:
        event.then(fill, asked, [*browser.shown, browser.round, browser.kind], **QUIET)
    said = [run, browser.current, browser.who, browser.deserves, browser.reason]
    return browser.mark.click(mark, said, [browser.mark_note, browser.deserves, browser.reason, browser.card], **QUIET)


def sets_size(folder: Path) -> int:
    """How much of a run is finished, in bytes of its sets.jsonl: what tells whether figures are out of date."""
    path = folder / "sets.jsonl"
    return path.stat().st_size if path.exists() else 0


# -- what is shown


def _example(browser: Browser, folder: Path, step: int | None, current: tuple | None, filters: Filters) -> dict:
    """The example so many steps from the current one; a random one for None."""
    try:
        marks, sets = read_marks(folder), load_sets(folder, jobs.find(folder).alive)
    except WorkbenchError as error:
        return _nothing(browser, error_note(error))
    found = examples_of(sets, filters, marks)
    if not found:
        return _nothing(browser, NO_EXAMPLE)
    place = random.randrange(len(found)) if step is None else neighbour(found, current, step)
    return {browser.current: found[place].key, browser.card: set_card(found[place], marks), browser.mark_note: "",
            browser.count: f'<p class="vj-sub">Example {place + 1:,} of {len(found):,}</p>',
            **_clip(browser, found[place].rated_set.seed)}  # fmt: skip


def _nothing(browser: Browser, why: str) -> dict:
    hidden = gr.update(value=None, visible=False)
    return {browser.count: "", browser.card: why, browser.player: hidden, browser.clip_note: "",
            browser.current: (), browser.mark_note: ""}  # fmt: skip


def _clip(browser: Browser, seed: Item) -> dict:
    try:
        upload = seed_clip(seed)
    except WorkbenchError as error:
        return {browser.player: gr.update(value=None, visible=False), browser.clip_note: error_note(error)}
    return {browser.player: gr.update(value=upload.playable, visible=True), browser.clip_note: ""}


def _offered(browser: Browser, folder: Path | None) -> dict:
    """The rounds and kinds that a run has, as choices."""
    sets = load_sets(folder) if folder else ()
    rounds = [("All", 0), *((str(round), round) for round in rounds_of(sets))]
    kinds = [("All", ""), *((kind, kind) for kind in kinds_of(sets))]
    return {browser.round: gr.update(choices=rounds, value=0), browser.kind: gr.update(choices=kinds, value="")}


def _marked(browser: Browser, folder: Path, current: tuple, who: str, deserves: int | None, reason: str) -> dict:
    """Write down a mark on the current example, and show the example with it."""
    sets = load_sets(folder, jobs.find(folder).alive)
    example = next((one for one in examples_of(sets) if one.key == current), None)
    if example is None:
        return {browser.mark_note: note("Choose an example first.", "warn")}
    try:
        judgment = mark_example(folder, example, who or "", deserves, reason or "")
    except WorkbenchError as error:
        return {browser.mark_note: error_note(error)}
    said = "wrong" if judgment.score != example.rating else "right"
    return {browser.mark_note: note(f"Saved: {said}, in marks.jsonl of the run."), browser.deserves: None,
            browser.reason: "", browser.card: set_card(example, read_marks(folder))}  # fmt: skip
