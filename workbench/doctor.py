"""What this machine can do, and what stands in the way: `python -m workbench doctor`.

Standard library only until a check needs more, so that it also runs where the installation is broken.
"""

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
EMBEDDED = Path(__file__).parent / "embedded"
HUB_SECONDS = 4.0
PYTHON_FLOOR = (3, 11)
GIB = 2**30
INSTALL = "python -m pip install -r requirements.txt"
LEAST_MEMORY = 2 * GIB  # the embedded judge with torch and a decoding worker
LEAST_DISK = 1 * GIB
DECODERS = {  # codec -> names under which FFmpeg decodes it without special hardware
    "H.264": ("h264",), "HEVC": ("hevc",), "VP9": ("vp9", "libvpx-vp9"), "AV1": ("libdav1d", "libaom-av1"),
    "MPEG-4": ("mpeg4",), "GIF": ("gif",),
}  # fmt: skip


class Finding(NamedTuple):
    """One thing looked at. `advice` is empty when all is well, else says what is wrong and what to do."""

    name: str
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Everything there is to know before judging, in the order it is needed."""
    return [_python(), *_packages(), _torch(), _device(), _memory(), _pyav(), _decord(), _embedded(), _hub(), _disk()]


def _python() -> Finding:
    advice = "" if sys.version_info >= PYTHON_FLOOR else "Python 3.11 or later is needed; make the environment with it."
    return Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", advice)


def _packages() -> list[Finding]:
    """Each package of requirements.txt that this machine needs, with its version."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return [Finding("packages", "cannot be checked", f"Run: {INSTALL}")]
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    needed = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [_package(one.name, one) for one in needed if not one.marker or one.marker.evaluate()]


def _package(name: str, requirement) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", f"{name} is missing. Run: {INSTALL}")
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(name, version, f"{requirement.specifier} is needed. Run: {INSTALL}")
    return Finding(name, version)


def _import(name: str):
    """The module, or the error that kept it from loading; a broken build raises more than ImportError."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return error


def _torch() -> Finding:
    """torch and torchvision load together: every processor of transformers needs both."""
    for name in ("torch", "torchvision", "transformers"):
        if isinstance(module := _import(name), Exception):
            why = f"{name} does not load ({' '.join(str(module).split()):.160})"
            return Finding("models", why, "Install a matching pair: python -m pip install -U torch torchvision")
    return Finding("models", "torch, torchvision and transformers load")


def _device() -> Finding:
    torch = _import("torch")
    if isinstance(torch, Exception):
        return Finding("device", "unknown: torch does not load")
    from workbench.backends.loading import place

    device, dtype = place("auto", "auto", None, None)[:2]
    if device == "cuda":
        cards = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        shown = ", ".join(f"{card.name} {card.total_memory / GIB:.0f} GiB" for card in cards)
        return Finding("device", f"{shown}; {dtype}")
    if device == "mps":
        return Finding("device", f"Apple GPU; {dtype}")
    cpu = f"CPU, {torch.get_num_threads()} threads; {dtype}"
    return Finding("device", f"{cpu}: good for the embedded judge, slow for 3B and more")


def _memory() -> Finding:
    psutil = _import("psutil")
    if isinstance(psutil, Exception):
        return Finding("memory", "unknown: psutil does not load")
    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    limit = _container_limit()
    if limit and limit < total:
        total, free = limit, min(free, limit)
    advice = "" if free >= LEAST_MEMORY else "A judge and a video decoder need 2 GiB; close something."
    return Finding("memory", f"{free / GIB:.1f} GiB free of {total / GIB:.1f} GiB", advice)


def _container_limit() -> int | None:
    """Bytes that the control group allows; None where there is no limit."""
    file = Path("/sys/fs/cgroup/memory.max")
    text = file.read_text(encoding="ascii").strip() if file.is_file() else "max"
    return int(text) if text.isdigit() else None


def _pyav() -> Finding:
    av = _import("av")
    if isinstance(av, Exception):
        return Finding("PyAV", "does not load", f"No video can be read ({av}). Run: python -m pip install -U av")
    names = set(av.codec.codecs_available)
    able = [codec for codec, decoders in DECODERS.items() if names & set(decoders)]
    unable = [codec for codec in DECODERS if codec not in able]
    advice = f"This build of PyAV cannot decode {', '.join(unable)}. Run: python -m pip install -U --force-reinstall av"
    preview = "" if "libx264" in names else "; no H.264 encoder, so no previews"
    return Finding("PyAV", f"decodes {', '.join(able)}{preview}", advice if unable else "")


def _decord() -> Finding:
    decord = _import("decord")
    if isinstance(decord, Exception):
        return Finding("decord", "not there: PyAV decodes everything")
    return Finding("decord", f"loads ({decord.__version__}); no AV1")


def _embedded() -> Finding:
    files = [file for file in EMBEDDED.rglob("*") if file.is_file()]
    if not any(file.suffix == ".safetensors" for file in files) or not (EMBEDDED / "config.json").is_file():
        advice = "The judge that ships is not in workbench/embedded; restore it from the repository."
        return Finding("embedded judge", "missing", advice)
    return Finding("embedded judge", f"present, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")


def _hub() -> Finding:
    """Whether the Hugging Face Hub answers. Without it, nothing is broken."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return Finding("Hub", "switched off by HF_HUB_OFFLINE: local checkpoints and the embedded judge work")
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if answers(address, HUB_SECONDS):
        return Finding("Hub", f"{address} answers")
    return Finding("Hub", f"{address} is not reachable: local checkpoints and the embedded judge work")


def answers(address: str, seconds: float) -> bool:
    """Whether a server answers a HEAD request, whatever it says, within the time. Looking up its name counts too."""
    heard = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=seconds).close()
            heard.set()
        except urllib.error.HTTPError:
            heard.set()
        except (OSError, ValueError):
            pass

    asking = threading.Thread(target=ask, daemon=True)  # a name server that hangs must not hold us up
    asking.start()
    asking.join(seconds)
    return heard.is_set()


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    advice = "" if free >= LEAST_DISK else "Less than 1 GiB of disk is free here; make room before a run."
    return Finding("disk", f"{free / GIB:.0f} GiB free here (a 3B judge takes about 8, a 7B judge 17)", advice)


def report(findings: list[Finding]) -> str:
    """Problems first, each with what to do; then everything that was looked at."""
    problems = [finding for finding in findings if finding.advice]
    lines = [f"PROBLEM  {finding.name}: {finding.found}. {finding.advice}" for finding in problems]
    lines += [""] * bool(problems)
    room = max(len(finding.name) for finding in findings)
    lines += [f"{'!!' if finding.advice else 'ok'}  {finding.name:<{room}}  {finding.found}" for finding in findings]
    count = f"{len(problems)} problem{'s' * (len(problems) > 1)}" if problems else "Everything needed is there."
    return "\n".join([*lines, "", count])


def main() -> int:
    """Print the report. Returns 0 when nothing stands in the way, else 1."""
    findings = examine()
    print(report(findings))
    return int(any(finding.advice for finding in findings))
