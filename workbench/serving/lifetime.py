"""How long a page for many keeps the files that it was given or made: deleted so many days after they were last handed over.

WORKBENCH_KEEP_DAYS=N    0 keeps them; without it a demo keeps them for a day, others for 30
"""

import os
import threading
import time
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


def delete_by_and_by(files: FileOwners, days: float) -> None:
    """Look for old files now and every hour, in a thread that ends with the process. Nothing with 0 days."""
    if days:
        threading.Thread(target=_keep_looking, args=(files, days * 86_400), daemon=True).start()


def _keep_looking(files: FileOwners, seconds: float) -> None:
    while True:
        delete_old(files, seconds)
        time.sleep(LOOK_SECONDS)


def delete_old(files: FileOwners, seconds: float) -> int:
    """Delete the files whose every owner was given them more than `seconds` ago; how many there were.

    Files in the upload folder that were given to nobody are another program's, and stay.
    """
    before = time.time() - seconds
    marks = [(mark, mark.stat().st_mtime) for mark in files.marks.glob("*/*")]
    young = {mark.name for mark, given in marks if given >= before}
    old = {mark.name for mark, _ in marks} - young
    gone = [path for path in files.uploads.rglob("*") if path.is_file() and files.mark_name(path) in old]
    for path in gone:
        _delete(path)
    for mark, given in marks:
        if given < before:
            mark.unlink(missing_ok=True)
    return len(gone)


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    if not any(path.parent.iterdir()):  # the folder that an upload has to itself
        path.parent.rmdir()
