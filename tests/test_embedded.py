"""The judge that ships: small, loads offline by its name, replies in form, and says what it cannot do."""

import json

import numpy as np
import pytest

from workbench.backends import EMBEDDED, load_backend
from workbench.prompts import form_for, load_prompt, render
from workbench.replies import Verdict, read_reply
from workbench.schema import Item, Video
from workbench.video.frames import Frames

RESPONSES = (
    "A small plain red circle moves left on a white background.",
    "A large striped blue star moves up on a black background.",
)


@pytest.fixture(scope="module")
def judge():
    backend = load_backend("embedded")
    yield backend
    backend.close()


def drawn_frames() -> Frames:
    """A red disc that moves to the left on white, in eight frames."""
    y, x = np.mgrid[0:112, 0:112]
    images = np.full((8, 112, 112, 3), (240, 238, 232), np.uint8)
    for number in range(8):
        images[number][(x - 80 + 6 * number) ** 2 + (y - 56) ** 2 < 15**2] = (222, 52, 56)
    seconds = tuple(number * 0.5 for number in range(8))
    return Frames(images, seconds, tuple(range(0, 48, 6)), "drawn", "0" * 64, 4.0, 48)


def test_the_folder_is_small_and_complete():
    names = {path.name for path in EMBEDDED.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "judge.json", "README.md"} <= names
    assert not names & {"pytorch_model.bin", "training_args.bin"}
    assert sum(path.stat().st_size for path in EMBEDDED.iterdir()) <= 16_000_000


def test_it_says_what_it_was_made_for_and_warns(judge):
    assert judge.declared.scale == (1, 5)
    assert set(judge.declared.prompts) == {"pointwise", "rubric", "pairwise", "pairwise_reasoning"}
    assert "procedural world" in judge.declared.domain and "atural videos" in judge.declared.domain
    assert "its mistakes" in judge.warning
    assert judge.video_policy.frames == 8
    assert judge.view == "video"


@pytest.mark.parametrize("name", ["pointwise", "rubric", "pairwise", "pairwise_reasoning"])
def test_it_replies_in_form_and_with_reasons(judge, name):
    prompt = load_prompt(name)
    responses = RESPONSES if prompt.kind == "pairwise" else RESPONSES[:1]
    item = Item(Video("0" * 64), "Describe the video.", responses)
    reply = judge.generate([render(prompt, item, frames=drawn_frames())], judge.sampling)[0]
    verdict = read_reply(form_for(prompt, item), reply.text)
    assert isinstance(verdict, Verdict), reply.text
    assert bool(verdict.reasoning) == ("thinking" in prompt.form.tags)
    assert set(reply.probs) == set(prompt.form.menu)


def test_the_card_tells_limits_and_measured_figures():
    card = (EMBEDDED / "README.md").read_text(encoding="utf-8")
    said = ("small judge of a small world", "procedural world", "Natural videos", "Spearman", "without the video")
    for words in said:
        assert words in card


def test_it_judges_the_examples_that_ship(judge):
    from workbench.judge import judge_items
    from workbench.video import sha256_of

    folder = EMBEDDED.parent / "examples"
    for example in json.loads((folder / "examples.json").read_text(encoding="utf-8")):
        if example["mode"] not in ("pointwise", "pairwise"):
            continue
        path = folder / example["video"]
        responses = [example["responses"]] if example["mode"] == "pairwise" else [[one] for one in example["responses"]]
        video = Video(sha256_of(path), str(path))
        items = [Item(video, example["instruction"], tuple(some)) for some in responses]
        prompt = load_prompt("pairwise_reasoning" if example["mode"] == "pairwise" else "pointwise")
        judged = list(judge_items(items, judge, prompt))
        assert [judgment.status for judgment in judged] == ["scored"] * len(judged)
