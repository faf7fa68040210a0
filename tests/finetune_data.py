"""A small dataset of the form that `python -m bootstrap export` writes, about clips of tests/clips.py."""

import hashlib
import json
from pathlib import Path

from tests.clips import Clip
from workbench.schema import Item, Judgment, Video

GOLD = "The numbers rise steadily."


def make_dataset(folder: Path, train: int = 3, validation: int = 1) -> Path:
    """Videos with five rated responses each, the gold among them, and two pairs; rationales and rubrics throughout."""
    for split, count in (("train", train), ("validation", validation)):
        place = folder / split
        (place / "clips").mkdir(parents=True)
        rows = [row for number in range(count) for row in _rows(place, f"{split}{number}")]
        for name, index in (("items", 0), ("judgments", 1)):
            lines = [json.dumps(row[index].to_dict()) + "\n" for row in rows]
            (place / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def _rows(place: Path, name: str) -> list[tuple[Item, Judgment]]:
    path = Clip(size=(64, 64), frames=8 + len(name) + sum(map(ord, name)) % 7).write(place / "clips" / f"{name}.mp4")
    video = Video(hashlib.sha256(path.read_bytes()).hexdigest(), f"clips/{path.name}")
    texts = {rating: GOLD if rating == 5 else f"{name} answer of {rating} words" for rating in (5, 4, 3, 2, 1)}
    rows = []
    for rating, text in texts.items():
        item = Item(video, f"What happens in {name}?", (text,), reference=GOLD, tags={"rating": str(rating)})
        rows.append(
            (item, target(item, score=float(rating), reasoning=f"It deserves {rating}.", rubric="5: all. 1: none."))
        )
    for better, worse in ((5, 1), (3, 2)):
        item = Item(video, f"What happens in {name}?", (texts[worse], texts[better]), reference=GOLD)
        reasoning = f"A: It says {worse}. B: It says {better}. B is better."
        rows.append((item, target(item, choice="B", reasoning=reasoning)))
    return rows


def target(item: Item, judge: str = "target", **verdict) -> Judgment:
    """A scored judgment of an item."""
    return Judgment(item.id, judge, "gold", "scored", created="", **verdict)
