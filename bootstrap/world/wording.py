"""Wordings: instructions and response templates, put together from parts; a quarter of them is for test only.

A wording is a choice of one part from each of several lists. Combinations whose positions add up to 3 modulo 4 are kept
out of training and validation, and the test split uses nothing else: every word of the test split is known from
training, its sentences as wholes are not. Templates are texts with <fields>; see questions.py.
"""

import numpy as np

from bootstrap.world.scene import Split

HELD_OUT = 3  # position sums that are this modulo 4 belong to the test split

OPENINGS = ("", "Watch the video. ", "Look closely. ", "Look at the video. ")
INSTRUCTIONS = {
    "caption": ("Describe the video.", "What can be seen in the video?", "Say what the video shows."),
    "attribute colour": ("What colour is {0}?", "Which colour does {0} have?", "Name the colour of {0}."),
    "attribute shape": ("What shape is {0}?", "Which shape does {0} have?", "Name the shape of {0}."),
    "attribute size": ("How large is {0}?", "Is {0} small or large?", "Name the size of {0}."),
    "attribute texture": ("Is {0} plain, striped or dotted?", "What pattern has {0}?", "Name the pattern of {0}."),
    "count": (
        "How many objects are there? Describe {0} too.",
        "Count the objects and describe {0}.",
        "What is the number of objects, and what is {0} like?",
    ),
    "motion": ("How does {0} move?", "What does {0} do?", "Describe the motion of {0}."),
    "order": ("What does {0} do first, and then?", "How does {0} move first and last?", "Name the motions of {0}."),
    "when appears": ("When does {0} appear?", "At what time does {0} appear?", "Say when {0} appears."),
    "when vanishes": ("When does {0} vanish?", "At what time does {0} vanish?", "Say when {0} vanishes."),
    "duration": ("How long is {0} in view?", "How long can you see {0}?", "Say how long {0} is in view."),
    "larger": ("Is {0} larger or smaller than {1}?", "Compare the size of {0} and {1}.", "Is {0} larger than {1}?"),
    "speed": ("Is {0} faster or slower than {1}?", "Compare the speed of {0} and {1}.", "How fast is {0} next to {1}?"),
    "appearing": (
        "Does {0} appear before or after {1}?",
        "In what order do {0} and {1} appear?",
        "Say if {0} appears before or after {1}.",
    ),
    "contact": ("Do {0} and {1} collide?", "Is it true that {0} and {1} collide?", "Do {0} and {1} meet?"),
    "cover": (
        "Is {0} ever hidden behind another object?",
        "Does {0} ever go behind another object?",
        "Is it true that {0} is hidden for a while?",
    ),
    "yesno colour": ("Is {0} {1}?", "Is it true that {0} is {1}?", "Is the colour of {0} {1}?"),
    "yesno shape": ("Is {0} a {1}?", "Is it true that {0} is a {1}?", "Is the shape of {0} a {1}?"),
    "yesno size": ("Is {0} {1}?", "Is it true that {0} is {1}?", "Is the size of {0} {1}?"),
    "yesno texture": ("Is {0} {1}?", "Is it true that {0} is {1}?", "Is the pattern of {0} {1}?"),
    "yesno motion": ("Does {0} {1}?", "Is it true that {0} does {1}?", "Can you see {0} {1}?"),
}
INTROS = ("", "in the video, ", "I see that ", "we see that ")
BACKGROUND_FORMS = (
    "{0} on a <background> background{1}.",
    "{0}{1}. The background is <background>.",
    "On a <background> background, {0}{1}.",
    "The background is <background>. {0}{1}.",
)
CHANGE_FORMS = (
    "{0}{1}. The background turns from <background1> to <background2>.",
    "{0}{1}. The background is first <background1> and then <background2>.",
    "The background turns from <background1> to <background2>. {0}{1}.",
    "The background is first <background1> and then <background2>. {0}{1}.",
)


def choose(rng: np.random.Generator, split: Split, *sizes: int) -> tuple[int, ...]:
    """One position for each list of parts, of a combination that belongs to the split; evenly among those."""
    while True:
        positions = tuple(int(rng.integers(size)) for size in sizes)
        if (sum(positions) % 4 == HELD_OUT) == (split == "test"):
            return positions


def instruction(rng: np.random.Generator, split: Split, key: str, *called: str) -> str:
    """The instruction `key` in a wording of the split, about the things it calls by the given names."""
    opening, body = choose(rng, split, len(OPENINGS), 3)
    return with_articles(OPENINGS[opening] + INSTRUCTIONS[key][body].format(*called))


def caption(rng: np.random.Generator, split: Split, fields: tuple[str, ...]) -> str:
    """A template that describes one thing, or lists several."""
    opening, ground, turned = choose(rng, split, 4, _ground_forms(fields), _turns(fields))
    slots = sorted({field.split(".")[0] for field in fields if "." in field})
    nouns = [f"a {_noun(slot, fields, turned)}" for slot in slots]
    moves = [_motion(slot, fields, turned) for slot in slots]
    if len(slots) == 1:
        text = _one_thing(nouns[0], moves[0], opening)
        late = ". It <0.event>" if "0.event" in fields else ""
        return _on_background(text, fields, ground, late)
    items = [noun + (f" that {move}" if move else "") for noun, move in zip(nouns, moves, strict=True)]
    if opening == 3:
        text = ". ".join([f"One object is {items[0]}"] + [f"another is {item}" for item in items[1:]])
    else:
        text = ("the video shows ", "we see ", "there is ")[opening] + ", ".join(items[:-1]) + f" and {items[-1]}"
    return _on_background(text, fields, 2 * (ground // 2) + 1 if opening == 3 else ground)


def _one_thing(noun: str, move: str, opening: int) -> str:
    if not move:
        return ("there is ", "the video shows ", "we see ", "in the video is ")[opening] + noun
    if opening == 3:
        return f"there is {noun}. It {move}"
    return (f"{noun} {move}", f"the video shows {noun} that {move}", f"we see {noun} that {move}")[opening]


def about_one(
    rng: np.random.Generator,
    split: Split,
    kind: str,
    names: tuple[str, ...],
    lead_count: int,
    given: tuple[str, str] | None,
    verb: str,
) -> str:
    """A template whose first `lead_count` facts answer the question; the others follow as evidence.

    `names` are the facts' names, `given` what the instruction calls the thing by, `verb` what happens at <time>.
    """
    asked, rest = names[:lead_count], names[lead_count:]
    turns = 2 if asked[0] in ("count", "motion1") else _turns(rest)
    joins = 2 if len(_clauses(rest, 0)) > 1 else 1
    intro, joined, ground, turned = choose(rng, split, 4, joins, _ground_forms(names), turns)
    subject = "the object" if given is None else f"the {given[1]}" if given[0] == "shape" else f"the {given[1]} object"
    lead = _lead(subject, asked, verb, turned)
    lead = f"<yes>, {INTROS[intro]}{lead}" if kind in ("yesno", "cover") else INTROS[intro] + lead
    it = subject if kind == "count" else "it"
    clauses = _clauses(rest, turned)
    evidence = f"{it} " + (_list(clauses) if joined else ". It ".join(clauses))
    return f"{lead}. {_on_background(evidence, names, ground)}"


def _lead(subject: str, asked: tuple[str, ...], verb: str, turned: int) -> str:
    if asked[0] == "count":
        return ("there is a total of <count>", "the total is <count>")[turned]
    if asked[0] == "time":
        return f"{subject} {verb} <time>"
    if asked[0] == "cover":
        return f"{subject} <cover>"
    if asked[0] == "span":
        return f"{subject} is in view <span>"
    if asked[0].startswith("motion"):
        return f"{subject} {_motion('0', tuple(f'0.{name}' for name in asked), turned)}"
    return f"{subject} is {'a ' if asked[0] == 'shape' else ''}<0.{asked[0]}>"


def _clauses(names: tuple[str, ...], turned: int) -> list[str]:
    """What is said of "it": how it looks, how it moves, and when it is there."""
    fields, clauses = tuple(f"0.{name}" for name in names), []
    looks = [f"<0.{name}>" for name in _look_order(turned) if name in names]
    if "shape" in names:
        clauses.append(f"is a {_noun('0', fields, turned)}")
    elif looks:
        clauses.append(f"is {_list(looks)}")
    clauses += [clause for clause in (_motion("0", fields, turned),) if clause]
    return clauses + (["<0.event>"] if "event" in names else [])


def about_two(
    rng: np.random.Generator, split: Split, lead: str, fields: tuple[str, ...], shapes: tuple[str, str]
) -> str:
    """A template that sets two things side by side, then says how each moves or looks."""
    intro, joined, ground = choose(rng, split, 4, 2, _ground_forms(fields))
    if lead == "contact":
        text = f"<yes>, {INTROS[intro]}the <0.colour> {shapes[0]} and the <1.colour> {shapes[1]} <contact>"
    else:
        text = INTROS[intro] + _compared(lead, shapes)
    says = "is <{0}.texture>" if "0.texture" in fields else "<{0}.motion>"
    halves = [f"the {shape} {says.format(slot)}" for slot, shape in enumerate(shapes)]
    return f"{text}. " + _on_background((" and " if joined else ". ").join(halves), fields, ground)


def _compared(lead: str, shapes: tuple[str, str]) -> str:
    verb = {"larger": "is <larger> than", "speed": "moves <speed> than", "order": "appears <order>"}[lead]
    return f"the <0.colour> {shapes[0]} {verb} the <1.colour> {shapes[1]}"


def _ground_forms(fields: tuple[str, ...]) -> int:
    """How many ways of stating the background make a difference."""
    return len(BACKGROUND_FORMS) if {"background", "background1"} & set(fields) else 1


def _turns(fields: tuple[str, ...]) -> int:
    """Whether it makes a difference (2) or not (1) to turn the order of looks, or of what comes first and then."""
    names = {field.split(".")[-1] for field in fields}
    return 2 if {"size", "texture"} <= names or "motion1" in names else 1


def _look_order(turned: int) -> tuple[str, ...]:
    return ("texture", "size", "colour") if turned else ("size", "texture", "colour")


def _noun(slot: str, fields: tuple[str, ...], turned: int) -> str:
    words = [f"<{slot}.{name}>" for name in (*_look_order(turned), "shape") if f"{slot}.{name}" in fields]
    return " ".join(words)


def _motion(slot: str, fields: tuple[str, ...], turned: int) -> str:
    if f"{slot}.motion1" in fields:
        first = f"<{slot}.motion1> at first" if turned else f"first <{slot}.motion1>"
        return f"{first} and then <{slot}.motion2>"
    return f"<{slot}.motion>" if f"{slot}.motion" in fields else ""


def _on_background(text: str, fields: tuple[str, ...], form: int, tail: str = "") -> str:
    """The text with the background, or its change, stated in one of four ways (or not at all), and a tail after it."""
    if "background1" in fields:
        return CHANGE_FORMS[form].format(text, tail)
    return BACKGROUND_FORMS[form].format(text, tail) if "background" in fields else f"{text}{tail}."


def _list(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"


def with_articles(text: str) -> str:
    """ "a" before a vowel becomes "an"; sentences begin with a capital."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if word.lower() == "a" and i + 1 < len(words) and words[i + 1][0] in "aeiou":
            words[i] = word + "n"
        if i == 0 or words[i - 1][-1:] in (".", "?"):
            words[i] = words[i][:1].upper() + words[i][1:]
    return " ".join(words)
