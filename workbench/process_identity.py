"""Which process a pid means: numbers are given out again, so a process is known by its pid and the moment it began."""

import os
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")


def began(pid: int) -> str | None:
    """When a process began, as a text that no other process of that pid has; None where there is none.

    On Linux in ticks since the start of the machine, with the identity of that start: unlike a time of day it does not
    move when the clock is set. A zombie has ended.
    """
    try:
        if BOOT.exists():
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if state in "ZX" else f"{BOOT.read_text().strip()}:{fields[18]}"
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except (OSError, psutil.Error):
        return None


def is_process(pid: object, moment: object) -> bool:
    """Whether the process of that pid is still the one that began then. Where no moment was noted, whether there is one."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    now = began(pid)
    return now is not None and (not moment or now == moment)


def this_process() -> dict[str, object]:
    """Pid and beginning of this process, as files note them."""
    return {"pid": os.getpid(), "began": began(os.getpid())}


def writers_of(path: Path) -> list[int]:
    """Pids of other processes that have a file open for writing, as far as this user may see them."""
    found = []
    for process in psutil.process_iter():
        try:
            files = process.open_files() if process.pid != os.getpid() else []
        except psutil.Error:
            continue
        if any(file.path == str(path.resolve()) and file.mode != "r" for file in files):
            found.append(process.pid)
    return found
