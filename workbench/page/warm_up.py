"""The first verdict should not wait for libraries: they are imported in the background, soon after the page stands."""

import threading
import time
from contextlib import suppress

from workbench.backends import load_backend
from workbench.page.gpu_there import on_zero_gpu
from workbench.page.served_judge import EMBEDDED

SECONDS = 4.0  # first come the page itself and whoever opens it at once


def warm_up() -> threading.Thread:
    """Import, in a thread of its own, all that the judge that ships needs: most of what any local judge does. Nothing on
    ZeroGPU, where judges are prepared before the page stands."""
    thread = threading.Thread(target=_load_once, daemon=True, name="warm-up")
    if not on_zero_gpu():
        thread.start()
    return thread


def _load_once() -> None:
    time.sleep(SECONDS)
    with suppress(Exception):  # whatever is wrong is told to whoever asks for a judge
        load_backend(EMBEDDED, device="cpu").close()
