"""The first world in the Bootstrap tab: a button, how far it is, and the seeds field filled in when it is there."""

from pathlib import Path
from typing import NamedTuple

import gradio as gr

from bootstrap.first_world import SCENES, draw_first_world, first_world
from workbench.errors import WorkbenchError
from workbench.jobs import Job
from workbench.page.run_status import status_card
from workbench.page.show import error_note, note

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
POLL_SECONDS = 1.0


class FirstWorld(NamedTuple):
    """The button, what it says, and the clock that asks how far the world is."""

    make: gr.Button
    said: gr.HTML
    timer: gr.Timer


def world_panel() -> FirstWorld:
    """Below the seeds field."""
    make = gr.Button(f"No seeds? Draw a small world of {SCENES} clips", size="sm", elem_classes="vj-quiet",
                     elem_id="vj-boot-world")  # fmt: skip
    return FirstWorld(make, gr.HTML(elem_id="vj-boot-world-said"), gr.Timer(POLL_SECONDS, active=False))


def wire_world(world: FirstWorld, seeds: gr.Textbox, runs: Path, tab: gr.Tab) -> None:
    """Draw on a click; whoever opens the tab while it is drawn sees how far it is."""

    def shown(job: Job | None, typed: str) -> dict:
        if job is None or (not job.alive and typed.strip()):
            return {world.timer: gr.Timer(active=False)}
        given = {world.timer: gr.Timer(active=job.alive), world.make: gr.update(interactive=not job.alive)}
        if job.state == "done":
            said = note("The world is drawn: clips whose truth is known, named as seeds. Now start the run.")
            return given | {world.said: said, seeds: str(runs / job.folder.name)}
        far = f"{job.status.get('done', 0)} of {SCENES} clips"
        return given | {world.said: status_card(job, far, {}, "Clips drawn")}

    def draw() -> dict:
        try:
            return shown(draw_first_world(runs), "")
        except WorkbenchError as error:
            return {world.said: error_note(error)}

    def look(typed: str) -> dict:
        return shown(first_world(runs), typed)

    outputs = [*world, seeds]
    world.make.click(draw, None, outputs, **QUIET)
    world.timer.tick(look, seeds, outputs, **QUIET)
    tab.select(look, seeds, outputs, **QUIET)
