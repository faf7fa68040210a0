"""Which addresses of gradio's server are answered, and what each of them is; every other address is not there.

Gradio serves much more (proxies, streams, deep links, monitoring, a development mode): none of it is used here.
"""

import re
from typing import Literal, NamedTuple

Kind = Literal["page", "asset", "file", "upload", "event", "listen", "login"]
API = "/gradio_api"
FILE = re.compile(rf"{API}/file(?:=|/)(?P<path>.+)", re.DOTALL)
SESSION = re.compile(rf"{API}/heartbeat/(?P<session>[^/]+)")
EVENT_OF_CALL = re.compile(rf"{API}/call/(?:v2/)?[^/]+/(?P<event>[^/]+)")
ASSETS = ("/assets/", "/static/", "/svelte/", f"{API}/custom_component/")
READ: dict[str, Kind] = {
    "/": "page", "/config": "page", f"{API}/info": "asset", f"{API}/openapi.json": "asset", f"{API}/app_id": "asset",
    f"{API}/startup-events": "asset", f"{API}/login_check": "asset", f"{API}/user": "asset", "/favicon.ico": "asset",
    "/theme.css": "asset", f"{API}/theme.css": "asset", "/robots.txt": "asset", "/manifest.json": "asset",
    "/logout": "login", f"{API}/queue/data": "listen", f"{API}/queue/status": "asset",
    f"{API}/upload_progress": "listen",
}  # fmt: skip
WRITE: dict[str, Kind] = {f"{API}/upload": "upload", f"{API}/queue/join": "event", f"{API}/cancel": "event",
                          f"{API}/reset": "event", "/login": "login"}  # fmt: skip
MCP = re.compile(
    rf"{API}/mcp(/(http|sse|schema|messages))?"
)  # there where the page serves tools to programs (server.py)
CALLS = re.compile(rf"{API}/(run|api|call|call/v2)/[A-Za-z0-9_]+")


class Route(NamedTuple):
    """What an address is. `path` is a file's, `session` and `event` name what only their owner may touch."""

    kind: Kind
    path: str = ""
    session: str = ""
    event: str = ""


def route_of(method: str, path: str) -> Route | None:
    """What a request is for; None for what is not answered."""
    plain = path.rstrip("/") or "/"
    if MCP.fullmatch(plain) and method in ("GET", "POST", "DELETE"):
        return Route("listen")
    if method in ("GET", "HEAD"):
        return _read(path, plain)
    if method == "POST":
        kind = WRITE.get(plain) or ("event" if CALLS.fullmatch(plain) else None)
        return Route(kind) if kind else None
    return None


def _read(path: str, plain: str) -> Route | None:
    if found := FILE.fullmatch(path):
        return Route("file", path=found["path"])
    if plain in READ:
        return Route(READ[plain])
    if path.startswith(ASSETS) and ".." not in path:
        return Route("asset")
    if found := SESSION.fullmatch(plain):
        return Route("listen", session=found["session"])
    if found := EVENT_OF_CALL.fullmatch(plain):
        return Route("listen", event=found["event"])
    return None
