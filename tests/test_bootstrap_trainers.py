"""The exports against what LLaMA-Factory (data/README.md, data/converter.py, mm_plugin.py) and ms-swift
(Custom-dataset.md, dataset/preprocessor) document of their inputs: every field, role, order and placeholder."""

import json
from pathlib import Path

import pytest
from bootstrap_sets import rated_set, texts_for

from bootstrap.dataset import SPLITS, DatasetSettings, build_dataset
from bootstrap.exports import export_prompts, write_llama_factory, write_ms_swift

# What either trainer would take for a picture, a sound, a box or a token of its own.
PLACEHOLDERS = ("<image>", "<video>", "<audio>", "<ref-object>", "<bbox>", "<cot-process>", "<|image_pad|>", "<|video_pad|>",
                "<|vision_start|>", "<|im_start|>", "<|im_end|>", "<IMAGE>")  # fmt: skip
ENTRY = {"hf_hub_url", "ms_hub_url", "script_url", "cloud_file_name", "file_name", "formatting", "ranking", "subset",
         "split", "folder", "num_samples", "columns", "tags"}  # fmt: skip
COLUMNS = {"prompt", "query", "response", "history", "messages", "system", "tools", "images", "videos", "audios",
           "chosen", "rejected", "kto_tag"}  # fmt: skip
TAGS = {"role_tag", "content_tag", "user_tag", "assistant_tag", "observation_tag", "function_tag", "system_tag"}
SWIFT_KEYS = {"messages", "rejected_response", "label", "images", "videos", "audios", "tools", "objects", "channel"}


@pytest.fixture(scope="module")
def dataset():
    """Sets of which one says everything that a trainer could misread, in responses, reasoning and rubric."""
    said = " ".join(PLACEHOLDERS) + " \ud800 end"
    hostile = rated_set(0, texts={rating: f"{text} {said}" for rating, text in texts_for(0).items()},
                        reasoning="{} faults: " + said, folder="/videos")  # fmt: skip
    sets = [hostile, *(rated_set(number, folder="/videos") for number in range(1, 30))]
    rubrics = {hostile.seed.id: f"5: right. {said}", sets[1].seed.id: "5: right. 1: wrong."}
    return build_dataset(sets, DatasetSettings(shares=(0.6, 0.2, 0.2)), rubrics)


def conversations(rows: list[dict], role: str, content: str) -> None:
    """What both trainers ask of a conversation about one video."""
    assert rows
    for row in rows:
        turns = row["messages"]
        assert [turn[role] for turn in turns] == [
            "system",
            "user",
            "assistant",
        ]  # user odd, assistant even after system
        assert all(set(turn) == {role, content} and isinstance(turn[content], str) for turn in turns)
        assert turns[-1][content].strip()  # an empty answer is refused
        assert isinstance(row["videos"], list) and [Path(path).is_absolute() for path in row["videos"]] == [True]
        whole = "".join(turn[content] for turn in turns)
        assert whole.count("<video>") == len(row["videos"]) and turns[1][content].startswith("<video>")
        assert not any(one in whole for one in PLACEHOLDERS if one != "<video>")
        whole.encode("utf-8")  # no half of a surrogate pair, which Arrow refuses


def test_llama_factory_reads_every_field(dataset, tmp_path):
    write_llama_factory(tmp_path, dataset)
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert len(info) == len(export_prompts()) * len(SPLITS) - missing(dataset)
    for name, entry in info.items():
        assert set(entry) <= ENTRY and set(entry["columns"]) <= COLUMNS and set(entry["tags"]) <= TAGS, name
        assert entry["formatting"] == "sharegpt" and not entry.get("ranking")
        assert (tmp_path / entry["file_name"]).suffix == ".json" and "/" not in entry["file_name"]
        tags = entry["tags"]
        assert (tags["user_tag"], tags["assistant_tag"], tags["system_tag"]) == ("user", "assistant", "system")
        rows = json.loads((tmp_path / entry["file_name"]).read_text())
        assert all(set(row) == set(entry["columns"].values()) for row in rows)
        columns = {name: entry["columns"][name] for name in ("messages", "videos")}
        read = [{name: row[column] for name, column in columns.items()} for row in rows]
        conversations(read, tags["role_tag"], tags["content_tag"])


def missing(dataset) -> int:
    """How many files have no row: the prompts with a rubric in splits where no instruction has one."""
    return sum(not any(row.judgment.rubric for row in dataset.rows[split]) for split in SPLITS)


def test_ms_swift_reads_every_field(dataset, tmp_path):
    import pyarrow.json

    files = write_ms_swift(tmp_path, dataset).files
    assert files
    for name in files:
        rows = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        assert all(set(row) <= SWIFT_KEYS for row in rows) and name.endswith(".jsonl")
        conversations(rows, "role", "content")
        table = pyarrow.json.read_json(tmp_path / name)  # as `datasets` does: one type a column
        assert table.num_rows == len(rows) and set(table.column_names) == {"messages", "videos"}
