"""What an audit asks: variants of an item, each with one thing changed, and the manner in which it is asked."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from workbench.schema import Item, Record, View
from workbench.video.arrange import FrameOrder

Probe = Literal["looking", "position", "verbosity", "bandwagon", "authority", "sentiment", "injection", "responses",
                "consistency", "template"]  # fmt: skip
PROBES: tuple[Probe, ...] = get_args(Probe)
OWN, BENIGN = "own", "benign"  # what other variants are measured against: the item itself, a neutral addition to it
Against = Literal["own", "benign"]


@dataclass(frozen=True)
class Manner(Record):
    """How something is asked: what is left as it is here is the judge's own or the prompt's own."""

    view: View | None = None
    frame_order: FrameOrder = "filmed"
    template: str = ""  # the name of another wording of the prompt
    temperature: float | None = None
    samples: int = 1


AS_IT_IS = Manner()


@dataclass(frozen=True)
class Variant:
    """One request of a probe about the base item `of`; `change` says what was changed. The item's tags say the same."""

    probe: Probe | Against
    change: str
    of: str
    item: Item
    manner: Manner = field(default=AS_IT_IS)
