"""Delimiters in text that is not ours: a forged tag or chat token is made plain text, everything else stays."""

import re
import unicodedata

OPENER = "\u2039"  # ‹ stands where < or [ stood: readable, and part of no tag or token

# Names that delimit our prompts and replies: dangerous even spaced out, with attributes or without a closing bracket.
_OURS = "video|description|guide|instruction|reference|responses?|rubric|think(?:ing)?|score|answer|ranking"
_FORGED = re.compile(
    rf"<\s*(?:/\s*)?(?:{_OURS}|system|user|assistant|human)(?:_\w*)?(?!\w)"
    r"|<\|"  # <|im_end|>, <|video_pad|>
    rf"|</?[^\W\d][^\s<>{OPENER}]*>"  # <image>, <end_of_utterance>, </s>: any tag without a space in it
    r"|\[\s*(?:/\s*)?(?:INST|SYS|SYSTEM_PROMPT|IMG\w*|AUDIO|BEGIN_AUDIO|TOOL_\w+|AVAILABLE_TOOLS|THINK|BOS|EOS|PAD)\s*\]",
    re.IGNORECASE,
)
_UNSEEN = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and symbols drawn as nothing
_UNUSUAL = re.compile(r"[^\t\n\r -~]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def neutralise(text: str) -> str:
    """`text` with the opening bracket of every tag-like construct and chat special token swapped for U+2039.

    Looks through compatibility forms (fullwidth brackets and letters), zero-width and bidirectional controls and
    combining marks. `a < b` and `x<y` stay. Lone surrogates, which no tokenizer takes, become U+FFFD. Idempotent.
    """
    text = _SURROGATE.sub("\ufffd", text)
    seen, origin = as_read(text)
    letters = list(text)
    start = 0
    while match := _FORGED.search(seen, start):
        letters[origin[match.start()]] = OPENER
        start = match.start() + 1  # not the end: "<<SYS>>" and "<score<score>" hide one construct in another
    return "".join(letters)


def as_read(text: str) -> tuple[str, list[int]]:
    """The text as a reader sees it (nothing invisible, compatibility forms resolved), and where each letter stood."""
    if not _UNUSUAL.search(text):
        return text, list(range(len(text)))
    seen: list[str] = []
    origin: list[int] = []
    for place, letter in enumerate(text):
        shown = letter if letter.isascii() else unicodedata.normalize("NFKC", letter)
        for part in shown:
            if not _invisible(part):
                seen.append(part)
                origin.append(place)
    return "".join(seen), origin


def _invisible(letter: str) -> bool:
    if letter in _UNSEEN:
        return True
    return unicodedata.category(letter) in ("Cf", "Cc", "Mn", "Me") and not letter.isspace()
