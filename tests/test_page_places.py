"""A page for many leaves the machine's folders out of what it shows; a page for one user shows paths as they are."""

import json

import pytest

from workbench.page import places
from workbench.page.places import hide_folders, without_folders
from workbench.page.receipt import receipt_table, verdict_json
from workbench.page.show import error_note
from workbench.page.verbatim import verbatim, verbatim_command
from workbench.schema import Item, Judgment, Video

SETTINGS = {"judge": {"model": "embedded"}, "sampling": {"temperature": 0}, "view": "video", "order": [0]}


@pytest.fixture
def hidden(tmp_path, monkeypatch):
    """A page for many: its runs, and an upload in the folder that gradio gives it."""
    monkeypatch.setattr(places, "_hidden", None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "up loads"))
    hide_folders(tmp_path / "at" / "runs")
    return tmp_path / "at" / "runs", tmp_path / "up loads" / ("a1" * 32) / "clip.mp4"


def test_one_user_sees_paths_as_they_are(tmp_path):
    assert without_folders(tmp_path / "runs") == str(tmp_path / "runs")


def test_nothing_that_is_shown_of_a_verdict_names_a_folder_of_the_machine(hidden, tmp_path):
    runs, clip = hidden
    item = Item(Video("s" * 64, str(clip)), "What?", ("a",))
    judgment = Judgment(item.id, "embedded", "pointwise@1", "scored", score=3.0, settings=SETTINGS)
    record = verdict_json(item, [judgment], f"python -m workbench judge '{clip}'")
    shown = [record, receipt_table([judgment], {"folder": str(runs / "x" / "final")}, runs / "page-1"),
             verbatim_command("Command", f"python -m workbench judge '{clip}' --out={runs}/NAME"),
             verbatim("Log", f"{runs / 'a' / 'log.txt'}: torn"), error_note(f"{clip} cannot be decoded."),
             without_folders(places.ROOT / "workbench" / "examples" / "turn.mp4")]  # fmt: skip
    assert str(tmp_path) not in "".join(shown) and str(places.ROOT) not in "".join(shown)
    assert json.loads(record)["item"]["video"]["path"] == "clip.mp4"
    assert "runs/page-1" in shown[1] and "--out=runs/NAME" in shown[2] and shown[4].count("clip.mp4") == 1
    assert shown[5] == "workbench/examples/turn.mp4"
