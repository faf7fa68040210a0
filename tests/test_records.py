"""Columns of judgments: what makes two judgments the same judge's."""

import pytest

from analysis.matching import gold_ratings
from analysis.records import item_facts, labels, named_video, records_of
from workbench.schema import Item, Judgment, Video


def judgment(item, **settings):
    return Judgment(item, "judge", "pointwise@1", "scored", score=3.0, settings=settings)


@pytest.mark.parametrize(("settings", "names"), [
    ([{"order": [0]}, {"order": [1]}], ["judge"]),
    # a bootstrap run says with each rating which request it answers
    ([{"seed": "a", "target": 1, "round": 1, "position": 0}, {"seed": "b", "target": 4, "round": 2, "position": 3}], ["judge"]),
    ([{"sampling": {"seed": 1}}, {"sampling": {"seed": 2}}], ["judge [seed=1]", "judge [seed=2]"]),
    ([{"view": "video"}, {"view": "none"}], ['judge [view="video"]', 'judge [view="none"]']),
])  # fmt: skip
def test_settings_of_one_request_make_no_other_judge(settings, names):
    assert labels(records_of({}, [judgment(str(n), **one) for n, one in enumerate(settings)])) == names


def clip(file=None, description=None, response="a", **tags):
    return Item(file, "Describe the video.", (response,), description=description, tags=tags)


@pytest.mark.parametrize(("one", "other", "same"), [
    (clip(description="A dog."), clip(description="A cat."), False),  # described, without files: one instruction for all
    (clip(description="A dog."), clip(description="A dog.", response="b"), True),
    (clip(), clip(response="b"), True),  # the question is all there is
    (clip(video="v1.mp4"), clip(video="v2.mp4"), False),
    (clip(named_video("v1.mp4")), clip(video="v1.mp4", response="b"), True),  # the name, wherever it stands
    (clip(Video("f1"), video="v1.mp4"), clip(Video("f2"), video="v1.mp4"), False),  # a file counts more than its name
])  # fmt: skip
def test_what_is_read_in_a_videos_place_tells_videos_apart(one, other, same):
    first, second = item_facts(one), item_facts(other)
    assert (first.video == second.video) == same == (first.question == second.question)


def test_described_clips_are_as_many_videos():
    items = [clip(description=f"Clip {number}.") for number in range(300)]
    facts = {item.id: item_facts(item) for item in items}
    gold = [Judgment(item.id, "human:a", "label", "scored", score=1.0 + n % 5) for n, item in enumerate(items)]
    assert len(set(gold_ratings(records_of(facts, gold), "human").clusters)) == 300
    assert len({one.question for one in facts.values()}) == 300  # no pairs of answers about two clips
