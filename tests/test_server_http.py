"""A public demo over real HTTP: several people who see nothing of each other, and what is refused to all of them."""

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio_client
import pytest

from tests.clips import Clip
from tests.server import ROOT, serving
from tests.server_clients import API, Stranger
from workbench.owners import OWNER_FILE

SECRET = "a-token-of-no-known-form"
SCRIPT = f"""
rules:
  - where: {{instruction: break}}
    fail: "401 for {SECRET}"
  - reply: '<thinking>A circle moves.</thinking><score>4</score>'
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The address of a demo, the judge it allows, and its folder."""
    folder = tmp_path_factory.mktemp("demo")
    clip = Clip(size=(64, 48)).write(folder / "clip.mp4")
    for number in range(20):  # a box that players skip, so that each is another file
        (folder / f"clip{number}.mp4").write_bytes(clip.read_bytes() + b"\0\0\0\x0cfree%04d" % number)
    Clip(size=(64, 48), frames=3, ticks=(0, 70_000, 140_000)).write(folder / "long.mp4")
    (folder / "allowed.yaml").write_text(SCRIPT)
    allowed = f"scripted:{folder / 'allowed.yaml'}"
    with serving(folder, WORKBENCH_DEMO="1", WORKBENCH_JUDGES=allowed, HF_TOKEN=SECRET) as (address, other):
        yield address, allowed, other, folder


@pytest.fixture(scope="module")
def anna(demo):
    """Somebody at the demo, and the clip she has uploaded."""
    return visit(demo)


def visit(demo, clip: str = "clip.mp4") -> tuple[Stranger, str]:
    """Somebody who comes, and has uploaded a clip."""
    one = Stranger(demo[0])
    uploaded = one.upload(demo[3] / clip)
    assert uploaded.status_code == 200, uploaded.text
    return one, uploaded.json()[0]


def test_a_demo_says_whose_runs_are_shown_and_has_no_training(demo):
    config = json.dumps(Stranger(demo[0]).config)
    assert "clearing its cookies loses" in config and "Train" not in [
        part["props"].get("label") for part in json.loads(config)["components"] if part["type"] == "tabitem"
    ]


def test_two_people_see_nothing_of_each_other(demo):
    (anna, hers), ben = visit(demo, "clip1.mp4"), Stranger(demo[0])
    verdict = anna.judge(hers, demo[1], "What does the first clip show?")
    assert verdict["judgments"][0]["score"] == 4, verdict
    assert anna.get_file(hers).content == (demo[3] / "clip1.mp4").read_bytes()
    assert ben.get_file(hers).status_code == 403
    assert "not there, or not yours" in ben.judge(hers, demo[1])["error"]
    name = Path(verdict["run_folder"]).name
    assert anna.runs_listed() == [name] and ben.runs_listed() == []
    ben.session = anna.session
    assert ben.call(0).status_code == 403
    assert ben.http.get(f"{API}/queue/data", params={"session_hash": anna.session}).status_code == 403
    for file in ("run.json", "judgments.jsonl", OWNER_FILE):
        assert anna.get_file(Path(verdict["run_folder"]) / file).status_code == 403


OTHERS = ["hf:org/model", "hf:{root}/workbench/embedded", "{root}/workbench/embedded", "{other}",
          "server:x@http://127.0.0.1:1"]  # fmt: skip
PATHS = ["/etc/passwd", str(ROOT / "app.py"), "{folder}/allowed.yaml", "http://127.0.0.1:1/x.mp4",
         "{folder}/uploads/../clip.mp4"]  # fmt: skip


@pytest.mark.parametrize("spec", OTHERS)
def test_a_demo_takes_no_models_folders_or_servers_of_others(demo, anna, spec):
    one, path = anna
    said = one.judge(path, spec.format(root=ROOT, other=demo[2]))
    assert "public demo" in said["error"]


@pytest.mark.parametrize("path", PATHS)
def test_only_ones_own_uploads_are_read_and_nothing_is_fetched(demo, anna, path):
    said = anna[0].judge(path.format(folder=demo[3]), demo[1])
    assert said["status"] == 400 and "not yours" in said["error"]
    assert anna[0].get_file(path.format(folder=demo[3])).status_code in (403, 404)


def test_no_path_of_the_machine_is_read(demo, anna):
    one, path = anna
    assert "public demo" in one.judge(path, demo[1], video=None, video_path=str(demo[3] / "clip.mp4"))["error"]


def test_uploads_are_short_videos(demo):
    one = Stranger(demo[0])
    assert one.upload(("clip.mp4", b"<script>alert(1)</script>")).status_code == 415
    refused = one.upload(("clip.mp4", b"\0\0\0\x18ftypmp42" + b"\0" * (102 << 20)))
    assert refused.status_code == 413 and "MB" in refused.text
    path = one.upload(demo[3] / "long.mp4").json()[0]
    assert "seconds of video, expected at most 120" in one.judge(path, demo[1])["error"]


def test_a_token_is_told_to_nobody(demo, anna):
    one, path = anna
    verdict = one.judge(path, demo[1], "break")
    assert verdict["judgments"][0]["status"] == "failed" and SECRET not in json.dumps(verdict)
    written = [file for file in (demo[3] / "runs").rglob("*") if file.is_file()] + [demo[3] / "server.log"]
    assert not [file for file in written if SECRET.encode() in file.read_bytes()]


@pytest.mark.slow  # the gate's own test holds the same
def test_a_programs_name_is_a_secret_of_its_own(demo):
    first, second = (Stranger(demo[0], token=letter * 40) for letter in "ab")
    path = first.upload(demo[3] / "clip3.mp4").json()[0]
    assert first.judge(path, demo[1])["judgments"][0]["score"] == 4
    assert second.get_file(path).status_code == 403
    assert Stranger(demo[0], token="a" * 40).get_file(path).status_code == 200


def test_the_remote_example_of_the_docs_runs(demo, monkeypatch, capsys):
    class Told(gradio_client.Client):
        """The documented client, at the demo's address, and with the judge that answers at once."""

        def __init__(self, url, headers):
            super().__init__(demo[0], headers=headers, verbose=False, httpx_kwargs={"timeout": 120})

        def predict(self, **given):
            return super().predict(**given, judge=demo[1])

    docs = (ROOT / "docs/api.md").read_text()
    (example,) = (text for text in re.findall(r"```python\n(.*?)```", docs, re.DOTALL) if "hf.space" in text)
    monkeypatch.setattr(gradio_client, "Client", Told)
    monkeypatch.chdir(demo[3])
    exec(example, {})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out == "4.0 clip.mp4\n"


@pytest.mark.slow  # forty looks at a video
def test_twenty_people_at_once_get_their_own_verdicts(demo):
    def come(number: int):
        one, path = visit(demo, f"clip{number}.mp4")
        asked = [one.judge(path, demo[1], f"What does clip {number} show, time {time}?") for time in (1, 2)]
        return one, path, asked

    with ThreadPoolExecutor(20) as pool:
        came = list(pool.map(come, range(20)))
    for number, (one, _, asked) in enumerate(came):
        content = hashlib.sha256((demo[3] / f"clip{number}.mp4").read_bytes()).hexdigest()
        for time, verdict in enumerate(asked, 1):
            assert "item" in verdict, verdict
            assert verdict["item"]["instruction"] == f"What does clip {number} show, time {time}?"
            assert verdict["item"]["video"]["sha256"] == content and verdict["judgments"][0]["item"]
        assert sorted(one.runs_listed()) == sorted(Path(verdict["run_folder"]).name for verdict in asked)
        others = [path for place, (_, path, _) in enumerate(came) if place != number]
        assert {one.get_file(path).status_code for path in others} == {403}


@pytest.mark.slow  # a server of its own
def test_a_private_page_asks_for_a_password(tmp_path):
    with serving(tmp_path, "--users", "many", WORKBENCH_USER="anna", WORKBENCH_PASSWORD="correct horse") as (
        address,
        _,
    ):
        import httpx

        http = httpx.Client(base_url=address, timeout=60)
        assert http.get("/config").status_code == 401
        assert http.post(f"{API}/upload", files={"files": ("x.mp4", b"\0\0\0\x18ftypmp42")}).status_code == 401
        assert http.post("/login", data={"username": "anna", "password": "wrong"}).status_code == 400
        assert http.post("/login", data={"username": "anna", "password": "correct horse"}).status_code == 200
        assert http.get("/config").status_code == 200
        tried = [http.post("/login", data={"username": "anna", "password": "x"}).status_code for _ in range(20)]
        assert tried[-1] == 429
