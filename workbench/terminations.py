"""What asks a process to end (SIGTERM, a closed terminal) is taken as Ctrl-C, so that it writes down how it stands."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """While inside, the first SIGTERM or SIGHUP raises KeyboardInterrupt, and further ones do not disturb what follows.

    Handlers of others stay, and so does what is ignored (nohup). Outside of the main thread nothing is changed.
    """
    ours = [one for one in SIGNALS if signal.getsignal(one) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []

    def interrupt(signal_number: int, frame: object) -> None:
        for one in ours:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for one in ours:
        signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)
