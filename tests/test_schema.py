"""Records: ids follow content alone, invariants hold, dictionaries round-trip."""

import pytest

from workbench.errors import InputError
from workbench.schema import Item, Judgment, Sampling, Video, VideoPolicy, content_id

ITEM = Item(
    Video("ab" * 32, "a.mp4"), "What happens?", ("A dog runs.",), reference="A dog runs home.", tags={"row": "1"}
)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (Item(Video("ab" * 32, "elsewhere.mp4"), "What happens?", ("A dog runs.",), "A dog runs home."), True),
        (Item(Video("ab" * 32), "What happens?", ("A dog runs.",), "A dog runs home.", tags={"row": "2"}), True),
        (Item(Video("cd" * 32), "What happens?", ("A dog runs.",), "A dog runs home."), False),
        (Item(Video("ab" * 32), "What happens?", ("A cat runs.",), "A dog runs home."), False),
        (Item(Video("ab" * 32), "What happens?", ("A dog runs.",)), False),
        (Item(None, "What happens?", ("A dog runs.",), "A dog runs home."), False),
    ],
)
def test_item_identity_is_content_not_path_or_tags(changed, same):
    assert (changed.id == ITEM.id) is same


def test_kind_follows_the_number_of_responses():
    kinds = [Item(None, "Say.", tuple("abcd"[:n])).kind for n in (1, 2, 3, 4)]
    assert kinds == ["pointwise", "pairwise", "ranking", "ranking"]


@pytest.mark.parametrize("record", [ITEM, Sampling(0.7, seed=3), VideoPolicy(fps=1.0, max_frames=180)])
def test_records_round_trip_through_dictionaries(record):
    assert type(record).from_dict(record.to_dict()) == record


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Item(None, "  ", ("a",)),
        lambda: Item(None, "Say.", ()),
        lambda: Item(None, "Say.", ("a", " ")),
        lambda: Item(None, "Say.", "a"),
        lambda: Item.from_dict({"instruction": "Say.", "responses": ["a"], "video": None, "rating": 5}),
        lambda: Item.from_dict(["no"]),
        lambda: Item.from_dict({"instruction": "Say."}),
        lambda: Video(""),
        lambda: Sampling(temperature=-1),
        lambda: Sampling(top_p=0),
        lambda: Sampling(max_new_tokens=0),
        lambda: VideoPolicy(),
        lambda: VideoPolicy(frames=8, fps=1.0, max_frames=10),
        lambda: VideoPolicy(fps=1.0),
        lambda: VideoPolicy(frames=8, max_frames=10),
        lambda: VideoPolicy(frames=0),
        lambda: VideoPolicy(frames=8, min_pixels=100, max_pixels=10),
        lambda: VideoPolicy(frames=8, decoder="opencv"),
        lambda: Judgment("i", "j", "p", "scored"),
        lambda: Judgment("i", "j", "p", "unparsed", score=3),
        lambda: Judgment("i", "j", "p", "failed"),
        lambda: Judgment("i", "j", "p", "scored", score=float("nan")),
        lambda: Judgment("i", "j", "p", "scored", score=3, probs={"1": float("inf")}),
        lambda: Judgment("i", "j", "p", "scored", choice="C"),
        lambda: Judgment("i", "j", "p", "done", score=3),
    ],
)
def test_what_breaks_an_invariant_is_refused(broken):
    with pytest.raises(InputError):
        broken()


def test_judgment_key_follows_the_question_not_the_answer():
    asked = {"item": "i", "judge": "j", "prompt": "p@1", "settings": {"order": [0, 1], "sampling": {"seed": 0}}}
    first = Judgment(**asked, status="scored", score=4)
    assert first.key == Judgment(**asked, status="failed", error="out of memory").key
    assert first.key == Judgment.from_dict(first.to_dict()).key
    assert first.key != Judgment(**asked, status="scored", score=4, sample=1).key
    assert first.key != Judgment(**{**asked, "settings": {"order": [1, 0]}}, status="scored", score=4).key


def test_content_id_ignores_key_order():
    assert content_id({"a": 1, "b": [2]}) == content_id({"b": [2], "a": 1}) != content_id({"a": 1, "b": [3]})
