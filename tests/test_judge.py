"""Judging: requests, resume, orders, failures as values, and a verdict put back into the item's own terms."""

from dataclasses import replace

import pytest
import yaml

from tests.clips import Clip
from workbench.backends import load_backend
from workbench.errors import InputError
from workbench.judge import judge_items, one_response_each, pair_verdicts, plan_judging, response_orders
from workbench.prompts import load_prompt
from workbench.schema import Item, Sampling, Video, VideoPolicy
from workbench.video import VideoLimits, sha256_of

POLICY = VideoPolicy(frames=4, max_pixels=12_544, min_pixels=784)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = Clip().write(tmp_path_factory.mktemp("video") / "clip.mp4")
    return Video(sha256_of(path), str(path))


@pytest.fixture
def judge(tmp_path):
    """A scripted judge made from rules."""

    def make(*rules):
        path = tmp_path / "judge.yaml"
        path.write_text(yaml.safe_dump({"rules": list(rules)}))
        return load_backend(f"scripted:{path}")

    return make


def ask(items, backend, name="pointwise", **settings):
    return list(judge_items(items, backend, load_prompt(name), policy=POLICY, **settings))


def test_a_scored_judgment_holds_what_stands_behind_it(video, judge):
    item = Item(video, "What happens?", ("It blinks.",))
    [judgment] = ask(
        [item], judge({"reply": "<thinking>It blinks.</thinking><score>4</score>"}), sampling=Sampling(seed=3)
    )
    assert (judgment.status, judgment.score, judgment.reasoning) == ("scored", 4, "It blinks.")
    assert judgment.item == item.id and judgment.prompt == load_prompt("pointwise").id
    assert judgment.frames["decoder"] and len(judgment.frames["seconds"]) == 4
    assert judgment.settings["sampling"]["seed"] == 3 and judgment.settings["video"]["frames"] == 4
    assert judgment.settings["order"] == [0] and "decode_seconds" in judgment.usage


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I would say 4.", "no <score>"),
        ("<score>4.5</score>", "whole number"),
        ("<thinking><score>5</score>", "never closed"),
    ],
)
def test_a_reply_without_a_verdict_is_unparsed_and_kept_verbatim(video, judge, reply, reason):
    [judgment] = ask([Item(video, "What?", ("A.",))], judge({"reply": reply}))
    assert judgment.status == "unparsed" and judgment.score is None
    assert judgment.reply == reply and reason in judgment.error


def test_a_pair_is_asked_in_both_orders_and_answered_in_the_items_own_terms(video, judge):
    good_first = {"contains": "<response_a>\nGood.", "reply": "<answer>A</answer>"}
    good_second = {"contains": "<response_b>\nGood.", "reply": "<answer>B</answer>"}
    judgments = ask([Item(video, "What?", ("Bad.", "Good."))], judge(good_first, good_second), "pairwise")
    assert [j.settings["order"] for j in judgments] == [[0, 1], [1, 0]]
    assert [j.choice for j in judgments] == ["B", "B"]
    assert [pair.outcome for pair in pair_verdicts(judgments)] == ["B"]


def test_a_preference_that_follows_the_position_is_inconsistent(video, judge):
    judgments = ask([Item(video, "What?", ("One.", "Two."))], judge({"reply": "<answer>A</answer>"}), "pairwise")
    assert [j.choice for j in judgments] == ["A", "B"]
    assert [pair.outcome for pair in pair_verdicts(judgments)] == ["inconsistent"]


def test_one_unparsed_order_leaves_no_outcome(video, judge):
    rules = {"contains": "<response_a>\nOne.", "reply": "<answer>A</answer>"}, {"reply": "neither"}
    judgments = ask([Item(video, "What?", ("One.", "Two."))], judge(*rules), "pairwise")
    assert [j.status for j in judgments] == ["scored", "unparsed"]
    assert [pair.outcome for pair in pair_verdicts(judgments)] == [None]


def test_a_ranking_shown_in_reverse_is_put_back(video, judge):
    rule = {"reply": "<thinking>so</thinking><ranking>A > C > B</ranking>"}
    judgments = ask([Item(video, "What?", ("x", "y", "z"))], judge(rule), "ranking")
    assert [j.ranking for j in judgments] == [(0, 2, 1), (2, 0, 1)]


@pytest.mark.parametrize(
    ("responses", "orders", "expected"),
    [(1, "both", [(0,)]), (2, "both", [(0, 1), (1, 0)]), (2, "given", [(0, 1)]), (3, "both", [(0, 1, 2), (2, 1, 0)])],
)
def test_orders(responses, orders, expected):
    assert response_orders(Item(None, "What?", tuple("abc"[:responses])), orders) == expected


def test_what_is_done_is_not_asked_again_and_repeats_are_numbered(video, judge):
    backend, item = judge({"reply": "<score>4</score>"}), Item(video, "What?", ("A.",))
    first = ask([item, item], backend, samples=3)
    assert [j.sample for j in first] == [0, 1, 2]
    assert [j.sample for j in ask([item], backend, samples=4, done={j.key for j in first})] == [3]


def test_one_bad_video_fails_its_own_items_only(video, judge, tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    bad = Item(Video(sha256_of(text), str(text)), "What?", ("A.",))
    gone = Item(Video("0" * 64, str(tmp_path / "gone.mp4")), "What?", ("A.",))
    changed = Item(Video("1" * 64, video.path), "What?", ("A.",))
    good = Item(video, "What?", ("A.",))
    judgments = ask([bad, gone, changed, good], judge({"reply": "<score>4</score>"}), limits=VideoLimits())
    assert [j.status for j in judgments].count("scored") == 1
    errors = {j.item: j.error for j in judgments if j.status == "failed"}
    assert set(errors) == {bad.id, gone.id, changed.id} and "changed" in errors[changed.id]


def test_a_path_is_a_hint_and_any_that_still_holds_serves(video, judge):
    moved = Item(Video(video.sha256, "/nowhere/clip.mp4"), "What?", ("A.",))
    found = Item(video, "What else?", ("A.",))
    judgments = ask([moved, found], judge({"reply": "<score>4</score>"}))
    assert [j.status for j in judgments] == ["scored", "scored"]


def test_items_that_do_not_fit_the_prompt_are_skipped_with_the_reason(video, judge):
    judgments = ask([Item(video, "What?", ("A.", "B."))], judge({"reply": "<score>4</score>"}))
    assert [j.status for j in judgments] == ["skipped", "skipped"] and "expected 1" in judgments[0].error


def test_responses_of_one_item_become_items_for_pointwise_judging(video):
    items = list(one_response_each([Item(video, "What?", ("A.", "B."), tags={"row": "2"})]))
    assert [item.responses for item in items] == [("A.",), ("B.",)] and items[1].tags == {"row": "2"}


def test_the_text_only_control_asks_without_the_video(video, judge):
    rules = {"contains": "No video is available", "reply": "<score>1</score>"}, {"reply": "<score>5</score>"}
    backend, item = judge(*rules), Item(video, "What?", ("A.",))
    [seen], [blind] = ask([item], backend), ask([item], backend, view="none")
    assert (seen.score, blind.score) == (5, 1) and blind.frames is None and blind.settings["video"] is None
    assert seen.key != blind.key


def test_failures_of_the_backend_are_values(video, judge):
    rules = {"contains": "Bad.", "fail": "out of memory"}, {"reply": "<score>4</score>"}
    judgments = ask([Item(video, "What?", ("Bad.",)), Item(video, "What?", ("Good.",))], judge(*rules))
    assert [j.status for j in judgments] == ["failed", "scored"] and "out of memory" in judgments[0].error


def test_a_judge_refuses_what_it_was_not_made_for(judge):
    backend = judge({"reply": "<score>4</score>"})
    backend.declared = replace(backend.declared, kinds=("pointwise",), scale=(1, 5), max_frames=8)
    plan_judging(backend, load_prompt("pointwise"), policy=VideoPolicy(frames=8))
    for prompt, policy in [
        (load_prompt("pairwise"), VideoPolicy(frames=8)),
        (load_prompt("pointwise", low=0, high=10), VideoPolicy(frames=8)),
        (load_prompt("pointwise"), VideoPolicy(frames=9)),
    ]:
        with pytest.raises(InputError, match="was (not )?made for"):
            plan_judging(backend, prompt, policy=policy)
