"""The Sensitivity tab without a server: its form, its commands, planning and starting, cards, a cell's judgments, files."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from analysis.__main__ import main, parser
from analysis.sensitivity_form import (
    SweepForm,
    form_words,
    is_planned,
    plan_form,
    shown_command,
    start_or_resume,
    sweep_jobs,
)
from analysis.sensitivity_live import (
    cell_view,
    cell_words,
    choice_card,
    data_files,
    measured,
    plan_card,
    read_plan,
    sweep_card,
)
from analysis.sensitivity_panels import read_sweep_form
from tests import clips
from tests.test_jobs import wait_for
from workbench import owners
from workbench.errors import InputError
from workbench.jobs import find
from workbench.page.form import JudgeForm
from workbench.store import Run

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a clip, a table about it, and a scripted judge."""
    folder = tmp_path_factory.mktemp("sensitivity")
    clip = clips.Clip(frames=6, size=(64, 48)).write(folder / "clip.mp4")
    rows = [{"video": str(clip), "instruction": "What?", "response": text} for text in ("fine", EVIL)]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rules = [{"where": {"response": "img"}, "reply": [f"<thinking>{EVIL}</thinking><score>2</score>", EVIL]},
             {"reply": ["<score>4</score>", "<score>5</score>"]}]  # fmt: skip
    (folder / "judge.yaml").write_text(yaml.safe_dump({"rules": rules}))
    return folder


@pytest.fixture(scope="module")
def swept(place):
    """A sweep that is done."""
    out = place / "runs/done"
    words = ["sweep", str(place / "items.jsonl"), f"--judge=scripted:{place / 'judge.yaml'}", f"--out={out}",
             "--temperatures=0,1", "--frames=2,20", "--samples=2"]  # fmt: skip
    assert main(words) == 0
    return out


def test_the_command_is_what_the_form_says():
    assert shown_command(SweepForm(name="a"), Path("runs")) == (
        "python -m analysis sweep examples --judge=embedded --temperatures=0,0.5,1 --frames=2,4,8 --samples=3 --out=runs/a"
    )
    form = read_sweep_form("path", " table.csv ", ["a", "b"], "0", "8", 2, "pairwise", 5, None)
    assert shown_command(form, Path("runs")) == (
        "python -m analysis sweep table.csv --judge=a --judge=b --temperatures=0 --frames=8 --samples=2 --mode=pairwise "
        "--limit=5 --out=runs/NAME"
    )
    found = parser().parse_args(form_words(form, "table.csv", Path("x"))[3:])
    assert (found.judge, found.samples, found.limit, found.mode) == (["a", "b"], 2, 5, "pairwise")


def test_a_demo_takes_small_sweeps(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DEMO", "1")
    assert "--limit" not in shown_command(SweepForm(), tmp_path)  # a command line's
    monkeypatch.setattr(owners, "_reader", lambda: "anna")
    assert "--limit=20 " in shown_command(SweepForm(), tmp_path) + " "
    assert "--limit=3 " in shown_command(SweepForm(limit=3), tmp_path) + " "
    with pytest.raises(InputError, match="180 verdicts on each item; this public demo takes 60"):
        plan_form(SweepForm(samples=20), tmp_path)


@pytest.mark.parametrize(("form", "message"), [
    (SweepForm("path"), "name the items"),
    (SweepForm(judges=()), "choose a judge"),
    (SweepForm("path", "none.csv"), "'none.csv' is not there"),
    (SweepForm(judges=("nobody",)), "which is no judge"),
    (SweepForm(temperatures="hot"), "expected numbers"),
    (SweepForm(frames="0"), "expected 1 to 10,000"),
    (SweepForm("judge"), "add a video in the Judge tab"),
    (SweepForm(name="../up", judges=("metric:bleu",)), "expected letters"),
])  # fmt: skip
def test_what_would_fail_at_once_is_refused(tmp_path, form, message):
    with pytest.raises(InputError, match=message):
        plan_form(form, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_planned_looked_at_started_and_done(place):
    judge = f"scripted:{place / 'judge.yaml'}"
    form = SweepForm("judge", judges=(judge,), temperatures="0,1", frames="2,20", samples=2, name="mine")
    typed = JudgeForm(str(place / "clip.mp4"), "What?", ("fine", "bad"))
    folder = plan_form(form, place / "runs", typed).folder
    assert is_planned(wait_for(folder, "done")) and sweep_card(find(folder)) == ""
    card = plan_card(read_plan(folder))
    assert "12</dd>" in card and "20 frames: 1 of 1 clips have fewer" in card  # 2 items, 2 frame counts, 1 + 2 samples
    start_or_resume(folder)
    done = wait_for(folder, "done")
    assert (
        "--plan" not in shlex.split(done.command) and not is_planned(done) and "12 of 12 verdicts" in sweep_card(done)
    )
    assert folder.name in [job.folder.name for job in sweep_jobs(place / "runs")]


def test_a_plan_says_what_a_judge_refuses_and_what_is_too_much():
    columns = [{"frames": 8, "requests": 24, "visual_tokens": 640, "seconds": 100.0, "refused": ""},
               {"frames": 16, "requests": 0, "visual_tokens": 0, "seconds": 0.0, "refused": f"no {EVIL}"}]  # fmt: skip
    judge = {"judge": EVIL, "columns": columns, "memory_bytes": 2**34, "calls": [{"frames": 4}]}
    plan = {"judges": [judge, judge], "items": 8, "videos": 2, "unread": 1, "capped": {}, "seconds": 200.0,
            "free_bytes": 2**30, "device": "cpu"}  # fmt: skip
    card = plan_card(plan)
    assert "this judge cannot" in card and "more memory than there is" in card and "16.0 GB" in card
    assert "1 videos cannot be read" in card and "Tried at up to 4 frames" in card and EVIL not in card
    assert plan_card(None) == "" and read_plan(Path("nowhere")) is None


def test_a_cell_shows_its_judgments_and_escapes_them(swept):
    found = measured(swept)
    number = next(n for n, one in enumerate(found.cells) if (one.cell.temperature, one.cell.frames) == (1, 20))
    shown = cell_view(swept, found.cells[number])
    assert shown.count('<th scope="row" class="vj-cut"') == 2 and "unparsed" in shown and "Sample 2 of 2" in shown
    assert EVIL not in shown and "&lt;img" in shown and "<td>6</td>" in shown  # the clip's own frames
    assert cell_words(found.cells[number]).endswith("20 frames")
    assert "no labels" in choice_card(found) and "shorter clips" in choice_card(found)


def test_a_refused_cell_says_why(swept):
    one = measured(swept).cells[0]._replace(state="refused", reason=f"at most 8 {EVIL}")
    assert "at most 8" in cell_view(swept, one) and EVIL not in cell_view(swept, one)
    assert cell_words(one).endswith("cannot")


def test_data_to_download(swept):
    cells, judgments = data_files(swept)
    assert len(json.loads(Path(cells).read_text())["cells"]) == 4
    assert len(Path(judgments).read_text().splitlines()) == 1 + len(Run.open(swept).judgments())


def test_the_tab_is_in_its_place_and_shows_a_done_sweep(swept):
    import app
    from analysis import sensitivity_tab

    page = app.build(swept.parent)
    tabs = [block.label for block in page.blocks.values() if type(block).__name__ == "Tab"]
    main_tabs = [name for name in tabs if name in ("Judge", "Compare", "Sensitivity", "Bootstrap", "Train")]
    assert main_tabs.index("Judge") < main_tabs.index("Sensitivity") < main_tabs.index("Bootstrap")
    update = sensitivity_tab.with_runs(swept.parent, None)
    assert ("done · done · 12 of 12", "done") in update["choices"]
    picked = sensitivity_tab._picked(measured(swept), ("spread", "gone", 20, 1.0))
    assert picked[0] == "spread" and picked[1].startswith("scripted:") and picked[2:] == (20, 1.0)
