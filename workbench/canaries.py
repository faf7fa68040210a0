"""Canaries: requests whose answer is known before they are asked, mixed into a batch to see whether its judge can be trusted.

Here they are drawn; `canary_watch` keeps them apart and tells how a judge did.

known best   a correct answer: the item's reference, or a bundled example's best response
known worst  an answer to nothing that was asked
padded twin  an item's own response, at greater length and with nothing more said
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from workbench.canary_watch import CanaryKind
from workbench.errors import InputError
from workbench.padding import with_filler
from workbench.prompts import Prompt
from workbench.quality import ITSELF
from workbench.reply_form import MAX_RANKED
from workbench.schema import Item, Video, View

MOST = 200  # of a kind
OFF_TOPIC = (
    "Boil the pasta for nine minutes in salted water, then drain it and stir in the butter.",
    "The parliament adjourned until Thursday, after a long debate about fishing quotas.",
    "To renew a library card, bring proof of address and pay the yearly fee at the desk.",
    "Most glaciers of the region lost a tenth of their ice in the last two decades.",
)


def draw_canaries(
    items: Sequence[Item], prompt: Prompt, count: int, *, view: View | None = None, seed: int = 0
) -> list[Item]:
    """Up to `count` canaries of each kind for a batch, drawn from its own items by seed; fewer where it has fewer.

    Known bests come from references, and where there are too few, from the bundled examples, whose videos the judge must
    be shown (`view` other than none or description). Raises InputError for a count or prompt that has no canaries.
    """
    if not 1 <= count <= MOST:
        raise InputError(f"canaries: got {count}, expected 1 to {MOST:,} of each kind.")
    if any(ITSELF in item.responses for item in items):
        raise InputError("canaries: these items have the video itself judged, not responses; leave --canaries out.")
    own = [item for item in items if item.kind == prompt.kind]
    drawn = random.Random(seed).sample(own, min(len(own), count * 4))  # more than are needed: some do not serve
    shown = view in (None, "video")
    makers = {
        "known best": _bests(drawn, count, prompt, shown),
        "known worst": map(_worst, drawn),
        "padded twin": map(_twin, drawn),
    }
    known = {item.id for item in items}
    found: dict[str, Item] = {}
    for made in makers.values():
        new = [item for item in made if item is not None and item.id not in known and item.id not in found]
        found |= {item.id: item for item in new[:count]}
    return list(found.values())


def _bests(drawn: Sequence[Item], count: int, prompt: Prompt, shown: bool) -> list[Item]:
    from_references = [_best(item, item.reference) for item in drawn if item.reference and item.reference.strip()]
    return [*from_references, *(_examples(prompt) if shown and len(from_references) < count else ())]


def _best(item: Item, answer: str | None) -> Item:
    worse = [_off_topic(item, number) for number in range(2)]
    return _canary("known best", item, ((str(answer), *worse)[: _least(item)]))


def _worst(item: Item) -> Item | None:
    """One response off topic; beside the item's own where several are compared."""
    if item.kind == "pointwise":
        return _canary("known worst", item, (_off_topic(item),))
    kept = item.responses[:1] if item.kind == "pairwise" else item.responses
    return _canary("known worst", item, (*kept, _off_topic(item))) if len(kept) < MAX_RANKED else None


def _twin(item: Item) -> Item | None:
    """The (first) response padded; beside itself where several are compared."""
    padded = with_filler(item.responses[0])
    if item.kind == "pointwise":
        return _canary("padded twin", item, (padded,))
    kept = item.responses[:1] if item.kind == "pairwise" else item.responses
    return _canary("padded twin", item, (*kept, padded)) if len(kept) < MAX_RANKED else None


def _least(item: Item) -> int:
    return {"pointwise": 1, "pairwise": 2, "ranking": 3}[item.kind]


def _canary(kind: CanaryKind, item: Item, responses: tuple[str, ...]) -> Item:
    return replace(item, responses=responses, tags={"canary": kind, "canary_of": item.id})


def _off_topic(item: Item, number: int = 0) -> str:
    """A sentence that shares no longer word with the item, if there is one."""
    said = _words(" ".join([item.instruction, *item.responses, item.reference or "", item.description or ""]))
    apart = sorted(OFF_TOPIC, key=lambda sentence: len(_words(sentence) & said))
    return apart[number]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{4,}", text.casefold()))


def _examples(prompt: Prompt) -> list[Item]:
    """The best response to each bundled example that has a rating of 5."""
    from workbench.page.examples import load_examples
    from workbench.video import sha256_of

    found = []
    for example in load_examples():
        if 5 in example.ratings and Path(example.video).is_file():
            best = example.responses[example.ratings.index(5)]
            item = Item(
                Video(sha256_of(example.video), example.video), example.instruction, (best,) * _count(prompt), best
            )
            found.append(_best(item, best))
    return found


def _count(prompt: Prompt) -> int:
    return {"pointwise": 1, "pairwise": 2, "ranking": 3}[prompt.kind]
