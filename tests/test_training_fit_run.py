"""The embedded fit as a run: what it may go on with, what it takes, and the lines it logs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from training.__main__ import main
from training.fit_run import WORLD_FILES, fit_in_run
from training.presets import EMBEDDED, Stage, load_preset
from workbench.errors import InputError, StoreError
from workbench.store import Run


@pytest.fixture
def world(tmp_path) -> Path:
    return make_world(tmp_path / "world", "first")


def make_world(folder: Path, scenes: str) -> Path:
    folder.mkdir()
    for name in WORLD_FILES:
        (folder / name).write_text(f"{scenes} {name}")
    return folder


@pytest.fixture
def fit(monkeypatch, tmp_path):
    """`fit_in_run` into one folder, with a training that leaves its stages' folders and does nothing else."""
    trained = []

    def train(work, arguments, processes):
        trained.append(processes)
        for stage in arguments[0].stages:
            (tmp_path / "run" / stage).mkdir(exist_ok=True)

    monkeypatch.setattr("training.processes.run", train)

    def once(preset=EMBEDDED, world=None, processes=2):
        return fit_in_run(preset, tmp_path / "run", world, "python -m training fit", processes)

    once.trained = trained
    return once


def test_the_same_fit_goes_on(fit, world, tmp_path):
    fit(world=world)
    moved = Path(shutil.move(world, tmp_path / "moved"))
    fit(world=moved)  # a world is known by what it holds
    assert fit.trained == [2, 2] and Run.open(tmp_path / "run").status()["state"] == "done"
    assert (tmp_path / "run" / "judge" / "judge.json").exists()


def test_a_toy_judge_is_not_taken_for_the_whole_one(fit, world):
    fit(load_preset("embedded", {"judge": 25}), world)
    whole = EMBEDDED.stages["judge"].steps
    with pytest.raises(StoreError, match=f"other settings: judge_steps was 25, now {whole}"):
        fit(world=world)
    assert len(fit.trained) == 1


def test_other_data_processes_or_seed_are_refused_by_name(fit, world, tmp_path):
    fit(world=world)
    with pytest.raises(StoreError, match=r"other settings: data was 'world \w{16}', now 'world \w{16}'\."):
        fit(world=make_world(tmp_path / "other", "second"))
    with pytest.raises(StoreError, match=r"other settings: data was 'world \w{16}', now 'made by --scenes"):
        fit()
    with pytest.raises(StoreError, match="other settings: processes was 2, now 1"):
        fit(world=world, processes=1)
    with pytest.raises(StoreError, match="other settings: seed was 0, now 7"):
        fit(replace(EMBEDDED, seed=7), world)
    (world / "judgments.jsonl").write_text("rated anew, in place")
    with pytest.raises(StoreError, match="other settings: data was"):
        fit(world=world)


def test_a_folder_of_a_version_that_kept_the_preset_alone_is_refused_and_not_harmed(fit, world, tmp_path):
    Run.create(tmp_path / "run", config={"preset": "embedded"})
    with pytest.raises(StoreError, match="other settings"):
        fit(world=world)
    assert Run.open(tmp_path / "run").head()["config"] == {"preset": "embedded"}


def test_stages_may_be_links_to_those_of_another_fit(fit, world, tmp_path):
    (tmp_path / "elsewhere" / "dense").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "dense").symlink_to(tmp_path / "elsewhere" / "dense")
    assert fit(world=world) == tmp_path / "run" / "judge"
    fit(world=world)


def test_a_folder_that_is_no_world_is_refused_before_anything_is_written(fit, world, tmp_path):
    (world / "facts.jsonl").unlink()
    with pytest.raises(InputError, match=r"has no facts\.jsonl; give a folder of python -m bootstrap world"):
        fit(world=world)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options, said", [
    (["--processes", "0"], "processes: got 0, expected at least 1"),
    (["--device", "cpu", "--processes", "5"], "expected at least 1 and on the device cpu at most 4"),
    (["--validation", "dataset"], "--validation: the preset embedded does not take it"),
    (["--judges", "human:"], "--judges: the preset embedded does not take it"),
    (["--without-negatives"], "--without-negatives: the preset embedded does not take it"),
    (["--features", "shared"], "--features: the preset embedded does not take it"),
    (["--trackio", "project"], "--trackio: the preset embedded does not take it"),
    (["--no-checkpointing"], "--no-checkpointing: the preset embedded does not take it"),
    (["--reference-share", "0.5"], "--reference-share: the preset embedded does not take it"),
])  # fmt: skip
def test_what_the_embedded_preset_does_not_do_is_refused(options, said, tmp_path, capsys):
    assert main(["fit", "--preset", "embedded", "--out", str(tmp_path / "run"), *options]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_one_process_trains_on_a_gpu_where_there_is_one(fit, world, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    fit(world=world, processes=None)
    assert fit.trained == [1]
    with pytest.raises(InputError, match="processes: got 2, expected at least 1 and on the device cuda at most 1"):
        fit(world=world)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="device: got cuda, but PyTorch finds no GPU here"):
        fit_in_run(EMBEDDED, world.parent / "other", world, "", device="cuda")


def test_lines_past_the_state_that_a_killed_stage_goes_on_from_are_made_again(tmp_path, monkeypatch):
    import torch

    from training import loop

    monkeypatch.setattr(loop, "SAVE_EVERY", 4)
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text('{"stage": "before", "step": 9, "seconds": 1.0, "loss": 0.5}\n')

    def run(stop: int | None = None):
        weight = torch.nn.Parameter(torch.zeros(2, 2))

        def loss_of(step: int):
            if step == stop:
                raise KeyboardInterrupt
            return ((weight - step) ** 2).mean(), {}

        loop.train([weight], loss_of, Stage(steps=10, lr=0.1), loop.Place("s", metrics, tmp_path / "state.pt"))

    def steps():
        return [(line["stage"], line["step"]) for line in map(json.loads, metrics.read_text().splitlines())]

    for killed, left in ((3, 3), (7, 7)):  # before the first save, and three steps after it
        with pytest.raises(KeyboardInterrupt):
            run(stop=killed)
        assert steps() == [("before", 9), *(("s", step) for step in range(1, left + 1))]
    with metrics.open("a") as file:
        file.write('{"stage": "s", "st')  # what the kill left of a line
    run()
    assert steps() == [("before", 9), *(("s", step) for step in range(1, 11))]
