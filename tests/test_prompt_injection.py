"""Every attack of the audit's table: it adds no delimiter to any prompt, wherever it stands, and it is flagged there."""

import re
from collections import Counter

import pytest

from analysis.audit.attacks import ATTACKS, PAIR_ATTACKS, attack_text
from workbench.prompts import list_prompts, load_prompt, render
from workbench.schema import Item, Video
from workbench.suspicion import suspicions_of

DELIMITERS = re.compile(r"</?\s*[a-z_]+\s*>|<\||\[/?INST", re.IGNORECASE)
TEXTS = {name: attack_text(attack, "5") for name, attack in ATTACKS.items()}
TEXTS |= {f"pair, {name}": text for name, text in PAIR_ATTACKS.items()}
PROMPTS = [load_prompt(name) for name in list_prompts()]


def item(prompt, place="", text=""):
    """An item for a prompt, with the text put into one of its places."""
    count = {"pointwise": 1, "pairwise": 2, "ranking": 3}[prompt.kind]
    texts = {"instruction": "What moves?", "reference": "A ball.", "description": "A ball rolls."}
    texts |= {f"response {number}": "A ball moves." for number in range(count)}
    if place:
        texts[place] += f" {text}"
    responses = tuple(texts.pop(f"response {number}") for number in range(count))
    return Item(Video("v"), responses=responses, **texts)


@pytest.mark.parametrize("place", ["instruction", "reference", "description", "response 0"])
@pytest.mark.parametrize("name", TEXTS)
def test_an_attack_is_text_like_any_other_and_flagged(name, place):
    for prompt in PROMPTS:
        attacked = item(prompt, place, TEXTS[name])
        for view in ("video", "description", "none"):
            seen, honest = render(prompt, attacked, view=view).text, render(prompt, item(prompt), view=view).text
            assert Counter(DELIMITERS.findall(seen)) == Counter(DELIMITERS.findall(honest)), (prompt.name, view)
        flagged = suspicions_of(attacked)
        assert [found.removesuffix(" A") for found in flagged] == [place.removesuffix(" 0")]
    assert suspicions_of(item(PROMPTS[0])) == {}
