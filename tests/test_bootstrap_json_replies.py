"""What every odd JSON reply is read as: one table for responses, one for ratings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.json_replies import Rating, read_ratings, read_responses, read_rubric, write_rubric

FOUR = {4: "a", 3: "b", 2: "c", 1: "d"}
PLAIN = '{"rating_4": "a", "rating_3": "b", "rating_2": "c", "rating_1": "d"}'

READABLE = {
    "strict": PLAIN,
    "fenced": f"```json\n{PLAIN}\n```",
    "prose around": f"Sure, here they are:\n{PLAIN}\nLet me know {'if'} you need more.",
    "trailing commas": '{"rating_4": "a", "rating_3": "b", "rating_2": "c", "rating_1": "d",}',
    "comments": '{"rating_4": "a", // one slip\n "rating_3": "b", "rating_2": "c", "rating_1": "d"}',
    "single quotes": "{'rating_4': 'a', 'rating_3': 'b', 'rating_2': 'c', 'rating_1': 'd'}",
    "other spellings of keys": '{"Rating 4": "a", "rating-3": "b", "2": "c", "RATING_1": "d"}',
    "wrapped": f'{{"responses": {PLAIN}}}',
    "texts in objects": '{"rating_4": {"response": "a", "faults": 1}, "rating_3": "b", "rating_2": "c", "rating_1": "d"}',
    "an entry twice, alike": '{"rating_4": "a", "rating_4": "a", "rating_3": "b", "rating_2": "c", "rating_1": "d"}',
    "the last object counts": f'{{"rating_4": "x"}} On reflection: {PLAIN}',
    "objects without ratings do not count": f'{PLAIN} {{"done": true}}',
    "braces in prose": f"I use {{curly}} braces: {PLAIN}",
    "after thinking": f'<think>maybe {{"rating_4": "x"}}</think>{PLAIN}',
    "thinking that began in the prompt": f'maybe {{"rating_4": "x"}}</think>{PLAIN}',
    "further entries": PLAIN[:-1] + ', "rating_5": "gold", "note": [1, 2, {"a": null}]}',
    "spaces around": '{"rating_4": " a\\n", "rating_3": "b", "rating_2": "c", "rating_1": "d"}',
}


@pytest.mark.parametrize("reply", READABLE.values(), ids=READABLE)
def test_readable_responses(reply):
    assert read_responses(reply, (4, 3, 2, 1)) == (FOUR, {})


NOTHING = "no entry in any JSON object of the reply"
UNREADABLE = {  # reply: (what is read, why rating 4 is not)
    "": ({}, NOTHING),
    "I cannot help with that.": ({}, NOTHING),
    PLAIN[:-1]: ({}, NOTHING),  # cut off: who knows what was to come
    PLAIN[:20]: ({}, NOTHING),
    f"<think>{PLAIN}": ({}, NOTHING),
    '{"rating_4": "a", "rating_4": "b", "rating_3": "c"}': ({3: "c"}, "given twice with different values"),
    '{"rating_4": "", "rating_3": "c"}': ({3: "c"}, "the entry is empty"),
    '{"rating_4": "...", "rating_3": "c"}': ({3: "c"}, "the entry is empty"),
    '{"rating_4": 4, "rating_3": "c"}': ({3: "c"}, "the entry is no text"),
    '{"rating_4": null, "rating_3": "c"}': ({3: "c"}, "the entry is no text"),
    '{"rating_4": {"response": "a", "text": "b"}, "rating_3": "c"}': ({3: "c"}, "the entry is no text"),
    '{"rating_4": "he says "hello" to her", "rating_3": "c"}': ({}, NOTHING),
    '{"rating_4" "a"}': ({}, NOTHING),
    '{"rating_4": "a" "rating_3": "b"}': ({}, NOTHING),
    '["a", "b", "c", "d"]': ({}, NOTHING),
    '{"rating_44": "a"}': ({}, NOTHING),
    "{" * 10_000: ({}, NOTHING),
    '{"a":' * 5_000: ({}, NOTHING),
    '{"rating_3": ' + "9" * 6_000 + "}": ({}, NOTHING),
}


@pytest.mark.parametrize("reply", UNREADABLE, ids=lambda reply: repr(reply[:50]))
def test_unreadable_responses_are_told_and_never_guessed(reply):
    values, why = UNREADABLE[reply]
    found = read_responses(reply, (4, 3))
    assert found.values == values
    assert found.problems[4] == why
    assert set(found.values) | set(found.problems) == {4, 3}


def test_only_the_wanted_entries_are_read():
    assert read_responses(PLAIN, (3, 1)) == ({3: "b", 1: "d"}, {})


def test_line_breaks_and_escapes_in_texts():
    assert read_responses('{"rating_3": "one\ntwo \\"three\\" \\u00e9 \\ud800"}', [3]).values == {
        3: 'one\ntwo "three" é ?'
    }
    assert read_responses("{'rating_3': 'he says \"no\" and can\\'t'}", [3]).values == {3: 'he says "no" and can\'t'}


@given(st.dictionaries(st.sampled_from([1, 2, 3, 4]), st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_whatever_json_writes_is_read_back(texts):
    found = read_responses(json.dumps({f"rating_{rating}": text for rating, text in texts.items()}), texts)
    assert found.values == {r: text.strip() for r, text in texts.items() if any(c.isalnum() for c in text)}


@given(st.text(alphabet="{}[]:,\"'\\/ \nrating_4321<>think", max_size=80))
def test_no_text_breaks_the_reader(text):
    read_responses(text, (4, 3, 2, 1))
    read_ratings(text, 4)


RATINGS = {
    '{"response_1": {"reasoning": "wrong colour", "rating": 3}}': Rating(3, "wrong colour"),
    '{"response_1": {"rating": "3", "explanation": "x"}}': Rating(3, "x"),
    '{"Response 1": {"score": 3.0}}': Rating(3, None),
    '{"response_1": 3}': Rating(3, None),
    '{"1": "3"}': Rating(3, None),
    '{"ratings": {"response_1": {"rating": 3, "rating": 3}}}': Rating(3, None),
    '{"response_1": {"reasoning": "x", "rating": 5}}': "got '5' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"rating": 0}}': "got '0' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"rating": 2.5}}': "got '2.5' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"rating": true}}': "got 'True' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"rating": "3/4"}}': "got '3/4' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"rating": "1 to 4"}}': "got '1 to 4' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"rating": NaN}}': "got 'nan' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"rating": [3]}}': "got '[3]' as rating, expected 1, 2, 3 or 4",
    '{"response_1": {"reasoning": "none"}}': "the entry has no rating",
    '{"response_1": {"rating": 2, "score": 3}}': "rated twice with different values",
    '{"response_1": 2, "response_1": 3}': "given twice with different values",
    '{"response_2": 2}': NOTHING,
}


@pytest.mark.parametrize("reply", RATINGS, ids=lambda reply: reply[:60])
def test_ratings(reply):
    expected = RATINGS[reply]
    assert read_ratings(reply, 1) == (({1: expected}, {}) if isinstance(expected, Rating) else ({}, {1: expected}))


def test_rubrics_are_read_and_written_one_level_a_line():
    found = read_rubric('{"5": "all", "4": "most", "3": "half", "2": "little", "1": "nothing"}')
    assert write_rubric(found.values).splitlines()[0] == "5 (Excellent): all"
    assert write_rubric(found.values).splitlines()[-1] == "1 (Very poor): nothing"
    assert read_rubric('{"5": "all"}').problems[1] == NOTHING
