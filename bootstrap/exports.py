"""A dataset in the formats of other trainers, rendered by the functions that a judge is asked and read with.

llama-factory    dataset_info.json, and videojudge_<prompt>_<split>.json: a list of {"messages", "videos"}, described in
                 dataset_info.json as format "sharegpt" with roles system, user and assistant
ms-swift         <prompt>_<split>.jsonl: one {"messages", "videos"} a line, its standard format
parquet          {pointwise,pairwise}/<split>.parquet: a table, one row a verdict

In both trainers' formats "<video>" in the user's turn marks where the video of `videos` goes: first, as everywhere in
the workbench. Nothing in the texts can be taken for another one, since rendering makes tags in them plain text.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bootstrap.dataset import SPLITS, Dataset, rows_of_kind, write_lines
from bootstrap.rows import Row
from workbench.prompts import Prompt, form_for, load_prompt, render
from workbench.replies import Verdict, write_reply

Format = Literal["workbench", "llama-factory", "ms-swift", "parquet"]
VIDEO = "<video>"
PROMPTS = ("pointwise", "rubric", "pairwise", "pairwise_reasoning")  # not those of picture quality, nor of rubrics
NAME = "videojudge"  # of the datasets in dataset_info.json
ROLES = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
TEXTS = ("seed", "instruction", "reference", "description", "rubric", "reasoning", "rationale_source", "written_by",
         "video", "video_sha256", "tags")  # fmt: skip


class Trained(NamedTuple):
    """One training text: what the judge is told, what it reads after the video, and the reply it should give."""

    system: str
    text: str
    reply: str
    video: str


class Exported(NamedTuple):
    """The files written, with their numbers of rows; how many rows each prompt could not use, by reason; the ids of the
    prompts that rows were rendered with."""

    files: Mapping[str, int]
    left_out: Mapping[str, int] = {}
    prompts: tuple[str, ...] = ()


def export_prompts() -> list[Prompt]:
    """The prompts that dataset rows are rendered with: those of the workbench that judge what a response says."""
    return [load_prompt(name) for name in PROMPTS]


def unfit(prompt: Prompt, row: Row) -> str | None:
    """Why a row of the prompt's kind cannot be its training text; None where it can."""
    tags = prompt.form.tags
    if "thinking" in tags and not row.judgment.reasoning:
        return "no rationale"
    if "rubric" in tags and not row.judgment.rubric:
        return "no rubric"
    return None if row.item.video and row.item.video.path else "no video file"


def trained(prompt: Prompt, row: Row) -> Trained:
    """The training text of a row that is fit for the prompt: the request as inference renders it, and its reply."""
    chat, judgment = render(prompt, row.item), row.judgment
    verdict = Verdict(
        score=judgment.score, choice=judgment.choice, rubric=judgment.rubric, reasoning=judgment.reasoning
    )
    reply = write_reply(form_for(prompt, row.item), verdict)
    assert row.item.video is not None and row.item.video.path is not None
    return Trained(chat.system, chat.text, reply, row.item.video.path)


# -- LLaMA-Factory and ms-swift


def write_llama_factory(folder: Path, dataset: Dataset) -> Exported:
    """Write the folder to give as dataset_dir."""
    files, left_out, info = {}, Counter(), {}
    for prompt, split, rows in _by_prompt(dataset):
        name = f"{NAME}_{prompt.name}_{split}"
        count = _write_list(folder / f"{name}.json", _conversations(prompt, rows, left_out))
        if count:
            files[f"{name}.json"] = count
            columns = {"messages": "messages", "videos": "videos"}
            info[name] = {"file_name": f"{name}.json", "formatting": "sharegpt", "columns": columns, "tags": ROLES}
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    return Exported(files, left_out, tuple(prompt.id for prompt in export_prompts()))


def write_ms_swift(folder: Path, dataset: Dataset) -> Exported:
    """Write the files to give as --dataset and --val_dataset."""
    files, left_out = {}, Counter()
    for prompt, split, rows in _by_prompt(dataset):
        path = folder / f"{prompt.name}_{split}.jsonl"
        count = write_lines(path, _conversations(prompt, rows, left_out))
        if count:
            files[path.name] = count
        else:
            path.unlink()
    return Exported(files, left_out, tuple(prompt.id for prompt in export_prompts()))


def _by_prompt(dataset: Dataset) -> Iterator[tuple[Prompt, str, Iterable[Row]]]:
    for prompt in export_prompts():
        for split in SPLITS:
            yield prompt, split, rows_of_kind(dataset.rows[split], prompt.kind)


def _conversations(prompt: Prompt, rows: Iterable[Row], left_out: Counter) -> Iterator[dict[str, Any]]:
    for row in rows:
        if problem := unfit(prompt, row):
            left_out[f"{prompt.name}: {problem}"] += 1
            continue
        one = trained(prompt, row)
        turns = (("system", one.system), ("user", VIDEO + one.text), ("assistant", one.reply))
        yield {"messages": [{"role": role, "content": text} for role, text in turns], "videos": [one.video]}


def _write_list(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    """Write a JSON list row by row; no file where there is no row. Returns the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, 1):
            file.write(("[\n" if count == 1 else ",\n") + json.dumps(row, allow_nan=False))
        file.write("\n]\n")
    if not count:
        path.unlink()
    return count


# -- Parquet


def write_parquet(folder: Path, dataset: Dataset) -> Exported:
    """Write a table a kind and split; also the empty ones, so that every split can be loaded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = {}
    for kind in ("pointwise", "pairwise"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            records = [_encodable(_record(row)) for row in rows_of_kind(dataset.rows[split], kind)]
            path = folder / kind / f"{split}.parquet"
            pq.write_table(pa.Table.from_pylist(records, schema=_schema(pa)), path)
            files[f"{kind}/{path.name}"] = len(records)
    return Exported(files)


def _record(row: Row) -> dict[str, Any]:
    item, judgment = row
    return {
        "item": item.id,
        "responses": list(item.responses),
        "ratings": [int(rating) for rating in item.tags["rating"].split(",")],
        "score": judgment.score,
        "choice": judgment.choice,
        "hard": item.tags.get("hard") == "yes",
        "seed": item.tags["seed"],
        "instruction": item.instruction,
        "reference": item.reference,
        "description": item.description,
        "rubric": judgment.rubric,
        "reasoning": judgment.reasoning,
        "rationale_source": judgment.settings["rationale"],
        "written_by": judgment.prompt,
        "video": item.video.path if item.video else None,
        "video_sha256": item.video.sha256 if item.video else None,
        "tags": json.dumps(dict(item.tags), ensure_ascii=False),
    }


def _encodable(record: dict[str, Any]) -> dict[str, Any]:
    """The record with halves of surrogate pairs, which Parquet cannot hold, made question marks."""
    return {name: _clean(value) for name, value in record.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _schema(pa: Any) -> Any:
    """The columns by type, the same for every file, whatever is missing in one."""
    columns = [("item", pa.string()), ("responses", pa.list_(pa.string())), ("ratings", pa.list_(pa.int8())),
               ("score", pa.float64()), ("choice", pa.string()), ("hard", pa.bool_())]  # fmt: skip
    return pa.schema(columns + [(name, pa.string()) for name in TEXTS])
