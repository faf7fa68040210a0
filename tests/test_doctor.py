"""The doctor: problems first, exit code, the Hub over real sockets, and broken installations in real processes."""

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from workbench import doctor
from workbench.doctor import Finding, answers, examine, report

ROOT = Path(__file__).parent.parent


class Hub(BaseHTTPRequestHandler):
    """Answers every request with the status in its path."""

    def do_HEAD(self):
        self.send_response(int(self.path.strip("/") or 200))
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def hub():
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent():
    """The address of a server that takes calls and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    return address


def test_problems_come_first_with_what_to_do():
    text = report([Finding("Python", "3.11"), Finding("disk", "none", "Make room.")])
    assert text.splitlines()[0] == "PROBLEM  disk: none. Make room."
    assert "ok  Python  3.11" in text and "!!  disk    none" in text and text.endswith("1 problem")
    assert report([Finding("Python", "3.11")]).endswith("Everything needed is there.")


@pytest.mark.parametrize("status", ["", "/404", "/503"])
def test_a_hub_that_says_anything_answers(hub, status):
    assert answers(hub + status, 5)


def test_a_hub_that_is_not_there_or_silent_does_not(silent, closed):
    assert not answers(closed, 5)
    assert not answers(silent, 0.3)
    assert not answers("nonsense", 5)


def test_the_hub_finding_is_never_a_problem(hub, closed, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for address, said in ((hub, "answers"), (closed, "not reachable: local checkpoints and the embedded judge work")):
        monkeypatch.setenv("HF_ENDPOINT", address)
        finding = doctor._hub()
        assert said in finding.found and not finding.advice
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "switched off" in doctor._hub().found


def test_this_machine_is_looked_at_all_over(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    findings = {finding.name: finding for finding in examine()}
    for name in ("Python", "torch", "av", "models", "device", "memory", "PyAV", "embedded judge", "Hub", "disk"):
        assert name in findings
    assert "H.264, HEVC, VP9, AV1, MPEG-4, GIF" in findings["PyAV"].found
    assert "float" in findings["device"].found


@pytest.mark.parametrize(
    "files, advice", [((), True), (("config.json",), True), (("config.json", "m.safetensors"), False)]
)
def test_the_embedded_judge_is_looked_for(tmp_path, monkeypatch, files, advice):
    monkeypatch.setattr(doctor, "EMBEDDED", tmp_path)
    for name in files:
        (tmp_path / name).write_bytes(b"x" * 2_000_000)
    finding = doctor._embedded()
    assert bool(finding.advice) == advice and (advice or finding.found == "present, 4.0 MB")


def test_missing_and_old_packages_are_problems(tmp_path, monkeypatch):
    lines = ["# a comment", "numpy>=999  # why", "surely-not-there", 'odd>=1; platform_system == "Nowhere"', "av"]
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    old, missing, fine = doctor._packages()
    assert ">=999 is needed" in old.advice and "surely-not-there is missing" in missing.advice and not fine.advice


def test_a_broken_torch_is_told_and_the_rest_still_looked_at(tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.13: cannot open shared object file')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1"}
    argv = [sys.executable, "-m", "workbench", "doctor"]
    shown = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert shown.returncode == 1 and "Traceback" not in shown.stderr
    assert shown.stdout.startswith("PROBLEM  models: torch does not load (libcudart.so.13")
    assert "PyAV" in shown.stdout and "disk" in shown.stdout
