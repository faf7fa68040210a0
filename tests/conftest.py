"""Fixtures that many tests share: small random-weights checkpoints, made once a session by the library's own maker."""

import os
import tempfile
from contextlib import suppress

import pytest
from hypothesis import settings

from tests.browsing import browser, reader, served  # noqa: F401

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test asks the Hub; set before anything imports huggingface_hub
# Test files run side by side; threads that spin while another process has the processor slow each other manyfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Jobs of tests do not wait for those of a page that is open on the same machine.
os.environ["WORKBENCH_QUEUE"] = os.path.join(tempfile.gettempdir(), f"videojudge-tests-{os.getpid()}")

# No example is timed: what a machine is busy with is no property of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What the page looked like when a browser test failed is left beside the other pictures."""
    report = yield
    if report.failed and (somebody := item.funcargs.get("reader")):
        with suppress(Exception):  # the page may be closed; the test's own failure is what counts
            somebody.keep(f"failed-{item.name}")
    return report


# Weights this wide make logits that differ clearly from token to token, as a trained model's do.
WIDE = {"initializer_range": 0.2}


@pytest.fixture(scope="session")
def qwen25_checkpoint(tmp_path_factory):
    """Folder of a tiny Qwen2.5-VL: 14-pixel patches merged 2x2, two frames a temporal patch."""
    return _made(tmp_path_factory, "qwen2.5-vl")


@pytest.fixture(scope="session")
def qwen3_checkpoint(tmp_path_factory):
    """Folder of a tiny Qwen3-VL: 16-pixel patches merged 2x2, a timestamp before each pair of frames."""
    return _made(tmp_path_factory, "qwen3-vl")


@pytest.fixture(scope="session")
def smolvlm_checkpoint(tmp_path_factory):
    """Folder of a tiny SmolVLM2: every frame a 56x56 square of 4 tokens."""
    return _made(tmp_path_factory, "smolvlm2")


@pytest.fixture(scope="session")
def text_checkpoint(tmp_path_factory):
    """Folder of a tiny text-only Qwen3, the kind of judge that reads a description."""
    return _made(tmp_path_factory, "qwen3")


def _made(tmp_path_factory, architecture):
    from workbench.backends.random_weights import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp(architecture), architecture, **WIDE)
