"""What a browser posts: files in it must be its own uploads, addresses in it are never followed, sessions are its own."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from workbench.errors import InputError

MOST_BYTES = 4 << 20  # of a posted form: all its texts
DEEPEST = 60  # levels of lists and objects in one another


def read_posted(body: bytes) -> dict[str, Any]:
    """The JSON object that was posted. Raises InputError for anything else, half characters in it too."""
    try:
        posted = json.loads(body or b"{}")
        depth = max((level for level, _ in _walk(posted)), default=0)
    except (ValueError, RecursionError):
        raise InputError("The request is not JSON. Reload the page and try again.") from None
    if not isinstance(posted, dict) or depth > DEEPEST:
        raise InputError("The request is not what this page sends. Reload the page and try again.")
    return posted


def check_files(posted: Any, to_read: Callable[[str], Any]) -> bool:
    """Check every file in what was posted with `to_read`, which raises for what may not be read; tells whether there is one.

    A file's path is the only thing that is kept of where it comes from: an address beside it is taken out, one in its
    place is no path. Gradio would fetch it.
    """
    found = False
    for _, value in _walk(posted):
        if isinstance(value, dict) and "path" in value:
            found = True
            if value.get("path") is None and not value.get("url"):  # an emptied field
                continue
            if not isinstance(value["path"], str):
                raise InputError("A file was posted without its path. Upload it again.")
            value["path"] = str(to_read(value["path"]))
            if "url" in value:
                value["url"] = None
        elif isinstance(value, dict) and value.get("url"):
            raise InputError("An address was posted where a file belongs; addresses are not followed. Upload the file.")
    return found


def files_in(answer: Any) -> Iterator[str]:
    """The paths of the files that the page hands out in an answer."""
    for _, value in _walk(answer):
        if isinstance(value, dict) and isinstance(value.get("path"), str):
            meta = value.get("meta")
            if isinstance(meta, dict) and meta.get("_type") == "gradio.FileData":
                yield value["path"]


def _walk(value: Any) -> Iterator[tuple[int, Any]]:
    """Every list and object, with its depth, without calling itself: what was posted may be deep."""
    left = [(0, value)]
    while left:
        depth, one = left.pop()
        if isinstance(one, dict | list):
            yield depth, one
            left += [(depth + 1, inner) for inner in (one.values() if isinstance(one, dict) else one)]
