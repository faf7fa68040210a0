"""Rows of a fine-tuning: which there are, how each is asked, what is left out and why, and which steps see them."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import yaml

from tests.finetune_data import make_dataset, target
from training.datasets import evenly
from training.recipes import RECIPES, DataOptions, load_recipe
from training.schedule import Sizes, schedule
from training.sources import LeftOut, read_folders, split_folders
from training.tasks import make_tasks, swap_rationale, task_counts, tasks_hash
from workbench.errors import InputError
from workbench.prompts import load_prompt
from workbench.schema import Item, Video


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def examples(dataset):
    return read_folders(split_folders([dataset], "train"), DataOptions(), LeftOut())


def tasks_of(examples, mix, share=1.0, left_out=None, seed=0, **options):
    return make_tasks(
        examples, mix, share, DataOptions(**options), seed, left_out if left_out is not None else LeftOut()
    )


def own_prompt(folder, low, high, words=False):
    """A prompt file of a user's, with a scale of its own, written in labels where `words`."""
    labels = {score: "o" * (score + 1) for score in range(low, high + 1)}
    spec = {"name": "mine", "kind": "pointwise", "reply": ["score"], "low": low, "high": high, "system": "You judge.",
            "template": "Rate.\n$guide\n<score>$verdict</score>", "labels": labels, "words": words}  # fmt: skip
    (folder / "mine.yaml").write_text(yaml.safe_dump(spec))
    return folder / "mine.yaml"


# -- recipes


def test_the_paper_s_numbers():
    for name in ("videojudge-3b", "videojudge-7b", "videojudger-3b"):
        recipe = RECIPES[name]
        assert (recipe.tuned, recipe.lr, recipe.batch, recipe.accumulation, recipe.epochs) == (
            "merger and language", 2e-7, 16, 1, 2,
        )  # fmt: skip
        policy = recipe.policy
        assert (policy.fps, policy.max_frames, policy.min_pixels, policy.max_pixels) == (1.0, 60, 3_136, 25_088)
    assert RECIPES["videojudger-3b"].mix == {"rubric": 1.0} and RECIPES["videojudger-3b"].share == 0.1
    assert RECIPES["videojudge-7b"].base.endswith("7B-Instruct")


def test_every_full_recipe_has_its_adapters():
    for name in ("videojudge-3b", "videojudge-7b", "videojudger-3b"):
        for tuned in ("lora", "qlora"):
            recipe = RECIPES[f"{name}-{tuned}"]
            assert recipe.tuned == tuned and recipe.lora and recipe.base == RECIPES[name].base
            assert recipe.batch * recipe.accumulation == RECIPES[name].batch


def test_what_is_given_changes_and_what_is_not_stays():
    recipe = load_recipe("videojudge-3b-lora", lr=1e-3, rank=4, frames=8, epochs=None)
    assert (recipe.lr, recipe.lora.rank, recipe.lora.alpha, recipe.epochs) == (1e-3, 4, 32, 2)
    assert (recipe.policy.frames, recipe.policy.fps, recipe.policy.max_frames) == (8, None, None)
    assert load_recipe("videojudge-3b", max_frames=16).policy.max_frames == 16


@pytest.mark.parametrize(
    "name, changes, told",
    [
        ("videojudge", {}, "expected one of videojudge-3b"),
        ("videojudge-3b", {"rank": 8}, "take videojudge-3b-lora"),
        ("videojudge-3b", {"share": 0.0}, "share"),
        ("videojudge-3b", {"mix": {}}, "mix"),
        ("videojudge-3b", {"mix": {"pointwise": -1.0}}, "mix"),
        ("videojudge-3b", {"batch": 0}, "batch"),
        ("videojudge-3b", {"patience": 0}, "patience"),
        ("videojudge-3b", {"lr": float("nan")}, "lr: got nan"),
        ("videojudge-3b", {"lr": float("inf")}, "lr: got inf"),
        ("videojudge-3b", {"mix": {"pointwise": float("nan")}}, "mix"),
        (
            "videojudge-3b",
            {"precision": "float16"},
            "precision: got 'float16', expected one of auto, float32, bfloat16",
        ),
        ("videojudge-3b", {"precision": "bf16"}, "precision"),
    ],
)
def test_a_recipe_refuses_what_makes_no_sense(name, changes, told):
    with pytest.raises(InputError, match=told):
        load_recipe(name, **changes)


# -- folders


def test_a_dataset_s_train_and_validation_are_read_apart(dataset):
    assert split_folders([dataset], "train") == [dataset / "train"]
    assert split_folders([dataset], "validation") == [dataset / "validation"]
    assert split_folders([dataset / "train"], "train") == [dataset / "train"]  # rows by themselves
    assert split_folders([dataset / "train"], "validation") == []


def test_a_folder_without_rows_is_refused(tmp_path):
    with pytest.raises(InputError, match="bootstrap export"):
        split_folders([tmp_path], "train")


def test_videos_are_found_beside_their_rows(examples, dataset):
    assert len(examples) == 3 * 7
    assert all(each.item.video.path.startswith(str(dataset)) for each in examples)


def test_what_is_not_a_row_is_listed_with_its_reason(dataset, tmp_path):
    lines = (dataset / "train" / "items.jsonl").read_text().splitlines()
    item = Item.from_dict(json.loads(lines[0]))
    item = replace(item, video=Video(item.video.sha256, str(dataset / "train" / item.video.path)))
    lost = replace(item, video=Video("f" * 64, "nowhere.mp4"))
    negative = replace(item, instruction="Which comes first?", tags={"negative": "reversed"})
    rows = [(item, "target"), (item, "human:ann1"), (item, "hf:some/judge"), (lost, "target"), (negative, "target")]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(each.to_dict()) + "\n" for each, _ in rows))
    judgments = [target(each, judge, score=3.0, reasoning="x") for each, judge in rows]
    judgments.append(replace(judgments[0], status="skipped", score=None, error="unknown", sample=1))
    (tmp_path / "judgments.jsonl").write_text("".join(json.dumps(each.to_dict()) + "\n" for each in judgments))
    left_out = LeftOut()
    found = read_folders([tmp_path], DataOptions(negatives=False), left_out)
    assert [each.target.judge for each in found] == ["target", "human:ann1"]
    assert left_out.counts == {
        "not a judge to learn from": 1, "video not found": 1, "a temporal negative": 1, "not scored": 1,
    }  # fmt: skip
    assert len(read_folders([tmp_path], DataOptions(judges=("hf:",)), LeftOut())) == 1
    assert len(read_folders([tmp_path], DataOptions(), LeftOut())) == 3  # with the negative


def written(folder, rows):
    """A folder of rows (Item, Judgment)."""
    folder.mkdir()
    for name, number in (("items", 0), ("judgments", 1)):
        lines = {json.dumps(row[number].to_dict()): None for row in rows}
        (folder / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))
    return folder


def test_of_the_same_verdict_the_one_with_most_beside_it_is_learned_and_the_other_is_listed(examples, tmp_path):
    point = next(each for each in examples if each.item.kind == "pointwise")
    bare = replace(point.target, rubric=None)
    folders = [
        written(tmp_path / name, [(point.item, target)]) for name, target in (("old", bare), ("new", point.target))
    ]
    for some in (folders, folders[::-1]):
        left_out = LeftOut()
        (found,) = read_folders(some, DataOptions(), left_out)
        assert found.target.rubric == point.target.rubric
        assert left_out.counts == {"duplicate": 1} and left_out.lines[0]["item"] == point.item.id


def test_equal_scores_of_other_criteria_are_other_verdicts(examples, tmp_path):
    point = next(each for each in examples if each.item.kind == "pointwise")
    told = [replace(point.target, criteria=given, sample=n) for n, given in enumerate(({"a": 1.0}, {"a": 2.0}))]
    folder = written(tmp_path / "rows", [(point.item, each) for each in told])
    assert len(read_folders([folder], DataOptions(), LeftOut())) == 2


# -- tasks


def test_a_mix_keeps_its_shares(examples):
    tasks = tasks_of(examples, {"pointwise": 0.5, "pairwise": 0.5})
    assert Counter(task.prompt.name for task in tasks) == {"pointwise": 6, "pairwise": 6}
    assert len(tasks_of(examples, {"pointwise": 1.0})) == 15
    assert len(tasks_of(examples, {"rubric": 1.0}, share=0.2)) == 3


def test_rows_that_the_mix_has_no_place_for_are_counted_and_the_prompt_that_limits_is_named(examples):
    left_out = LeftOut()
    tasks_of(examples, {"pointwise": 0.5, "pairwise": 0.5}, left_out=left_out)
    (line,) = left_out.lines
    assert (line["prompt"], line["rows"], line["of"]) == ("pointwise", 9, 15)
    assert "'pairwise' has fewest for its own, 6 for 0.5" in line["reason"]
    assert left_out.counts == {"not drawn": 9}
    assert left_out.sentences() == [f"left out: 9 of 15 rows of 'pointwise', {line['reason']}"]
    left_out = LeftOut().validation
    tasks_of(examples, {"rubric": 1.0}, share=0.2, left_out=left_out)
    (line,) = left_out.lines
    assert (line["rows"], line["reason"], line["set"]) == (12, "not drawn: share 0.2 of the rows", "validation")
    assert left_out.sentences()[0].startswith("left out of validation: 12 of 15 rows")


def test_the_same_seed_gives_the_same_rows_and_another_others(examples):
    mix = {"pointwise": 1.0}
    assert tasks_hash(tasks_of(examples, mix, 0.5)) == tasks_hash(tasks_of(examples, mix, 0.5))
    assert tasks_hash(tasks_of(examples, mix, 0.5)) != tasks_hash(tasks_of(examples, mix, 0.5, seed=1))


def test_a_prompt_without_rows_is_refused_with_the_reasons(examples):
    bare = [each._replace(target=replace(each.target, rubric=None)) for each in examples]
    with pytest.raises(InputError, match="no rubric"):
        tasks_of(bare, {"rubric": 1.0})
    with pytest.raises(InputError, match="ranking"):
        tasks_of(examples, {"ranking": 1.0})


def test_a_reference_is_never_shown_beside_itself(examples):
    tasks = tasks_of(examples, {"pointwise": 1.0}, reference_share=1.0)
    for task in tasks:
        gold = task.example.item.responses[0] == task.example.item.reference
        assert task.prompt.reference == (not gold)
    counts = task_counts(tasks)
    assert counts["with_reference"] == 12 and "5" not in counts["ratings_with_reference"]
    assert task_counts(tasks_of(examples, {"pointwise": 1.0}))["with_reference"] == 0


def test_swapped_pairs_are_asked_in_both_orders_with_the_verdict_turned(examples):
    from training.rows import verdict_as_shown

    tasks = tasks_of(examples, {"pairwise_reasoning": 1.0}, swap=True)
    assert Counter(task.order for task in tasks) == {(0, 1): 6, (1, 0): 6}
    for task in tasks:
        verdict = verdict_as_shown(task.example.target, task.order, task.prompt)
        assert verdict.choice == ("B" if task.order == (0, 1) else "A")
        assert verdict.reasoning.endswith(f"{verdict.choice} is better.")


@pytest.mark.parametrize("seed", range(3))
def test_a_pair_that_the_mix_has_a_place_for_is_there_in_both_orders(examples, seed):
    mix = {"pointwise": 0.8, "pairwise": 0.1, "pairwise_reasoning": 0.1}
    tasks = tasks_of(examples, mix, seed=seed, swap=True)
    assert Counter(task.prompt.name for task in tasks) == {"pointwise": 15, "pairwise": 2, "pairwise_reasoning": 2}
    for name in ("pairwise", "pairwise_reasoning"):
        shown = [(task.example.item.id, task.order) for task in tasks if task.prompt.name == name]
        assert len({item for item, _ in shown}) == 1 and {order for _, order in shown} == {(0, 1), (1, 0)}


@pytest.mark.parametrize(
    "text, turned",
    [
        ("A: It is red. B: It is blue. A is better.", "A: It is blue. B: It is red. B is better."),
        ("A: x. 1 wrong. B: y. 2 wrong. B is better.", "A: y. 2 wrong. B: x. 1 wrong. A is better."),
        ("Both are good, A more so.", None),
        ("A: x. B: y, unlike Response A. B is better.", None),
        ("A: x. B: y. B: z. B is better.", None),
        ("A: x. B: A is shorter. B is better.", None),
        ("A: Shorter than B. B: y. B is better.", None),
        ("A: x. B: Unlike A, it says where. B is better.", None),
        ("A: x. B: A omits the dog. B is better.", None),
        ("A: B omits the dog. B: y. A is better.", None),
        ("A: x. B: It is A's answer again. B is better.", None),
        ("A: A dog. B: A red cat. B is better.", "A: A red cat. B: A dog. A is better."),
    ],
)
def test_a_rationale_is_turned_only_where_its_form_is_known(text, turned):
    assert swap_rationale(text) == turned


def test_a_score_off_the_scale_or_a_tie_is_left_out(examples):
    point = next(each for each in examples if each.item.kind == "pointwise")
    pair = next(each for each in examples if each.item.kind == "pairwise")
    odd = [point._replace(target=replace(point.target, score=score)) for score in (3.5, 7.0)]
    left_out = LeftOut()
    tasks_of([*odd, *examples], {"pointwise": 1.0}, left_out=left_out)
    tie = pair._replace(target=replace(pair.target, choice="tie"))
    tasks_of([tie, *examples], {"pairwise": 1.0}, left_out=left_out)
    assert left_out.counts == {"score not on the prompt's scale": 2, "choice not on the prompt's menu": 1}


@pytest.mark.parametrize("words", [False, True])
def test_scores_are_held_against_the_scale_of_the_prompt_and_not_its_words(examples, tmp_path, words):
    path = own_prompt(tmp_path, 0, 4, words)
    left_out = LeftOut()
    tasks = tasks_of(examples, {str(path): 1.0}, left_out=left_out)
    assert {task.example.target.score for task in tasks} == {1.0, 2.0, 3.0, 4.0}
    assert left_out.counts == {"score not on the prompt's scale": 3}  # the fives


# -- the schedule


def test_every_row_is_seen_once_an_epoch_in_packs_of_one_video_and_prompt(examples):
    tasks = tasks_of(examples, {"pointwise": 0.5, "pairwise": 0.5})
    steps = schedule(tasks, Sizes(batch=4, micros=2, branches=3), epochs=2, seed=0, max_steps=None)
    for epoch in (steps[: len(steps) // 2], steps[len(steps) // 2 :]):
        seen = [row for micros in epoch for micro in micros for pack in micro for row in pack]
        assert sorted(seen) == list(range(len(tasks)))
    for micros in steps:
        assert len(micros) == 2
        for micro in micros:
            assert sum(map(len, micro)) <= 4
            for pack in micro:
                assert len({(tasks[row].video, tasks[row].prompt.id) for row in pack}) == 1 and len(pack) <= 3


def test_the_micro_batches_of_two_processes_are_those_of_one_with_twice_the_accumulation(examples):
    tasks = tasks_of(examples, {"pointwise": 1.0})
    one = schedule(tasks, Sizes(4, 2 * 1, 5), 1, 0, None)  # accumulation 2, one process
    two = schedule(tasks, Sizes(4, 1 * 2, 5), 1, 0, None)  # accumulation 1, two processes
    assert one == two
    assert len(schedule(tasks, Sizes(4, 2, 5), 1, 0, max_steps=1)) == 1


def test_the_prompts_of_the_recipes_are_there():
    for recipe in RECIPES.values():
        for name in recipe.mix:
            assert load_prompt(name).name == name


def test_validation_rows_past_the_most_are_noted(examples):
    tasks, left_out = tasks_of(examples, {"pointwise": 1.0}), LeftOut().validation
    assert len(evenly(tasks, 4, left_out)) == 4
    (line,) = left_out.lines
    assert (line["rows"], line["of"], line["set"]) == (11, 15, "validation") and "eval_rows" in line["reason"]
    left_out.lines.clear()
    assert evenly(tasks, 15, left_out) == tasks and not left_out.lines
