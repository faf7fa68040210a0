"""Where a few attention heads should look while a fact is told: a loss beside that of the words, for training alone.

Through the loss of the words, a small judge learns to read facts off some object of the scene, and hardly ever which
one: nothing tells it that the object matters until it attends by name, and it does not attend by name until that
matters. The world knows the object of every fact, so heads of four layers are told: one finds the word that names the
object, the next the video tokens that show it, at the time that counts, one the word of the response that is weighed,
one what was seen of the same fact when the other response of a pair was weighed, one the end of the video, where it is
known how many objects there were and how long it took, and two how many errors were counted in A and in B.
(Supervised attention: Liu et al. 2016, arXiv 1609.04186.)
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import torch

from training.rationales import BETWEEN, BROKEN_WORDS, LOOKS, OBJECT
from training.sft import IGNORE, Packed

QUOTED = re.compile(rf"{BROKEN_WORDS}:((?: [^ .:]+)+)\.")  # the words turned around, where claims are listed
STEP = re.compile(r"(\w+?)(\d?): seen ([^,:.]+)")
SAID = re.compile(r"said ([^:.]+)")
SECOND = re.compile(r"(?= B: )")  # the second half of a pair's rationale
CONCLUSION = re.compile(r"(\d+) wrong\. B: .*?(\d+) wrong\. ([AB]) is better")
ALL_OF_IT = re.compile(r"(?<=\b[AB]:) \w|(?<=\.) (?:Broken|\d)")  # what hangs on a whole response: off topic? broken?


class Heads(NamedTuple):
    """Query heads of one key-value group `group` in layer `layer`, both counted from 0: all, or the one of that number."""

    layer: int
    group: int
    number: int | None = None


NAMING, SEEING, READING, COUNTING = Heads(1, 1), Heads(2, 0), Heads(3, 1), Heads(4, 1)
RECALLING = Heads(3, 0)  # of a group that starts by finding like by like (training.base)
# When a thing is in view shows at both ends of that time; of two things, one head looks at each.
FIRST_SEEN, LAST_SEEN = Heads(2, 0, 0), Heads(2, 0, 1)
# Which response is better shows by how many errors were counted in each.
COUNTED = Heads(4, 0, 0), Heads(4, 0, 1)
TELLING = {NAMING: "naming", SEEING: "seeing", READING: "reading", RECALLING: "recalling", COUNTING: "counting"} | {
    FIRST_SEEN: "first_seen", LAST_SEEN: "last_seen", COUNTED[0]: "counted_a", COUNTED[1]: "counted_b"
}  # fmt: skip
IN_VIEW = ("event", "time", "span")  # facts that say when a thing is in view
AT_THE_END = ("count", *IN_VIEW)  # facts for which the end of the video counts: early and late are shares of the whole


class Gaze(NamedTuple):
    """What some heads should see from some tokens of a pack."""

    heads: Heads
    queries: torch.Tensor  # int64 [k]: places in the pack
    wanted: torch.Tensor  # bool [k, n]: the tokens of the pack on which their attention should lie


class Scene(NamedTuple):
    """What a video shows, for gazes: its facts, and the object (-1: none) and second of each of its merged tokens."""

    facts: Mapping[str, Any]
    owners: torch.Tensor  # int64 [tokens]
    seconds: torch.Tensor  # float32 [tokens]


class Row(NamedTuple):
    """A row of a pack, as heads are told where to look from its reply."""

    ids: torch.Tensor  # int64 [n]: the tokens of the whole pack
    prompt: torch.Tensor  # bool [n]: what the row's reply is written from, the video's tokens left out
    text: str  # of the reply
    where: Sequence[tuple[int, int, int]]  # place in the pack, start and end in the text, of each token of the reply
    second: int  # where the second half of a pair's rationale starts in the text; its end for others

    def under(self, start: int, end: int) -> Iterator[int]:
        """The places of the tokens that lie in [start, end) of the text."""
        return (place for place, first, last in self.where if first < end and last > start)

    def like(self, place: int) -> torch.Tensor:
        """The tokens of the pack that are the same as the one at a place: bool [n]."""
        return self.ids == self.ids[place]


# Some heads, the place in the pack of a token told, what they should see: bool [n].
Look = tuple[Heads, int, torch.Tensor]


def gazes(tokenizer: Any, packed: Packed, scene: Scene | None) -> list[Gaze]:
    """What the heads should see from the tokens of a pack's replies; without a scene, only the words of responses."""
    found: dict[Heads, list[tuple[int, torch.Tensor]]] = {heads: [] for heads in TELLING}
    for row in filter(None, (_row(tokenizer, packed, own) for own in packed.branches.unique().tolist())):
        shown = _seen(tokenizer, row, scene, (packed.types != 0).nonzero().squeeze(1)) if scene else ()
        for heads, place, wanted in chain(_read(tokenizer, row), _recalled(row), _concluded(row), shown):
            if wanted.any():
                found[heads].append((place, wanted))
    return [
        Gaze(heads, torch.tensor([place - 1 for place, _ in some]), torch.stack([wanted for _, wanted in some]))
        for heads, some in found.items()
        if some
    ]


def _row(tokenizer: Any, packed: Packed, own: int) -> Row | None:
    """The row of a branch. None without a reply, and where decoding is not undone by encoding: its words alone teach."""
    reply = (packed.branches == own) & (packed.labels != IGNORE)
    places = reply.nonzero().squeeze(1).tolist()
    if not places:
        return None
    ids = packed.ids[reply].tolist()
    text = tokenizer.decode(ids)
    spans = tokenizer(text, return_offsets_mapping=True)
    if spans["input_ids"] != ids:
        return None
    where = [(place, *span) for place, span in zip(places, spans["offset_mapping"], strict=True)]
    prompt = (packed.types == 0) & ((packed.branches == 0) | (packed.branches == own))
    prompt[places[0] :] = False  # not what stands in the reply without being learned
    second = next((match.start() for match in SECOND.finditer(text)), len(text))
    return Row(packed.ids, prompt, text, where, second)


def _read(tokenizer: Any, row: Row) -> Iterator[Look]:
    """To the words of the response that is weighed, and to those turned around."""
    weighed = _responses(tokenizer, row.ids, row.prompt)
    for said in SAID.finditer(row.text):
        for place in row.under(*said.span(1)):
            yield READING, place, weighed[-1 if said.start(1) > row.second else 0] & row.like(place)
    for whole in ALL_OF_IT.finditer(row.text) if len(weighed) > 1 else ():
        for place in row.under(*whole.span()):
            yield READING, place, weighed[whole.start() > row.second]
    for quoted in QUOTED.finditer(row.text):
        turned = _sequence(tokenizer, row.ids, row.prompt, quoted[1])
        for place in row.under(quoted.start(), quoted.start(1)):
            yield READING, place, turned
        for place in row.under(*quoted.span(1)):
            yield READING, place, turned & row.like(place)


def _recalled(row: Row) -> Iterator[Look]:
    """From what is seen in the second half of a pair's rationale to where the same was seen in the first."""
    steps = list(STEP.finditer(row.text))
    for now in (step for step in steps if step.start() > row.second):
        same = [step for step in steps if step.start() < row.second and (step[1], step[3]) == (now[1], now[3])]
        before = _marked(len(row.ids), (place for step in same for place in row.under(*step.span(3))))
        for place in row.under(*now.span(3)):
            yield RECALLING, place, before & row.like(place)


def _concluded(row: Row) -> Iterator[Look]:
    """From which response is better to the errors counted in each."""
    concluded = CONCLUSION.search(row.text)
    for heads, number in zip(COUNTED, (1, 2), strict=True) if concluded else ():
        count = _marked(len(row.ids), row.under(*concluded.span(number)))
        for place in row.under(*concluded.span(3)):
            yield heads, place, count


def _seen(tokenizer: Any, row: Row, scene: Scene, video: torch.Tensor) -> Iterator[Look]:
    """To the object that a value is of: by its name in the prompt, and in the video, whose places are `video`."""
    length = len(row.ids)
    for step in (step for step in STEP.finditer(row.text) if step[1] in AT_THE_END):
        for place in row.under(*step.span(3)):
            yield COUNTING, place, _marked(length, [int(video[-1])])
    asked = set(re.findall(r"[a-z]+", tokenizer.decode(row.ids[row.prompt])))
    for start, end, name, thing in _objects_told(row.text, scene.facts, asked):
        named = row.prompt & torch.isin(row.ids, _word_ids(tokenizer, scene.facts["objects"][thing]))
        shown = {heads: _placed(some, video, length) for heads, some in _shows(scene, thing, name).items()}
        for place in row.under(start, end):
            for heads, wanted in ({NAMING: named} | shown).items():
                yield heads, place, wanted
    for start, end, name, pair in _compared(row.text, scene.facts, asked):
        for heads, thing in zip((FIRST_SEEN, LAST_SEEN), pair, strict=True):
            shown_first = _placed(_first_sighting(scene, thing, name), video, length)
            for place in row.under(start, end):
                yield heads, place, shown_first


def gaze_loss(
    watched: Mapping[int, tuple[torch.Tensor, torch.Tensor]], packs: Sequence[Packed], wanted: Sequence[Sequence[Gaze]]
) -> tuple[torch.Tensor, dict[str, float]]:
    """Negative log of the attention that lies where it should: the sum over the kinds of heads, and that of each kind.

    `watched` holds, a layer, the rotated queries [1, heads, n, size] and keys of all packs, one after the other; heads of
    other layers are left alone.
    """
    losses: dict[Heads, list[torch.Tensor]] = {}
    start = 0
    for pack, some in zip(packs, wanted, strict=True):
        end = start + len(pack.ids)
        for gaze in (each for each in some if each.heads.layer in watched):
            losses.setdefault(gaze.heads, []).append(
                -_shares(*(each[0, :, start:end].float() for each in watched[gaze.heads.layer]), pack, gaze).mean()
            )
        start = end
    means = {heads: torch.stack(some).mean() for heads, some in losses.items()}
    figures = {f"gaze_{TELLING[heads]}": loss.item() for heads, loss in means.items()}
    return sum(means.values(), torch.zeros(())), figures


def watched_layers(layers: int) -> list[int]:
    """The layers that have told heads, of a model of so many."""
    return sorted({heads.layer for heads in TELLING if heads.layer < layers})


def _shares(queries: torch.Tensor, keys: torch.Tensor, pack: Packed, gaze: Gaze) -> torch.Tensor:
    """Log of the share of attention on the wanted tokens [heads, k]; queries [heads, n, size], keys [groups, n, size]."""
    own = pack.branches[gaze.queries, None]
    reach = torch.arange(len(pack.ids)) <= gaze.queries[:, None]
    seen = (reach & ((pack.branches == 0) | (pack.branches == own))).to(keys.device)
    with torch.autocast(keys.device.type, enabled=False):
        size = len(queries) // len(keys)
        asking = queries[gaze.heads.group * size :][:size, gaze.queries.to(keys.device)]
        if gaze.heads.number is not None:
            asking = asking[gaze.heads.number][None]
        scores = asking @ keys[gaze.heads.group].T * queries.shape[-1] ** -0.5
        scores = scores.masked_fill(~seen, -torch.inf)
        return scores.masked_fill(~gaze.wanted.to(keys.device), -torch.inf).logsumexp(-1) - scores.logsumexp(-1)


def turned_words(tokenizer: Any, packed: Packed) -> torch.Tensor:
    """Whether each token of a listing's prompt stands among the words turned around: int64 [n], 0 or 1; -100 elsewhere."""
    reply = packed.labels != IGNORE
    prompt = reply.cumsum(0) == 0
    quoted = QUOTED.search(tokenizer.decode(packed.ids[reply].tolist()))
    found = _sequence(tokenizer, packed.ids, prompt, quoted[1]) if quoted else torch.zeros_like(prompt)
    return torch.where(prompt, found.long(), IGNORE)


def _sequence(tokenizer: Any, ids: torch.Tensor, prompt: torch.Tensor, words: str) -> torch.Tensor:
    """The tokens of a prompt where these words stand one after the other, at the start of a line as well: bool [n]."""
    found = torch.zeros_like(prompt)
    for wanted in (tokenizer(words)["input_ids"], tokenizer(words.strip())["input_ids"]):
        starts = prompt.clone()
        for ahead, each in enumerate(wanted):
            starts &= ids.roll(-ahead) == each
        for ahead in range(len(wanted)):
            found |= starts.roll(ahead)
    return found & prompt


def _responses(tokenizer: Any, ids: torch.Tensor, prompt: torch.Tensor) -> list[torch.Tensor]:
    """Which tokens of a prompt are those of response A, of response B: bool [n] each; all where their tags are not found."""
    inside = []
    for name in ("response_a", "response_b"):
        opening, closing = (_ids(tokenizer, tag) for tag in (f"<{name}>", f"</{name}>"))
        first, last = (prompt & (ids == tag[-1]) for tag in (opening, closing))
        if len(opening) > 1 or len(closing) > 1 or first.sum() != 1 or last.sum() != 1:
            return [prompt]
        inside.append(prompt & (first.cumsum(0) == 1) & (last.cumsum(0) == 0))
    return inside


def _marked(length: int, places: Iterable[int]) -> torch.Tensor:
    """True at the places: bool [length]."""
    found = torch.zeros(length, dtype=torch.bool)
    found[list(places)] = True
    return found


def _objects_told(text: str, facts: Mapping[str, Any], asked: set[str]) -> Iterator[tuple[int, int, str, int]]:
    """(start, end, fact, object) of each value seen in a rationale, where it is certain which object it is of."""
    for start, steps, things in _parts(text, facts, asked):
        for step in steps:
            if step[1] in OBJECT and step[2] in things:
                yield start + step.start(3), start + step.end(3), step[1], things[step[2]]


def _compared(text: str, facts: Mapping[str, Any], asked: set[str]) -> Iterator[tuple[int, int, str, tuple[int, int]]]:
    """(start, end, fact, the two objects) of each value that tells two objects apart, where it is certain which they are."""
    for start, steps, things in _parts(text, facts, asked):
        for step in steps:
            if step[1] in BETWEEN and {"", "2"} <= things.keys():
                yield start + step.start(3), start + step.end(3), step[1], (things[""], things["2"])


def _parts(
    text: str, facts: Mapping[str, Any], asked: set[str]
) -> Iterator[tuple[int, list[re.Match], dict[str, int]]]:
    """Of each half of a rationale: where it starts, its steps, and the object that each number stands for, where certain."""
    start = 0
    for part in SECOND.split(text):
        steps, things = list(STEP.finditer(part)), {}
        for number in {step[2] for step in steps if step[1] in OBJECT}:
            mine = [step for step in steps if step[1] in OBJECT and step[2] == number]
            fitting = [
                thing
                for thing, each in enumerate(facts["objects"])
                if all(_is_so(each, step[1], step[3]) for step in mine)
            ]
            if len(fitting) > 1:
                fitting = [
                    thing
                    for thing in fitting
                    if asked & {facts["objects"][thing][name] for name in ("colour", "shape")}
                ]
            if len(fitting) == 1:
                things[number] = fitting[0]
        yield start, steps, things
        start += len(part)


def _is_so(thing: Mapping[str, Any], name: str, value: str) -> bool:
    moves = [segment["motion"] for segment in thing["segments"]]
    if name in (*LOOKS, "event"):
        return thing[name] == value
    if name == "motion":
        return moves == [value]
    if name in ("first", "then"):
        return len(moves) > 1 and value == moves[0 if name == "first" else -1]
    return True


def _shows(scene: Scene, thing: int, name: str) -> dict[Heads, torch.Tensor]:
    """Which of the video's merged tokens show the object, at the time that the fact is about: bool [tokens], by heads."""
    mine = scene.owners == thing
    if not mine.any():
        return {}
    segments, times = scene.facts["objects"][thing]["segments"], scene.seconds
    if name in IN_VIEW:
        first, last = times[mine].min(), times[mine].max()
        return {FIRST_SEEN: mine & (times == first), LAST_SEEN: mine & (times == last)}
    part = mine
    if name == "first":
        part = mine & (times < segments[0]["end"])
    elif name == "then":
        part = mine & (times > segments[-1]["start"])
    return {SEEING: part if part.any() else mine}


def _first_sighting(scene: Scene, thing: int, name: str) -> torch.Tensor:
    """The video's merged tokens that show an object; for which of two came first, those that show it first: bool [tokens]."""
    mine = scene.owners == thing
    return mine & (scene.seconds == scene.seconds[mine].min()) if name == "order" and mine.any() else mine


def _placed(shown: torch.Tensor, video: torch.Tensor, length: int) -> torch.Tensor:
    """Which tokens of a pack of that length are those of its video that are `shown`: bool [length]."""
    found = torch.zeros(length, dtype=torch.bool)
    found[video] = shown
    return found


def _word_ids(tokenizer: Any, thing: Mapping[str, Any]) -> torch.Tensor:
    """The tokens that end the words of its colour and shape, by which it is asked for."""
    return torch.tensor([_ids(tokenizer, f" {thing[name]}")[-1] for name in ("colour", "shape")])


@cache
def _ids(tokenizer: Any, word: str) -> list[int]:
    """The tokens of a tag or a word of the world, asked for many times a step."""
    return tokenizer(word)["input_ids"]
