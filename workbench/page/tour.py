"""A first tour of the page in four steps: offered once in one line, started by a button, left at any step."""

from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# Where a browser remembers that its reader has seen the offer, and the key it is written with: one made by chance would
# be another after a restart. It hides nothing.
STORED = "vj-tour"

INVITE = '<p class="vj-sub">First time here? Judge an example and see what is behind the verdict, in four steps.</p>'


class TourStep(NamedTuple):
    """One step. `points_at` are the elements it is about (CSS); `press` what its button presses for the reader."""

    label: str
    html: str
    points_at: str
    button: str
    press: str = ""


STEPS = (
    TourStep(
        "Fill in",
        "<p>A verdict needs three things: <b>a video</b>, <b>what was asked</b> about it, and <b>an answer</b> to judge. "
        "An example brings all three, with the rating that each answer is known to deserve.</p>",
        ".vj-examples, #vj-video",
        "Take the first example",
        ".vj-examples button",
    ),
    TourStep(
        "Judge",
        "<p>The judge that ships is small and runs here, on drawn clips like this one. For videos of the world choose a "
        "VideoJudge model, or your own, in the judge field.</p>",
        "#vj-judge-spec, #vj-judge",
        "Judge it",
        "#vj-judge",
    ),
    TourStep(
        "Read",
        "<p>Each answer gets a rating <b>from 1 to 5, higher is better</b>. The bars say how sure the judge is. Choose a frame "
        "it saw, and the player goes there. Its prompt, its reply word for word, the command that repeats it and the JSON are "
        "at the end.</p>",
        "#vj-result",
        "Go on",
    ),
    TourStep(
        "Go on",
        "",  # `where_to_go`
        "[role='tablist']",
        "Done",
    ),
)

ELSEWHERE = {
    "Compare": "<b>Compare</b> several judges on one video.",
    "Sensitivity": "<b>Sensitivity</b>: does a verdict hold at other temperatures and numbers of frames?",
    "Bootstrap": "<b>Bootstrap</b> makes rated answers to train on.",
    "Meta-eval": "<b>Meta-eval</b>: how far is a judge to be trusted, and where does it fail?",
    "Train": "<b>Train</b> a judge.",
    "Runs": "<b>Runs</b> shows all that is at work.",
}


def where_to_go(tabs: Collection[str]) -> str:
    """The last step as HTML: what the tabs that this page has are for."""
    return f"<p>{' '.join(said for name, said in ELSEWHERE.items() if name in tabs)}</p>"


class Tour(NamedTuple):
    """The components; `seen` is kept by the browser."""

    offer: gr.Row
    start: gr.Button
    decline: gr.Button
    body: gr.Column
    walk: gr.Walkthrough
    nexts: tuple[gr.Button, ...]
    leaves: tuple[gr.Button, ...]  # one in each step
    seen: gr.BrowserState


def tour_panel(tabs: Collection[str]) -> Tour:
    """Lay out the offer and the tour, both out of sight, in the Blocks at hand; it names the tabs that there are."""
    steps = (*STEPS[:-1], STEPS[-1]._replace(html=where_to_go(tabs)))
    with gr.Row(visible=False, elem_classes="vj-offer", elem_id="vj-tour-offer") as offer:
        gr.HTML(INVITE)
        start = gr.Button("Take the tour", size="sm", elem_classes="vj-quiet", elem_id="vj-tour-start")
        decline = gr.Button("No, thanks", size="sm", elem_classes="vj-quiet", elem_id="vj-tour-decline")
    body = gr.Column(visible=False, elem_classes="vj-tour", elem_id="vj-tour")
    with body, gr.Walkthrough(selected=0, elem_id="vj-tour-steps") as walk:
        nexts, leaves = zip(*(_step(number, step) for number, step in enumerate(steps)), strict=True)
    return Tour(
        offer, start, decline, body, walk, nexts, leaves, gr.BrowserState(False, storage_key=STORED, secret=STORED)
    )


def _step(number: int, step: TourStep) -> tuple[gr.Button, gr.Button]:
    """One step; gives its button to go on and its button to leave."""
    small: dict[str, Any] = {"size": "sm", "elem_classes": "vj-quiet"}
    with gr.Step(step.label, id=number):
        gr.HTML(step.html)
        with gr.Row(elem_classes="vj-buttons"):
            go_on = gr.Button(step.button, variant="primary", elem_id=f"vj-tour-{number}", **small)
            return go_on, gr.Button("Leave the tour", elem_id=f"vj-tour-leave-{number}", **small)


def wire_tour(tour: Tour, tabs: gr.Tabs, again: gr.Button) -> None:
    """Offer the tour to whoever was never offered it; `again` starts it at any time. It begins in the Judge tab."""
    shown = [tour.offer, tour.body, tour.walk, tour.seen, tabs]

    def begin() -> dict:
        return {tour.offer: gr.update(visible=False), tour.body: gr.update(visible=True), tour.seen: True,
                tour.walk: gr.Walkthrough(selected=0), tabs: gr.Tabs(selected="judge")}  # fmt: skip

    def end() -> dict:
        return {tour.offer: gr.update(visible=False), tour.body: gr.update(visible=False), tour.seen: True}

    gr.on(None, lambda seen: gr.update(visible=not seen), tour.seen, tour.offer, **QUIET)
    begun = gr.on([tour.start.click, again.click], begin, None, shown, **QUIET)
    begun.then(None, js=_point(0), api_visibility="private")
    for number, button in enumerate(tour.nexts):
        last = number == len(STEPS) - 1
        going = end if last else partial(gr.Walkthrough, selected=number + 1)
        gone = button.click(going, None, shown if last else tour.walk, js=_press(number), **QUIET)
        gone.then(None, js=_point(None if last else number + 1), api_visibility="private")
    gr.on([*(leave.click for leave in tour.leaves), tour.decline.click], end, None, shown, **QUIET).then(
        None, js=_point(None), api_visibility="private"
    )


def _press(number: int) -> str | None:
    press = STEPS[number].press
    return f'() => {{ document.querySelector("{press}")?.click(); }}' if press else None


def _point(number: int | None) -> str:
    return f'() => {{ window.vjPoint("{"" if number is None else STEPS[number].points_at}"); }}'
