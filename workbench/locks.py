"""Whether a process holds the lock of a file, and taking one: how a run folder tells that somebody works on it. POSIX."""

import fcntl
import time
from pathlib import Path


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock of a file."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return not try_lock(file.fileno(), fcntl.LOCK_SH)


def lock_in_time(descriptor: int) -> bool:
    """Take the lock, past anyone who only looks whether it is held."""
    for _ in range(4):
        if try_lock(descriptor):
            return True
        time.sleep(0.05)
    return False


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock, exclusive or shared, or leave it where another has it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
