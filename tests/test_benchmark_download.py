"""Downloading a benchmark's annotation file: only when asked for, one file, and what is said where there is none."""

import pytest
from huggingface_hub import errors

from analysis.__main__ import main
from analysis.benchmarks import BENCHMARKS
from analysis.benchmarks.download import download
from workbench.errors import InputError


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A Hub that holds one dataset; calls are noted."""
    held = {"files": ["README.md", "lvb_val.json", "videos.tar.part.aa"], "calls": [], "error": None}

    def listed(name, repo_type):
        held["calls"].append(("list", name, repo_type))
        if held["error"]:
            raise held["error"]
        return held["files"]

    def fetched(name, file, repo_type):
        held["calls"].append(("fetch", name, file, repo_type))
        path = tmp_path / file
        path.write_text("[]")
        return str(path)

    monkeypatch.setattr("huggingface_hub.list_repo_files", listed)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetched)
    return held


def test_the_annotation_file_and_nothing_else(hub):
    said = []
    path = download(BENCHMARKS["longvideobench"], None, said.append)
    assert path.name == "lvb_val.json"
    assert [call[-2] for call in hub["calls"] if call[0] == "fetch"] == ["lvb_val.json"]
    assert "non-commercial" in said[0]


def test_one_of_several_has_to_be_named(hub):
    hub["files"] = ["a.jsonl", "data/b.parquet", "c.mp4"]
    with pytest.raises(
        InputError, match="got 2 files that may be meant; name one with --data: a.jsonl, data/b.parquet"
    ):
        download(BENCHMARKS["videorewardbench"], None, print)
    from pathlib import Path

    assert download(BENCHMARKS["videorewardbench"], Path("a.jsonl"), print).name == "a.jsonl"
    with pytest.raises(InputError, match="got no such file"):
        download(BENCHMARKS["videorewardbench"], Path("z.jsonl"), print)


@pytest.mark.parametrize(
    "error, complaint",
    [
        (OSError("no route"), "the Hub could not be reached"),
        (errors.OfflineModeIsEnabled("offline"), "the Hub could not be reached"),
    ],
)
def test_a_hub_that_cannot_be_reached(hub, error, complaint):
    hub["error"] = error
    with pytest.raises(InputError, match=complaint):
        download(BENCHMARKS["longvideobench"], None, print)


def test_a_set_that_is_not_on_the_hub_says_where_it_is(hub, capsys):
    assert main(["import", "vatex-eval", "--download", "--out", "x"]) == 2
    assert "not on the Hub; get the annotation file of EMScore" in capsys.readouterr().err
    assert hub["calls"] == []


def test_nothing_is_asked_of_the_hub_without_the_option(hub, tmp_path):
    path = tmp_path / "lvb_val.json"
    path.write_text("[]")
    main(["import", "longvideobench", "--data", str(path), "--out", str(tmp_path / "run")])
    assert hub["calls"] == []
