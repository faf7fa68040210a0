"""Which files a browser may have: those it uploaded, those the page made for it, and those that everybody may see.

    <marks>/<owner>/<hash of the path>   an empty file: that owner may have that file of the upload folder

Marks lie on the disk, so that they outlive a restart. Two people who upload the same file both have it.
"""

import hashlib
import os
from pathlib import Path

from workbench.errors import InputError

NOT_ALLOWED = "This file is not there, or not yours. Ownership is kept in this browser: clearing its cookies loses it."


MARKS = ".uploads"  # under the folder of runs: who may have which file


class FileOwners:
    """Who may have which file. `uploads` is the upload folder, `served` are folders that everybody may read."""

    def __init__(self, uploads: Path, served: tuple[Path, ...], marks: Path):
        self.uploads, self.marks = Path(os.path.realpath(uploads)), marks
        self._served = tuple(Path(os.path.realpath(folder)) for folder in served)

    def give(self, owner: str | None, path: str) -> None:
        """Let an owner have a file of the upload folder; nothing for one elsewhere, or where one user owns all."""
        real = Path(os.path.realpath(path))
        if owner is not None and real.is_relative_to(self.uploads):
            mark = self._mark(owner, real)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()

    def to_serve(self, owner: str | None, path: str) -> Path:
        """The file that a path leads to, links followed, for somebody to download. Raises InputError for all they may not have."""
        real = _regular(path)
        if any(real.is_relative_to(folder) for folder in self._served) or self._has(owner, real):
            return real
        raise InputError(NOT_ALLOWED)

    def to_read(self, owner: str | None, path: str) -> Path:
        """The same for a file that somebody hands over to be judged: one of the upload folder, theirs."""
        real = _regular(path)
        if self._has(owner, real):
            return real
        raise InputError(NOT_ALLOWED)

    def _has(self, owner: str | None, real: Path) -> bool:
        return real.is_relative_to(self.uploads) and (owner is None or self._mark(owner, real).exists())

    def _mark(self, owner: str, real: Path) -> Path:
        return self.marks / owner / self.mark_name(real)

    @staticmethod
    def mark_name(real: Path) -> str:
        """The name of a file's marks."""
        return hashlib.sha256(os.fsencode(real)).hexdigest()[:40]


def was_given(owner: str, real: Path, runs: Path) -> bool:
    """Whether a file, links followed, was handed to an owner of the page that keeps its runs in that folder."""
    return (runs / MARKS / owner / FileOwners.mark_name(real)).exists()


def _regular(path: str) -> Path:
    """An absolute path's regular file, links followed. Raises InputError for addresses, relative paths, folders, devices."""
    if "\0" not in path and path.startswith("/"):
        try:
            real = Path(os.path.realpath(path))
            if real.is_file():
                return real
        except (OSError, ValueError):  # a name too long, or half a character
            pass
    raise InputError(NOT_ALLOWED)
