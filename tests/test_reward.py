"""Judges with a scalar head: what they read, what the number is, what becomes of it, and which checkpoints they refuse."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from workbench.backends import load_backend
from workbench.backends.random_weights import make_checkpoint, make_classifier_checkpoint, make_reward_checkpoint
from workbench.errors import BackendError
from workbench.judge import judge_items, pair_verdicts
from workbench.prompts import load_prompt, render
from workbench.schema import Item, Sampling, Video
from workbench.video.frames import Frames

RESPONSES = ("A red ball rolls left.", "Nothing happens.", "It is a cube.")
WIDE = {"initializer_range": 0.2}


def frames(seed=0):
    images = np.random.default_rng(seed).integers(0, 255, (2, 56, 56, 3), dtype=np.uint8)
    return Frames(images, (0.0, 1.0), (0, 1), "pyav", f"sha{seed}", 2.0, 2)


def chat(count=1, seen=None, order=None, **fields):
    kind = {1: "pointwise", 2: "pairwise"}.get(count, "ranking")
    video = Video(seen.sha256) if seen is not None else None
    item = Item(video, "What happens?", RESPONSES[:count], **fields)
    view = "video" if seen is not None else "description" if fields.get("description") else "none"
    return render(load_prompt(kind), item, frames=seen, view=view, order=order)


def judged(backend, *chats, **sampling):
    return backend.generate(chats, Sampling(**{"max_new_tokens": 8, **sampling}))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("reward")
    made = {name: make_reward_checkpoint(root / name, name, **WIDE) for name in ("qwen2.5-vl", "smolvlm2", "qwen3")}
    made["critic"] = make_reward_checkpoint(root / "critic", "qwen2.5-vl", kind="semi-scalar", **WIDE)
    made["classifier"] = make_classifier_checkpoint(root / "classifier", **WIDE)
    return made


@pytest.fixture(scope="module")
def loaded(folders):
    return {name: load_backend(f"reward:{folder}") for name, folder in folders.items()}


def test_the_number_is_the_head_at_the_last_token_of_the_conversation(folders, loaded):
    """Against the library itself: its template, its processor, its own positions without a video."""
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    folder = folders["qwen2.5-vl"]
    model, tokenizer = AutoModelForImageTextToText.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    text = f"<|im_start|>user\nWhat happens?<|im_end|>\n<|im_start|>assistant\n{RESPONSES[0]}<|im_end|>"
    with torch.inference_mode():
        state = model.model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, -1]
    head = load_file(folder / "reward_head.safetensors")
    (reply,) = judged(loaded["qwen2.5-vl"], chat())
    assert reply.verdict.score == pytest.approx(float(head["weight"][0] @ state + head["bias"][0]), abs=1e-4)


def test_a_classifier_gives_the_librarys_own_logit(folders, loaded):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = folders["classifier"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = f"<|im_start|>user\nWhat happens?<|im_end|>\n<|im_start|>assistant\n{RESPONSES[0]}<|im_end|>"
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logit = model(**tokenizer(text, return_tensors="pt")).logits.item()
    (reply,) = judged(loaded["classifier"], chat())
    assert reply.verdict.score == pytest.approx(logit, abs=1e-4) and loaded["classifier"].view == "description"


@pytest.mark.parametrize("name", ["qwen2.5-vl", "smolvlm2", "critic"])
def test_the_video_and_the_response_change_the_number(loaded, name):
    one, other = frames(0), frames(1)
    replies = judged(loaded[name], chat(seen=one), chat(seen=other), chat(), chat(seen=one))
    scores = [reply.verdict.score for reply in replies]
    assert scores[0] == pytest.approx(scores[3], abs=1e-5) and len({round(score, 5) for score in scores}) == 3
    swapped = judged(loaded[name], chat(2, one))[0]
    assert swapped.verdict.choice in ("A", "B")


@pytest.mark.parametrize("name", ["qwen2.5-vl", "qwen3", "classifier", "critic"])
def test_preferences_and_rankings_follow_the_numbers_in_every_order(loaded, name):
    backend = loaded[name]
    described = {"description": "A ball."} if backend.view == "description" else {}
    alone = [judged(backend, chat(**described))[0].verdict.score]
    pair, turned = judged(backend, chat(2, **described), chat(2, order=(1, 0), **described))
    assert {pair.verdict.choice, turned.verdict.choice} == {"A", "B"}
    three = judged(backend, chat(3, **described))[0].verdict.ranking
    turned = judged(backend, chat(3, order=(2, 0, 1), **described))[0].verdict.ranking
    assert tuple((2, 0, 1)[shown] for shown in turned) == three and math.isfinite(alone[0])


def test_the_description_stands_in_the_videos_place_only_when_shown(loaded):
    backend = loaded["qwen3"]
    item = Item(None, "What happens?", RESPONSES[:1], description="A ball.")
    shown = judged(backend, *(render(load_prompt("pointwise"), item, view=view) for view in ("description", "none")))
    assert shown[0].verdict.score != shown[1].verdict.score
    assert shown[1].verdict.score == judged(backend, chat())[0].verdict.score


def test_a_semi_scalar_judge_writes_first_and_reads_what_it_wrote(loaded, folders):
    critic = loaded["critic"]
    (reply,) = judged(critic, chat(2, frames()))
    assert reply.verdict.reasoning.startswith("A: ") and "\nB: " in reply.verdict.reasoning
    assert reply.text.splitlines()[-1].startswith("scalar: ")
    plain = load_backend(f"reward:{folders['critic']}", critique="no")
    assert plain.identity["kind"] == "discriminative" and critic.identity["kind"] == "semi-scalar"
    assert judged(plain, chat())[0].verdict.score != judged(critic, chat())[0].verdict.score
    hot = judged(critic, chat(), chat(), temperature=1.5, seed=3)
    assert hot[0].verdict == hot[1].verdict  # the seed decides, not the place in the batch


def test_three_kinds_judge_the_same_items_into_judgments(loaded):
    items = [Item(None, "i", ("x", "y")), Item(None, "j", ("y", "x"))]
    for name in ("qwen2.5-vl", "critic"):
        made = list(
            judge_items(items, loaded[name], load_prompt("pairwise"), view="none", sampling=Sampling(max_new_tokens=4))
        )
        assert {one.status for one in made} == {"scored"}
        if name == "qwen2.5-vl":
            assert {pair.outcome for pair in pair_verdicts(made)} <= {"A", "B"}  # no order can move a scalar
        assert made[0].settings["judge"]["scale"] is None and made[0].settings["judge"]["backend"] == "reward"


def test_a_raw_scalar_has_no_ends_in_what_is_shown(loaded):
    from workbench.schema import Judgment
    from workbench.verdict_text import scale_words

    raw = {"judge": {"backend": "reward", "scale": None}}
    assert scale_words(Judgment("i", "reward:x", "p", "scored", score=0.3, settings=raw), {}) == "as a raw scalar"
    label = Judgment("i", "human:ann", "labels", "scored", score=3, settings={"scale": [1, 5]})
    assert scale_words(label, {}) == "on a scale of 1 to 5"
    assert scale_words(replace(label, settings={}), {}) == "on a scale that nothing tells"


# -- what it refuses


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda f: (f / "reward_head.safetensors").unlink(), "has no scalar head: expected reward_head.safetensors"),
        (
            lambda f: save_file({"weight": torch.zeros(1, 7)}, f / "reward_head.safetensors"),
            r"a weight of \[1, 7\], expected",
        ),
        (lambda f: save_file({"x": torch.zeros(1)}, f / "reward_head.safetensors"), "got x, expected one linear layer"),
        (lambda f: (f / "reward_head.safetensors").write_bytes(b"no"), "is damaged"),
        (
            lambda f: (f / "reward.json").write_text('{"kind": "generative"}'),
            "expected one of discriminative, semi-scalar",
        ),
        (lambda f: (f / "reward.json").write_text('{"scale": [5, 1]}'), "expected its lowest and highest score"),
        (lambda f: (f / "reward.json").write_text("{"), "reward.json of the checkpoint .* cannot be read"),
    ],
)
def test_checkpoints_that_would_not_judge_as_intended(tmp_path, change, complaint):
    folder = make_reward_checkpoint(tmp_path / "c", "qwen3")
    change(folder)
    with pytest.raises(BackendError, match=complaint):
        load_backend(f"reward:{folder}")


def test_heads_by_other_names_and_without_bias(tmp_path):
    folder = make_reward_checkpoint(tmp_path / "c", "qwen3")
    weight = load_file(folder / "reward_head.safetensors")["weight"]
    first = judged(load_backend(f"reward:{folder}"), chat())[0].verdict.score
    save_file({"v_head.summary.weight": weight.reshape(-1)}, folder / "reward_head.safetensors")
    assert judged(load_backend(f"reward:{folder}"), chat())[0].verdict.score == pytest.approx(first)


def test_classifiers_of_several_labels_and_judges_that_write_are_refused(tmp_path):
    folder = make_classifier_checkpoint(tmp_path / "c")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "a", "1": "b"}}))
    with pytest.raises(BackendError, match="a classifier of 2 labels; a reward judge has one output"):
        load_backend(f"reward:{folder}")
    with pytest.raises(BackendError, match="has no scalar head"):
        load_backend(f"reward:{make_checkpoint(tmp_path / 'g', 'qwen3')}")
    with pytest.raises(BackendError, match="critique: got 'maybe', expected yes or no"):
        load_backend(f"reward:{make_reward_checkpoint(tmp_path / 'r', 'qwen3')}", critique="maybe")


def test_numbers_that_are_not_finite_are_failures(tmp_path):
    folder = make_reward_checkpoint(tmp_path / "c", "qwen3")
    save_file({"weight": torch.full((1, 64), float("nan"))}, folder / "reward_head.safetensors")
    (reply,) = judged(load_backend(f"reward:{folder}"), chat())
    assert isinstance(reply, BackendError) and "no finite number" in str(reply)


def test_a_closed_judge_says_so(folders):
    backend = load_backend(f"reward:{folders['qwen3']}")
    backend.close()
    with pytest.raises(BackendError, match="is closed"):
        judged(backend, chat())
