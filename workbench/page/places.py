"""Folders of the machine, which a page that several people use leaves out of the texts it shows."""

import re
from pathlib import Path

import gradio as gr

ROOT = Path(__file__).parents[2]
_hidden: re.Pattern[str] | None = None


def hide_folders(runs: Path) -> None:
    """From now on leave out where runs, uploads and the workbench lie: called once, before a page for many is built."""
    global _hidden
    places = {str(place) for path in (runs.parent, Path(gr.utils.get_upload_folder()), ROOT)
              for place in (path.absolute(), path.resolve())} - {"/"}  # fmt: skip
    longest_first = sorted(places, key=len, reverse=True)
    # An upload lies in a folder of its own, named by a hash.
    _hidden = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))})/(?:[0-9a-f]{{40,}}/)?")


def without_folders(text: object) -> str:
    """A text as it is shown: paths in those folders begin inside of them. The same text on a page with one user."""
    return _hidden.sub("", str(text)) if _hidden else str(text)
