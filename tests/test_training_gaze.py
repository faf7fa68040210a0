"""What heads are told to look at: the right object, at the right time, its name, and the word that is weighed."""

import math
import re
from types import SimpleNamespace

import pytest
import torch

from training.base import match_and_copy
from training.gaze import (
    COUNTED,
    COUNTING,
    FIRST_SEEN,
    LAST_SEEN,
    NAMING,
    READING,
    RECALLING,
    SEEING,
    Gaze,
    Scene,
    gaze_loss,
    gazes,
    turned_words,
    watched_layers,
)
from training.sft import IGNORE, Packed

WORDS = [
    *("?", "<v>", "red", "green", "circle", "square", "left", "up", "look", "at", "the", "object"),
    *("said", "seen", "wrong", ":", ".", ",", "shape", "then", "first"),
    *("colour", "colour2", "larger", "time", "late"),
    *("Broken", "grammar", "1", "2", "is", "better"),
    *("<response_a>", "</response_a>", "<response_b>", "</response_b>", "A", "B"),
]
WORD = re.compile(r"</?\w+>|\w+|[:.,]")


class Words:
    """A tokenizer of whole words."""

    def __call__(self, text, return_offsets_mapping=False):
        found = list(WORD.finditer(text))
        ids = [WORDS.index(match[0]) for match in found]
        return {"input_ids": ids} | (
            {"offset_mapping": [match.span() for match in found]} if return_offsets_mapping else {}
        )

    def decode(self, ids):
        return re.sub(r" (?=[:.,])", "", " ".join(WORDS[int(each)] for each in ids))


def moving(*motions):
    length = 4 / len(motions)
    return [{"motion": each, "start": n * length, "end": (n + 1) * length} for n, each in enumerate(motions)]


RED = {
    "colour": "red",
    "shape": "circle",
    "size": "small",
    "texture": "plain",
    "event": "stays",
    "segments": moving("left", "up"),
}
GREEN = {
    "colour": "green",
    "shape": "square",
    "size": "small",
    "texture": "plain",
    "event": "stays",
    "segments": moving("up"),
}
# Two moments with three tokens each: the red one lies under the first, then under the second, the green one under the third.
SCENE = Scene({"objects": [RED, GREEN]}, torch.tensor([0, -1, 1, -1, 0, 1]), torch.tensor([1.0, 1, 1, 3, 3, 3]))


def packed(prompt, *replies):
    """A prompt behind six video tokens; one reply, or several as branches."""
    tokenize = Words()
    ids = [[1] * 6 + tokenize(prompt)["input_ids"], *(tokenize(reply)["input_ids"] for reply in replies)]
    branches = torch.cat([torch.full((len(part),), number) for number, part in enumerate(ids)])
    flat = torch.tensor(sum(ids, []))
    types = torch.where(torch.arange(len(flat)) < 6, 2, 0)
    return Packed(flat, types, torch.arange(len(flat))[None], torch.where(branches > 0, flat, IGNORE), branches)


def told(pack, scene=SCENE):
    """{heads: {query's word behind it: wanted places}}"""
    return {
        gaze.heads: {WORDS[pack.ids[q + 1]]: w.nonzero().flatten().tolist() for q, w in zip(gaze.queries, gaze.wanted, strict=True)}
        for gaze in gazes(Words(), pack, scene)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        ("shape: seen circle.", {"circle": [0, 4]}),
        ("first: seen left.", {"left": [0]}),
        ("then: seen up.", {"up": [4]}),
        ("shape: seen square.", {"square": [2, 5]}),
    ],
)
def test_a_fact_is_seen_at_its_object_and_its_time(reply, seen):
    assert told(packed("look at the object", reply))[SEEING] == seen


def test_the_name_of_the_object_is_looked_up_and_what_was_said_is_read():
    found = told(packed("look at the red object left", "shape: seen circle, said left:"), SCENE)
    assert READING in found and found[READING] == {"left": [11]}
    assert told(packed("look at the red object", "shape: seen circle."))[NAMING] == {"circle": [9]}


def test_of_two_objects_one_head_looks_at_each():
    found = told(packed("look at the red object", "colour: seen red. colour2: seen green. larger: seen larger"))
    assert found[FIRST_SEEN]["larger"] == [0, 4] and found[LAST_SEEN]["larger"] == [2, 5]
    assert "larger" not in told(packed("look", "colour: seen red. larger: seen larger")).get(FIRST_SEEN, {})


def test_which_is_better_hangs_on_what_was_counted_in_each():
    reply = "A: shape: seen circle, said circle: 1 wrong. B: shape: seen circle, said circle: 2 wrong. A is better."
    pack = packed("look", reply)
    found = told(pack, None)
    counts = [n for n, each in enumerate(pack.ids) if WORDS[each] in ("1", "2")]
    assert [found[heads] for heads in COUNTED] == [{"A": counts[:1]}, {"A": counts[1:]}]


def test_when_a_thing_is_in_view_hangs_on_its_first_and_last_sighting_and_on_the_end():
    found = told(packed("look at the red object", "shape: seen circle. time: seen late."))
    assert found[FIRST_SEEN]["late"] == [0] and found[LAST_SEEN]["late"] == [4] and found[COUNTING]["late"] == [5]


def test_of_a_pair_the_response_that_is_weighed_is_read():
    shown = "left <response_a> red left </response_a> <response_b> left up </response_b>"
    pack = packed(shown, "A: first: seen left, said left: B: first: seen left, said left:")
    reading = next(gaze for gaze in gazes(Words(), pack, SCENE) if gaze.heads == READING)
    said = [WORDS[pack.ids[query + 1]] == "left" for query in reading.queries]
    wanted = [wanted.nonzero().flatten().tolist() for wanted in reading.wanted]
    assert [places for places, one in zip(wanted, said, strict=True) if one] == [[9], [12]]
    whole = [places for places, one in zip(wanted, said, strict=True) if not one]
    assert whole == [[7, 8, 9], [11, 12, 13]]  # whether a response is off topic hangs on all of it


def test_what_was_seen_for_one_response_is_recalled_for_the_other():
    pack = packed("look", "A: shape: seen circle, said left. B: shape: seen circle, said up. then: seen up")
    [recalling] = [gaze for gaze in gazes(Words(), pack, None) if gaze.heads == RECALLING]
    assert [WORDS[pack.ids[query + 1]] for query in recalling.queries] == ["circle"]
    assert [WORDS[pack.ids[place]] for place in recalling.wanted[0].nonzero()] == ["circle"]
    assert recalling.wanted[0].nonzero().item() < recalling.queries.item()


def test_words_turned_around_are_looked_up_as_they_stand():
    pack = packed("object look at the red object at look left", "then: said left. Broken grammar: object at look.")
    [reading] = (each for each in gazes(Words(), pack, None) if each.heads == READING)
    seen = zip(reading.queries.tolist(), reading.wanted, strict=True)
    places = {WORDS[pack.ids[query + 1]]: wanted.nonzero().flatten().tolist() for query, wanted in seen}
    whole = dict.fromkeys(("Broken", "grammar", ":"), [11, 12, 13])
    assert places == {"left": [14], **whole, "object": [11], "at": [12], "look": [13]}


def test_which_words_are_turned_around_is_known_of_every_word_of_a_listing():
    pack = packed("look up the red", "shape: said red. Broken grammar: up the.")
    assert turned_words(Words(), pack).tolist() == [*[0] * 7, 1, 1, 0, *[IGNORE] * 11]
    pack = packed("look up the red", "shape: said red.")
    assert turned_words(Words(), pack).tolist() == [*[0] * 10, *[IGNORE] * 5]


def test_where_it_is_not_certain_which_object_is_meant_nothing_is_told():
    twins = SCENE._replace(facts={"objects": [RED, {**RED, "colour": "green"}]})
    assert SEEING not in told(packed("look at the object", "shape: seen circle."), twins)
    assert told(packed("look at the green object", "shape: seen circle."), twins)[SEEING] == {"circle": [2, 5]}
    assert told(packed("look at the object", "shape: seen circle."), None) == {}


def test_branches_look_at_the_prefix_and_themselves():
    found = gazes(Words(), packed("look at the red object", "shape: seen circle.", "shape: seen circle."), SCENE)
    seeing = next(gaze for gaze in found if gaze.heads == SEEING)
    assert seeing.queries.tolist() == [13, 18] and seeing.wanted.sum(1).tolist() == [2, 2]


def test_the_loss_is_the_attention_that_goes_astray():
    pack = packed("look at the red object", "shape: seen circle.")
    wanted = torch.zeros(1, len(pack.ids), dtype=torch.bool)
    wanted[0, [0, 4]] = True
    gaze = Gaze(SEEING, torch.tensor([12]), wanted)
    blank = torch.zeros(1, 4, len(pack.ids), 8), torch.zeros(1, 2, len(pack.ids), 8)
    loss, figures = gaze_loss({SEEING.layer: blank}, [pack], [[gaze]])
    assert loss.item() == pytest.approx(math.log(13 / 2)) and figures == {
        "gaze_seeing": pytest.approx(math.log(13 / 2))
    }
    queries, keys = (each.clone() for each in blank)
    queries[0, :2, 12, 0], keys[0, SEEING.group, [0, 4], 0] = 40.0, 40.0
    assert gaze_loss({SEEING.layer: (queries, keys)}, [pack], [[gaze]])[0].item() == pytest.approx(0, abs=1e-4)


def test_a_model_of_few_layers_has_fewer_told_heads():
    assert watched_layers(6) == [1, 2, 3, 4] and watched_layers(1) == []


def test_heads_start_by_finding_like_by_like_and_copying_it():
    torch.manual_seed(0)
    linear = {
        name: torch.nn.Linear(64, size, bias=False) for name, size in (("q_proj", 64), ("k_proj", 32), ("v_proj", 32))
    }
    heads = SimpleNamespace(**linear, o_proj=torch.nn.Linear(64, 64, bias=False), head_dim=16)
    match_and_copy([SimpleNamespace(self_attn=heads)], seed=0)
    tokens = torch.nn.functional.normalize(torch.randn(20, 64), dim=-1)
    scores = heads.q_proj(tokens)[:, :16] @ heads.k_proj(tokens)[:, :16].T
    assert (scores.argmax(1) == torch.arange(20)).float().mean() > 0.8
    value = heads.v_proj(tokens)[:, 16:]  # of the second group, by which the heads from 2 on copy
    copied = value @ heads.o_proj.weight[:, 32:48].T
    assert torch.nn.functional.cosine_similarity(copied, tokens).min() > 0.2
