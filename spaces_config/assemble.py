"""What a Space is made of: the app and its rooms as they are in the checkout, a card, requirements, packages."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spaces_config.card import APP_FILE, Settings, write_card
from spaces_config.hardware import pins_for, requirements_text
from workbench.backends.presets import PRESETS
from workbench.errors import InputError

ROOT = Path(__file__).parents[1]
ROOMS = ("workbench", "bootstrap", "training", "analysis")  # app.py imports a tab of each
ALONE = (APP_FILE, "LICENSE")
PACKAGES = Path(__file__).parent / "packages.txt"
NOT_SHIPPED = ("__pycache__", ".pytest_cache", ".ruff_cache")


class SpaceFile(NamedTuple):
    """One file of the Space: its path there, and its bytes or where they are."""

    path: str
    content: Path | bytes

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def space_files(settings: Settings, root: Path = ROOT) -> list[SpaceFile]:
    """Every file of a Space, by path. Tests, docs and this room stay at home.

    Raises InputError for a judge that is neither embedded nor a preset, and for a checkout that lacks what a Space needs.
    """
    if settings.judge != "embedded" and settings.judge not in PRESETS:
        raise InputError(f"--judge: got {settings.judge!r}, expected embedded or a preset: {', '.join(PRESETS)}.")
    if settings.results is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", settings.results):
        raise InputError(f"--results: got {settings.results!r}, expected USER/DATASET.")
    files = [SpaceFile(path, root / path) for path in (*ALONE, *_of_rooms(root))]
    if missing := [file.path for file in files if not (root / file.path).is_file()]:
        raise InputError(f"{root}: {missing[0]} is not there; build from a whole checkout.")
    made = {
        "README.md": write_card(settings).encode(),
        "requirements.txt": requirements_text(pins_for(settings.hardware)).encode(),
        "packages.txt": PACKAGES.read_bytes(),
    }
    return sorted([*files, *(SpaceFile(path, content) for path, content in made.items())])


def _of_rooms(root: Path) -> Iterator[str]:
    """The files of the rooms: what git does not ignore, or, in a copy without git, all but caches."""
    listed = _listed_by_git(root)
    found = (path.relative_to(root).as_posix() for room in ROOMS for path in (root / room).rglob("*") if path.is_file())
    for path in sorted(found):
        if (listed is None or path in listed) and not set(path.split("/")) & set(NOT_SHIPPED):
            yield path


def _listed_by_git(root: Path) -> set[str] | None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *ROOMS]
    try:
        shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git on this machine
        return None
    return set(shown.stdout.split("\0")) - {""} if shown.returncode == 0 else None


def build_space(settings: Settings, out: Path, root: Path = ROOT) -> list[SpaceFile]:
    """Write the Space's files into a folder that is new or empty; what is in them. Raises InputError for any other."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out: {out} is there and not empty; give a new folder.")
    files = space_files(settings, root)
    for file in files:
        target = out / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file.content, bytes):
            target.write_bytes(file.content)
        else:
            shutil.copyfile(file.content, target)
    return files


def size_words(files: list[SpaceFile]) -> str:
    """How many files of how much, in words."""
    return f"{len(files)} files, {sum(file.size for file in files) / 1e6:,.1f} MB"
