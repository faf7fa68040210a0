"""The scripted judge: which rule answers, that it is deterministic, and what is said of a file that is no script."""

import json

import pytest
import yaml

from workbench.backends import load_backend
from workbench.errors import BackendError, InputError
from workbench.judge import judge_items, pair_verdicts
from workbench.prompts import load_prompt, render
from workbench.schema import Item, Sampling

ITEM = Item(None, "What colour is the ball?", ("A red ball.",), reference="Red.", tags={"source": "demo"})


def scripted(folder, rules, **top):
    path = folder / "script.yaml"
    path.write_text(yaml.safe_dump({"rules": rules, **top}), encoding="utf-8")
    return load_backend(f"scripted:{path}")


def ask(backend, item=ITEM, prompt="pointwise", sampling=Sampling(), **options):  # noqa: B008 - frozen
    return backend.generate([render(load_prompt(prompt), item, view="none", **options)], sampling)[0]


ELSE = {"reply": "else"}


@pytest.mark.parametrize(
    "rule, fits",
    [
        ({"contains": "red ball"}, True),
        ({"contains": "blue"}, False),
        ({"matches": r"<response>\nA \w+ ball"}, True),
        ({"matches": "^A red"}, False),
        ({"matches": "(?m)^A red"}, True),
        ({"where": {"instruction": "colour"}}, True),
        ({"where": {"response": "red", "reference": "Red"}}, True),
        ({"where": {"response": "red", "reference": "Blue"}}, False),
        ({"where": {"tags.source": "demo"}}, True),
        ({"where": {"tags.split": "demo"}}, False),
        ({"where": {"description": "x"}}, False),
        ({"where": {"video": "ab"}}, False),
        ({"contains": "ball", "where": {"instruction": "shape"}}, False),
        ({}, True),
    ],
)
def test_the_first_rule_that_fits_answers(tmp_path, rule, fits):
    backend = scripted(tmp_path, [{**rule, "reply": "first"}, ELSE])
    assert ask(backend).text == ("first" if fits else "else")


def test_no_rule_fits(tmp_path):
    reply = ask(scripted(tmp_path, [{"contains": "blue", "reply": "x"}]))
    assert isinstance(reply, BackendError) and "no rule fits" in str(reply)


def test_a_list_of_replies_goes_by_seed_and_sample(tmp_path):
    backend = scripted(tmp_path, [{"reply": ["a", "b", "c"]}])
    drawn = [[ask(backend, sampling=Sampling(seed=seed), sample=i).text for i in range(4)] for seed in (0, 1)]
    assert drawn == [["a", "b", "c", "a"], ["b", "c", "a", "b"]]
    chats = [render(load_prompt("pointwise"), ITEM, view="none", sample=i) for i in range(4)]
    assert [reply.text for reply in backend.generate(chats[::-1], Sampling())] == ["a", "c", "b", "a"]


def test_failures_delays_probabilities_and_cuts(tmp_path):
    rules = [
        {"contains": "red", "fail": "overloaded"},
        {
            "reply": "<thinking>one two three</thinking> <score>4</score>",
            "probs": {"4": 0.75, "5": 0.25},
            "delay_seconds": 0.01,
        },
    ]
    backend = scripted(tmp_path, rules)
    assert str(ask(backend)).endswith("overloaded")
    blue = Item(None, "i", ("blue",))
    whole = ask(backend, blue)
    assert (whole.finished, whole.probs, whole.usage["reply_tokens"]) == (True, {"4": 0.75, "5": 0.25}, 4)
    assert whole.usage["generate_seconds"] == 0.01
    cut = ask(backend, blue, sampling=Sampling(max_new_tokens=2))
    assert (cut.text, cut.finished) == ("<thinking>one two ", False)


def test_json_and_yaml_are_the_same_judge(tmp_path):
    rules = [{"contains": "red", "reply": ["<score>4</score>"]}]
    from_yaml = scripted(tmp_path, rules)
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"rules": rules}, indent="\t"))
    from_json = load_backend(f"scripted:{path}")
    assert from_json.identity == from_yaml.identity
    assert from_json.identity != scripted(tmp_path, [ELSE]).identity
    assert from_json.name == f"scripted:{path}"


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("", "expected a mapping"),
        ("just text", "expected a mapping"),
        ("rules: [", "no YAML or JSON"),
        ("a: &a [*a]", "no YAML or JSON"),
        ("rules: [{reply: x, when: 2020-01-01}]", "no YAML or JSON"),
        ("rules: []", "at least one rule"),
        ("rules: {reply: x}", "at least one rule"),
        ("rule: []", "the keys rules and view"),
        ("view: audio\nrules: [{reply: x}]", "view: got 'audio'"),
        ("rules: [{reply: x}, text]", "rule 2: a rule: got 'text'"),
        ("rules: [{replies: x}]", "rule 1: the keys: got 'replies'"),
        ("rules: [{contains: x}]", "rule 1: reply and fail"),
        ("rules: [{reply: x, fail: y}]", "rule 1: reply and fail"),
        ("rules: [{reply: 4}]", "reply: got 4, expected text"),
        ("rules: [{reply: []}]", "expected text or a list of texts"),
        ("rules: [{reply: [a, 4]}]", "expected text or a list of texts"),
        ("rules: [{reply: x, contains: 4}]", "contains: got 4"),
        ("rules: [{reply: x, matches: '('}]", "expected a regular expression"),
        ("rules: [{reply: x, where: {answer: y}}]", "where: got 'answer'"),
        ("rules: [{reply: x, where: {response: 4}}]", "where response: got 4"),
        ("rules: [{reply: x, where: red}]", "expected a mapping"),
        ("rules: [{reply: x, delay_seconds: -1}]", "delay_seconds"),
        ("rules: [{reply: x, delay_seconds: soon}]", "delay_seconds"),
        ("rules: [{reply: x, delay_seconds: .nan}]", "no YAML or JSON"),
        ("rules: [{reply: x, probs: {4: 0.5}}]", "labels in quotes"),
        ("rules: [{reply: x, probs: {'4': 2}}]", "with 0 to 1"),
    ],
)
def test_a_file_that_is_no_script(tmp_path, content, complaint):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=complaint):
        load_backend(f"scripted:{path}")


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"rules: [{reply: \xe9}]")
    for path in (tmp_path / "gone.yaml", tmp_path, tmp_path / "latin.yaml"):
        with pytest.raises(InputError):
            load_backend(f"scripted:{path}")


def test_it_judges_like_any_other_judge(tmp_path):
    """The same road as a model: prompts, replies, both orders, samples, unparsed and failed verdicts."""
    rules = [
        {"where": {"response": "broken"}, "fail": "out of memory"},
        {"where": {"response": "odd"}, "reply": "<score>9</score>"},
        {"matches": r"<response_a>\nA red", "reply": "<answer>A</answer>"},
        {"matches": r"<response_b>\nA red", "reply": "<answer>B</answer>"},
        {"contains": "<response_c>", "reply": "<ranking>B > A > C</ranking>"},
        {"contains": "<response_a>", "reply": "<answer>A</answer>"},  # the first shown, whichever it is
        {"reply": ["<score>4</score>", "<score>2</score>"]},
    ]
    backend = scripted(tmp_path, rules, view="none")
    points = [ITEM, Item(None, "i", ("odd",)), Item(None, "i", ("broken",))]
    judged = list(judge_items(points, backend, load_prompt("pointwise"), samples=2))
    assert [(j.status, j.score) for j in judged] == [("scored", 4), ("scored", 2)] + [("unparsed", None)] * 2 + [
        ("failed", None)
    ] * 2
    pairs = [Item(None, "i", ("A red ball.", "A cube.")), Item(None, "i", ("x", "y"))]
    outcomes = [pair.outcome for pair in pair_verdicts(judge_items(pairs, backend, load_prompt("pairwise")))]
    assert outcomes == ["A", "inconsistent"]
    four = Item(None, "i", ("p", "q", "r"))
    rankings = [j.ranking for j in judge_items([four], backend, load_prompt("ranking"))]
    assert rankings == [(1, 0, 2), (1, 2, 0)]  # as given; and shown reversed


@pytest.mark.parametrize(
    "text", ["secret: x\nkey: y", "root:*:1:\n  - secret: [", "a: &secret 1\nb: *nothing", "- 1\nsecret"]
)
def test_little_is_quoted_of_a_file_that_is_no_script(tmp_path, text):
    (tmp_path / "other").write_text(text.replace("secret", "s" * 100))
    with pytest.raises(InputError, match="^other: got ") as refused:
        load_backend(f"scripted:{tmp_path / 'other'}")
    assert "s" * 30 not in str(refused.value)
