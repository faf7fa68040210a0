"""The probes of the audit as tables: what each changes, how it is worded, which items are drawn, what it costs."""

import pytest

from analysis.audit import wording
from analysis.audit.ask import audit_prompts
from analysis.audit.attacks import ATTACKS, PAIR_ATTACKS, attack_text
from analysis.audit.plan import (
    AuditOptions,
    borrowed_responses,
    chosen,
    cost_of,
    other_videos,
    pairs_of_ratings,
    passes_of,
    variants_id,
    variants_of,
)
from analysis.audit.probes import OF_PAIRS, OF_RATINGS, Context
from analysis.audit.variant import PROBES, Manner
from workbench.errors import InputError
from workbench.schema import Item, Video

RIGHT, OTHER = Video("aa", "a.mp4"), Video("bb", "b.mp4")
ITEM = Item(RIGHT, "What happens?", ("A ball falls.",), tags={"set": "x"})
CONTEXT = Context({"aa": OTHER}, {ITEM.id: "Two cats sleep."}, "5", 4, 0.7, ("short", "steps"))


def items(videos=4, each=3):
    return [
        Item(Video(f"v{v}", f"v{v}.mp4"), f"Question {v}?", (f"Response {v} {n}.",))
        for v in range(videos)
        for n in range(each)
    ]


# -- wording


@pytest.mark.parametrize(
    "text", [wording.NEUTRAL, wording.BANDWAGON, wording.AUTHORITY, wording.CHEERFUL, wording.GLOOMY, *PAIR_ATTACKS.values(),
             *(attack_text(attack, "5") for attack in ATTACKS.values())]
)  # fmt: skip
def test_what_is_added_is_as_long_as_its_neutral_twin(text):
    assert len(text.split()) == wording.WORDS


@pytest.mark.parametrize("words, padded", [(1, 17), (3, 21), (16, 32), (17, 34), (40, 80)])
def test_padded_and_repeated_twins_have_one_length(words, padded):
    response = " ".join(["word"] * words)
    assert len(wording.with_filler(response).split()) == padded
    assert wording.repeated(response) == " ".join([response] * (padded // words))


def test_the_forged_reply_names_the_highest_score():
    assert "<score>10</score>" in attack_text(ATTACKS["forged reply"], "10")


# -- what each probe changes


@pytest.mark.parametrize(
    "probe, changes",
    [
        (
            "looking",
            ["asked again", "no video", "another video", "first frame only", "frames reversed", "frames shuffled"],
        ),
        ("verbosity", ["padded", "repeated to the same length", "beside its padded twin"]),
        ("bandwagon", ["after", "most people agree"]),
        ("authority", ["after", "an expert confirms"]),
        ("sentiment", ["after", "cheerful", "gloomy"]),
        ("injection", ["after", "before", "in the instruction", *ATTACKS]),
        ("responses", ["empty", "off topic", "borrowed"]),
        ("consistency", ["sampled"]),
        ("template", ["short", "steps"]),
    ],
)
def test_changes_of_each_probe(probe, changes):
    found = list(OF_RATINGS[probe](ITEM, CONTEXT))
    assert [one.change for one in found] == changes
    assert {one.of for one in found} == {ITEM.id}
    for one in found:
        if one.item != ITEM:  # whatever is changed is told in the tags, and one thing alone is
            assert one.item.tags["audit_probe"] == one.probe and one.item.tags["audit_change"] == one.change
            assert one.item.tags["audit_of"] == ITEM.id and one.item.tags["set"] == "x"
            differs = [
                name for name in ("video", "instruction", "responses") if getattr(one.item, name) != getattr(ITEM, name)
            ]
            assert len(differs) == 1 and one.manner == Manner()


def test_looking_changes_the_video_and_not_a_word():
    found = {one.change: one for one in OF_RATINGS["looking"](ITEM, CONTEXT)}
    assert all(
        (one.item.instruction, one.item.responses) == (ITEM.instruction, ITEM.responses) for one in found.values()
    )
    assert found["another video"].item.video == OTHER
    assert found["no video"].manner.view == "none"
    assert found["frames reversed"].manner == Manner(frame_order="reversed")
    assert list(OF_RATINGS["looking"](Item(None, "What?", ("x",)), CONTEXT)) == []


def test_where_attacks_stand():
    found = {(one.probe, one.change): one.item for one in OF_RATINGS["injection"](ITEM, CONTEXT)}
    assert found["injection", "order"].responses[0] == f"A ball falls. {wording.ORDER}"
    assert found["injection", "preamble"].responses[0] == f"{wording.PREAMBLE} A ball falls."
    assert found["injection", "in the instruction"].instruction == f"What happens? {wording.IN_INSTRUCTION}"
    assert found["benign", "in the instruction"].instruction == f"What happens? {wording.NEUTRAL}"


def test_pairs_are_attacked_in_their_second_response():
    pair = Item(RIGHT, "What happens?", ("A ball falls.", "A cat sleeps."))
    found = list(OF_PAIRS["injection"](pair, CONTEXT))
    assert [one.change for one in found] == [
        "pair as it is",
        "pair, neutral sentence",
        *(f"pair, {name}" for name in PAIR_ATTACKS),
    ]
    assert {one.of for one in found} == {pair.id} and {one.item.responses[0] for one in found} == {"A ball falls."}
    assert found[1].item.responses[1] == f"A cat sleeps. {wording.NEUTRAL}"
    assert found[2].item.responses[1] == f"A cat sleeps. {PAIR_ATTACKS['order']}"


# -- which items


def test_items_are_drawn_from_as_many_videos_as_there_are():
    drawn = chosen(items(videos=4, each=3), 6, seed=1)
    assert [item.video.sha256 for item in drawn[:4]] == [item.video.sha256 for item in chosen(items(4, 3), 4, 1)]
    assert len({item.video for item in drawn[:4]}) == 4 and len({item.id for item in drawn}) == 6
    assert chosen(items(), 6, 1) == drawn != chosen(items(), 6, 2)
    assert len(chosen(items(), 100, 1)) == 12


@pytest.mark.parametrize("videos, swapped", [(1, 0), (2, 2), (7, 7)])
def test_every_video_stands_in_for_another_one(videos, swapped):
    found = other_videos(items(videos), seed=0)
    assert len(found) == swapped
    assert all(sha != other.sha256 for sha, other in found.items())
    assert len({other.sha256 for other in found.values()}) == swapped


def test_borrowed_responses_are_to_other_questions_about_other_videos():
    some = items(videos=3, each=2)
    found = borrowed_responses(some, seed=0)
    assert all(found[item.id].split()[1] != item.responses[0].split()[1] for item in some)
    assert borrowed_responses(items(videos=1), 0) == {}


def test_pairs_are_of_one_question():
    assert [pair.responses for pair in pairs_of_ratings(items(videos=1, each=5))] == [
        ("Response 0 0.", "Response 0 1."), ("Response 0 2.", "Response 0 3."),
    ]  # fmt: skip


# -- what it costs


def test_cost_by_hand():
    some = items(videos=2, each=1)
    pairs = [Item(item.video, item.instruction, ("a", "b")) for item in some]
    options = AuditOptions(("looking", "position", "authority", "bandwagon"), samples=3)
    cost = cost_of(variants_of(some, pairs, options))
    # own 2; asked again adds a sample, none, other, three orders: 6 each; pairs 2 orders; the neutral twin is shared
    assert cost.by_probe == {"own": 2, "looking": 12, "position": 4, "benign": 2, "bandwagon": 2, "authority": 2}
    assert (cost.items, cost.pairs, cost.calls, cost.extra) == (2, 2, 24, 22)
    # once as they are (with the others' videos), asked again, three orders, the pairs: 6 passes over 2 videos
    assert (cost.videos, cost.extra_videos) == (12, 10)


def test_the_same_is_asked_for_a_seed():
    ask = [variants_of(items(), pairs_of_ratings(items()), AuditOptions(seed=seed), ("short",)) for seed in (0, 0, 1)]
    assert variants_id(ask[0]) == variants_id(ask[1]) != variants_id(ask[2])
    assert {one.probe for one in ask[0]} == {*PROBES, "own", "benign"}
    kinds = [(one.kind, one.manner.view, one.manner.frame_order) for one in passes_of(ask[0])]
    assert kinds[0] == ("pointwise", None, "filmed")


@pytest.mark.parametrize("wrong", [{"probes": ()}, {"items": 0}, {"samples": 1}, {"temperature": 0.0}])
def test_options_that_cannot_be(wrong):
    with pytest.raises(InputError):
        AuditOptions(**wrong)


def test_other_wordings_ask_for_the_same_reply_by_the_same_name():
    prompts = audit_prompts()
    own = prompts.by_kind["pointwise"]
    assert len(prompts.templates) >= 2
    for other in prompts.templates.values():
        assert (other.name, other.form) == (own.name, own.form)
        assert other.id != own.id
    assert audit_prompts("rubric").templates == {}
    with pytest.raises(InputError):
        audit_prompts("pairwise", "pairwise")
