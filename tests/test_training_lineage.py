"""The way of a checkpoint, from what others published through every training since, and what a card says of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from training.lineage import Lineage, lineage_of, lineage_of_merge
from training.provenance import SCRATCH
from training.push_plan import plan_push
from training.recipes import load_recipe
from training.runs import find_checkpoint
from workbench.backends.loading import Source
from workbench.store import Run

ROOT = Path(__file__).parent.parent
HUB = "Qwen/Qwen2.5-VL-3B-Instruct"  # its licence allows research only


def make_checkpoint(folder: Path, adapter_on: str | None = None) -> Path:
    folder.mkdir(parents=True)
    name, config = "config.json", {"architectures": ["Qwen2_5_VLForConditionalGeneration"]}
    if adapter_on is not None:
        name, config = "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": adapter_on}
    (folder / name).write_text(json.dumps(config))
    save_file({"weight": np.zeros((4, 4), dtype=np.float32)}, folder / f"{name.partition('_')[0]}.safetensors")
    return folder


def make_run(folder: Path, preset: str, base: object, rows: int, adapter_on: str | None = None) -> Path:
    """A finished training on a base, with counts of its data; the folder of its judge."""
    recipe = load_recipe(preset, base=str(base)).record()
    Run.create(folder, config={"recipe": recipe, "data": {"train": {"rows": rows}}}, command="python -m training fit")
    return make_checkpoint(folder / "final", adapter_on)


@pytest.fixture
def sft(tmp_path) -> Path:
    return make_run(tmp_path / "sft", "videojudge-3b", HUB, rows=103_825)


@pytest.fixture
def adapter(sft, tmp_path) -> Path:
    return make_run(tmp_path / "dpo", "videojudge-3b-lora", sft, rows=77, adapter_on="final")


def way(path: Path) -> Lineage:
    return lineage_of(*find_checkpoint(path))


def told(lineage: Lineage) -> tuple:
    return (
        lineage.root.name,
        lineage.licence.name,
        [(stage.name, stage.data["train"]["rows"]) for stage in lineage.stages],
    )


BOTH = [("videojudge-3b", 103_825), ("videojudge-3b-lora", 77)]


def test_a_training_on_a_training_leads_back_to_what_was_published(sft, adapter):
    assert told(way(sft)) == (HUB, "qwen-research", BOTH[:1])
    assert told(way(adapter)) == (HUB, "qwen-research", BOTH)
    assert way(adapter).stages[-1].tuned == "lora"


def test_a_merged_checkpoint_keeps_its_way_when_what_it_was_made_from_is_gone(sft, adapter, tmp_path):
    merged = make_checkpoint(tmp_path / "elsewhere/judge")
    record = lineage_of_merge(Source(sft, "sha256:0", None), Source(adapter, "sha256:1", None)).record()
    assert str(tmp_path) not in json.dumps(record)
    base = {"model": "final", "revision": "sha256:0"}
    (merged / "merged.json").write_text(json.dumps({"base": base, "lineage": record}))
    for folder in (sft, adapter):
        shutil.rmtree(folder.parent)
    assert told(way(merged)) == (HUB, "qwen-research", BOTH)
    plan = plan_push(merged, "ann/judge")
    assert "| train.rows | 77 |" in plan.card and "nothing is recorded of its data" not in plan.notes

    third = make_run(tmp_path / "more", "videojudge-3b", merged, rows=5)  # a merged checkpoint as a base
    assert told(way(third)) == (HUB, "qwen-research", [*BOTH, ("videojudge-3b", 5)])


def test_one_that_was_merged_beside_its_adapter_is_found_by_the_run_there(sft, adapter):
    """As merges were written that kept only names."""
    merged = make_checkpoint(adapter.with_name("final-merged"))
    (merged / "merged.json").write_text(json.dumps({"base": {"model": "final", "revision": "sha256:0"}}))
    assert told(way(merged)) == (HUB, "qwen-research", BOTH)


def test_the_card_names_root_licence_and_every_training_with_its_data(sft, tmp_path):
    full = make_run(tmp_path / "more", "videojudge-3b", sft, rows=77)
    plan = plan_push(full, "ann/judge")
    front = yaml.safe_load(plan.card.split("---")[1])
    assert (front["base_model"], front["license_name"]) == (HUB, "qwen-research")
    for said in (f"Trained from `{HUB}`, in 2 trainings, one on the other.", "| train.rows | 77 |", "Before that, of",
                 "| train.rows | 103,825 |", "The last of them:", f"That of its base, `{HUB}`."):  # fmt: skip
        assert said in plan.card, said
    assert "the licence of its base is not known" not in plan.notes


def test_what_is_not_here_is_not_guessed(sft, tmp_path, monkeypatch):
    gone = make_run(tmp_path / "one", "videojudge-3b", tmp_path / "was/base", rows=1)
    assert (way(gone).root.name, way(gone).licence.id, len(way(gone).stages)) == ("base", None, 1)
    # The last part of a path that an adapter keeps is no path: here it would lead to another run's judge.
    lost = make_checkpoint(tmp_path / "lost/adapter", adapter_on="final")
    monkeypatch.chdir(sft.parent)
    assert (way(lost).root.name, way(lost).licence.id) == ("final", None)


def test_a_folder_that_is_said_to_be_its_own_base_ends_the_way(tmp_path):
    own = make_run(tmp_path / "run", "videojudge-3b", tmp_path / "run/final", rows=1)
    assert (way(own).root.name, len(way(own).stages)) == ("final", 1)


def test_a_training_on_the_judge_that_ships_has_that_ones_licence(tmp_path):
    tuned = make_run(tmp_path / "tuned", "videojudge-3b", ROOT / "workbench/embedded", rows=1)
    assert (way(tuned).root.name, way(tuned).licence.id) == ("embedded", "apache-2.0")


def test_a_training_on_an_embedded_fit_comes_from_random_weights(tmp_path):
    fitted = tmp_path / "fit/judge"
    shutil.copytree(ROOT / "workbench/embedded", fitted)
    (fitted / "README.md").unlink()
    Run.create(tmp_path / "fit", config={"preset": "embedded"}, command="python -m training fit")
    tuned = make_run(tmp_path / "tuned", "videojudge-3b", fitted, rows=1)
    found = way(tuned)
    assert (found.root.name, found.licence.id) == (SCRATCH, "apache-2.0")
    assert [stage.name for stage in found.stages] == ["embedded", "videojudge-3b"]
