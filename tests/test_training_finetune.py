"""Fine-tuning a checkpoint: what is trained, what is frozen, how it stops and goes on, and that its judge loads."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.finetune_data import make_dataset
from training import commands_fit
from training.checkpoints import saved_steps
from training.parallel import Team
from training.recipes import DataOptions, load_recipe
from training.trainer import Feed, Micro, Objective, Place, Plan, train
from workbench.errors import BackendError, InputError, StoreError

ROOT = Path(__file__).parent.parent
ALONE = Team(0, 1, torch.device("cpu"), "single", torch.float32)
SMALL = {"frames": 2, "max_pixels": 3_136, "lr": 1e-2, "batch": 5, "accumulation": 2, "eval_rows": 8}
OPTIONS = ["--frames", "2", "--max-pixels", "3136", "--lr", "0.01", "--batch", "5", "--eval-rows", "8"]
MIX = {"pointwise": 0.8, "pairwise": 0.2}


# -- the loop, on a model of one number


def toy(folder, steps=10, weights=(1.0,), validation=None, plan=None, on_step=lambda *_: None):
    """Train one weight towards targets that depend on the step; micro-batches have these weights."""

    class One(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(3))

    def loss_of(model, data):
        return ((model.weight - data) ** 2).mean(), {"accuracy": 0.5}

    def micros_of(step):
        return [Micro(float(step % 3), weight) for weight in weights]

    given = (lambda: [Micro(value, 1.0) for value in validation]) if validation else None
    plan = plan or Plan(lr=0.1, eval_every=2, save_every=4, keep=2, seed=0)
    place = Place("toy", folder, on_step)
    return train(Objective(One(), loss_of), Feed(steps, micros_of, given), plan, place, ALONE, lambda part: None)


def lines_of(folder, name="loss"):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


def test_a_run_that_was_stopped_goes_on_with_the_losses_it_would_have_had(tmp_path):
    toy(tmp_path / "whole")

    def interrupt(progress, steps, eta):
        if progress.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        toy(tmp_path / "stopped", on_step=interrupt)
    assert saved_steps(tmp_path / "stopped" / "checkpoints")[-1] == 7  # it stops with the next step, and saves
    outcome = toy(tmp_path / "stopped")
    assert outcome.progress.step == 10
    assert lines_of(tmp_path / "stopped") == lines_of(tmp_path / "whole")


def test_after_a_crash_lines_past_the_checkpoint_are_made_again(tmp_path):
    toy(tmp_path / "whole")

    def crash(progress, steps, eta):
        if progress.step == 7:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        toy(tmp_path / "crashed", on_step=crash)
    assert len(lines_of(tmp_path / "crashed")) == 7
    toy(tmp_path / "crashed")
    assert lines_of(tmp_path / "crashed", "step") == lines_of(tmp_path / "whole", "step")
    assert lines_of(tmp_path / "crashed") == lines_of(tmp_path / "whole")


def test_a_micro_batch_counts_by_its_weight_and_company_not_at_all(tmp_path):
    toy(tmp_path / "one", weights=(1.0,))
    toy(tmp_path / "parts", weights=(0.25, 0.75, 0.0))
    assert lines_of(tmp_path / "one") == pytest.approx(lines_of(tmp_path / "parts"), rel=1e-6)


def test_training_ends_when_the_validation_loss_falls_no_more(tmp_path):
    plan = Plan(lr=0.1, eval_every=1, save_every=100, keep=1, seed=0, patience=3)
    outcome = toy(tmp_path, steps=200, validation=[-0.2], plan=plan)  # training leads away from it
    assert outcome.progress.step < 200 and "no lower validation loss in 3" in outcome.stopped
    assert outcome.progress.step == outcome.progress.best_step + 3
    assert outcome.progress.best_step in saved_steps(tmp_path / "checkpoints")  # kept, though old
    assert lines_of(tmp_path, "validation_accuracy")[0] == 0.5


def test_old_checkpoints_go_and_the_best_stays(tmp_path):
    outcome = toy(tmp_path, steps=12, validation=[1.0], plan=Plan(0.1, 4, 2, keep=2, seed=0))
    kept = saved_steps(tmp_path / "checkpoints")
    assert kept[-2:] == [10, 12] and set(kept) == {10, 12, outcome.progress.best_step}


def test_metrics_tell_rate_norm_and_speed(tmp_path):
    toy(tmp_path, steps=3)
    line = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert {"stage", "step", "seconds", "loss", "lr", "grad_norm", "tokens_per_second", "examples_per_second"} <= set(
        line
    )
    assert line["stage"] == "toy" and line["step"] == 1 and math.isfinite(line["grad_norm"])


# -- a real architecture


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("dataset"), train=2, validation=1)


def fit(name, base, dataset, out, options=None, **changes):
    from training.finetune import finetune, read_data

    recipe = load_recipe(name, base=str(base), **{"mix": MIX, **SMALL, "save_every": 2, "eval_every": 2, **changes})
    options = options or DataOptions()
    data = read_data([dataset], recipe, options)
    return finetune(recipe, options, data, out, say=lambda line: None)


@pytest.fixture(scope="module")
def fitted(qwen25_checkpoint, dataset, tmp_path_factory):
    """The run folder of a full fine-tuning of four steps."""
    return fit(
        "videojudge-3b", qwen25_checkpoint, dataset, tmp_path_factory.mktemp("run"), epochs=3, max_steps=4
    ).parent


def test_a_full_fine_tuning_trains_merger_and_language_and_leaves_the_tower(fitted, qwen25_checkpoint):
    from safetensors.torch import load_file

    before, after = (load_file(folder / "model.safetensors") for folder in (qwen25_checkpoint, fitted / "final"))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        frozen = "visual." in name and "merger" not in name
        assert torch.equal(weight, after[name]) == frozen, name
    losses = lines_of(fitted)
    assert losses[-1] < losses[0] and len(lines_of(fitted, "validation_loss")) == 2


def test_its_judge_loads_like_any_other_and_says_what_it_is_for(fitted):
    from workbench.backends import load_backend

    for folder in (fitted / "final", fitted / "checkpoints" / "step-2"):
        judge = load_backend(str(folder))
        assert judge.declared.prompts == ("pointwise", "pairwise") and judge.declared.scale == (1, 5)
        assert judge.video_policy.frames == 2 and judge.video_policy.max_pixels == 3_136
        judge.close()


def test_its_folder_is_a_run_s(fitted):
    from workbench import jobs
    from workbench.store import Run

    head, status = Run.open(fitted).head(), Run.open(fitted).status()
    assert head["config"]["recipe"]["lr"] == 1e-2 and head["config"]["data"]["train"]["rows"] == 12
    assert len(head["config"]["data"]["train"]["sha256"]) == 16 and len(head["prompts"]) == 2
    assert (status["state"], status["done"], status["total"]) == ("done", 4, 4)
    assert jobs.find(fitted).state == "done"


def test_a_finished_run_is_not_made_again_and_other_settings_are_refused(fitted, qwen25_checkpoint, dataset):
    made = (fitted / "final" / "model.safetensors").stat().st_mtime_ns
    fit("videojudge-3b", qwen25_checkpoint, dataset, fitted, epochs=3, max_steps=4)
    assert (fitted / "final" / "model.safetensors").stat().st_mtime_ns == made
    with pytest.raises(StoreError, match="other settings: recipe.max_steps was 4, now 5. Use"):
        fit("videojudge-3b", qwen25_checkpoint, dataset, fitted, epochs=3, max_steps=5)


def test_features_beyond_the_limit_are_made_anew_and_change_nothing(fitted, qwen25_checkpoint, dataset, tmp_path):
    again = fit("videojudge-3b", qwen25_checkpoint, dataset, tmp_path, epochs=3, max_steps=4, features_gb=1e-9)
    assert lines_of(again.parent) == pytest.approx(lines_of(fitted), rel=1e-6)
    sizes = [sum(file.stat().st_size for file in (run / "features").iterdir()) for run in (tmp_path, fitted)]
    assert sizes[0] < sizes[1]


def test_packing_changes_no_loss(fitted, qwen25_checkpoint, dataset, tmp_path):
    """One step over all rows: however they are packed, its loss is the same."""
    whole = {"batch": 16, "accumulation": 1, "max_steps": 1}
    runs = [
        fit("videojudge-3b", qwen25_checkpoint, dataset, tmp_path / str(branches), branches=branches, **whole).parent
        for branches in (1, 5)
    ]
    assert lines_of(runs[0]) == pytest.approx(lines_of(runs[1]), rel=1e-5)
    assert lines_of(runs[0], "grad_norm") == pytest.approx(lines_of(runs[1], "grad_norm"), rel=1e-4)


def test_rows_that_do_not_fit_are_left_out_before_training_and_named(qwen25_checkpoint, dataset, tmp_path):
    with pytest.raises(InputError, match="none of 12 rows .*longer than 50 tokens"):
        fit("videojudge-3b", qwen25_checkpoint, dataset, tmp_path, max_tokens=50)
    named = [json.loads(line) for line in (tmp_path / "left_out.jsonl").read_text().splitlines()]
    too_long = [line for line in named if line["reason"].startswith("longer than 50 tokens")]
    assert len([line for line in too_long if "set" not in line]) == 12 and all(line["item"] for line in too_long)
    assert {line["set"] for line in too_long if "set" in line} == {"validation"}


def test_a_video_in_both_sets_is_refused(qwen25_checkpoint, dataset):
    from training.finetune import read_data

    recipe = load_recipe("videojudge-3b", base=str(qwen25_checkpoint), mix=MIX)
    with pytest.raises(InputError, match="trained on too"):
        read_data([dataset], recipe, DataOptions(), [dataset / "train"])


def test_a_text_only_base_and_a_base_that_is_not_there_are_refused(text_checkpoint, dataset, tmp_path):
    with pytest.raises(InputError, match="reads text only"):
        fit("videojudge-3b", text_checkpoint, dataset, tmp_path / "a")
    with pytest.raises(BackendError, match="No checkpoint"):
        fit("videojudge-3b", "no such folder", dataset, tmp_path / "b")


def test_adapters_are_not_sharded(qwen25_checkpoint):
    from training.tuning import load_tuning

    recipe = load_recipe("videojudge-3b-lora", base=str(qwen25_checkpoint))
    with pytest.raises(InputError, match="one GPU"):
        load_tuning(recipe, ALONE._replace(layout="fsdp2", size=2))


def test_an_adapter_trained_here_works_in_a_fresh_process(qwen25_checkpoint, dataset, tmp_path):
    final = fit("videojudge-3b-lora", qwen25_checkpoint, dataset, tmp_path, max_steps=2)
    assert {path.name for path in final.iterdir()} == {"adapter_config.json", "adapter_model.safetensors", "judge.json"}
    code = (
        "from workbench.backends import load_backend; import sys; "
        "print(load_backend(sys.argv[1]).report['adapter_largest_logit_change'])"
    )
    command = [sys.executable, "-c", code, f"hf:{qwen25_checkpoint}+{final}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(shown.stdout.split()[-1]) > 0


def test_metrics_go_to_trackio_where_it_is_asked_for(monkeypatch):
    told = []
    fake = SimpleNamespace(
        init=lambda project, config: told.append((project, config)),
        log=lambda metrics, step: told.append((metrics, step)),
        finish=lambda: told.append("finished"),
    )
    monkeypatch.setitem(sys.modules, "trackio", fake)
    with commands_fit._tracking("judges", {"lr": 1}) as track:
        assert told == []  # a training that is refused is no run there
        track({"stage": "fit", "step": 2, "loss": 0.5})
        track({"stage": "fit", "step": 2, "validation_loss": 0.6})
    assert told == [("judges", {"lr": 1}), ({"loss": 0.5}, 2), ({"validation_loss": 0.6}, 2), "finished"]
    with commands_fit._tracking(None, {}) as track:
        track({"step": 1})
    assert told[-1] == "finished" and len(told) == 4


def test_trackio_that_is_not_installed_is_said_before_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(InputError, match="pip install trackio"), commands_fit._tracking("judges", {}):
        pass


# -- processes


def command_of(base, dataset, out, *more):
    mix = [f"{name}={share}" for name, share in MIX.items()]
    return ["-m", "training", "fit", "--preset", "videojudge-3b", "--base", str(base), "--data", str(dataset),
            "--out", str(out), "--mix", *mix, *OPTIONS, "--save-every", "2", "--eval-every", "2", *more]  # fmt: skip


def wait_for_losses(run, count, process=None):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if (run / "metrics.jsonl").exists() and len(lines_of_whole(run)) >= count:
            return
        assert process is None or process.poll() is None, "it ended before"
        time.sleep(0.02)
    raise AssertionError("no losses in time")


def lines_of_whole(run):
    text = (run / "metrics.jsonl").read_text()
    return [line for line in text[: text.rfind("\n") + 1].splitlines() if '"loss"' in line]


def test_a_killed_process_goes_on_with_the_same_loss_curve(qwen25_checkpoint, dataset, fitted, tmp_path):
    options = ("--accumulation", "2", "--epochs", "3", "--max-steps", "4")
    command = [sys.executable, *command_of(qwen25_checkpoint, dataset, tmp_path, *options)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_losses(tmp_path, 3, process)
    process.kill()  # SIGKILL
    assert process.wait() == -signal.SIGKILL
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    assert lines_of(tmp_path) == lines_of(fitted)
    assert lines_of(tmp_path, "validation_loss") == lines_of(fitted, "validation_loss")


@pytest.mark.slow
def test_a_detached_run_is_stopped_with_a_checkpoint_and_goes_on(qwen25_checkpoint, dataset, tmp_path):
    from workbench import jobs

    command = command_of(qwen25_checkpoint, dataset, tmp_path, "--epochs", "200")
    jobs.start(command, tmp_path)
    wait_for_losses(tmp_path, 3)
    assert jobs.find(tmp_path).state == "running"
    stopped = jobs.stop(tmp_path, grace_seconds=60)
    assert stopped.state == "stopped" and stopped.status["done"] >= 3
    steps = saved_steps(tmp_path / "checkpoints")
    assert steps[-1] == len(lines_of(tmp_path))  # nothing done was lost
    jobs.start(command, tmp_path)
    wait_for_losses(tmp_path, steps[-1] + 1)
    jobs.stop(tmp_path, grace_seconds=60)
    assert lines_of(tmp_path, "step") == sorted(lines_of(tmp_path, "step"))


@pytest.mark.slow
def test_two_processes_under_fsdp_train_like_one_and_their_checkpoint_loads(
    qwen25_checkpoint, dataset, fitted, tmp_path
):
    """Four steps of two micro-batches: of one process with accumulation 2, and of two processes with accumulation 1."""
    launch = ["-m", "accelerate.commands.accelerate_cli", "launch", "--config_file", "training/fsdp2.yaml"]
    launch += ["--num_processes", "2"]
    words = command_of(qwen25_checkpoint, dataset, tmp_path, "--accumulation", "1", "--epochs", "3", "--max-steps", "4")
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *launch, *words], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert lines_of(tmp_path) == pytest.approx(lines_of(fitted), rel=1e-4)
    code = "from workbench.backends import load_backend; import sys; print(load_backend(sys.argv[1]).report['missing_keys'])"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "final")], cwd=ROOT, capture_output=True, text=True
    )
    assert shown.returncode == 0 and shown.stdout.strip().endswith("[]"), shown.stderr[-2000:]
