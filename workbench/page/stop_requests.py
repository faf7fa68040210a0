"""Who has asked for their verdict to stop: a button is pressed in one request, the judge works in another."""

from collections import OrderedDict
from collections.abc import Callable

MOST_KEPT = 1_000  # sessions; a page is closed without a word, and one whose stop came so long ago has long stopped


class StopRequests:
    """The sessions that want their judge to stop. Names of sessions are Gradio's own, one for each open page."""

    def __init__(self):
        self._sessions: OrderedDict[str, None] = OrderedDict()

    def forget(self, session: str) -> None:
        """A new verdict begins: what was asked before does not count."""
        self._sessions.pop(session, None)

    def stop(self, session: str) -> None:
        """The session's verdict is to stop."""
        self._sessions[session] = None
        self._sessions.move_to_end(session)
        while len(self._sessions) > MOST_KEPT:
            self._sessions.popitem(last=False)

    def of(self, session: str) -> Callable[[], bool]:
        """Tells whether the session's verdict is to stop, at any time it is asked."""
        return lambda: session in self._sessions
