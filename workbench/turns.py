"""Turns on the accelerator: who is on it, who waits, and taking a place. One line for all pages and jobs of a machine.

    <line>/line.json                    how many may be on it at a time, and how many may wait
           place-0.json                 who has it; locked for as long as they do
           waiting/<moment>-<id>.json   who waits; locked for as long as they do

Locks are the truth and files say whose they are, so whoever is killed gives back what they had. Nobody hands out turns:
each looks for itself whether it is the first in line. The folder is WORKBENCH_QUEUE, or one in the user's cache for the
devices that CUDA_VISIBLE_DEVICES leaves. Needs POSIX.
"""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from workbench.errors import InputError
from workbench.locks import is_locked, try_lock

LOOK_SECONDS = 0.25  # between two looks whether it is one's turn
HEAD_START_SECONDS = 300.0  # a verdict, which takes seconds, goes before jobs that came at most so long before it


class Turn(NamedTuple):
    """Somebody on the accelerator or in line for it: a job with its run folder, or the page with its judge."""

    kind: Literal["job", "page"]
    name: str  # the run folder, or the judge's spec
    pid: int
    asked: float  # seconds since the epoch

    @property
    def order(self) -> float:
        return self.asked + (HEAD_START_SECONDS if self.kind == "job" else 0.0)


class Limits(NamedTuple):
    """How many may be on the accelerator at a time, and how many jobs may wait for it."""

    places: int = 1
    waiting: int = 100


def line_folder() -> Path:
    """Where this machine's line is kept, made if need be."""
    devices = "".join(letter for letter in os.environ.get("CUDA_VISIBLE_DEVICES", "") if letter.isalnum()) or "all"
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("WORKBENCH_QUEUE") or caches / "videojudge" / f"accelerator-{devices}")
    try:
        (folder / "waiting").mkdir(parents=True, exist_ok=True)
    except OSError:  # no home to write to, as in some containers
        folder = Path(tempfile.gettempdir()) / f"videojudge-{os.getuid()}-accelerator-{devices}"
        (folder / "waiting").mkdir(parents=True, exist_ok=True)
    return folder


def limits() -> Limits:
    """The limits that hold at this moment."""
    said = _read(line_folder() / "line.json")
    return Limits(**{name: said[name] for name in Limits._fields if isinstance(said.get(name), int)})


def set_limits(**changed: int) -> Limits:
    """Change limits, for everybody and at once. Raises InputError for less than one place or a negative line."""
    new = limits()._replace(**changed)
    if new.places < 1 or new.waiting < 0:
        raise InputError(f"queue: got {new.places} places and {new.waiting} waiting, expected at least 1 and 0.")
    folder = line_folder()
    draft = folder / f"line.{os.getpid()}.tmp"
    draft.write_text(json.dumps(new._asdict()), encoding="utf-8")
    draft.replace(folder / "line.json")
    return new


def holders() -> list[Turn]:
    """Who is on the accelerator."""
    return _held(line_folder().glob("place-*.json"))


def waiting() -> list[Turn]:
    """Who waits for it, the next one first."""
    return sorted(_held((line_folder() / "waiting").glob("*.json")), key=lambda turn: turn.order)


def _held(paths) -> list[Turn]:
    found = []
    for path in sorted(paths):
        said = _read(path) if is_locked(path) else {}
        with suppress(TypeError):  # it was being written, or is not ours
            found.append(Turn(**said))
    return found


class Place:
    """A place on the accelerator, this process's own until it is given back or the process ends."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def give_back(self) -> None:
        """Let the next one have it."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)

    def keep_over_exec(self) -> None:
        """Keep it when this process becomes another program."""
        os.set_inheritable(self.descriptor, True)


class Ticket:
    """A place in the line, for the length of a `with` block. Its file is locked by whoever has the descriptor open."""

    def __init__(self, turn: Turn, path: Path, descriptor: int):
        self.turn, self.path, self.descriptor = turn, path, descriptor
        _sign(descriptor, turn)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)

    def take(self) -> Place | None:
        """A place, where one is free and nobody comes before; None otherwise."""
        with _alone():
            _sweep()
            if any(other.order < self.turn.order for other in waiting()):
                return None
            for number in range(limits().places):
                descriptor = os.open(line_folder() / f"place-{number}.json", os.O_RDWR | os.O_CREAT, 0o600)
                with _kept_open(descriptor):
                    if try_lock(descriptor):
                        _sign(descriptor, self.turn)
                        return Place(descriptor)
                os.close(descriptor)
        return None


def ask(turn: Turn) -> Ticket:
    """Step into the line."""
    path = line_folder() / "waiting" / f"{int(turn.asked * 1e6):017d}-{secrets.token_hex(4)}.json"
    with _alone():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with _kept_open(descriptor):
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # past anyone who only looks
            return Ticket(turn, path, descriptor)


@contextmanager
def _kept_open(descriptor: int) -> Iterator[None]:
    """Close it where the block fails, as on a full disk: its lock would be held for as long as this process lives."""
    try:
        yield
    except BaseException:
        os.close(descriptor)
        raise


def _sign(descriptor: int, turn: Turn) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(turn._asdict()).encode(), 0)


def _sweep() -> None:
    """Remove the tickets that those who were killed left behind."""
    for path in (line_folder() / "waiting").glob("*.json"):
        if not is_locked(path):
            path.unlink(missing_ok=True)


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time steps up to the line; it takes milliseconds."""
    with (line_folder() / "line.lock").open("ab") as gate:
        fcntl.flock(gate.fileno(), fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
