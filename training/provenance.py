"""Where a checkpoint comes from, as far as its folders tell: its base, that base's licence, its data, what it is for."""

import re
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from training.presets import PRESETS, Preset
from training.runs import Checkpoint, TrainingRun, read_json
from workbench.backends.judge_file import JudgeFile, read_judge_file
from workbench.errors import InputError
from workbench.schema import Item
from workbench.store import read_lines

SCRATCH = "random weights"
MERGED = "merged.json"  # what a merged checkpoint keeps of what it was made from
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Base(NamedTuple):
    """What a checkpoint was trained from: a Hub id, the last part of a folder's path, SCRATCH, or None where unknown.

    `folder` is where it lies, if it does.
    """

    name: str | None
    folder: Path | None = None


class Licence(NamedTuple):
    """`id` as the Hub's front matter has it, None where unknown; `name` and `link` where the id is "other"."""

    id: str | None
    name: str | None = None
    link: str | None = None


# As the model cards of the bases state it.
LICENCES: Mapping[str, Licence] = {
    **{f"Qwen/Qwen2.5-VL-{size}-Instruct": Licence("apache-2.0") for size in ("7B", "32B")},
    "Qwen/Qwen2.5-VL-3B-Instruct": Licence(
        "other", "qwen-research", "https://huggingface.co/Qwen/Qwen2.5-VL-3B-Instruct/blob/main/LICENSE"
    ),
    "Qwen/Qwen2.5-VL-72B-Instruct": Licence(
        "other", "qwen", "https://huggingface.co/Qwen/Qwen2.5-VL-72B-Instruct/blob/main/LICENSE"
    ),
    **{f"Qwen/Qwen3-VL-{size}-Instruct": Licence("apache-2.0") for size in ("2B", "4B", "8B")},
    "Qwen/Qwen3-8B": Licence("apache-2.0"),
    **{f"HuggingFaceTB/SmolVLM2-{size}-Instruct": Licence("apache-2.0") for size in ("2.2B", "500M-Video")},
    SCRATCH: Licence("apache-2.0"),  # nothing in it but this project's own
}


def base_of(checkpoint: Checkpoint, run: TrainingRun) -> Base:
    """What the checkpoint was trained from, by its adapter, its merge record, or its run's settings.

    Adapters and merge records keep the last part of a folder's path; the run's settings say where that is.
    """
    given = _named(run.config.get("recipe", {}).get("base"))
    folder = checkpoint.folder
    if checkpoint.adapter:
        kept = read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    elif (folder / MERGED).is_file():
        kept = read_json(folder / MERGED).get("base", {}).get("model")
    else:
        return Base(SCRATCH) if given.name is None and fit_preset(checkpoint, run) else given
    return given if kept in (None, "", given.name) else _named(kept, look=isinstance(kept, str) and "/" in kept)


def _named(given: Any, look: bool = True) -> Base:
    """A base by the Hub id or path that it is called by; a bare last part is no path to `look` for."""
    if not (isinstance(given, str) and given):
        return Base(None)
    given = given.removeprefix("hf:")
    folder = Path(given).expanduser()
    if look and folder.is_dir():
        return Base(folder.resolve().name, folder)
    return Base(given if HUB_ID.fullmatch(given) else folder.name)


def licence_of(base: Base) -> Licence:
    """The licence of a base, from what is known of it or from the front matter of its own card."""
    if base.name in LICENCES:
        return LICENCES[base.name]
    front = _front_matter(base.folder / "README.md") if base.folder else {}
    texts = {name: front.get(name) for name in ("license", "license_name", "license_link")}
    return Licence(*(str(value) if value else None for value in texts.values()))


def _front_matter(card: Path) -> Mapping[str, Any]:
    import yaml

    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    found = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    try:
        value = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError:
        return {}  # someone else's card that nobody can read says nothing
    return value if isinstance(value, dict) else {}


def judge_file_of(checkpoint: Checkpoint, run: TrainingRun) -> JudgeFile | None:
    """What the judge was made for: its own judge.json, or what its preset declares; None where neither is known."""
    if (own := read_judge_file(checkpoint.folder)) is not None:
        return own
    if (preset := fit_preset(checkpoint, run)) is None:
        return None
    from training.ship import judge_file

    return judge_file(preset)


def fit_preset(checkpoint: Checkpoint, run: TrainingRun) -> Preset | None:
    """The preset of an embedded fit: the one that the run names, or whose sizes the last stage's checkpoint has."""
    if checkpoint.adapter or checkpoint.name != "judge":
        return None
    if (named := run.config.get("preset")) in PRESETS:
        return PRESETS[named]
    text = read_json(checkpoint.folder / "config.json").get("text_config", {})
    shape = (text.get("hidden_size"), text.get("num_hidden_layers"), text.get("intermediate_size"))
    sizes = {name: (p.sizes["hidden"], p.sizes["layers"], p.sizes["intermediate"]) for name, p in PRESETS.items()}
    return next((PRESETS[name] for name, known in sizes.items() if known == shape), None)


def data_of(run: TrainingRun) -> dict[str, Any]:
    """What is known of the data: the counts that the run recorded, or those of the folder of it that is still there."""
    recorded = run.config.get("data")
    if isinstance(recorded, Mapping):
        return dict(recorded)
    words = shlex.split(run.head.get("command", ""))
    named = words[words.index("--data") + 1 :][:1] if "--data" in words else []
    folder = Path(*named) if named else run.folder / "data"
    return count_rows(folder) if (folder / "judgments.jsonl").is_file() else {}


def count_rows(folder: Path) -> dict[str, Any]:
    """Counts of a data folder of items.jsonl and judgments.jsonl; {} where they cannot be read any more."""
    try:
        items = {item.id: item for item in map(Item.from_dict, read_lines(folder / "items.jsonl"))}
        scored = [line["item"] for line in read_lines(folder / "judgments.jsonl") if line.get("status") == "scored"]
    except (InputError, OSError, KeyError):
        return {}
    kinds = Counter(items[item].kind for item in scored if item in items)
    videos = {item.video.sha256 for item in items.values() if item.video}
    return {"name": folder.name, "videos": len(videos), "items": len(items)} | {
        f"{k} rows": n for k, n in kinds.items()
    }
