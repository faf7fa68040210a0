"""What models reply when asked for JSON: read leniently, never guessed. What cannot be read is told with its reason.

Read as well as strict JSON: prose and code fences around it, <think> blocks before it, trailing commas, // comments,
single quotes, raw line breaks in strings, an object wrapped in another, keys such as "Rating 4". Of several objects the
last one with an expected key counts. Not read: an object that is never closed, an entry given twice with different
values, an empty entry or one of dots, a rating off the menu. The table is tests/test_bootstrap_json_replies.py.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

Value = TypeVar("Value")
LEVELS = {1: "Very poor", 2: "Poor", 3: "Fair", 4: "Good", 5: "Excellent"}
DEEPEST = 12  # objects within objects


class Readout(NamedTuple, Generic[Value]):
    """The entries that could be read, by number, and for the others why not."""

    values: dict[int, Value]
    problems: dict[int, str]


class Rating(NamedTuple):
    """An evaluator's verdict on one response."""

    score: int
    reasoning: str | None


def read_responses(text: str, wanted: Iterable[int]) -> Readout[str]:
    """The responses under rating_4 .. rating_1, for the ratings wanted."""
    return _read(text, wanted, r"(?:rating|score|response|answer)?[\s_-]*([1-4])", _response)


def read_ratings(text: str, count: int) -> Readout[Rating]:
    """The ratings of response_1 .. response_<count>."""
    pattern = r"(?:response|candidate|answer)?[\s_-]*(\d{1,2})"
    return _read(text, range(1, count + 1), pattern, _rating)


def read_rubric(text: str) -> Readout[str]:
    """The text of the rubric's levels 1 to 5."""
    return _read(text, LEVELS, r"(?:level|rating|score)?[\s_-]*([1-5])", _response)


def write_rubric(levels: Mapping[int, str]) -> str:
    """The rubric as judges read and write it, one level a line, the best first."""
    return "\n".join(f"{level} ({LEVELS[level]}): {levels[level]}" for level in sorted(LEVELS, reverse=True))


# -- entries


class _Pairs(list):
    """An object as (key, value) pairs, so that a key given twice is seen."""


def _read(text: str, wanted: Iterable[int], pattern: str, read: Callable[[Any], Any]) -> Readout:
    key = re.compile(pattern, re.IGNORECASE)
    found: dict[int, list] = {}
    for pairs in _objects(_without_thinking(text)):
        entries: dict[int, list] = {}
        for number, value in _entries(pairs, key):
            entries.setdefault(number, []).append(value)
        found = entries or found
    values, problems = {}, {}
    for number in wanted:
        value = _one(found.get(number, []), read)
        (problems if isinstance(value, _Problem) else values)[number] = value
    return Readout(values, {number: problem.reason for number, problem in problems.items()})


class _Problem(NamedTuple):
    reason: str


def _one(given: list, read: Callable[[Any], Any]) -> Any:
    if not given:
        return _Problem("no entry in any JSON object of the reply")
    if any(value != given[0] for value in given):
        return _Problem("given twice with different values")
    return read(given[0])


def _entries(pairs: _Pairs, key: re.Pattern) -> Iterator[tuple[int, Any]]:
    """The numbered entries of an object, or of the objects in it when it has none itself."""
    own = [(int(match[1]), value) for name, value in pairs if (match := key.fullmatch(name.strip()))]
    if own:
        yield from own
        return
    for _, value in pairs:
        if isinstance(value, _Pairs):
            yield from _entries(value, key)


def _response(value: Any) -> str | _Problem:
    if isinstance(value, _Pairs):  # {"response": "...", ...}
        texts = [
            text for name, text in value if name.lower() in ("response", "answer", "text") and isinstance(text, str)
        ]
        value = texts[0] if len(texts) == 1 else None
    if not isinstance(value, str):
        return _Problem("the entry is no text")
    if not any(letter.isalnum() for letter in value):
        return _Problem("the entry is empty")
    return value.strip()


def _rating(value: Any) -> Rating | _Problem:
    if not isinstance(value, _Pairs):
        score = _score(value)
        return score if isinstance(score, _Problem) else Rating(score, None)
    fields = [(name.strip().lower(), field) for name, field in value]
    scores = [_score(field) for name, field in fields if name in ("rating", "score")]
    reasons = [
        field for name, field in fields if name in ("reasoning", "reason", "explanation", "rationale", "feedback")
    ]
    if not scores:
        return _Problem("the entry has no rating")
    if any(score != scores[0] for score in scores):
        return _Problem("rated twice with different values")
    if isinstance(scores[0], _Problem):
        return scores[0]
    return Rating(scores[0], next((reason.strip() for reason in reasons if isinstance(reason, str)), None))


def _score(value: Any) -> int | _Problem:
    if isinstance(value, str) and re.fullmatch(r"\s*[1-4]\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value not in (1, 2, 3, 4):
        return _Problem(f"got {str(value)[:40]!r} as rating, expected 1, 2, 3 or 4")
    return int(value)


# -- finding and parsing objects

_THINKING = re.compile(
    r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)|\A(?:(?!<think).)*</think(?:ing)?>", re.DOTALL | re.I
)
_TOKEN = re.compile(r"""(?:\s|//[^\n]*)*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{}\[\]:,]|[^\s{}\[\]:,"']+)""", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}


def _without_thinking(text: str) -> str:
    """The text without reasoning blocks; one that is never closed swallows the rest."""
    return _THINKING.sub(" ", text)


def _objects(text: str) -> Iterator[_Pairs]:
    """Every outermost object that can be parsed, in order."""
    start = text.find("{")
    while start >= 0:
        try:
            value, end = _object(text, start, 0)
            yield value
        except ValueError:
            end = start + 1
        start = text.find("{", end)


def _token(text: str, position: int) -> tuple[str, int]:
    match = _TOKEN.match(text, position)
    if not match:
        raise ValueError("the text ends or a string is never closed")
    return match[1], match.end()


def _value(text: str, position: int, depth: int) -> tuple[Any, int]:
    token, end = _token(text, position)
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    if token == "{":
        return _object(text, end - 1, depth)
    if token == "[":
        return _list(text, end, depth)
    if token[0] in "\"'":
        return _string(token), end
    if token in _WORDS:
        return _WORDS[token], end
    return json.loads(token), end  # a number, or a ValueError


def _object(text: str, position: int, depth: int) -> tuple[_Pairs, int]:
    pairs = _Pairs()
    token, position = _token(text, position + 1)
    while token != "}":
        if token[0] not in "\"'":
            raise ValueError("a key is no string")
        colon, position = _token(text, position)
        if colon != ":":
            raise ValueError("a key without a value")
        value, position = _value(text, position, depth + 1)
        pairs.append((_string(token), value))
        token, position = _token(text, position)
        if token == ",":
            token, position = _token(text, position)
        elif token != "}":
            raise ValueError("entries without a comma between them")
    return pairs, position


def _list(text: str, position: int, depth: int) -> tuple[list, int]:
    values = []
    token, end = _token(text, position)
    while token != "]":
        value, position = _value(text, position, depth + 1)
        values.append(value)
        token, end = _token(text, position)
        if token == ",":
            position = end
            token, end = _token(text, position)
        elif token != "]":
            raise ValueError("values without a comma between them")
    return values, end


def _string(token: str) -> str:
    if token[0] == "'":
        body = token[1:-1].replace("\\'", "'")
        token = '"' + re.sub(r'(?<!\\)"', r"\"", body) + '"'
    return json.loads(token, strict=False).encode("utf-8", "replace").decode()  # halves of surrogate pairs become "?"
