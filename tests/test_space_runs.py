"""The built Space in a fresh environment: installed from its own requirements, started as the Hub starts it, asked to judge."""

import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from gradio_client import Client, handle_file

from spaces_config.assemble import build_space
from spaces_config.card import Settings
from tests.server import wait_for

START_SECONDS = 600
PYTHON = "3.12"
OWNER = {"x-workbench-owner": "a-secret-of-the-test-of-thirty-two-letters"}


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("space")
    build_space(Settings("zero-gpu", "videojudge-7b-rubric"), folder / "app")
    return folder


@pytest.fixture(scope="module")
def python(space) -> str:
    """The interpreter of an environment that holds what the Space's card and requirements name, and nothing else."""
    card = yaml.safe_load((space / "app/README.md").read_text().split("---")[1])
    wanted = ["-r", str(space / "app/requirements.txt"), f"gradio[oauth,mcp]=={card['sdk_version']}"]
    made = space / "environment/bin/python"
    uv = shutil.which("uv")
    make = [uv, "venv", "--python", PYTHON] if uv else [f"python{PYTHON}", "-m", "venv"]
    try:
        run(*make, str(space / "environment"))
    except (AssertionError, FileNotFoundError) as error:
        pytest.skip(f"no Python {PYTHON} to make an environment with: {error}")
    install = [uv, "pip", "install", "--python", str(made)] if uv else [str(made), "-m", "pip", "install", "--quiet"]
    run(*install, *wanted)
    return str(made)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def address(space, python):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "WORKBENCH_", "HF_"))}
    hub = {"SPACE_ID": "ann/vj", "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(port)}
    own = {"WORKBENCH_JUDGE": "videojudge-7b-rubric", "CUDA_VISIBLE_DEVICES": "", "GRADIO_TEMP_DIR": str(space / "tmp")}
    with (space / "log").open("w") as log:
        server = subprocess.Popen(
            [python, "app.py"], cwd=space / "app", env=kept | hub | own, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/", server, space / "log", START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_built_space_starts_in_a_fresh_environment_and_judges_an_example(space, address):
    page = urllib.request.urlopen(address).read().decode()
    assert "There is no GPU here for videojudge-7b-rubric" in page, "it says which judge answers"
    client = Client(address, headers=OWNER, verbose=False, httpx_kwargs={"timeout": 300})
    clip = handle_file(str(space / "app/workbench/examples/turn.mp4"))
    answer = client.predict(
        instruction="Look closely. How does the object move first and last?",
        responses=["The object first goes down and then does not move. The background is white. It is small and red."],
        video=clip,
        api_name="/judge",
    )
    (judged,) = answer["judgments"]
    assert judged["status"] == "scored" and 1 <= judged["score"] <= 5
    assert judged["judge"] == "embedded" and len(judged["frames"]["seconds"]) == 8
    assert Path(answer["run_folder"]).parent == (space / "app/runs").resolve()
    refused = client.submit(instruction="x", responses=["y"], judge="qwen2.5-vl-72b", text_only=True, api_name="/judge")
    assert "public demo" in str(refused.exception(120))
