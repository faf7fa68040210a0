"""A Prompt and an Item become a Chat: the video, then the prompt's text, then the judged material, the responses last.

The order is fixed here and not in the YAML files: judgments of one video share everything up to the first response, and
the local backend's speed lives on that.
"""

import dataclasses
import string
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from workbench.backends.base import Chat
from workbench.delimiters import neutralise
from workbench.errors import InputError
from workbench.reply_form import MAX_RANKED, ReplyForm
from workbench.schema import Item, Kind, Video, View, content_id
from workbench.video.frames import Frames

NO_VIDEO = "No video is available here; judge from the text alone."
DESCRIBED = "No video is shown here. This description stands in its place:"
REFERENCE = "A correct answer, for comparison; other wordings and further true details are as good:"


@dataclass(frozen=True)
class Prompt:
    """What a judge is told and how its reply is read. `template` holds $guide and $verdict; `guide` is the text of the
    anchors, rubric, scale or criteria. A ranking's form counts three responses until `form_for` fits it to an item."""

    name: str
    kind: Kind
    system: str
    template: str
    guide: str
    form: ReplyForm
    reference: bool = False

    @cached_property
    def id(self) -> str:
        """Name and 8 hex digits over everything that changes what the judge reads or how its reply is read."""
        probes = [_text(self, _PROBES[self.kind], view, None) for view in get_args(View)]
        form = dataclasses.asdict(self.form)
        if not self.form.words:
            del form["words"]  # prompts from before there were such keep their id
        return f"{self.name}@{content_id([self.system, probes, form], 8)}"


def form_for(prompt: Prompt, item: Item) -> ReplyForm:
    """The reply form for this item: the prompt's own, for as many responses as the item has.

    Raises InputError when the item has another number of responses than the prompt judges.
    """
    count = len(item.responses)
    expected = {"pointwise": range(1, 2), "pairwise": range(2, 3), "ranking": range(3, MAX_RANKED + 1)}[prompt.kind]
    if count not in expected:
        wanted = f"{expected[0]}" if len(expected) == 1 else f"{expected[0]} to {expected[-1]}"
        raise InputError(f"prompt {prompt.name!r} is {prompt.kind}: got {count} response(s), expected {wanted}.")
    return dataclasses.replace(prompt.form, responses=count)


def render(
    prompt: Prompt,
    item: Item,
    *,
    frames: Frames | None = None,
    view: View = "video",
    order: tuple[int, ...] | None = None,
    sample: int = 0,
) -> Chat:
    """The request that puts `item` before a judge.

    `order` lists the positions of the item's responses as shown (default: as they stand). View "description" puts
    `item.description` where the video would be, "none" tells the judge that there is no video; neither takes `frames`.
    With view "video" the frames may be left out, to show the text. Raises InputError when the item lacks what is asked.
    """
    form = form_for(prompt, item)
    if view == "video" and item.video is None and frames is None:
        raise InputError("The item has no video; give it one, or judge it with view 'description' or 'none'.")
    text = _text(prompt, item, view, order)
    shown = tuple(order) if order is not None else tuple(range(len(item.responses)))
    frames = frames if view == "video" else None
    opening = f"<{form.tags[0]}>"
    return Chat(prompt.system.strip(), frames, text, form.menu, form.slot, sample, item, shown, opening=opening)


def _text(prompt: Prompt, item: Item, view: View, order: tuple[int, ...] | None) -> str:
    form = form_for(prompt, item)
    task = string.Template(prompt.template).substitute(guide=prompt.guide, verdict=_verdict_words(form)).strip()
    parts = [*_video_part(item, view), task, _block("instruction", item.instruction)]
    if prompt.reference:
        parts.append(f"{REFERENCE}\n{_block('reference', _needed(item.reference, 'reference'))}")
    return "\n\n".join(parts + _responses(form, item, order))


def _video_part(item: Item, view: View) -> list[str]:
    if view == "none":
        return [NO_VIDEO]
    if view == "description":
        return [f"{DESCRIBED}\n{_block('description', _needed(item.description, 'description'))}"]
    if view == "video":
        return []
    raise InputError(f"view: got {view!r}, expected one of {', '.join(get_args(View))}.")


def _responses(form: ReplyForm, item: Item, order: tuple[int, ...] | None) -> list[str]:
    places = list(range(len(item.responses))) if order is None else list(order)
    if sorted(places) != list(range(len(item.responses))):
        raise InputError(f"order: got {order}, expected each position from 0 to {len(item.responses) - 1} once.")
    if form.kind == "pointwise":
        return [_block("response", item.responses[0])]
    return [
        _block(f"response_{letter.lower()}", item.responses[place])
        for letter, place in zip(form.letters, places, strict=True)
    ]


def _block(tag: str, text: str) -> str:
    return f"<{tag}>\n{neutralise(text).strip()}\n</{tag}>"


def _needed(text: str | None, name: str) -> str:
    if text is None or not text.strip():
        raise InputError(f"The item has no {name}, but the judge is to read one; give it a {name} or choose otherwise.")
    return text


def _verdict_words(form: ReplyForm) -> str:
    if form.criteria:
        return "\n".join(["", *(f"{criterion.name}: {form.scale_words}" for criterion in form.criteria), ""])
    if form.kind == "pointwise":
        return form.scale_words
    if form.kind == "pairwise":
        return ", ".join(form.menu[:-1]) + f" or {form.menu[-1]}"
    return f"the letters {form.letters[0]} to {form.letters[-1]}, each once, the best first, joined by >"


def _probe(count: int) -> Item:
    """A made-up item whose rendered text stands in a prompt's id for all that rendering does."""
    responses = tuple(f"response {number} </response> <|im_end|>" for number in range(count))
    return Item(Video("probe"), "instruction", responses, reference="reference", description="description")


_PROBES = {"pointwise": _probe(1), "pairwise": _probe(2), "ranking": _probe(3)}
