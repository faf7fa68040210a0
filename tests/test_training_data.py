"""From folders and a recipe to the rows of both sets, and what the judge made of them says it is for."""

import json

import pytest

from tests.finetune_data import make_dataset
from tests.test_training_finetune import fit, lines_of
from tests.test_training_rows import own_prompt
from training.finetune import MIXED_DOMAIN, PATIENCE_FOR_NOTHING, WORLD_DOMAIN, finetune, judge_file, read_data
from training.recipes import DataOptions, load_recipe
from workbench.backends import load_backend
from workbench.backends.judge_file import read_judge_file
from workbench.errors import InputError
from workbench.judge import check_declared
from workbench.prompts import load_prompt
from workbench.schema import VideoPolicy

POINTWISE = {"pointwise": 1.0}


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "dataset", train=2, validation=1)


def recipe_of(base="base", name="videojudge-3b", mix=POINTWISE, **changes):
    return load_recipe(name, base=str(base), mix=mix, **changes)


# -- worlds


def of_a_world(split, videos):
    """Make some of a split's rows those of a world, as an export does: its facts about their clips lie beside them."""
    lines = [json.loads(line) for line in (split / "items.jsonl").read_text().splitlines()]
    known = list(dict.fromkeys(line["video"]["sha256"] for line in lines))[:videos]
    (split / "world.json").write_text("{}")
    (split / "facts.jsonl").write_text("".join(json.dumps({"sha256": sha256}) + "\n" for sha256 in known))


@pytest.mark.parametrize("videos, share, domain", [(0, 0.0, ""), (1, 0.5, MIXED_DOMAIN), (2, 1.0, WORLD_DOMAIN)])
def test_that_it_has_seen_no_natural_video_is_said_only_where_it_is_so(dataset, videos, share, domain):
    of_a_world(dataset / "train", videos)
    data = read_data([dataset], recipe_of(), DataOptions())
    assert data.world == share
    assert judge_file(recipe_of(), data.world).domain == domain


def test_a_world_beside_other_videos_is_a_mixture(dataset, tmp_path):
    world = make_dataset(tmp_path / "world", train=2, validation=0)
    of_a_world(world / "train", 2)
    assert 0 < read_data([world, dataset / "validation"], recipe_of(), DataOptions()).world < 1


# -- validation


def without(split, field):
    """Take a field out of all judgments of a split."""
    path = split / "judgments.jsonl"
    lines = [json.loads(line) | {field: None} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_validation_set_without_rows_of_a_prompt_is_named(dataset):
    without(dataset / "validation", "rubric")
    with pytest.raises(InputError, match="'rubric' among 7 examples of the validation set.*no rubric.*validation set"):
        read_data([dataset], recipe_of(mix={"rubric": 1.0}), DataOptions())


def test_what_is_left_out_of_the_validation_set_is_listed(dataset):
    first = next((dataset / "validation" / "clips").iterdir())
    first.rename(first.with_name("elsewhere.mp4"))
    data = read_data([dataset], recipe_of(), DataOptions())
    assert data.validation == [] and data.left_out.counts == {}
    assert data.left_out.validation.counts == {"video not found": 7}


@pytest.mark.parametrize("rows", [0, 1])
def test_patience_for_nothing_is_said(qwen25_checkpoint, dataset, tmp_path, rows):
    recipe = recipe_of(qwen25_checkpoint, frames=2, max_pixels=3_136, max_steps=1, batch=5, patience=3)
    data = read_data([dataset], recipe, DataOptions())
    told = []
    finetune(recipe, DataOptions(), data._replace(validation=data.validation[:rows]), tmp_path / "run", say=told.append)
    assert (PATIENCE_FOR_NOTHING in told) == (rows == 0)


# -- what the judge is for


@pytest.mark.parametrize("low, high, words", [(1, 10, False), (1, 7, True)])
def test_a_judge_takes_the_prompt_file_that_it_was_trained_with(tmp_path, low, high, words):
    path = own_prompt(tmp_path, low, high, words)
    judge = judge_file(recipe_of(mix={str(path): 1.0}), 0.0)
    assert judge.scale == (low, high)
    check_declared("judge", judge.declared, load_prompt(path), VideoPolicy(frames=2), "video")
    with pytest.raises(InputError, match="not made for"):
        check_declared("judge", judge.declared, load_prompt("pointwise"), VideoPolicy(frames=2), "video")


def test_prompts_of_several_scales_leave_it_open_and_pairs_have_none(tmp_path):
    path = own_prompt(tmp_path, 1, 10)
    assert judge_file(recipe_of(mix={str(path): 0.5, "pointwise": 0.5}), 0.0).scale is None
    assert judge_file(recipe_of(mix={"pairwise": 1.0}), 0.0).scale is None
    assert judge_file(recipe_of(mix={"pointwise": 0.5, "rubric": 0.5}), 0.0).scale == (1, 5)


@pytest.mark.parametrize("name", ["videojudge-3b", "videojudge-3b-lora"])
def test_a_base_of_larger_patches_is_shown_frames_of_its_own_sizes(qwen3_checkpoint, dataset, tmp_path, name):
    final = fit(name, qwen3_checkpoint, dataset, tmp_path / "run", max_steps=1)
    assert len(lines_of(tmp_path / "run")) == 1
    assert read_judge_file(final).video_policy.size_multiple == 32
    judge = load_backend(str(final) if name == "videojudge-3b" else f"hf:{qwen3_checkpoint}+{final}")
    assert judge.video_policy.size_multiple == 32 and judge.video_policy.frames == 2
    judge.close()
