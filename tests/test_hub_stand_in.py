"""The stand-in of the Hub against the real client: folders make the round trip, and a token goes only where it should."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.hub_stand_in import Refused, hub  # noqa: F401  a fixture

MODEL = {"config.json": b'{"a": 1}', "README.md": b"---\nlicense: mit\n---\n# A judge\n", "sub/notes.txt": b"notes\n"}


@pytest.fixture
def client(hub, tmp_path):  # noqa: F811
    """Runs Python with the real client, in a process and a cache of its own."""

    def run(code: str, token: str | None = None, fails: bool = False) -> str:
        lines = "from huggingface_hub import *\nfrom huggingface_hub import HfApi\napi = HfApi()\n"
        done = subprocess.run(
            [sys.executable, "-c", lines + textwrap.dedent(code)],
            env=hub.env(tmp_path / "home", token),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert bool(done.returncode) == fails, done.stderr
        return done.stderr.strip() if fails else done.stdout.strip()

    return run


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_a_model_with_large_files_makes_the_round_trip(hub, client, tmp_path):  # noqa: F811
    weights = os.urandom(10_500_000)
    folder_of(tmp_path / "model", MODEL | {"model.safetensors": weights})
    client(
        """
        create_repo("ann/judge", private=True)
        upload_folder(repo_id="ann/judge", folder_path="model")
        """,
        hub.token,
    )
    assert hub.repos["model", "ann/judge"].private
    kept = hub.read("ann/judge")
    assert {path: kept[path] for path in MODEL} == MODEL
    assert kept["model.safetensors"] == weights

    answer = client(
        """
        from pathlib import Path
        folder = Path(snapshot_download("ann/judge"))
        print(sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()))
        print((folder / "model.safetensors").stat().st_size, Path(hf_hub_download("ann/judge", "config.json")).read_text())
        print(api.model_info("ann/judge").sha, api.whoami()["name"], api.repo_exists("ann/other"))
        """,
        hub.token,
    )
    assert answer.splitlines()[0] == str(sorted([".gitattributes", "model.safetensors", *MODEL]))
    assert answer.splitlines()[1] == '10500000 {"a": 1}'
    assert answer.splitlines()[2] == f"{hub.repos['model', 'ann/judge'].branches['main']} ann False"

    stored = [seen for seen in hub.seen if "/-/blobs/" in seen.path]
    assert {seen.method for seen in stored} >= {"PUT", "GET"}
    assert not [seen for seen in stored if seen.token], "the storage never sees a token"
    assert {seen.host for seen in hub.seen if seen.token} == {hub.host}


def test_a_second_upload_sends_only_what_changed(hub, client, tmp_path):  # noqa: F811
    folder_of(tmp_path / "model", MODEL | {"model.safetensors": b"\0" * 5000})
    code = 'create_repo("ann/judge", exist_ok=True); upload_folder(repo_id="ann/judge", folder_path="model")'
    client(code, hub.token)
    sent = len([seen for seen in hub.seen if seen.method == "PUT"])
    (tmp_path / "model/config.json").write_bytes(b"{}")
    client(code, hub.token)
    assert len([seen for seen in hub.seen if seen.method == "PUT"]) == sent == 1
    assert hub.read("ann/judge")["config.json"] == b"{}"


def test_a_dataset_is_listed_read_in_ranges_and_changed(hub, client):  # noqa: F811
    clip = bytes(range(256)) * 40
    hub.put("lab/pairs", {"data/rows.jsonl": b'{"a": 1}\n', "clips/a.mp4": clip, "README.md": b"# Pairs\n"}, "dataset")
    answer = client(
        """
        print(list_repo_files("lab/pairs", repo_type="dataset"))
        print([each.path for each in api.list_repo_tree("lab/pairs", repo_type="dataset")])
        print([each.size for each in api.get_paths_info("lab/pairs", ["clips/a.mp4", "none"], repo_type="dataset")])
        print(open(hf_hub_download("lab/pairs", "data/rows.jsonl", repo_type="dataset")).read().strip())
        with HfFileSystem().open("datasets/lab/pairs/clips/a.mp4", block_size=1000) as file:
            file.seek(300)
            print(list(file.read(3)))
        """
    ).splitlines()
    assert answer == [
        "['README.md', 'clips/a.mp4', 'data/rows.jsonl']",
        "['clips', 'data', 'README.md']",
        "[10240]",
        '{"a": 1}',
        "[44, 45, 46]",
    ]
    assert [seen.headers["range"] for seen in hub.seen if "range" in seen.headers]
    client(
        """
        create_branch("lab/pairs", branch="next/try", repo_type="dataset")
        upload_file(repo_id="lab/pairs", path_or_fileobj=b"new", path_in_repo="new.txt", repo_type="dataset",
                    revision="next/try")
        delete_file("README.md", "lab/pairs", repo_type="dataset", revision="next/try")
        """,
        hub.token,
    )
    assert set(hub.read("lab/pairs", "dataset", "next/try")) == {"data/rows.jsonl", "clips/a.mp4", "new.txt"}
    assert "README.md" in hub.read("lab/pairs", "dataset")


REFUSED = {
    "create_repo('ann/judge')": "401",
    "whoami('hf_wrong')": "Invalid user token",
    "create_repo('ann/judge', token=READ)": "403 Forbidden",
    "create_repo('bob/judge', token=WRITE)": "403 Forbidden",
    "create_repo('ann/old', token=WRITE)": "409",
    "hf_hub_download('lab/secret', 'config.json')": "RepositoryNotFoundError",
    "hf_hub_download('ann/old', 'none.json')": "EntryNotFoundError",
    "model_info('ann/old', revision='none')": "RevisionNotFoundError",
}


def test_errors_are_those_of_the_hub(hub, client):  # noqa: F811
    hub.put("ann/old", {"config.json": b"{}"})
    hub.put("lab/secret", {"config.json": b"{}"}, private=True)
    answers = client(
        f"""
        READ, WRITE = {hub.read_token!r}, {hub.token!r}
        for call in {list(REFUSED)}:
            try:
                eval(call)
                print("it went through")
            except Exception as error:
                print(type(error).__name__, str(error).replace("\\n", " "))
        """
    ).splitlines()
    for (call, expected), answer in zip(REFUSED.items(), answers, strict=True):
        assert expected in answer, call


def test_a_space_with_secrets_and_its_end(hub, client):  # noqa: F811
    client(
        """
        create_repo("ann/page", repo_type="space", space_sdk="gradio", private=True)
        upload_file(repo_id="ann/page", path_or_fileobj=b"print()", path_in_repo="app.py", repo_type="space")
        api.add_space_secret("ann/page", "KEY", "hidden")
        api.add_space_variable("ann/page", "DEMO", "1")
        assert api.get_space_runtime("ann/page").stage == "RUNNING"
        assert api.get_space_variables("ann/page")["DEMO"].value == "1"
        create_repo("ann/gone", repo_type="space", space_sdk="static")
        delete_repo("ann/gone", repo_type="space")
        """,
        hub.token,
    )
    space = hub.repos["space", "ann/page"]
    assert (space.sdk, space.private, space.secrets, space.variables) == (
        "gradio",
        True,
        {"KEY": "hidden"},
        {"DEMO": "1"},
    )
    assert set(hub.repos) == {("space", "ann/page")}


def test_a_test_can_stand_in_the_way(hub, client):  # noqa: F811
    hub.put("ann/old", {"config.json": b"{}"})
    hub.before = lambda seen: Refused(500, "out of order") if seen.path.startswith("/api/models") else None
    assert "out of order" in client('model_info("ann/old")', fails=True)
    assert hub.seen[-1].status == 500
