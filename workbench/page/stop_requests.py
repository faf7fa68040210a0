"""Who has asked for their verdict to stop: a button is pressed in one request, the judge works in another."""

from collections.abc import Callable


class StopRequests:
    """The sessions that want their judge to stop. Names of sessions are Gradio's own, one for each open page."""

    def __init__(self):
        self._sessions: set[str] = set()

    def forget(self, session: str) -> None:
        """A new verdict begins: what was asked before does not count."""
        self._sessions.discard(session)

    def stop(self, session: str) -> None:
        """The session's verdict is to stop."""
        self._sessions.add(session)

    def of(self, session: str) -> Callable[[], bool]:
        """Tells whether the session's verdict is to stop, at any time it is asked."""
        return lambda: session in self._sessions
