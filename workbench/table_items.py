"""A table's rows gathered into the items of a run, within bounds: what would fill the memory is refused with a sentence."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from workbench.errors import InputError
from workbench.judge import one_response_each
from workbench.prompts import Prompt
from workbench.schema import Item
from workbench.tables import Rejected

HELD_BYTES = 2 << 30  # that the items of one run may take in memory
ITEM_BYTES = 1_000  # of an item beside its texts: 700 measured
MOST_REJECTED = 10_000  # rejected rows that are kept with their reasons; more are counted


class Gathered(NamedTuple):
    """The distinct items, the rejected rows (at most MOST_REJECTED of them), how many were rejected, and how many rows
    repeated an item."""

    items: list[Item]
    rejected: list[Rejected]
    rejected_count: int
    repeated: int


def gather_items(rows: Iterable[Item | Rejected], prompt: Prompt, limit: int | None) -> Gathered:
    """Reads a table to its end, or to `limit` items, repeated ones counted. For pointwise judging a row becomes an item for
    each response.

    Raises InputError when the items would take more than HELD_BYTES of memory.
    """
    rejected = _Rejections()
    accepted = _accepted(rows, rejected)
    items: dict[str, Item] = {}
    room, count = HELD_BYTES, 0
    for item in islice(one_response_each(accepted) if prompt.kind == "pointwise" else accepted, limit):
        count += 1
        if item.id not in items:
            items[item.id] = item
            room -= ITEM_BYTES + _characters(item)
        if room < 0:
            raise InputError(
                f"The table has more than {len(items) - 1:,} items, too many to hold at once ({HELD_BYTES >> 30} GiB); judge the "
                f"first ones with --limit {len(items) - 1}, or split the file and judge each part."
            )
    return Gathered(list(items.values()), rejected.listed(), rejected.count, count - len(items))


class _Rejections:
    """Rejected rows, the first of them in full."""

    def __init__(self):
        self.count, self._kept, self._last = 0, [], None

    def add(self, row: Rejected) -> None:
        self.count += 1
        if len(self._kept) < MOST_REJECTED:
            self._kept.append(row)
        self._last = row

    def listed(self) -> list[Rejected]:
        more = self.count - len(self._kept)
        if not more or self._last is None:
            return self._kept
        told = f"this and {more - 1:,} rows before it were rejected too; the first {MOST_REJECTED:,} are listed"
        return [*self._kept, self._last._replace(reason=told, content="")]


def _accepted(rows: Iterable[Item | Rejected], rejected: _Rejections) -> Iterator[Item]:
    """The table's items; the rows rejected on the way are put into `rejected`."""
    for row in rows:
        if isinstance(row, Rejected):
            rejected.add(row)
        else:
            yield row


def _characters(item: Item) -> int:
    texts = (item.instruction, item.reference or "", item.description or "", *item.responses, *item.tags.values())
    return sum(map(len, texts))
