"""Judges on a server, against a real one: `transformers serve` with a checkpoint of random weights."""

import socket
import subprocess
import sys

import numpy as np
import pytest
from clips import numbered_picture
from transformers.utils.import_utils import is_serve_available

from tests.server import START_SECONDS, wait_for
from workbench.backends import load_backend
from workbench.backends.base import Chat
from workbench.schema import Sampling
from workbench.video.frames import Frames


def numbered_frames(count):
    images = np.stack([numbered_picture(number, 112, 84) for number in range(count)])
    return Frames(images, tuple(map(float, range(count))), tuple(range(count)), "pyav", "ab", float(count), count)


@pytest.fixture(scope="module")
def transformers_server(qwen25_checkpoint, tmp_path_factory):
    """The address of `transformers serve` with a model of random weights."""
    if not is_serve_available():
        pytest.skip("`transformers serve` needs fastapi, uvicorn, pydantic and openai (tests/requirements.txt)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    serve = "from transformers.cli.transformers import main; main()"
    words = ["serve", str(qwen25_checkpoint), "--device=cpu", "--dtype=float32", "--host=127.0.0.1", f"--port={port}"]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-c", serve, *words], stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, log, START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_transformers_serve_answers_as_the_same_model_does_here(transformers_server, qwen25_checkpoint):
    """Greedy text-only replies are the local backend's, token for token; every picture reaches the model."""
    local = load_backend(str(qwen25_checkpoint), dtype="float32")
    served = load_backend(f"server:{qwen25_checkpoint}@{transformers_server}", concurrency=2)
    chats = [Chat("", None, text) for text in ("How good is it?", "And this one?", "A third.")]
    here, there = (backend.generate(chats, Sampling(max_new_tokens=12)) for backend in (local, served))
    assert [reply.text for reply in there] == [reply.text for reply in here]
    tokens = [{name: reply.usage[name] for name in ("prompt_tokens", "reply_tokens")} for reply in (*here, *there)]
    assert tokens[:3] == tokens[3:]
    looking = [Chat("", numbered_frames(count), "How good is it?") for count in (1, 3)]
    seen = served.generate(looking, Sampling(1.0, 0.9, 5, seed=7))
    assert [reply.finished for reply in seen] == [False, False], "random weights do not stop by themselves"
    each = 84 // 28 * 112 // 28 + 2  # tokens of a picture, and one at each of its ends
    counts = [reply.usage["prompt_tokens"] - there[0].usage["prompt_tokens"] for reply in seen]
    assert counts == [each, 3 * each] and seen[0].probs is None


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_transformers_serve_refuses_another_model(transformers_server):
    (reply,) = load_backend(f"server:other@{transformers_server}").generate([Chat("", None, "a")], Sampling())
    assert "does not know the model 'other'" in str(reply)
