"""A verdict's words in the form in which they are compared: what counts as the same number, label, letter or name."""

import re
import unicodedata

MARKS = " \t\r\n*_`\"'()[]{}\u201c\u201d\u2018\u2019"  # what a judge may wrap around its verdict
_NUMBER = re.compile(r"([+-]?)(0|[1-9]\d{0,3})(?:\.0{1,9})?(?:\s*(?:/|out of)\s*([1-9]\d{0,3})(?:\.0)?)?", re.ASCII)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def ascii_forms(text: str) -> str:
    """Decimal digits of every script and fullwidth forms as ASCII; invisible characters dropped. No other folding: a
    superscript or a fraction is not a digit."""
    return "".join(_ascii_form(letter) for letter in text)


def _ascii_form(letter: str) -> str:
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if "\uff01" <= letter <= "\uff5e":
        return chr(ord(letter) - 0xFEE0)
    if letter == "\u2212":  # the minus sign of typesetting
        return "-"
    return "" if unicodedata.category(letter) == "Cf" else letter


def plain(text: str) -> str:
    """Lower-cased, single-spaced, without the marks around it: so are verdicts, labels and names compared."""
    text = ascii_forms(text).strip(MARKS).removesuffix(".").strip(MARKS)
    return " ".join(text.casefold().split())


def whole_number(text: str, high: int) -> int | None:
    """The number that a `plain` text is: digits, or a word from zero to ten; "4/5" when `high` is 5."""
    if text in _WORDS:
        return _WORDS.index(text)
    match = _NUMBER.fullmatch(text)
    if not match or (match[3] and int(match[3]) != high):
        return None
    return int(match[1] + match[2])
