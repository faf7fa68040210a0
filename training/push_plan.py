"""What a push would upload: the files of a finished judge, cleaned of this machine's paths, and its model card."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from training.lineage import lineage_of
from training.model_card import CardFacts, has_verdict_figures, write_card
from training.provenance import base_of, data_of, judge_file_of
from training.push_weights import merged_beside, run_until
from training.runs import Checkpoint, Figures, TrainingRun, find_checkpoint, read_figures, read_json
from workbench.backends.judge_file import NAME as JUDGE_FILE
from workbench.backends.loading import parameter_count
from workbench.errors import InputError

REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
# A list and not a pattern of endings: optimizer states, logs and run records beside the weights stay here.
KEPT = (
    "config.json", "generation_config.json", "adapter_config.json", "merged.json", "*.safetensors",
    "*.safetensors.index.json", "processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "*.model", "chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja",
)  # fmt: skip
OWN_PATHS = ("_name_or_path", "name_or_path", "base_model_name_or_path")  # where libraries note a folder
CARD = "README.md"


class PushFile(NamedTuple):
    """One file of the repository: its name there, and its bytes or where they are."""

    path: str
    content: Path | bytes

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


class Plan(NamedTuple):
    """All that a push uploads. `notes` say what a reader of the card should know is missing."""

    repo: str
    checkpoint: Checkpoint
    files: list[PushFile]
    card: str
    notes: list[str]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def plan_push(
    path: Path,
    repo: str,
    *,
    figures: Path | None = None,
    merge: str | None = None,
    say: Callable[[str], None] = print,
) -> Plan:
    """Plan the push of a run or a checkpoint. Nothing is sent, and no token is asked for.

    Args:
        figures: JSON file that evaluate wrote; default for the finished model: figures.json of the run, where there is one.
        merge: base to merge an adapter into, "" for the one that the adapter names; None leaves it an adapter.

    Raises InputError for a malformed repository name, a path that holds no judge, an adapter that nobody else could use.
    """
    if not REPO.fullmatch(repo) or "--" in repo or ".." in repo or repo.endswith((".git", ".", "-")):
        raise InputError(f"repo: got {repo!r}, expected user/name, of letters, digits, dots, dashes and underscores.")
    checkpoint, run = find_checkpoint(path)
    run = run_until(checkpoint, run)
    if merge is not None:
        checkpoint = merged_beside(checkpoint, run, merge, say)
    facts = _facts(repo, checkpoint, run, read_figures(figures) if figures else run.figures)
    if checkpoint.adapter and not _is_hub_id(base := base_of(checkpoint, run).name):
        raise InputError(
            f"run: the adapter {checkpoint.name!r} names {base or 'nothing'} as its base, which is no Hub id, so "
            "nobody else could use it. Push it with --merge BASE, where BASE is that model's folder or Hub id."
        )
    own = _own_card(checkpoint)
    card = own or write_card(facts)
    files = [PushFile(CARD, card.encode()), *_files(checkpoint.folder)]
    if facts.declared is not None:
        files.append(PushFile(JUDGE_FILE, _judge_bytes(checkpoint, facts)))
    return Plan(repo, checkpoint, sorted(files), card, ["its own README.md, kept as it is"] if own else _notes(facts))


def _facts(repo: str, checkpoint: Checkpoint, run: TrainingRun, figures: Figures) -> CardFacts:
    lineage = lineage_of(checkpoint, run)
    return CardFacts(
        repo=repo,
        adapter=checkpoint.adapter,
        parameters=parameter_count(checkpoint.folder),
        declared=judge_file_of(checkpoint, run),
        architecture=_architecture(checkpoint),
        lineage=lineage,
        head=run.head,
        metrics=run.metrics,
        data=data_of(run) or (lineage.stages[-1].data if lineage.stages else {}),
        figures=figures,
    )


def _architecture(checkpoint: Checkpoint) -> str:
    if checkpoint.adapter:
        return str(read_json(checkpoint.folder / "adapter_config.json").get("peft_type", "PEFT"))
    return ", ".join(read_json(checkpoint.folder / "config.json").get("architectures") or ["transformers model"])


def _is_hub_id(name: str | None) -> bool:
    return name is not None and REPO.fullmatch(name) is not None


# -- files


def _files(folder: Path) -> list[PushFile]:
    found = sorted({path for pattern in KEPT for path in folder.glob(pattern) if path.is_file()})
    return [PushFile(path.relative_to(folder).as_posix(), _without_paths(path)) for path in found]


def _without_paths(path: Path) -> Path | bytes:
    """The file, or its text without the folders that libraries note in it."""
    if path.suffix != ".json" or path.name == "tokenizer.json":
        return path
    value = read_json(path)
    noted = [name for name in OWN_PATHS if _is_local(value.get(name))]
    if not noted:
        return path
    kept = value | {name: Path(value[name]).name for name in noted}
    return (json.dumps(kept, indent=2, ensure_ascii=False) + "\n").encode()


def _is_local(name: Any) -> bool:
    return isinstance(name, str) and (name.startswith(("/", "~", "\\", ".")) or bool(re.match(r"[A-Za-z]:\\", name)))


def _own_card(checkpoint: Checkpoint) -> str | None:
    """A card that someone wrote beside the weights; not the empty form that libraries leave."""
    path = checkpoint.folder / CARD
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return text if text.startswith("---\n") and "More Information Needed" not in text else None


def _judge_bytes(checkpoint: Checkpoint, facts: CardFacts) -> Path | bytes:
    path = checkpoint.folder / JUDGE_FILE
    if path.is_file():
        return path
    assert facts.declared is not None
    fields = {name: value for name, value in facts.declared.to_dict().items() if value not in (None, "", ())}
    return (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode()


def _notes(facts: CardFacts) -> list[str]:
    """What is not known and therefore missing in the card."""
    missing = {
        "nothing is recorded of how it was trained": not facts.head and not facts.metrics,
        "nothing is recorded of its data": not facts.data,
        "it was not measured; run python -m training evaluate JUDGE --data DIR --out figures.json, then give --figures": (
            not has_verdict_figures(facts.figures)
        ),
        "no judge.json says what it was trained for": facts.declared is None,
        "the licence of its base is not known": facts.lineage.licence.id is None,
    }
    return [note for note, holds in missing.items() if holds]
