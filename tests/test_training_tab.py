"""The Train tab without a server: forms and commands, curves, cards, checkpoints, handing over, pushing, demo mode."""

import json
import shlex
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from safetensors.numpy import save_file

import app
from tests.test_jobs import wait_for
from training import push_form, run_form
from training.curves import MOST_POINTS, curve_figure, curves, figure_names
from training.fit_run import how_far
from training.live import checkpoint_table, judge_spec, run_at, training_card
from training.presets import EMBEDDED
from training.push_form import PushForm, dry_run, push_command
from training.run_form import TrainForm, about_preset, shown_command, start_training, train_command, training_jobs
from training.runs import checkpoints
from training.tab import with_checkpoints, with_runs
from training.tab_panels import read_push_form, read_train_form, results_panel
from workbench.errors import InputError
from workbench.jobs import Job, find
from workbench.page.run_rows import run_detail
from workbench.store import Run

EVIL = '<img src=x onerror="alert(1)">'
LINES = [
    {"stage": "fit", "step": 1, "seconds": 2.0, "loss": 2.0, "lr": 1e-4, "tokens_per_second": 900.0},
    {"stage": "fit", "step": 2, "seconds": 4.0, "loss": 1.5, "lr": 2e-4, "tokens_per_second": 950.0},
    {"stage": "fit", "step": 2, "seconds": 4.0, "validation_loss": 1.75},
    {"stage": "fit", "step": 3, "seconds": 6.0, "loss": 1.25, "lr": 1e-4},
    {"stage": "fit", "step": 3, "seconds": 6.0, "validation_loss": 1.8},
]


@pytest.fixture
def runs(tmp_path) -> Path:
    """A folder of runs with one training that ended, with two checkpoints and a final one."""
    config = {"training": 1, "recipe": {"name": "videojudge-3b-lora", "base": "Qwen/Qwen2.5-VL-3B-Instruct"}}
    run = Run.create(
        tmp_path / "runs/tuned", config=config, command="python -m training fit --preset=x --out runs/tuned"
    )
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    for name in ("checkpoints/step-2", "checkpoints/step-3", "final"):
        (run.folder / name).mkdir(parents=True)
        (run.folder / name / "config.json").write_text('{"architectures": ["Qwen2_5_VLForConditionalGeneration"]}')
        save_file({"weight": np.zeros((4, 4), dtype=np.float32)}, run.folder / name / "model.safetensors")
    with run.writing():
        run.finish(done=3, total=3, phase="done", step=2)
    return tmp_path / "runs"


# -- starting


@pytest.mark.parametrize(("form", "words"), [
    (TrainForm(), "--preset=embedded --out=runs/NAME"),
    (TrainForm(data=" world ", steps="dense=5 judge=9", name="a"),
     "--preset=embedded --out=runs/a --data world --steps dense=5 judge=9"),
    (TrainForm(preset="videojudge-3b"), "--preset=videojudge-3b --out=runs/NAME --data DATA"),
    (TrainForm(preset="videojudge-3b-lora", data="a\n\n b ", base="tiny", lr="1e-4", max_steps=" 20 ", seed="0"),
     "--preset=videojudge-3b-lora --out=runs/NAME --data a b --base=tiny --lr=1e-4 --max-steps=20 --seed=0"),
])  # fmt: skip
def test_the_command_is_what_the_form_says(form, words):
    assert shown_command(form, Path("runs")) == f"python -m training fit {words}"


def test_every_option_that_the_form_makes_is_one_of_the_command_line(tmp_path):
    from training.__main__ import _parser

    form = TrainForm("videojudge-3b-lora", "d", "tiny", "", "1e-4", "1", "2", "3", "4", "5", "6", "n")
    found = _parser().parse_args(train_command(form, tmp_path)[3:])
    assert (found.lr, found.epochs, found.max_steps, found.batch) == (1e-4, 1, 2, 3)
    assert (found.frames, found.patience, found.seed, found.base) == (4, 5, 6, "tiny")


def test_empty_fields_are_the_presets_own():
    form = read_train_form("videojudge-3b", "d", None, None, None, "2", None, None, None, None, None, "")
    assert form == TrainForm("videojudge-3b", "d", epochs="2")
    assert run_form.own_number("videojudge-3b", "lr") == "2e-07" and run_form.own_number("embedded", "lr") == ""
    assert "LoRA adapter of Qwen/Qwen2.5-VL-3B" in about_preset("videojudge-3b-lora")
    assert "dense" in about_preset("embedded")


@pytest.mark.parametrize(("form", "message"), [
    (TrainForm("videojudge-3b"), "name the folder of the training data"),
    (TrainForm("videojudge-3b", data="none"), "'none' is not there"),
    (TrainForm("vibes"), "expected one of embedded"),
    (TrainForm(name="../up"), "expected letters"),
    (TrainForm("videojudge-3b", data=".", lr="fast"), "lr: got 'fast', expected a number above 0"),
    (TrainForm("videojudge-3b", data=".", lr="inf"), "lr: got 'inf', expected a number above 0"),
    (TrainForm("videojudge-3b", data=".", max_steps="1.5"), "max steps: got '1.5', expected a whole number"),
    (TrainForm(steps="judge=1 --out /x"), "steps: got '--out', expected STAGE=N"),
    (TrainForm(steps="judge=1 --out=/x"), "steps: got '--out=/x', expected STAGE=N"),
    (TrainForm(steps="judge=two"), "stages are .*judge"),
    (TrainForm(name="tuned"), "is there already"),
    (TrainForm(data="."), "'.' is no world, and the preset embedded learns from one; give a world, or leave it empty"),
    (TrainForm(data=".\n.."), "got 2 folders, expected one world"),
])  # fmt: skip
def test_what_would_fail_at_once_is_refused(runs, form, message):
    with pytest.raises(InputError, match=message):
        start_training(form, runs)
    assert [path.name for path in runs.iterdir()] == ["tuned"]


def test_a_training_that_cannot_be_done_is_a_failed_run_with_its_reason(runs):
    (runs.parent / "vibes").mkdir()
    (runs.parent / "vibes" / "clips").mkdir()
    (runs.parent / "vibes" / "world.json").write_text("{}")
    job = start_training(TrainForm(data=str(runs.parent / "vibes"), name="bad"), runs)
    failed = wait_for(job.folder, "failed")
    card = training_card(failed, run_at(failed.folder))
    assert "Failed" in card and "The end of its log" in card and "vibes" in card
    assert [job.folder.name for job in training_jobs(runs)] == ["bad", "tuned"]
    again = wait_for(run_form.resume_training(failed.folder).folder, "failed")
    assert sorted(shlex.split(again.command)) == sorted(shlex.split(failed.command))


# -- watching


def test_runs_are_listed_and_one_is_chosen(runs):
    update = with_runs(runs, "gone")
    assert update["choices"] == [("tuned · done · 3 of 3", "tuned")] and update["value"] == "tuned"
    assert not with_runs(runs / "none", None)["visible"]


@pytest.mark.parametrize(("state", "status", "said"), [
    ("starting", {}, "not a step yet"),
    ("running", {"phase": "features", "done": 1, "total": 4}, "encoding the videos: 1 of 4 videos"),
    ("running", {"phase": "training", "done": 50, "total": 100, "eta_seconds": 600},
     "50 of 100 steps, 5 a minute, about 10 min left"),
    ("done", {"phase": "done", "done": 100, "total": 100}, "100 of 100 steps"),
    ("failed", {"state": "running"}, "killed"),
    ("failed", {"last_error": EVIL}, "&lt;img"),
])  # fmt: skip
def test_the_card_says_how_a_training_stands(tmp_path, state, status, said):
    card = training_card(Job(tmp_path, state, "", status), run_at(tmp_path))
    assert said in card and EVIL not in card


def test_a_training_that_was_told_to_stop_says_that_it_saves_in_both_tabs(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.jobs.is_locked", lambda path: True)
    status = {"phase": "training", "done": 50, "total": 100, "eta_seconds": 600}
    job = Job(tmp_path / "run", "running", "python -m training dpo PAIRS", status, {"stopped": True})
    for shown in (training_card(job, run_at(tmp_path)), run_detail(job, tmp_path)):
        assert "saving its checkpoint; Stop again ends it at once" in shown and "min left" not in shown
    judging = job._replace(command="python -m workbench judge")
    assert "checkpoint" not in run_detail(judging, tmp_path)


def test_the_embedded_fit_tells_how_far_it_is():
    metrics = [{"stage": "dense", "step": 700, "seconds": 70.0}, {"stage": "looking", "step": 100, "seconds": 20.0}]
    total = sum(plan.steps for plan in EMBEDDED.stages.values())
    done = EMBEDDED.stages["dense"].steps and min(700, EMBEDDED.stages["dense"].steps) + 100
    assert how_far(EMBEDDED, metrics) == {
        "phase": "looking", "done": done, "total": total, "eta_seconds": round(0.2 * (total - done), 1)
    }  # fmt: skip
    assert how_far(EMBEDDED, []) == {"phase": "loading", "done": 0, "total": total, "eta_seconds": None}


def test_curves_of_training_and_validation(runs):
    assert figure_names(LINES) == ["loss", "lr", "tokens_per_second"]
    train, validation = curves(LINES, "loss")
    assert (train.steps, train.values, train.validation) == ((1, 2, 3), (2.0, 1.5, 1.25), False)
    assert (validation.steps, validation.values, validation.validation) == ((2, 3), (1.75, 1.8), True)
    figure = curve_figure([train, validation], "loss")
    assert [(line.name, line.mode) for line in figure.data] == [("training", "lines"), ("validation", "lines+markers")]


def test_long_runs_are_thinned_and_stages_have_panels():
    lines = [{"stage": stage, "step": step, "loss": 1.0} for stage in ("dense", "judge") for step in range(1, 2001)]
    found = curves(lines, "loss")
    assert [len(curve.steps) for curve in found] == [MOST_POINTS] * 2 and found[0].steps[-1] == 2000
    figure = curve_figure(found, "loss")
    assert [note.text for note in figure.layout.annotations] == ["loss: dense", "loss: judge"]
    assert "No loss has been logged yet" in curve_figure([], "loss").layout.annotations[0].text


# -- checkpoints


def test_checkpoints_are_listed_with_what_was_measured_at_them(runs):
    table = checkpoint_table(run_at(runs / "tuned"))
    rows = [row for row in table.split("<tr>") if "<td>" in row]
    assert len(rows) == 3 and "1.75" in rows[0] and "lowest" in rows[0] and "1.8" in rows[1] and "lowest" not in rows[1]
    assert "1.75" in rows[2]  # the final one was taken from step 2
    assert "No checkpoint yet" in checkpoint_table(run_at(runs))


@pytest.mark.parametrize(
    ("picked", "shown"),
    [
        (None, "final"),
        (("tuned", "checkpoints/step-2"), "checkpoints/step-2"),
        (("other", "checkpoints/step-2"), "final"),
    ],
)
def test_the_last_checkpoint_is_followed_and_a_picked_one_stays(runs, picked, shown):
    with gr.Blocks():
        results = results_panel()
    assert with_checkpoints(results, run_at(runs / "tuned"), picked)[results.checkpoint]["value"] == shown


def test_a_checkpoint_is_handed_over_as_a_judge(runs, tmp_path):
    run = run_at(runs / "tuned")
    assert judge_spec(run, "checkpoints/step-3") == str(runs / "tuned/checkpoints/step-3")
    (runs / "tuned/final/config.json").rename(runs / "tuned/final/adapter_config.json")
    assert judge_spec(run, "final") == f"hf:Qwen/Qwen2.5-VL-3B-Instruct+{runs / 'tuned/final'}"
    with pytest.raises(InputError, match="not there any more"):
        judge_spec(run, "../other")


# -- pushing


def test_the_push_is_looked_at_first(runs, monkeypatch):
    run = run_at(runs / "tuned")
    form = read_push_form("final", "ann/cook", "private", False)
    assert push_command(form, run)[4:] == [str(runs / "tuned/final"), "--repo=ann/cook", "--private"]
    shown = dry_run(form, run)
    assert "model.safetensors" in shown and "library_name: transformers" in shown and "only you" in shown
    for wrong, message in ((PushForm("final", ""), "name the repository"), (PushForm("none", "a/b"), "choose one"),
                           (PushForm("final", "a"), "expected user/name")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            dry_run(wrong, run)
    monkeypatch.setattr(push_form, "token_found", lambda: False)
    with pytest.raises(InputError, match="No Hub token"):
        push_form.start_push(form, run)
    assert push_form.push_card(run) == ""


def test_a_push_is_a_process_of_its_own_that_tells_how_it_ended(runs, monkeypatch):
    monkeypatch.setattr(push_form, "token_found", lambda: True)
    run = run_at(runs / "tuned")
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    job = push_form.start_push(PushForm("final", "ann/cook"), run)  # offline: tests/conftest.py
    wait_for(job.folder, "failed")
    card = push_form.push_card(run)
    assert "Failed" in card and "HF_HUB_OFFLINE" in card and "hf_nobody" not in card
    assert find(runs / "tuned").state == "done", "the training's own state is not touched"


# -- the page


def labels_of(page) -> set[str]:
    return {part["props"].get("label") for part in page.config["components"] if part["type"] == "tabitem"}


def test_the_tab_is_there_and_hidden_in_a_demo(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_DEMO", raising=False)
    page = app.build(tmp_path)
    assert {"Judge", "Bootstrap", "Train"} <= labels_of(page)
    assert not [one["api_name"] for one in page.config["dependencies"] if one["api_visibility"] == "public"
                and one["api_name"] not in ("judge", "compare", "sweep", "audit")]  # fmt: skip
    monkeypatch.setenv("WORKBENCH_DEMO", "1")
    assert "Train" not in labels_of(app.build(tmp_path))


def test_trying_fills_the_judge_tab_and_turns_to_it(tmp_path):
    page = app.build(tmp_path)
    ids = {part["props"].get("elem_id"): part["id"] for part in page.config["components"]}
    tabs = next(part["id"] for part in page.config["components"] if part["type"] == "tabs")
    tried = [one for one in page.config["dependencies"] if (ids["vj-train-try"], "click") in map(tuple, one["targets"])]
    assert {ids["vj-judge-spec"], tabs} <= set(tried[0]["outputs"])


def test_shown_commands_can_be_run_again(runs):
    words = shlex.split(shown_command(TrainForm(name="it's"), runs))
    assert words[-1] == f"--out={runs / chr(39).join(['it', 's'])}"


def test_the_stages_of_a_quality_judge_are_one_run(tmp_path):
    """OUT/levels and OUT/justification are runs of their own; the tab shows OUT, which the command wrote."""
    out = tmp_path / "runs" / "looks"
    whole = Run.create(
        out, config={"training": 1, "quality": "quality-3b"}, command="python -m training quality --out x"
    )
    for stage, steps in (("levels", (2, 4)), ("justification", (2,))):
        run = Run.create(out / stage, config={"training": 1}, command="python -m training quality --out x")
        for step in steps:
            line = {"stage": "fit", "step": step, "seconds": 1.0, "loss": step + len(stage)}
            with open(run.folder / "metrics.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
        for name in (*(f"checkpoints/step-{step}" for step in steps), "final"):
            folder = run.folder / name
            folder.mkdir(parents=True)
            (folder / ("adapter_config.json" if stage == "justification" else "config.json")).write_text("{}")
            save_file({"weight": np.zeros((4, 4), dtype=np.float32)}, folder / "model.safetensors")
        with run.writing():
            run.finish(done=steps[-1], total=steps[-1], phase="done", step=steps[-1])
    with whole.writing():
        whole.set_status("running", phase="justification: training", done=1, total=2)
        assert "justification: training: 1 of 2 steps" in training_card(find(out), run_at(out))
    assert [job.folder.name for job in training_jobs(tmp_path / "runs")] == ["looks"]
    found = checkpoints(out)
    assert [each.name for each in found][-2:] == ["justification/checkpoints/step-2", "justification/final"]
    assert [each.final for each in found] == [False] * (len(found) - 1) + [True]
    assert {curve.stage: curve.values for curve in curves(run_at(out).metrics, "loss")} == {
        "levels": (8.0, 10.0), "justification": (15.0,),
    }  # fmt: skip
    table = checkpoint_table(run_at(out))
    assert "levels: step-2" in table and "justification: final (adapter)" in table
    assert (
        table.count("<td>10</td>") == 2 and table.count("<td>15</td>") == 2
    )  # by its own stage: step 2 is there twice
