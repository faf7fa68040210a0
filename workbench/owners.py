"""Whose a run is, where several people use one page: an owner's name in the run folder, and who is asking now.

    runs/<run>/owner.json   {"owner": "9f2c..."}; a run without one was made on this machine and belongs to it

A browser keeps a secret token in a cookie; the owner's name is a hash of it, so that nobody who reads a run folder can
pass for its owner. None is the one user of a page on their own machine, and every command: they own everything.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.json_files import sync

OWNER_FILE = "owner.json"
SCOPE_KEY = "workbench.owner"  # where the server's gate leaves the owner of a request
NOBODY = "nobody"  # owns nothing: a request that did not come through the gate
TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")

_reader: Callable[[], str | None] = lambda: None  # noqa: E731 - replaced by `ask_for_owners`


def new_token() -> str:
    """A fresh secret for a browser: 256 random bits."""
    return secrets.token_urlsafe(32)


def owner_of(token: str) -> str:
    """The public name of a token's holder: 32 hex digits, from which the token cannot be found."""
    return hashlib.sha256(b"workbench owner " + token.encode()).hexdigest()[:32]


def current_owner(request: Any) -> str | None:
    """The owner that a request (gradio's, starlette's) was made by, as the gate found it; None where one user owns all."""
    inner = getattr(request, "request", None) or request  # gradio's wraps starlette's
    return getattr(inner, "scope", {}).get(SCOPE_KEY, NOBODY)


def ask_for_owners(reader: Callable[[], str | None]) -> None:
    """From now on `reader()` tells who is asking: called once, by the page that serves several people."""
    global _reader
    _reader = reader


def reader() -> str | None:
    """Who is asking, in a handler of the page. None in a command and on a page with one user: everything is theirs."""
    return _reader()


def owns(folder: Path, owner: str | None) -> bool:
    """Whether a run folder is the owner's. None owns every folder; a folder without a mark is nobody else's."""
    return owner is None or folder_owner(folder) == owner


def visible(folder: Path) -> bool:
    """Whether who is asking may see a run folder."""
    return owns(folder, reader())


def folder_owner(folder: Path) -> str | None:
    """The owner that a run folder names; None where it names none that can be read."""
    try:
        said = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    owner = said.get("owner") if isinstance(said, dict) else None
    return owner if isinstance(owner, str) and owner else None


def claim(folder: Path) -> None:
    """Mark a run folder, made if need be, as that of who is asking; nothing on a page with one user.

    Raises InputError where something is there that is not theirs.
    """
    owner = reader()
    if owner is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / OWNER_FILE).open("x", encoding="utf-8") as file:
            if any(path.name != OWNER_FILE for path in folder.iterdir()):  # made on this machine, or by a command
                (folder / OWNER_FILE).unlink()
                raise InputError(f"{folder.name}: a run of that name is there already; name another.")
            try:
                json.dump({"owner": owner}, file)
                file.flush()
                os.fsync(file.fileno())
            except OSError:  # on a full disk: an empty mark would keep the name from everybody
                (folder / OWNER_FILE).unlink()
                raise
        sync(folder)  # a run without its mark would be nobody's
    except FileExistsError:
        if not owns(folder, owner):
            raise InputError(f"{folder.name}: a run of that name is there already; name another.") from None


def own_name(name: str) -> str:
    """The name of a run that everybody has one of (labels, votes): the plain name on a page with one user."""
    owner = reader()
    return name if owner is None else f"{name}-{owner[:16]}"
