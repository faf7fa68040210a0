"""VideoRewardBench (arXiv 2509.00484): pairs of answers, the chosen one known, in five dimensions.

Its field names are not documented where we could look, so each role is found by the names that such sets usually have,
or named at import: --column chosen=FIELD.
"""

from collections.abc import Iterator

from analysis.benchmarks.columns import Role, map_columns, renamed
from analysis.benchmarks.entries import Entry, Source, entries, text_in
from analysis.benchmarks.pairs import better_and_worse
from workbench.rows import Row
from workbench.tables import Rejected

ROLES = (
    Role("video", "name or path of the video", ("video", "video_path", "video_id", "video_name", "path"), False),
    Role("instruction", "what was asked", ("question", "instruction", "prompt", "query", "problem")),
    Role("chosen", "the better answer", ("chosen", "chosen_response", "preferred", "chosen_answer", "accepted")),
    Role("rejected", "the worse answer", ("rejected", "rejected_response", "dispreferred", "rejected_answer")),
    Role(
        "dimension", "perception, knowledge, reasoning or safety",
        ("dimension", "category", "subset", "task", "type", "class"), False,
    ),
)  # fmt: skip


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item a pair, its dimension in the tag "dimension", and a judgment by "human:chosen"."""
    mapped, videos = map_columns(source, ROLES), source.finder()

    def entry(row: Row) -> list[Entry]:
        values = renamed(row, mapped.fields)
        tags = {"row": str(row.number)}
        name = text_in(values, "video") if values.get("video") else None
        tags |= {"video": name} if name else {}
        tags |= {"dimension": str(values["dimension"])} if values.get("dimension") else {}
        texts = (text_in(values, "instruction"), text_in(values, "chosen"), text_in(values, "rejected"))
        return [better_and_worse(source, videos.find(name) if name else None, *texts, "human:chosen", tags)]

    return entries(mapped.rows, entry)
