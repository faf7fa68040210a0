"""The spec of a judge on a server, `server:<model>@<url>`, taken apart."""

import re
from urllib.parse import urlsplit

from workbench.errors import InputError
from workbench.redaction import redact


def split_server(text: str) -> tuple[str, str]:
    """Model and address of "<model>@<url>"; an address without a path is one of /v1.

    Raises InputError for anything else, and for an address with a password, which would be written into records.
    """
    model, url = _parts(text)
    try:
        parts = urlsplit(url)
        fine = bool(model and parts.hostname and not parts.query and not parts.fragment and parts.port != 0)
    except ValueError:  # a port that is no number, half a bracket
        fine = False
    if not fine:
        raise InputError(
            f"server: got {redact(text)[:120]!r}, expected <model>@<url>, such as me/model@http://localhost:8000/v1."
        )
    if "@" in parts.netloc:
        raise InputError(
            "server: got an address with a name or password in it; leave that out, and put the server's key into the "
            "environment variable WORKBENCH_SERVER_KEY."
        )
    return model, url.rstrip("/") + ("" if parts.path.strip("/") else "/v1")


def _parts(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.+?)@(https?://\S+)", text)  # a model may have an @ too, before its revision
    return (found[1], found[2]) if found else ("", "")
