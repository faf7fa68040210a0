"""How long a page for many keeps the files that it was given or made: deleted so many days after they were last handed over.

WORKBENCH_KEEP_DAYS=N    0 keeps them; without it a demo keeps them for a day, others for 30
"""

import os
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from workbench.errors import InputError
from workbench.serving.files import FileOwners

DEMO_DAYS, DAYS = 1.0, 30.0
LOOK_SECONDS = 3600.0


def keep_days(demo: bool) -> float:
    """Days that a file is kept; 0 for ever. Raises InputError for what is no number of days."""
    said = os.environ.get("WORKBENCH_KEEP_DAYS", "").strip()
    try:
        days = float(said) if said else DEMO_DAYS if demo else DAYS
    except ValueError:
        days = -1.0
    if not 0 <= days < 36_525:
        raise InputError(f"WORKBENCH_KEEP_DAYS: got {said!r:.40}, expected a number of days; 0 keeps files for ever.")
    return days


def delete_by_and_by(files: FileOwners, previews: Path, days: float) -> None:
    """Look for old files now and every hour, in a thread that ends with the process. Nothing with 0 days."""
    if days:
        threading.Thread(target=_keep_looking, args=(files, previews, days * 86_400), daemon=True).start()


def _keep_looking(files: FileOwners, previews: Path, seconds: float) -> None:
    while True:
        for look in (partial(delete_old, files, seconds), partial(delete_old_previews, previews, seconds)):
            with suppress(OSError):  # a folder that went away meanwhile, no descriptor left: there is a next look
                look()
        time.sleep(LOOK_SECONDS)


def delete_old(files: FileOwners, seconds: float) -> int:
    """Delete the files whose every owner was given them more than `seconds` ago; how many there were.

    Files in the upload folder that were given to nobody are another program's, and stay.
    """
    before = time.time() - seconds
    marks = [(mark, mark.stat().st_mtime) for mark in files.marks.glob("*/*")]
    young = {mark.name for mark, given in marks if given >= before}
    old = {mark.name for mark, _ in marks} - young
    there = [path for path in files.uploads.rglob("*") if path.is_file() and files.mark_name(path) in old]
    stuck = {files.mark_name(path) for path in there if not _delete(path)}
    for folder in {path.parent for path in there} - {files.uploads}:
        with suppress(OSError):  # others are in it
            folder.rmdir()  # that an upload had to itself
    for mark, given in marks:
        if given < before and mark.name not in stuck:
            mark.unlink(missing_ok=True)
    return len(there) - len(stuck)


def delete_old_previews(previews: Path, seconds: float) -> int:
    """Delete the copies for the player that were last handed over more than `seconds` ago; how many there were."""
    if not previews.is_dir():
        return 0
    before = time.time() - seconds
    return sum(_delete(path) for path in list(previews.iterdir()) if path.is_file() and path.stat().st_mtime < before)


def _delete(path: Path) -> bool:
    """Whether a file is gone: one that cannot be deleted keeps no other."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
