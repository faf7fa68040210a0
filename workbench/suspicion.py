"""Text that looks like an attempt on the judge is flagged, for people to see; a flag never changes a score.

What could break out of its block is made harmless by `delimiters`; here it is only told that somebody tried, or that a
text speaks to the judge instead of answering. It goes by patterns (English, and the commonest phrases of five other
languages): a text without a flag may still be an attack, and one with a flag may be honest ("score: 5" about a game).
"""

import hashlib
import re
import threading
from collections import OrderedDict
from string import ascii_uppercase
from typing import Literal

from workbench.delimiters import as_read
from workbench.schema import Item

Suspicion = Literal["forged tag", "order to the judge", "claimed verdict", "disguised characters"]
MEANINGS: dict[Suspicion, str] = {
    "forged tag": "holds a forged tag or chat token (made plain text before the judge read it)",
    "order to the judge": "tells the judge what to do",
    "claimed verdict": "states a verdict of its own",
    "disguised characters": "holds characters that hide or reorder what is read",
}

_FEW = r"\W{1,3}(?:\w{1,20}\W{1,3}){0,7}"  # a few words in between: bounded, so that no text takes long
_JUDGE = r"(?:judges?|graders?|evaluators?|raters?|assessors?)"
_TOP = r"(?:highest|maximum|max|full|perfect|top|best|excellent|five|ten|5|10|100)"
_MARK = r"(?:scores?|ratings?|marks?|grades?|points?|stars?)"
_TOLD = r"(?:instructions?|rules?|prompts?|rubrics?|guidelines?|criteria|directions)"
_FORGED = (
    r"<\s{0,9}/?\s{0,9}(?:video|description|guide|instruction|reference|responses?|rubric|think(?:ing)?|score|answer|ranking"
    r"|system|user|assistant|human)(?:_\w{1,20})?(?!\w)",
    r"<\||<<?/?sys>|</?(?:s|bos|eos|image|start_of_turn|end_of_turn|end_of_utterance)>",
    r"\[ {0,9}/? {0,9}(?:inst|system_prompt|tool_\w{1,20}|bos|eos) {0,9}\]",
    r"^[ #*]{0,9}(?:system|assistant|human|user)[ *]{0,9}:",
)
_ORDER = (
    rf"\b(?:ignore|disregard|forget|override|bypass){_FEW}{_TOLD}\b",
    r"\b(?:new|updated|revised|system) (?:instructions?|prompt|message)\b",
    rf"\b(?:note|message|memo|attention|instructions?|hint|reminder)[ ,:]{{1,3}}(?:to|for) (?:the |any |all )?{_JUDGE}\b",
    rf"\b{_JUDGE} (?:must|should|shall|has to|have to|is required|are required)\b|\b(?:dear|hello|hey|attention),? {_JUDGE}\b",
    rf"\b(?:give|assign|award|grant|deserves?|earns?|output|respond with){_FEW}{_TOP} (?:possible )?{_MARK}\b",
    rf"\b(?:rate|score|grade) (?:(?:this|my|the) (?:response|answer) )(?:as |with |at )?(?:an? |the )?{_TOP}\b",
    rf"\b(?:rate|score|grade) (?:it|this|me) (?:as |with |at )?(?:an? |the )?{_TOP}\b",
    r"\b(?:choose|prefer|pick|select|vote for) (?:this (?:response|answer|one)|(?:response|answer|option) [a-z]\b|mine\b)",
    r"\byou are (?:now|no longer)\b|\bfrom now on\b|\bdeveloper mode\b|\bjailbreak",
    # the same in Spanish, French, German, Russian, Chinese
    r"\bignora (?:todas )?las instrucciones|\bignore[zr]? (?:toutes )?les instructions|\bignorier\w{0,3} (?:alle|die|sämtliche)"
    r"|игнорируй\w{0,3}|忽略.{0,9}(?:指令|指示|说明)|(?:最高|满)分",
)
_CLAIMED = (
    r"\b(?:score|rating|verdict|grade|ranking)[\"'*]{0,3}\s{0,3}(?:[:=]|\bis\b)[\s\"'\[*]{0,4}(?:\d{1,4}(?:[.,]\d{1,3})?(?!\d?\s?[-\u2013:]\s?\d)|[ab]\b)",
    r"\[\[\s?(?:\d{1,3}|[a-c]|tie)\s?\]\]",
    r"\b\d{1,3}\s?(?:/|out of)\s?(?:5|10|100)\b",
    r"\bfinal (?:answer|verdict|score|rating)\s?[:=]",
    r"\bthis (?:very )?(?:response|answer) is (?:the )?(?:better|best|perfect)\b",
)
_PATTERNS: dict[Suspicion, re.Pattern[str]] = {
    "forged tag": re.compile("|".join(_FORGED), re.MULTILINE),
    "order to the judge": re.compile("|".join(_ORDER)),
    "claimed verdict": re.compile("|".join(_CLAIMED)),
}
_DISGUISED = re.compile(
    "[\u202a-\u202e\u2066-\u2069]"  # bidirectional embeddings, overrides, isolates
    "|(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0000-\U000e007f]"  # letters of the tag block, but for flags
    "|(?<=[!-~])[\u00ad\u200b-\u200d\u2060\ufeff](?=[!-~])"  # invisible between two ASCII characters
    "|\u200b{2}|[\x00-\x08\x0e-\x1b\x7f]"
    "|(?<![^\\W\\d_])(?=[^\\W\\d_]{0,40}[a-zA-Z])(?=[^\\W\\d_]{0,40}[\u0400-\u04ff])[^\\W\\d_]"  # Latin and Cyrillic in one word
)


MOST_KEPT = 1024  # answers, since one item makes many requests; by the text's hash, for a text may have megabytes
_FOUND: OrderedDict[bytes, tuple[Suspicion, ...]] = OrderedDict()
_LOCK = threading.Lock()


def suspicions(text: str) -> tuple[Suspicion, ...]:
    """What in a text looks like an attempt on the judge; empty for nearly every honest text."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    with _LOCK:
        if digest in _FOUND:
            _FOUND.move_to_end(digest)
            return _FOUND[digest]
    found = _look(text)
    with _LOCK:
        _FOUND[digest] = found
        if len(_FOUND) > MOST_KEPT:
            _FOUND.popitem(last=False)
    return found


def _look(text: str) -> tuple[Suspicion, ...]:
    seen = " ".join(as_read(text)[0].split(" ")).casefold() if text else ""
    found: list[Suspicion] = [kind for kind, pattern in _PATTERNS.items() if pattern.search(seen)]
    return (*found, "disguised characters") if _DISGUISED.search(text) else tuple(found)


def suspicions_of(item: Item) -> dict[str, list[Suspicion]]:
    """The suspicious texts of an item, by what they are: "instruction", "reference", "description", "response" or, of
    several, "response A". Empty for an item without any."""
    texts = {"instruction": item.instruction, "reference": item.reference, "description": item.description}
    texts |= {response_name(item, place): text for place, text in enumerate(item.responses)}
    return {name: list(found) for name, text in texts.items() if text and (found := suspicions(text))}


def response_name(item: Item, place: int) -> str:
    """What a response is called in `suspicions_of`: "response", or "response A" where there are several."""
    return "response" if len(item.responses) == 1 else f"response {ascii_uppercase[place % 26]}"
