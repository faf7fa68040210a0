"""A verdict read back from its run folder: the form its command names, and all that the page shows of it."""

from dataclasses import replace

import pytest

from tests.clips import Clip
from workbench.errors import InputError, StoreError
from workbench.page.form import JudgeForm
from workbench.page.kept import form_of, kept_verdict
from workbench.page.receipt import repeat_command
from workbench.page.resident import ResidentJudge
from workbench.page.verdict import judge_form

RULES = """
rules:
  - contains: <response_b>
    reply: <answer>A</answer>
  - reply: <thinking>Seen.</thinking><score>4</score>
    probs: {"3": 0.2, "4": 0.8}
"""


@pytest.fixture
def form(tmp_path):
    (tmp_path / "judge.yaml").write_text(RULES)
    Clip(frames=12, size=(64, 48)).write(tmp_path / "clip.mp4")
    video, judge = str(tmp_path / "clip.mp4"), f"scripted:{tmp_path / 'judge.yaml'}"
    return JudgeForm(video, "What happens?", ("It's 'one'; $HOME", "--two"), judge=judge, frames=4)


CHANGES = [
    {},
    {"mode": "pairwise"},
    {"responses": ("same", "same", "")},
    {"text_only": True, "frames": 0},
    {"video": None, "description": "A circle moves.", "text_only": True},
    {"reference": "A circle.", "temperature": 0.5, "seed": 7},
    {"low": 0, "high": 3, "labels": "bad,poor,fair,good", "rubric": "Be strict.\nVery."},
    {"criteria": "accuracy:2=all is seen\ncompleteness=nothing left out"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_form_is_read_back_from_its_command(form, change):
    form = replace(form, **change)
    back = form_of(repeat_command(form))
    assert back == replace(form, responses=form.given_responses, criteria="\n".join(form.criteria_lines))


@pytest.mark.parametrize("change", CHANGES[:5], ids=str)
def test_a_verdict_is_read_back_as_it_was_shown(form, change, tmp_path):
    shown = judge_form(replace(form, **change), tmp_path / "runs", ResidentJudge())
    kept = kept_verdict(shown.folder)
    assert kept.item == shown.item and kept.prompt == shown.prompt and kept.titles == shown.titles
    assert kept.judgments == shown.judgments and kept.asked == shown.asked and kept.command == shown.command
    assert (kept.frames is None) == (shown.frames is None)
    assert shown.frames is None or kept.frames.seconds == shown.frames.seconds


def test_a_verdict_outlives_its_video(form, tmp_path):
    shown = judge_form(form, tmp_path / "runs", ResidentJudge())
    (tmp_path / "clip.mp4").unlink()
    kept = kept_verdict(shown.folder)
    assert kept.judgments == shown.judgments and kept.frames is None and kept.form.video is None


@pytest.mark.parametrize("command", ["python -m bootstrap run", "python -m workbench judge --items=a.csv", "judge", ""])
def test_other_commands_are_refused(command):
    with pytest.raises(InputError, match="expected the command of a verdict"):
        form_of(command)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no run.json"):
        kept_verdict(tmp_path)
