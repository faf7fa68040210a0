"""The served page from outside: the /judge endpoint, what it refuses, and what the server hands out."""

import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.clips import Clip
from tests.server import ROOT, serving
from workbench.store import Run


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    Clip().write(folder / "clip.mp4")
    (folder / "notes.mp4").write_text("no video at all")
    with serving(folder) as (address, judge):
        yield Client(address, verbose=False), address, judge, folder


def ask(served, **arguments):
    client, _, judge, folder = served
    given = {"video": handle_file(str(folder / "clip.mp4")), "instruction": "What happens?", "judge": judge}
    return client.predict(**{**given, **arguments}, api_name="/judge")


def test_judge_scores_each_response(served):
    answer = ask(served, responses=["A circle moves.", "Nothing."], frames=4)
    assert [judged["score"] for judged in answer["judgments"]] == [4.0, 4.0]
    assert len(answer["judgments"][0]["frames"]["seconds"]) == 4
    assert answer["command"].startswith("python -m workbench judge ")
    assert len(Run.open(answer["run_folder"]).judgments()) == 2


def test_judge_compares_in_both_orders(served):
    answer = ask(served, responses=["one", "two"], mode="pairwise")
    assert [judged["choice"] for judged in answer["judgments"]] == ["A", "B"]
    assert answer["outcome"] == "inconsistent"


def test_the_command_it_gives_repeats_the_verdict(served, tmp_path):
    answer = ask(served, responses=["It's a 'circle'; $HOME"], seed=5, temperature=0.5)
    words = shlex.split(answer["command"])
    again = subprocess.run([sys.executable, *words[1:], f"--out={tmp_path / 'again'}"], cwd=ROOT, check=False)
    assert again.returncode == 0
    assert [judged.key for judged in Run.open(tmp_path / "again").judgments()] == [
        judged.key for judged in Run.open(answer["run_folder"]).judgments()
    ]


@pytest.mark.parametrize(("arguments", "message"), [
    ({"responses": [], "instruction": " "}, "write the instruction and give a response"),
    ({"responses": ["a"], "video": None}, "add a video"),
    ({"responses": ["a"], "judge": "nobody"}, "which is no judge"),
    ({"responses": ["a"], "mode": "vibes"}, "expected one of pointwise"),
    ({"responses": ["a"], "frames": -1}, "expected 1 to 10,000"),
    ({"responses": ["a"], "temperature": 99}, "expected 0"),
    ({"responses": "abc"}, "responses: got 'abc', expected a list of texts"),
    ({"responses": ["a", 5]}, "expected a list of texts"),
    ({"responses": ["a"], "instruction": 5}, "instruction: got 5, expected text"),
    ({"responses": ["a"], "video": "clip.mp4"}, "a path that was not uploaded"),
])  # fmt: skip
def test_judge_says_what_is_wrong(served, arguments, message):
    with pytest.raises(AppError, match=message):
        ask(served, **arguments)


def test_a_file_that_is_no_video_is_one_clear_error(served):
    *_, folder = served
    with pytest.raises(AppError, match="notes.mp4"):
        ask(served, responses=["a"], video=handle_file(str(folder / "notes.mp4")))
    assert ask(served, responses=["a"])["judgments"][0]["status"] == "scored"


def test_two_users_queue_for_the_one_judge(served):
    client, _, judge, folder = served
    video = handle_file(str(folder / "clip.mp4"))
    started = time.monotonic()
    jobs = [
        client.submit(instruction=f"slowly {number}", responses=["a"], video=video, judge=judge, api_name="/judge")
        for number in (1, 2)
    ]
    assert [job.result(60)["judgments"][0]["score"] for job in jobs] == [3.0, 3.0]
    assert time.monotonic() - started >= 4  # each takes two seconds of the judge, one after the other


def test_failures_are_values(served):
    judged = ask(served, responses=["a"], instruction="break")["judgments"][0]
    assert judged["status"] == "failed" and "out of memory" in judged["error"] and judged["score"] is None


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "app.py"), "http://127.0.0.1:1/x.mp4"])
def test_only_uploaded_files_are_opened(served, path):
    with pytest.raises((AppError, httpx.HTTPStatusError)):  # the judge's refusal, or the gate's
        ask(served, responses=["a"], video={"path": path, "meta": {"_type": "gradio.FileData"}})


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "app.py"), str(ROOT / "workbench/tab.py")])
def test_the_server_hands_out_no_other_files(served, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{served[1]}/gradio_api/file={path}", timeout=10)
    assert refused.value.code in (403, 404)


def test_runs_are_not_handed_out(served):
    folder = Path(ask(served, responses=["a"])["run_folder"])
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{served[1]}/gradio_api/file={folder / 'run.json'}", timeout=10)
    assert refused.value.code in (403, 404)


def test_the_endpoints_are_the_only_public_ones_and_judge_is_typed(served):
    endpoints = served[0].view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/judge", "/compare", "/sweep", "/audit"}
    names = [parameter["parameter_name"] for parameter in endpoints["/judge"]["parameters"]]
    assert names[:3] == ["instruction", "responses", "video"]


def test_importing_the_app_loads_no_model_library():
    code = "import app, sys; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
