"""The gate's own answers and headers: refusals in plain words, the owner's cookie, what a browser may do with the page."""

import ipaddress
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
COOKIE_DAYS = 365
SPACES = "https://huggingface.co https://*.hf.space"  # may show the page in a frame
# Scripts and styles of gradio's page are in the page itself; nothing is asked of another machine, whatever is written.
POLICY = ("default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
          "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; "
          f"form-action 'self'; frame-ancestors 'self' {SPACES}")  # fmt: skip
FILE_POLICY = "default-src 'none'; sandbox; style-src 'unsafe-inline'; img-src data:; media-src 'self'"


class Refusal(Exception):
    """A request that is not let through: an HTTP status, a sentence for whoever sent it, and seconds to wait."""

    def __init__(self, status: int, sentence: str, retry_after: int = 0):
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after


def header(scope: Scope, name: bytes) -> str:
    """A request's header, "" without it; of several the first."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def address_of(scope: Scope) -> str:
    """Whom to count a request to: the peer, or behind a proxy of ours the last address it passed on that is not private."""
    peer = peer_of(scope)
    if not _private(peer):
        return peer
    for hop in reversed(header(scope, b"x-forwarded-for").split(",")):
        if hop.strip() and not _private(hop.strip()):
            return hop.strip()[:60]
    return peer


def peer_of(scope: Scope) -> str:
    """The machine that a request came from, a proxy or not: its address cannot be made up."""
    return (scope.get("client") or ("",))[0]


def _private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return not address


async def send_refusal(refusal: Refusal, scope: Scope, send: Send) -> None:
    """The refusal as the page's own script reads it: its sentence under both names that gradio looks at."""
    plain = scope["path"].endswith("/upload")  # whose answer is shown as it comes
    text = refusal.sentence if plain else json.dumps({"detail": refusal.sentence, "error": refusal.sentence})
    kind = b"text/plain; charset=utf-8" if plain else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(text.encode())).encode()), *COMMON]
    headers += [(b"retry-after", str(refusal.retry_after).encode())] if refusal.retry_after else []
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


async def send_empty(send: Send) -> None:
    """An answer without content: the page is there."""
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


COMMON = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]


def own_headers(send: Send, scope: Scope, cookie: str, kind: str) -> Send:
    """A `send` that adds the security headers, and the owner's cookie where the browser has none yet."""
    added = [*COMMON]
    if kind in ("page", "file"):
        added.append((b"content-security-policy", (POLICY if kind == "page" else FILE_POLICY).encode()))
    if kind == "file":
        added.append((b"cache-control", b"private, max-age=0, must-revalidate"))
    if cookie and kind in ("page", "login"):
        added.append((b"set-cookie", _set_cookie(cookie, scope).encode()))

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in added if name != b"set-cookie"}
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
            message = {**message, "headers": [*kept, *added]}
        await send(message)

    return sent


def _set_cookie(value: str, scope: Scope) -> str:
    """Scripts cannot read it. Inside another site's frame, as on Spaces, a browser keeps only such a cookie."""
    secure = scope.get("scheme") == "https" or header(scope, b"x-forwarded-proto").startswith("https")
    site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return f"workbench-owner={value}; Path=/; Max-Age={COOKIE_DAYS * 86400}; HttpOnly; {site}"
