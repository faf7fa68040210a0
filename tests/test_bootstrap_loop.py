"""Algorithm 1 by hand: the conversation about one seed, with replies written out and no backend."""

import json

import pytest
from bootstrap_world import plain_seed

from bootstrap.chats import load_templates
from bootstrap.loop import LoopSettings, Transcript, accepts, refine
from workbench.errors import InputError

SEED = plain_seed()
TEXTS = {4: "four", 3: "three", 2: "two", 1: "one"}


def written(**texts: str) -> str:
    return json.dumps({f"rating_{name[-1]}": text for name, text in texts.items()})


ALL = written(r4="four", r3="three", r2="two", r1="one")


def play(writers: list[str], judge, **settings) -> tuple[Transcript, list[str]]:
    """Hold the conversation: `writers` are the generator's replies in turn, `judge` rates the texts it is shown.

    Returns the transcript and what was asked, such as "evaluate 2: three, one" (texts sorted).
    """
    conversation = refine(SEED, LoopSettings(**settings), load_templates())
    replies, asked, reply = iter(writers), [], None
    while True:
        try:
            ask = conversation.send(reply)
        except StopIteration as end:
            assert not list(replies), "the generator was asked less often than expected"
            return end.value, asked
        shown = "" if ask.task == "generate" else ": " + ", ".join(sorted(ask.chat.item.responses))
        asked.append(f"{ask.task} {ask.round}{shown}")
        assert ask.chat.sample == ask.round
        reply = judge(ask.chat.item.responses, ask.round) if ask.task == "evaluate" else next(replies)


def by_table(table: dict[str, int | None]):
    """A judge that rates each text by a table; None, or a text that is not there, gets no entry."""

    def judge(texts, round):
        entries = {f"response_{n}": {"reasoning": f"on {t}", "rating": table[t]} for n, t in enumerate(texts, 1)
                   if table.get(t) is not None}  # fmt: skip
        return json.dumps(entries)

    return judge


RIGHT = {text: target for target, text in TEXTS.items()}


def accepted(transcript: Transcript) -> dict[int, tuple[str, int]]:
    return {one.target: (one.text, one.round) for one in transcript.shown if one.accepted}


def test_all_on_target_are_accepted_in_the_first_round():
    transcript, asked = play([ALL], by_table(RIGHT))
    assert asked == ["generate 1", "evaluate 1: four, one, three, two"]
    assert transcript.complete and transcript.rounds == 1
    assert accepted(transcript) == {target: (text, 1) for target, text in TEXTS.items()}


def test_only_the_mismatch_is_regenerated_and_rated_again():
    table = {**RIGHT, "three": 4, "worse three": 3}
    transcript, asked = play([ALL, written(r3="worse three")], by_table(table))
    assert asked[2:] == ["regenerate 2: three", "evaluate 2: worse three"]
    assert transcript.complete and transcript.rounds == 2
    assert accepted(transcript)[3] == ("worse three", 2)
    assert [one.text for one in transcript.shown if not one.accepted] == ["three"]  # the rejected one is kept too


def test_one_that_never_matches_leaves_the_set_incomplete_and_its_last_regeneration_is_never_asked_for():
    table = {**RIGHT, "three": 4, "b": 2, "c": 4}
    transcript, asked = play([ALL, written(r3="b"), written(r3="c")], by_table(table), rounds=3)
    assert asked[-1] == "evaluate 3: c"
    assert not transcript.complete and set(accepted(transcript)) == {4, 2, 1}
    assert [(one.text, one.round) for one in transcript.shown if one.target == 3] == [("three", 1), ("b", 2), ("c", 3)]


def test_one_round_is_a_single_pass():
    transcript, asked = play([ALL], by_table({**RIGHT, "one": 2}), rounds=1)
    assert len(asked) == 2 and not transcript.complete


def test_alpha_accepts_neighbours():
    table = {"four": 3, "three": 2, "two": 3, "one": 3}
    transcript, _ = play([ALL, written(r1="a")], by_table({**table, "a": 2}), alpha=1)
    assert transcript.complete and accepted(transcript)[1] == ("a", 2)


@pytest.mark.parametrize(("target", "given", "alpha", "kept"), [(3, 3, 0, 1), (3, 4, 0, 0), (3, 4, 1, 1), (1, 3, 1, 0)])
def test_acceptance(target, given, alpha, kept):
    assert accepts(target, given, alpha) == bool(kept)


def test_an_unreadable_generation_costs_its_round_and_is_asked_for_again():
    transcript, asked = play(["I would rather not.", ALL], by_table(RIGHT), rounds=2)
    assert asked == ["generate 1", "generate 2", "evaluate 2: four, one, three, two"]
    assert transcript.complete
    assert [(one.task, one.round, one.target) for one in transcript.unreadable] == [
        ("generate", 1, t) for t in (1, 2, 3, 4)
    ]


def test_a_missing_response_is_generated_again_while_others_are_regenerated():
    table = {**RIGHT, "four": 3, "better four": 4}
    first = written(r4="four", r3="three", r2="two")
    transcript, asked = play([first, written(r4="better four"), written(r1="one")], by_table(table), rounds=2)
    assert asked[2:] == ["regenerate 2: four", "generate 2", "evaluate 2: better four, one"]
    assert transcript.complete


def test_a_rating_that_cannot_be_read_is_asked_for_again_without_a_new_response():
    def judge(texts, round):
        return "These are all fine." if round == 1 else by_table(RIGHT)(texts, round)

    transcript, asked = play([ALL], judge, rounds=2)
    assert asked[1:] == ["evaluate 1: four, one, three, two", "evaluate 2: four, one, three, two"]
    assert transcript.complete
    first = [one for one in transcript.shown if one.round == 1]
    assert all(one.verdict is None and one.problem and not one.accepted for one in first)
    assert len(transcript.unreadable) == 4


def test_an_unreadable_regeneration_leaves_the_verdict_standing():
    table = {**RIGHT, "three": 4, "good three": 3}
    transcript, asked = play([ALL, "no", written(r3="good three")], by_table(table), rounds=3)
    assert asked[2:] == ["regenerate 2: three", "regenerate 3: three", "evaluate 3: good three"]
    assert transcript.complete


def test_a_rejected_text_that_comes_back_is_not_rated_until_it_passes():
    transcript, asked = play([ALL, written(r3="three")], by_table({**RIGHT, "three": 4}), rounds=2)
    assert asked[-1] == "regenerate 2: three"
    assert transcript.unreadable[-1].reason == "the response is the rejected one itself"


def test_the_gold_response_is_no_degraded_one():
    copied = written(r4=SEED.reference, r3="three", r2="two", r1="one")
    transcript, asked = play([copied], by_table(RIGHT), rounds=1)
    assert asked[-1] == "evaluate 1: one, three, two"
    assert transcript.unreadable[0].reason == "the response is the gold response itself"


def test_a_response_copied_from_the_worked_example_is_none():
    example = "The children in the red boat cross a wide lake in the rain and then swim back to the shore."
    copied = written(r4="four", r3="three", r2="two", r1=example)
    transcript, _ = play([copied], by_table({**RIGHT, example: 1}), rounds=1)
    assert 1 not in accepted(transcript)
    assert transcript.unreadable[0].reason == "the response is copied from the prompt"


def test_further_entries_of_a_regeneration_are_passed_over():
    table = {**RIGHT, "three": 4, "new three": 3}
    transcript, _ = play([ALL, written(r4="new four", r3="new three")], by_table(table))
    assert accepted(transcript)[4] == ("four", 1)


def test_places_among_the_responses_shown_tell_nothing():
    """Over many seeds every target is shown at every place, in an order that only the seeds and the round settle."""
    places = set()
    for number in range(40):
        conversation = refine(plain_seed(number), LoopSettings(), load_templates())
        conversation.send(None)
        order = conversation.send(ALL).chat.item.responses
        places |= set(enumerate(order))
        again = refine(plain_seed(number), LoopSettings(), load_templates())
        again.send(None)
        assert again.send(ALL).chat.item.responses == order
    assert len(places) == 16


@pytest.mark.parametrize("bad", [{"rounds": 0}, {"rounds": 101}, {"alpha": -1}, {"alpha": 4}])
def test_settings_that_cannot_be_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        LoopSettings(**bad)
