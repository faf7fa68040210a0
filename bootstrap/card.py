"""The dataset card: README.md of a dataset, written from its run. The front matter is what the Hub reads."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from bootstrap.dataset import SPLITS
from bootstrap.rows import GOLD_RATIONALE

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
WORLD_LICENCE = "The seeds are of the procedural world of the VideoJudge workbench; no third-party material is in them."
SEEDS_LICENCE = (
    "The licences of the seeds hold for whatever is taken from them: videos, instructions and gold responses. Read them at "
    "their sources before you share this dataset. What the generator wrote may be under terms of that model."
)


class Card(NamedTuple):
    """What a card is written from. `head` is the run's run.json, `status` its status.json."""

    head: Mapping[str, Any]
    status: Mapping[str, Any]
    counts: Mapping[str, Any]
    settings: Mapping[str, Any]
    sources: Mapping[str, int]  # seeds by where they are from
    rubrics: str  # who wrote them
    tables: str | None  # folder of the Parquet files, as seen from the card; None where there are none
    files: Mapping[str, int]  # other files with their rows
    unused: Mapping[str, int]  # rows that an export could not use, by prompt and reason
    prompts: Sequence[str]  # ids of the judging prompts that the rows are rendered with; none where they are not
    of_world: bool
    marked_kept: int = 0  # sets used though people marked a response of theirs as wrong


def write_card(card: Card) -> str:
    """The text of README.md."""
    parts = [_front_matter(card), _summary(card), _contents(card), _making(card), _limits(card), _licence(card)]
    return "\n\n".join(parts) + "\n"


def _front_matter(card: Card) -> str:
    rows = sum(split["pointwise"] + split["pairwise"] for split in card.counts["splits"].values())
    front: dict[str, Any] = {
        "pretty_name": "Rated responses about videos",
        "license": "other",
        "task_categories": ["video-text-to-text"],
        "tags": ["video", "llm-as-a-judge", "videojudge"],
        "size_categories": [next((name for size, name in SIZES if rows < size), "n>1M")],
    }
    if card.tables is not None:
        front["configs"] = [
            {"config_name": kind, "data_files": [{"split": split, "path": f"{card.tables}{kind}/{split}.parquet"}
                                                 for split in SPLITS if _rows(card, split, kind)]}
            for kind in ("pointwise", "pairwise") if any(_rows(card, split, kind) for split in SPLITS)
        ]  # fmt: skip
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---"


def _rows(card: Card, split: str, kind: str) -> int:
    return card.counts["splits"][split][kind]


def _summary(card: Card) -> str:
    config = card.head["config"]
    return (
        "# Rated responses about videos\n\n"
        "Responses to instructions about videos, each with the rating it deserves (1 to 5), and pairs of them with the "
        "better one. Made by the generator-evaluator loop of VideoJudge (arXiv 2509.21451): the gold response is a 5; the "
        f"others were written for the ratings 4 to 1 by `{config['generator']['judge']}` and kept where "
        f"`{config['evaluator']['judge']}`, which did not know the target, gave a rating at most {config['alpha']} off it."
    )


def _contents(card: Card) -> str:
    counts = card.counts
    table = [("split", "videos", "instructions", "pointwise rows", "of each rating", "pairs")]
    for split, found in counts["splits"].items():
        each = ", ".join(sorted({str(count) for count in found["by_rating"].values()})) or "0"
        table.append((split, found["videos"], found["instructions"], found["pointwise"], each, found["pairwise"]))
    pairs = sum(counts["pairs"].values())
    lines = [
        "## What is in it",
        _table(table),
        "Splits are by video: no video is in two of them. A video's split depends on its content and the seed "
        f"{card.settings['seed']} only.",
    ]
    if pairs:
        lines.append(
            f"Of the ten pairs of a set {card.settings['pair_share']:.0%} are taken at random, in random order: A is the "
            f"better one in {counts['a_is_better']} of {pairs}. {counts['hard_pairs']} are of the hard kind, 2 against 3 "
            '(tag `hard` is "yes"). By ratings: ' + _listed(counts["pairs"]) + "."
        )
    if card.files:
        lines.append("Rows by file: " + _listed(card.files) + ".")
    if card.prompts:
        lines.append("Rendered with the prompts " + ", ".join(f"`{prompt}`" for prompt in card.prompts) + ".")
    if card.unused:
        lines.append("Rows that a prompt could not use: " + _listed(card.unused) + ".")
    return "\n\n".join(lines)


def _making(card: Card) -> str:
    config, status = card.head["config"], card.status
    finished = status.get("complete", 0) + status.get("incomplete", 0)
    lost = f"; left out: {_listed(card.counts['left_out'])}" if card.counts["left_out"] else ""
    rows = [
        ("seeds", f"{status.get('total', 0)}; those worked on are from {_listed(card.sources)}"),
        ("worked on", f"{finished}; {status.get('failed', 0)} failed"),
        ("sets used", f"{card.counts['sets']}{lost}"),
        ("yield", f"{card.counts['sets'] / finished:.1%} of the seeds worked on" if finished else "none"),
        ("rounds, at most", config["rounds"]),
        ("alpha", config["alpha"]),
        ("seed of the run", config["seed"]),
        *((role, _participant(config[role])) for role in ("generator", "evaluator")),
        ("calls, tokens", f"{status.get('calls', 0)}, {status.get('tokens', 0)}"),
        ("prompts", ", ".join(f"`{prompt}`" for prompt in config["prompts"].values())),
        ("rubrics", f"{card.counts['rubrics']} instructions; {card.rubrics}"),
    ]
    return "## How it was made\n\n" + _table([("", ""), *rows])


def _participant(record: Mapping[str, Any]) -> str:
    identity = ", ".join(f"{name} {value}" for name, value in record["identity"].items())
    return f"`{record['judge']}` at temperature {record['sampling']['temperature']:g} ({identity})"


def _limits(card: Card) -> str:
    lines = [
        "A rating is what a response was written for and what the evaluator agreed to, not what people gave. The "
        "evaluator's own mistakes are in it; `python -m bootstrap audit` on the run shows them.",
        "Generator and evaluator read a description of the video. What the description does not tell, they did not know.",
        f"Rationales of the pointwise rows: {_listed(card.counts['rationales'])}. The evaluator's is what it wrote when "
        'it accepted the response, with "the description" made "the video" and "response 2" made "the response"; it may '
        f'speak of the reference answer. The gold response was never evaluated; its rationale is always: "{GOLD_RATIONALE}"',
        "The reference of every row is the gold response, which is also the response of the rows rated 5: show a judge "
        "no reference while it is trained on these.",
        "Videos are not part of it: rows name them by path and by the hash of their content.",
    ]
    if card.counts["given_otherwise"]:
        lines.append(
            f"{card.counts['given_otherwise']} pointwise rows were given another rating than the one they carry (alpha is "
            f"{card.head['config']['alpha']}); their rationales argue for the rating given (`given` in the settings)."
        )
    if card.marked_kept:
        lines.append(
            f"People marked a response of {card.marked_kept} of the sets used as wrong; they were kept on request."
        )
    if empty := [split for split in SPLITS if not _rows(card, split, "pointwise")]:
        lines.append(f"No video fell into {' and '.join(empty)}; there are too few for the shares asked for.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _licence(card: Card) -> str:
    return "## Licence\n\n" + (WORLD_LICENCE if card.of_world else SEEDS_LICENCE)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{_cell(name)}: {count}" for name, count in counts.items()) or "none"


def _table(rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _cell(value: Any) -> str:
    """One line without what would end a cell."""
    return " ".join(str(value).split()).replace("|", "\\|")
