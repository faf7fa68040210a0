"""The machines that a Space may run on, and the versions that each of them gets."""

import re
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from workbench.errors import InputError

Hardware = Literal[
    "zero-gpu", "cpu-basic", "cpu-upgrade", "t4-small", "t4-medium", "l4x1", "l40sx1", "a10g-small", "a10g-large",
    "a100-large", "rtx-pro-6000",
]  # fmt: skip
FREE = ("zero-gpu", "cpu-basic")  # all others are billed by the hour to whoever owns the Space
FLAVOURS = {"zero-gpu": "zero-a10g"}  # the Hub's own name, where it is another
PINS = Path(__file__).parent / "requirements"
PYTHON = {"zero-gpu": "3.12.12"}  # ZeroGPU has these versions and no others; elsewhere the newest 3.12
GRADIO = "gradio"


class Pins(NamedTuple):
    """What a Space installs: exact versions by package, and those of Python and gradio, which its card names."""

    packages: dict[str, str]
    python: str
    gradio: str


def checked_hardware(name: str) -> Hardware:
    """The name as one of the known ones. Raises InputError."""
    if name not in get_args(Hardware):
        raise InputError(f"--hardware: got {name!r}, expected one of {', '.join(get_args(Hardware))}.")
    return name


def flavour(hardware: Hardware) -> str:
    """What the Hub's API calls a machine."""
    return FLAVOURS.get(hardware, hardware)


def has_gpu(hardware: Hardware) -> bool:
    """Whether a judge can run on a GPU there, if only for the length of a call."""
    return not hardware.startswith("cpu")


def pins_for(hardware: Hardware) -> Pins:
    """The versions for a machine."""
    own = "zero-gpu.txt" if hardware == "zero-gpu" else "machine.txt"
    packages = read_pins(PINS / own) | read_pins(PINS / "common.txt")
    return Pins(packages, PYTHON.get(hardware, "3.12"), packages.pop(GRADIO))


def read_pins(path: Path) -> dict[str, str]:
    """Package -> version of a file of lines like `torch==2.11.0`."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("==") for line in lines if line)


def requirements_text(pins: Pins) -> str:
    """The requirements.txt of a Space. Gradio is not in it: a Space installs the card's version by itself."""
    return "".join(f"{name}=={version}\n" for name, version in pins.packages.items())


def floors(requirements: str) -> dict[str, str]:
    """Package -> the least version that lines like `torch>=2.14; markers  # why` ask for."""
    found = {}
    for line in requirements.splitlines():
        if asked := re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)", line.strip()):
            found[asked[1].lower()] = asked[2]
    return found
