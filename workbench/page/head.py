"""What the head of the page says about the machine it runs on: which judge answers, and where verdicts are kept."""

from pathlib import Path

import gradio as gr

from workbench.page.keeping import Keeper, keeper_of, keeping_note
from workbench.page.served_judge import served_judge_note

SECONDS = 30  # between two looks at how keeping stands


def head_notes(runs: Path) -> None:
    """Add the notes to the Blocks at hand, and begin to keep verdicts where the environment says so. Nothing to add at home."""
    if said := served_judge_note():
        gr.HTML(said)
    if keeper := keeper_of(runs):
        _show(keeper)
        keeper.start()


def _show(keeper: Keeper) -> None:
    note = gr.HTML(keeping_note(keeper.state))
    gr.Timer(SECONDS).tick(lambda: keeping_note(keeper.state), None, note, queue=False, show_progress="hidden",
                           api_visibility="private")  # fmt: skip
