"""What an audit will ask: which items, which variants of them, in which passes, and what that costs."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from analysis.audit.probes import OF_PAIRS, OF_RATINGS, Context, own
from analysis.audit.variant import PROBES, Manner, Probe, Variant
from workbench.errors import InputError
from workbench.judge import response_orders
from workbench.schema import Item, Kind, Record, Video, content_id


@dataclass(frozen=True)
class AuditOptions(Record):
    """What to probe. `items` are rated alone, and as many pairs are compared; drawn by `seed`, spread over the videos."""

    probes: tuple[Probe, ...] = PROBES
    items: int = 40
    seed: int = 0
    samples: int = 5  # of the probe of consistency
    temperature: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "probes", tuple(probe for probe in PROBES if probe in self.probes))
        if not self.probes:
            raise InputError(f"--only: got no probe, expected some of {', '.join(PROBES)}.")
        if self.items < 1:
            raise InputError(f"--items: got {self.items}, expected at least 1.")
        if self.samples < 2:
            raise InputError(f"--samples: got {self.samples}, expected at least 2: one sample agrees with itself.")
        if not 0 < self.temperature <= 5:
            raise InputError(f"--temperature: got {self.temperature}, expected more than 0 and at most 5.")


class Pass(NamedTuple):
    """Variants that are asked in one go: of one kind, in one manner."""

    kind: Kind
    manner: Manner
    variants: list[Variant]

    @property
    def items(self) -> list[Item]:
        """The distinct items."""
        return list({variant.item.id: variant.item for variant in self.variants}.values())

    @property
    def calls(self) -> int:
        """Requests it makes."""
        return sum(len(response_orders(item, "both")) for item in self.items) * self.manner.samples

    @property
    def videos(self) -> int:
        """Videos it decodes."""
        return len({item.video.sha256 for item in self.items if item.video}) if self.manner.view != "none" else 0


class Cost(NamedTuple):
    """Requests and decoded videos of an audit of one judge. `extra` are those beyond the items as they are; calls that
    several probes share count for the first of them."""

    items: int
    pairs: int
    calls: int
    extra: int
    by_probe: dict[str, int]
    videos: int
    extra_videos: int


def variants_of(items: Sequence[Item], pairs: Sequence[Item], options: AuditOptions, templates: Sequence[str] = (),
                top: str = "5") -> list[Variant]:  # fmt: skip
    """Every variant that the options ask for, of items with one response and of pairs."""
    context = Context(other_videos(items, options.seed), borrowed_responses(items, options.seed), top, options.samples,
                      options.temperature, tuple(templates))  # fmt: skip
    rated = [probe for probe in options.probes if probe in OF_RATINGS]
    found = [own(item) for item in items] if rated else []
    found += [variant for probe in rated for item in items for variant in OF_RATINGS[probe](item, context)]
    compared = [probe for probe in options.probes if probe in OF_PAIRS]
    found += [variant for probe in compared for pair in pairs for variant in OF_PAIRS[probe](pair, context)]
    return list({(one.probe, one.change, one.of): one for one in found}.values())


def passes_of(variants: Iterable[Variant]) -> list[Pass]:
    """The variants by kind and manner, in order of first appearance."""
    groups: dict[tuple[Kind, Manner], list[Variant]] = defaultdict(list)
    for variant in variants:
        groups[variant.item.kind, variant.manner].append(variant)
    return [Pass(kind, manner, group) for (kind, manner), group in groups.items()]


def cost_of(variants: Sequence[Variant]) -> Cost:
    """What asking all of it costs, if nothing of it has been asked before."""
    by_probe: dict[str, int] = {}
    seen: set[tuple] = set()
    for variant in variants:
        for order in response_orders(variant.item, "both"):
            for sample in range(variant.manner.samples):
                request = (variant.item.id, order, {**asdict(variant.manner), "samples": sample}.values())
                mark = (*request[:2], *request[2])
                by_probe[variant.probe] = by_probe.get(variant.probe, 0) + (mark not in seen)
                seen.add(mark)
    passes = passes_of(variants)
    own_passes = passes_of([one for one in variants if one.probe == "own"])
    videos, own_videos = (sum(each.videos for each in some) for some in (passes, own_passes))
    bases = {(one.item.kind, one.of) for one in variants if one.probe in ("own", "position", "injection")}
    return Cost(sum(kind == "pointwise" for kind, _ in bases), sum(kind == "pairwise" for kind, _ in bases), len(seen),
                len(seen) - by_probe.get("own", 0), by_probe, videos, videos - own_videos)  # fmt: skip


def variants_id(variants: Iterable[Variant]) -> str:
    """Equal where the very same is asked."""
    return content_id([[one.probe, one.change, one.of, one.item.id, one.manner.to_dict()] for one in variants])


# -- which items


def chosen(items: Sequence[Item], count: int, seed: int) -> list[Item]:
    """`count` of the items, drawn by seed, from as many videos as there are: intervals are over videos. Their order is no
    matter."""
    rng = random.Random(seed)
    by_video: dict[str | None, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.id):
        by_video[item.video.sha256 if item.video else item.instruction].append(item)
    groups = list(by_video.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    rounds = max(map(len, groups), default=0)
    return [group[n] for n in range(rounds) for group in groups if n < len(group)][:count]


def pairs_of_ratings(items: Iterable[Item]) -> list[Item]:
    """Pairs of neighbouring responses to one question, for sets that hold none."""
    groups: dict[tuple, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.video, item.instruction, item.reference, item.description].append(item)
    return [Item(a.video, a.instruction, (a.responses[0], b.responses[0]), a.reference, a.description, a.tags)
            for group in groups.values() for a, b in zip(group[::2], group[1::2], strict=False)]  # fmt: skip


def other_videos(items: Iterable[Item], seed: int) -> dict[str, Video]:
    """Another video for each, by hash: a cycle through all of them, so that each stands in once. Empty for one video."""
    videos = sorted({item.video.sha256: item.video for item in items if item.video}.values(), key=lambda v: v.sha256)
    random.Random(seed).shuffle(videos)
    if len(videos) < 2:
        return {}
    return {video.sha256: other for video, other in zip(videos, videos[1:] + videos[:1], strict=True)}


def borrowed_responses(items: Sequence[Item], seed: int) -> dict[str, str]:
    """For each item by id, a response to another question about another video; none where there is no such."""
    rng = random.Random(seed)
    found = {}
    items = sorted(items, key=lambda item: item.id)
    for item in items:
        others = [other for other in items if other.video != item.video and other.instruction != item.instruction]
        if others:
            found[item.id] = rng.choice(others).responses[0]
    return found
