"""The vocabulary of the world: what things can be, how they are drawn, and how each value is said."""

from typing import NamedTuple

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (222, 52, 56),
    "orange": (243, 133, 32),
    "yellow": (248, 208, 46),
    "green": (56, 166, 82),
    "cyan": (42, 188, 204),
    "blue": (48, 98, 216),
    "purple": (138, 72, 186),
    "pink": (240, 120, 178),
}
BACKGROUNDS: dict[str, RGB] = {
    "white": (240, 238, 232),
    "grey": (150, 156, 166),
    "brown": (104, 82, 66),
    "black": (36, 39, 47),
}
SHAPES = ("circle", "square", "triangle", "star", "cross")
SIZES = ("small", "large")
TEXTURES = ("plain", "striped", "dotted")
SIMPLE_MOTIONS = ("still", "left", "right", "up", "down")
MOTIONS = (*SIMPLE_MOTIONS, "loop", "bounce")

# The shifted world shares sizes, textures and times with the home one, and no colour, background, shape or motion.
SHIFTED_COLOURS: dict[str, RGB] = {
    "teal": (0, 128, 124),
    "lime": (160, 222, 28),
    "navy": (24, 36, 118),
    "magenta": (212, 28, 168),
    "olive": (112, 112, 24),
    "tan": (194, 142, 88),
    "maroon": (122, 18, 40),
    "lavender": (174, 144, 242),
}
SHIFTED_BACKGROUNDS: dict[str, RGB] = {
    "cream": (252, 240, 206),
    "mint": (176, 228, 200),
    "slate": (92, 108, 126),
    "rose": (238, 192, 194),
}
SHIFTED_SHAPES = ("heart", "diamond", "hexagon", "arrow", "crescent")
SHIFTED_SIMPLE_MOTIONS = ("tremble", "northeast", "northwest", "southeast", "southwest")
SHIFTED_MOTIONS = (*SHIFTED_SIMPLE_MOTIONS, "zigzag", "swing")

TIMES = ("early", "middle", "late")
STAYS = "stays"
EVENTS = (STAYS, *(f"{verb} {time}" for verb in ("appears", "vanishes") for time in TIMES))
FLASHES = tuple(f"flashes {time}" for time in TIMES)  # in view for under a second; only in the full setting
SPANS = ("short", "half", "most")  # how much of the clip a thing is in view, by thirds
COUNTS = ("one", "two", "three", "four")
SIZE_ORDER = ("larger", "smaller")
SPEED_ORDER = ("faster", "slower")
EVENT_ORDER = ("before", "after")
CONTACTS = ("collide", "apart")
COVERS = ("hidden", "clear")


class Lexicon(NamedTuple):
    """What things can be in one world. The first simple motion goes nowhere; the other four are straight."""

    colours: dict[str, RGB]
    backgrounds: dict[str, RGB]
    shapes: tuple[str, ...]
    simple_motions: tuple[str, ...]
    motions: tuple[str, ...]

    @property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """The values of each attribute that a question can be about."""
        return {"colour": tuple(self.colours), "shape": self.shapes, "size": SIZES, "texture": TEXTURES}

    @property
    def vocabulary(self) -> dict[str, tuple[str, ...]]:
        """The words of every fact that dense labels tell, in the order of their class numbers."""
        return {**self.attributes, "motion": self.motions, "background": tuple(self.backgrounds)}


HOME = Lexicon(COLOURS, BACKGROUNDS, SHAPES, SIMPLE_MOTIONS, MOTIONS)
SHIFTED = Lexicon(SHIFTED_COLOURS, SHIFTED_BACKGROUNDS, SHIFTED_SHAPES, SHIFTED_SIMPLE_MOTIONS, SHIFTED_MOTIONS)
VOCABULARY = HOME.vocabulary


def lexicon(setting: str) -> Lexicon:
    """The words of the world that a setting (by its name) belongs to."""
    return SHIFTED if setting == "shifted" else HOME


class Phrases(NamedTuple):
    """Three ways to say one value; a wording picks one way for the whole response."""

    said: tuple[str, str, str]
    asked: str = ""  # after "does the star ..."
    vague: str = ""  # what stands in its place when the fact is left out


def _moves(direction: str) -> Phrases:
    return Phrases((f"moves {direction}", f"goes {direction}", f"travels {direction}"), f"move {direction}")


MOTION_PHRASES = {
    **{direction: _moves(direction) for direction in (*SIMPLE_MOTIONS[1:], *SHIFTED_SIMPLE_MOTIONS[1:])},
    "still": Phrases(("stays still", "does not move", "rests"), "stay still"),
    "loop": Phrases(("moves in a loop", "goes in a loop", "travels in a loop"), "move in a loop"),
    "bounce": Phrases(("bounces", "bounces up and down", "bounces in place"), "bounce"),
    "tremble": Phrases(("trembles", "trembles in place", "quivers"), "tremble"),
    "zigzag": Phrases(("moves in a zigzag", "goes in a zigzag", "travels in a zigzag"), "move in a zigzag"),
    "swing": Phrases(("swings", "swings to and fro", "swings like a pendulum"), "swing"),
}
TIME_PHRASES = {
    "early": ("early", "near the start", "early"),
    "middle": ("in the middle", "halfway", "in the middle"),
    "late": ("late", "near the end", "late"),
}
SPAN_PHRASES = {
    "short": ("for a short time", "for a small part of the video", "for a short time"),
    "half": ("for half of the video", "for half of the time", "for half of the video"),
    "most": ("for most of the video", "for most of the time", "for most of the video"),
}
VERB_PHRASES = {
    "appears": ("appears", "shows up", "appears"),
    "vanishes": ("vanishes", "goes away", "vanishes"),
    "flashes": ("flashes up", "shows up for a moment", "flashes up"),
}
STAYS_PHRASES = ("stays in view", "is there all the time", "never leaves")
CONTACT_PHRASES = {
    "collide": ("collide", "bump into each other", "collide"),
    "apart": ("never touch", "stay apart", "never touch"),
}
COVER_PHRASES = {
    "hidden": ("is hidden for a while", "goes behind another object", "is hidden for a while"),
    "clear": ("is never hidden", "never goes behind another object", "is never hidden"),
}
VAGUE = {
    "colour": "coloured",
    "shape": "thing",
    "motion": "does something",
    "background": "simple",
    "texture": "patterned",
}
OFF_TOPIC = (
    "People walk in the park near the river",
    "The weather is warm and the sky is clear",
    "A good soup needs salt and some time",
    "Music plays in the street every day",
    "The train to the city leaves at noon",
    "Many birds sing in the tall trees",
    "My friend likes tea and old books",
    "The market sells bread and fresh fruit",
)


def spoken(fact: str, value: str, way: int) -> str:
    """How a value of a fact ("colour", "motion", "event", ...) is said in a response; `way` is 0, 1 or 2."""
    if fact.startswith("motion"):
        return MOTION_PHRASES[value].said[way]
    if fact == "time":
        return TIME_PHRASES[value][way]
    if fact in ("span", "contact", "cover"):
        return {"span": SPAN_PHRASES, "contact": CONTACT_PHRASES, "cover": COVER_PHRASES}[fact][value][way]
    if fact == "event":
        if value == STAYS:
            return STAYS_PHRASES[way]
        verb, time = value.split()
        return f"{VERB_PHRASES[verb][way]} {TIME_PHRASES[time][way]}"
    if fact == "count":
        return "one object" if value == "one" else f"{value} objects"
    return value


def named(fact: str, value: str) -> str:
    """How a value is named in a rationale: short, and the same every time."""
    if fact == "background":
        return f"{value} background"
    if fact == "count":
        return spoken(fact, value, 0)
    if fact == "span":
        return f"{value} time"
    if fact[-1] in "12":
        return f"{'first' if fact[-1] == '1' else 'then'} {value}"
    return value
