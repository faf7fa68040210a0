"""Probabilities at the verdict slot against computations by hand: tokens that join, labels that begin alike."""

import math

import pytest
import torch
from test_local import whole_logits

from workbench.backends.base import Chat
from workbench.backends.decoding import Batch, Request, prefill
from workbench.backends.encoding import encode_chat
from workbench.backends.local import load_local
from workbench.backends.random_weights import make_checkpoint
from workbench.backends.sampling import draws_for
from workbench.backends.slots import find_slot, slot_probabilities

SCALE = ("1", "2", "3", "4", "5")
TEN = tuple(str(number) for number in range(11))
LETTERS = ("A", "B", "tie")
WORDS = "<answer>A</answer><answer>B</answer><answer>tie</answer><score>1</score> <thinking>why</thinking> " * 50


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A text judge whose tokenizer has merged ">A" and ">B", as Qwen's has."""
    folder = make_checkpoint(
        tmp_path_factory.mktemp("slots"), "qwen3", texts=[WORDS, *["tie"] * 99], vocabulary=400, initializer_range=0.2
    )
    judge = load_local(str(folder))
    assert len(judge._tokenizer(">A")["input_ids"]) == 1
    return judge


def probabilities(judge, chats_and_replies, slot, menu):
    """What `slot_probabilities` says had the judge written these replies."""
    requests, tokens = [], []
    with torch.inference_mode():
        for chat, reply in chats_and_replies:
            prefix = prefill(judge._model, encode_chat(judge._processor, chat, judge._rule), {})
            requests.append(Request(prefix, draws_for(0, 0, b""), 99))
            tokens.append(reply if isinstance(reply, list) else judge._tokenizer(reply)["input_ids"])
        batch = Batch(judge._model, requests)
        longest = max(map(len, tokens))
        for column in range(longest):
            fed = [row[column] if column < len(row) else 0 for row in tokens]
            for row, token in zip(batch.written, fed, strict=True):
                row.append(token)
            batch._forward([[token] for token in fed], batch.starts + column)
        slots = [find_slot(judge._tokenizer, row, slot, menu) for row in tokens]
        return slot_probabilities(batch, slots)


def softmax(scores):
    weights = [math.exp(score) for score in scores]
    return [weight / sum(weights) for weight in weights]


def by_hand(judge, chat, text_before, labels):
    """Softmax over the labels' first tokens, from one forward over the whole text before them."""
    ids = judge._tokenizer(text_before)["input_ids"] if text_before else []
    logits = whole_logits(judge, chat, ids)[-1]
    return softmax([float(logits[judge._tokenizer.convert_tokens_to_ids(label)]) for label in labels])


CHAT = Chat("s", None, "Rate it.")


def test_digits(judge):
    reply = "<thinking>why</thinking><score>4</score>"
    (found,) = probabilities(judge, [(CHAT, reply)], "<score>", SCALE)
    expected = by_hand(judge, CHAT, "<thinking>why</thinking><score>", SCALE)
    assert list(found) == list(SCALE)
    assert list(found.values()) == pytest.approx(expected, rel=1e-4)
    assert sum(found.values()) == pytest.approx(1)


def test_label_joined_with_the_slot_s_end(judge):
    """ "<answer>A" is "<answer" + ">A": the choice is made one token earlier than the letter would be."""
    (found,) = probabilities(judge, [(CHAT, "<answer>A</answer>")], "<answer>", ("A", "B"))
    expected = by_hand(judge, CHAT, "<answer", (">A", ">B"))
    assert list(found.values()) == pytest.approx(expected, rel=1e-4)


def test_labels_with_a_common_first_token_are_scored_whole(judge):
    """1 and 10 begin alike, so each label is scored with the closing tag."""
    (found,) = probabilities(judge, [(CHAT, "<score>10</score>")], "<score>", TEN)
    before = judge._tokenizer("<score>")["input_ids"]
    scores = []
    for label in TEN:
        tokens = judge._tokenizer(f"{label}</score>")["input_ids"]
        logs = torch.log_softmax(whole_logits(judge, CHAT, before + tokens), dim=-1)
        scores.append(sum(float(logs[len(before) + n, token]) for n, token in enumerate(tokens)))
    assert list(found.values()) == pytest.approx(softmax(scores), rel=1e-3)


def test_a_batch_with_and_without_slots(judge):
    other = Chat("another system", None, "A longer question about it")
    replies = [(CHAT, "<score>4</score>"), (other, "no verdict here"), (other, "<thinking>hm</thinking><score> 2")]
    first, none, last = probabilities(judge, replies, "<score>", SCALE)
    assert none is None
    assert list(first.values()) == pytest.approx(by_hand(judge, CHAT, "<score>", SCALE), rel=1e-4)
    # White space the judge wrote is read before the label.
    expected = by_hand(judge, other, "<thinking>hm</thinking><score> ", SCALE)
    assert list(last.values()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "reply, before",
    [
        ("<score>1</score><score>4</score>", "<score>1</score><score>"),  # the last one counts
        ("<thinking>so <score>5</score></thinking><score>2</score>", "<thinking>so <score>5</score></thinking><score>"),
        ("<score>3</score><thinking>or <score>5</score></thinking>", "<score>"),
        ("<rubric><score>5</score></rubric>\n<score>", "<rubric><score>5</score></rubric>\n<score>"),
        ("<score>4</score> or <score>", "<score>"),  # the last complete one
        ("<score>excellent", "<score>"),  # off the menu: the menu's probabilities are there all the same
        ("<thinking>never closed <score>5</score>", None),
        ("score: 5", None),
        ("", None),
    ],
)
def test_which_slot(judge, reply, before):
    found = find_slot(judge._tokenizer, judge._tokenizer(reply)["input_ids"], "<score>", SCALE)
    assert (None if found is None else judge._tokenizer.decode(
        judge._tokenizer(reply)["input_ids"][: found.kept] + list(found.labels["1"][: found.single])
    )) == before  # fmt: skip


def test_odd_tokens_of_the_judge_s_own(judge):
    """A reply written in other tokens than the tokenizer's: positions still come from what was really written."""
    tokenizer = judge._tokenizer
    pieces = [tokenizer.convert_tokens_to_ids(character) for character in "<answer>A</answer>"]
    (found,) = probabilities(judge, [(CHAT, pieces)], "<answer>", ("A", "B"))
    logits = whole_logits(judge, CHAT, pieces[: len("<answer>")])[-1]
    expected = softmax([float(logits[tokenizer.convert_tokens_to_ids(label)]) for label in "AB"])
    assert list(found.values()) == pytest.approx(expected, rel=1e-4)
    # "tie" letter by letter where the tokenizer has one token: the menu would be scored on another path, so not at all.
    joined = [*tokenizer("<answer>")["input_ids"], *map(tokenizer.convert_tokens_to_ids, "tie")]
    assert len(tokenizer("tie")["input_ids"]) == 1
    assert find_slot(tokenizer, joined, "<answer>", LETTERS) is None


def test_no_menu_no_slot(judge):
    assert find_slot(judge._tokenizer, judge._tokenizer("<score>4</score>")["input_ids"], "", ()) is None


def test_replies_carry_them(judge):
    """Through the front door: a judge made to write the slot has probabilities, of the menu as shown."""
    tokens = judge._tokenizer("<score>4</score>")["input_ids"]
    chat = Chat("s", None, "Rate it.", SCALE, "<score>")
    forced = iter([*tokens, judge._tokenizer.eos_token_id])

    from workbench.backends import decoding
    from workbench.schema import Sampling

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "choose_tokens", lambda logits, *_: torch.tensor([next(forced)]))
        (reply,) = judge.generate([chat], Sampling())
    assert reply.text == "<score>4</score>" and reply.finished
    expected = by_hand(judge, CHAT, "<score>", SCALE)
    assert list(reply.probs.values()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("reply", ["<answer>A</answer>", "<answer> B</answer>", "<answer>tie</answer> or so"])
def test_a_slot_that_is_begun_by_the_opening_counts_what_is_written_alone(judge, reply):
    tokens = judge._tokenizer(reply)["input_ids"]
    opening = judge._tokenizer("<answer")["input_ids"]
    assert tokens[: len(opening)] == opening
    whole = find_slot(judge._tokenizer, tokens, "<answer>", LETTERS)
    begun = find_slot(judge._tokenizer, tokens[len(opening) :], "<answer>", LETTERS, opening)
    assert begun == whole._replace(kept=whole.kept - len(opening))
