"""The errors of the workbench. Every message says what was got, what was expected, and what to do about it."""


class WorkbenchError(Exception):
    """Anything the workbench refuses or cannot do; the message is written for the user and safe to show."""


class InputError(WorkbenchError):
    """Bad data or arguments from the user: a record, a table, a prompt, an option."""


class VideoError(WorkbenchError):
    """A file that cannot be read as a video, or that goes past the limits set for it."""


class BackendError(WorkbenchError):
    """A judge could not be loaded or could not answer. Inside a batch it is returned as a value, never raised."""


class StoreError(WorkbenchError):
    """A run folder that cannot be opened, locked or read."""
