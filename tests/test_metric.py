"""Text metrics as judges: known values of the reference implementations, and what a verdict is made of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from workbench.backends import load_backend
from workbench.errors import BackendError, InputError
from workbench.judge import judge_items, pair_verdicts
from workbench.prompts import load_prompt, render
from workbench.schema import Item, Sampling

NAMES = ["bleu", "chrf", "rouge_l"]
REFERENCE = "a blue ball rolls left"


def judged(name, *responses, reference=REFERENCE, order=None):
    kind = {1: "pointwise", 2: "pairwise"}.get(len(responses), "ranking")
    item = Item(None, "What happens?", responses, reference=reference)
    chat = render(load_prompt(kind), item, view="none", order=order)
    return load_backend(f"metric:{name}").generate([chat], Sampling())[0]


def score(name, response, reference=REFERENCE):
    return judged(name, response, reference=reference).verdict.score


@pytest.mark.parametrize(
    "name, response, expected",
    [
        # 4 of 5 words, 2 of 4 pairs, 1 of 3 triples, 0 of 2 fours smoothed to 1/4: (4/5 * 2/4 * 1/3 * 1/4) ** (1/4)
        ("bleu", "a red ball rolls left", 100 * (4 / 5 * 2 / 4 * 1 / 3 * 1 / 4) ** 0.25),
        ("bleu", REFERENCE, 100),
        ("bleu", "nothing", 0),
        # common subsequence "a ball rolls left": 4 of 5 and 4 of 5
        ("rouge_l", "a red ball rolls left", 80),
        # "a left": precision 2/2, recall 2/5
        ("rouge_l", "A LEFT!", 100 * 2 * (2 / 5) / (1 + 2 / 5)),
        ("rouge_l", REFERENCE, 100),
        ("rouge_l", "nothing", 0),
        ("chrf", REFERENCE, 100),
        ("chrf", "xyz", 0),
    ],
)
def test_known_values(name, response, expected):
    assert score(name, response) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "text",
    ["\u043c\u044f\u0447 \u043a\u0430\u0442\u0438\u0442\u0441\u044f", "\u7403\u5411\u5de6\u6eda\u52a8", "caf\u00e9"],
)
def test_rouge_reads_every_script(text):
    assert score("rouge_l", text, text) == 100
    assert RougeScorer(["rougeL"]).score(text, text)["rougeL"].fmeasure < 1 or text == "caf\u00e9"


def test_rouge_splits_chinese_by_the_character():
    assert score("rouge_l", "\u7403\u5411\u5de6", "\u7403\u5411\u53f3") == pytest.approx(100 * 2 / 3, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.text("ab c_-.,1", min_size=1), st.text("ab c_-.,1", min_size=1))
def test_rouge_is_the_reference_implementation_on_plain_english(one, two):
    if one.strip() and two.strip():
        expected = 100 * RougeScorer(["rougeL"]).score(two, one)["rougeL"].fmeasure
        assert score("rouge_l", one, two) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_closer_response_wins_in_both_orders(name):
    responses = ("a cube stands still", "a blue ball rolls right", REFERENCE)
    assert judged(name, *responses[:2]).verdict.choice == "B"
    assert judged(name, *responses[:2], order=(1, 0)).verdict.choice == "A"
    assert judged(name, "same words", "same words").verdict.choice == "tie"
    assert judged(name, *responses).verdict.ranking == (2, 1, 0)
    assert judged(name, *responses, order=(2, 0, 1)).verdict.ranking == (0, 2, 1)


def test_equal_scores_rank_alike_in_every_order():
    responses, item_places = ("x", REFERENCE, "y"), set()
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        ranking = judged("bleu", *responses, order=order).verdict.ranking
        item_places.add(tuple(order[shown] for shown in ranking))
    assert item_places == {(1, 0, 2)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reference", [None, "", "  "])
def test_without_a_reference_there_is_a_failure_and_no_score(name, reference):
    reply = judged(name, "x", reference=reference)
    assert isinstance(reply, BackendError) and "reference" in str(reply)


def test_what_is_recorded():
    backend = load_backend("metric:bleu")
    assert (backend.name, backend.view) == ("metric:bleu", "none")
    assert backend.identity["scale"] == [0, 100] and backend.identity["sacrebleu"]
    assert "no video" in backend.declared.domain
    reply = judged("rouge_l", "a red ball rolls left", REFERENCE)
    assert reply.text == "rouge_l against the reference, 0 to 100: 80.00, 100.00"
    assert reply.verdict.reasoning == reply.text


def test_it_judges_like_any_other_judge():
    backend = load_backend("metric:rouge_l")
    items = [Item(None, "i", ("a ball", "a cube"), reference="a cube"), Item(None, "i", ("x", "y"))]
    pairs = pair_verdicts(judge_items(items, backend, load_prompt("pairwise")))
    assert [pair.outcome for pair in pairs] == ["B", None]
    assert {judgment.status for judgment in pairs[1].judgments} == {"failed"}


# -- BERTScore: on the smallest checkpoint at hand


def test_bertscore_on_a_checkpoint(text_checkpoint):
    backend = load_backend("metric:bertscore", model=str(text_checkpoint), layer=1)
    item = Item(None, "i", (REFERENCE, "a cube"), reference=REFERENCE)
    reply = backend.generate([render(load_prompt("pairwise"), item, view="none")], Sampling())[0]
    assert reply.verdict.choice == "A" and ": 100.00, " in reply.text
    assert backend.identity["layer"] == 1


def test_bertscore_of_known_vectors():
    """Two tokens against two, one pair alike, one 30 degrees apart, and a boundary token that weighs nothing."""
    import torch

    from workbench.backends.bertscore import _greedy_f1

    half, rest = 0.5, 0.75**0.5
    response = {"vectors": torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]), "own": torch.tensor([0.0, 1, 1])}
    reference = {"vectors": torch.tensor([[1.0, 0, 0], [0, 1, 0], [half, 0, rest]]), "own": torch.tensor([0.0, 1, 1])}
    precision, recall = (1 + rest) / 2, (1 + rest) / 2
    assert _greedy_f1(response, reference) == pytest.approx(2 * precision * recall / (precision + recall))


def test_bertscore_says_what_it_lacks(text_checkpoint, tmp_path):
    with pytest.raises(InputError, match="layer: got 99, expected 0 to"):
        load_backend("metric:bertscore", model=str(text_checkpoint), layer=99)
    with pytest.raises(BackendError, match="could not load the model .*model=<folder>"):
        load_backend("metric:bertscore", model=str(tmp_path), layer=1)
    with pytest.raises(BackendError, match="could not load the model 'nobody/nothing'"):
        load_backend("metric:bertscore", model="nobody/nothing")
