"""VideoAutoBench, the human side of VideoAutoArena (arXiv 2411.13281): of two answers, the one that people selected.

File: videoautobench.latest.json, a JSON object, question id -> {"video_id", "persona", "question", "selected answer",
"rejected answer"}. The videos are LongVideoBench's; the persona is kept as a tag and not shown to a judge.
"""

from collections.abc import Iterator

from analysis.benchmarks.entries import Entry, Source, Videos, entries, rows_of, text_in
from analysis.benchmarks.pairs import better_and_worse
from workbench.rows import Row
from workbench.tables import Rejected


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item a question, and a judgment by "human:selected"."""
    videos = source.finder()
    return entries(rows_of(source), lambda row: [_entry(row, source, videos)])


def _entry(row: Row, source: Source, videos: Videos) -> Entry:
    values = row.values
    name = text_in(values, "video_id")
    tags = {"row": str(row.number), "video": name, "question": str(values.get("key", row.number))}
    tags |= {"persona": str(values["persona"])} if values.get("persona") else {}
    texts = (text_in(values, "question"), text_in(values, "selected answer"), text_in(values, "rejected answer"))
    return better_and_worse(source, videos.find(name), *texts, "human:selected", tags)
