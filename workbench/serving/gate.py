"""The gate: an ASGI middleware around gradio's server that lets a browser reach what is its own, and nothing else.

It names the owner of each request (a secret in a cookie), answers only the addresses the page needs, keeps sessions,
events and files to their owners, and bounds how much and how often somebody sends.
"""

import json
import os
import re
import shutil
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from workbench.errors import InputError, VideoError
from workbench.owners import SCOPE_KEY, TOKEN, new_token, owner_of
from workbench.redaction import secrets
from workbench.serving.answers import Refusal, address_of, header, own_headers, peer_of, send_empty, send_refusal
from workbench.serving.files import FileOwners
from workbench.serving.kinds import check_kind
from workbench.serving.posted import MOST_BYTES, check_files, files_in, read_posted
from workbench.serving.rates import Kind, Rates
from workbench.serving.routes import API, Route, route_of

COOKIE = "workbench-owner"
IN_COOKIES = re.compile(rf'(?:^|;)\s*{COOKIE}="?({TOKEN.pattern})"?\s*(?=;|$)')  # whatever stands before it
HEADER = "x-workbench-owner"  # for programs, which keep no cookies: any secret of 32 characters or more
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")  # of a session, an event, an upload
MOST_NAMES = 50_000
LEAST_FREE = 1 << 30  # bytes that uploads leave free on the disk
DRAFT_SECONDS = 600.0  # without a byte more: an upload that broke off
DRAFT = re.compile(r"tmp[a-z0-9_]{8}")  # how gradio's multipart parser names one: by tempfile
SLACK = 1 << 20  # bytes of a multipart body beside its file
LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
OTHERS = ("This page belongs to another browser, or this browser keeps no cookies for it. Open the page in a tab of its own, "
          "allow its cookies, and reload it. Programs name themselves by a secret in the header x-workbench-owner.")  # fmt: skip

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Site:
    """What the gate knows of the page behind it. `waiting(owner)` is how many verdicts wait: (in all, the owner's)."""

    one_user: bool
    files: FileOwners
    upload_bytes: int
    waiting: Callable[[str | None], tuple[int, int]] = lambda owner: (0, 0)
    most_waiting: int = 64
    most_own: int = 12
    most_streams: int = 64  # of one person: an open page takes two
    rates: Rates = field(default_factory=Rates)


class Gate:
    """ASGI middleware. One instance serves all requests of one event loop."""

    def __init__(self, app: App, site: Site):
        self.app, self.site = app, site
        self._owners: OrderedDict[str, str | None] = OrderedDict()  # of sessions, events, uploads
        self._streams: Counter[str] = Counter()  # open now
        self._secrets = [secret.encode() for secret in secrets()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            try:
                await self._answer(scope, receive, send)
            except Refusal as refusal:
                await send_refusal(refusal, scope, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # the page uses none

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = route_of(scope["method"], scope["path"].removeprefix(scope.get("root_path", "").rstrip("/")))
        if route is None:
            raise Refusal(404, "There is nothing at this address.")
        self._check_origin(scope)
        owner, cookie = self._owner(scope, route)
        scope[SCOPE_KEY] = owner
        send = own_headers(send, scope, cookie, route.kind)
        if route.kind == "page" and scope["method"] == "HEAD":  # is anybody there? Making the page takes a second
            await send_empty(send)
            return
        for name in self._names(scope, route):
            self._check_name(name, owner)
        if route.kind == "file":
            self._to_file(scope, route, owner)
        elif route.kind == "upload":
            await self._upload(scope, receive, send, owner)
            return
        elif route.kind == "event":
            receive = await self._posted(scope, receive, owner)
        noting = self._noting(send, owner) if route.kind in ("event", "listen") else send
        with self._listening(route, owner, address_of(scope)):
            await self.app(scope, receive, noting)

    # -- who asks

    def _check_origin(self, scope: Scope) -> None:
        """Another site's page must not post here; a page of one user answers by this machine's own names alone."""
        if scope["method"] == "POST" and header(scope, b"sec-fetch-site") == "cross-site":
            raise Refusal(403, "Another site's page may not ask here.")
        if self.site.one_user and not LOOPBACK.fullmatch(header(scope, b"host")):
            raise Refusal(421, "This page serves the one user of its machine, at 127.0.0.1 or localhost. For others, start it "
                               "with --users many.")  # fmt: skip

    def _owner(self, scope: Scope, route: Route) -> tuple[str | None, str]:
        """The owner, and the cookie's value where the browser is to be given one."""
        if self.site.one_user:
            return None, ""
        token = header(scope, HEADER.encode()) or _cookie(header(scope, b"cookie"))
        known = bool(TOKEN.fullmatch(token))
        owner = owner_of(token if known else (token := new_token()))
        rated: dict[str, Kind] = {"event": "event", "upload": "upload", "login": "login", "page": "page"}
        kind = rated.get(route.kind)
        if kind:
            self._check_rate("visit" if kind == "page" and not known else kind, owner, address_of(scope))
        if kind == "login":  # a machine of this network may say that it passes on whomever it likes
            self._check_rate("peer", peer_of(scope), peer_of(scope))
        return owner, "" if known else token

    def _check_rate(self, kind: Kind, owner: str, address: str) -> None:
        if seconds := self.site.rates.wait(kind, owner, address):
            raise Refusal(429, f"That is faster than this page can answer. Wait {seconds} s and try again.", seconds)

    @contextmanager
    def _listening(self, route: Route, owner: str | None, address: str) -> Iterator[None]:
        """Count an answer that may stay open for hours; Refusal where an owner, or all behind an address, have too many."""
        if route.kind != "listen" or owner is None:
            yield
            return
        whose = {f"owner {owner}": self.site.most_streams, f"address {address}": 8 * self.site.most_streams}
        if any(self._streams[who] >= most for who, most in whose.items()):
            raise Refusal(
                429, "This page is open too many times in this browser, or from this address. Close some tabs.", 60
            )
        self._streams.update(whose.keys())
        try:
            yield
        finally:
            self._streams.subtract(whose.keys())
            for who in whose:
                if not self._streams[who]:
                    del self._streams[who]

    def _names(self, scope: Scope, route: Route) -> list[str]:
        """What the request names that only its owner may touch."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given = [*query.get("session_hash", []), *query.get("upload_id", [])]
        return [*given, *filter(None, (route.session, route.event))]

    def _check_name(self, name: Any, owner: str | None) -> None:
        """Who names a session or an event first has it; Refusal for all others."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Refusal(400, "The request names no session of this page. Reload the page.")
        if self._owners.setdefault(name, owner) != owner:
            raise Refusal(403, OTHERS)
        self._owners.move_to_end(name)
        if len(self._owners) > MOST_NAMES:
            self._owners.popitem(last=False)

    # -- what they send

    def _to_file(self, scope: Scope, route: Route, owner: str | None) -> None:
        """Lead the request to the very file that was checked."""
        try:
            file = self.site.files.to_serve(owner, route.path)
        except InputError as error:
            raise Refusal(403, str(error)) from None
        scope["path"] = f"{scope.get('root_path', '').rstrip('/')}{API}/file={file}"
        scope["raw_path"] = scope["path"].encode()

    async def _posted(self, scope: Scope, receive: Receive, owner: str | None) -> Receive:
        """Check what was posted; what the server then reads is what was checked."""
        body = await _body(receive, MOST_BYTES)
        try:
            posted = read_posted(body)
            with_files = check_files(posted, lambda path: self.site.files.to_read(owner, path))
        except InputError as error:
            raise Refusal(400, str(error)) from None
        for name in ("session_hash", "event_id"):
            if posted.get(name) is not None:
                self._check_name(posted[name], owner)
        if not scope["path"].endswith(("/cancel", "/reset")):
            self._check_crowd(owner)
        return _given(json.dumps(posted).encode() if with_files else body, scope, receive)

    def _check_crowd(self, owner: str | None) -> None:
        all_, own = self.site.waiting(owner)
        if own >= self.site.most_own and owner is not None:
            raise Refusal(
                429, f"{own} of your requests are waiting already. Let one of them finish, then try again.", 10
            )
        if all_ >= self.site.most_waiting:
            raise Refusal(429, f"{all_} requests are waiting, more than this page takes. Try again in a minute.", 60)

    async def _upload(self, scope: Scope, receive: Receive, send: Send, owner: str | None) -> None:
        """Let an upload through, look at what came, and note whose it is."""
        most = self.site.upload_bytes
        length = header(scope, b"content-length")
        if not length.isdecimal():
            raise Refusal(411, "An upload must tell its length.")
        if int(length) > most + SLACK:
            sentence = f"The file is larger than the {most / 1e6:,.0f} MB that this page takes. Upload a smaller video."
            raise Refusal(413, sentence)
        uploads = self.site.files.uploads
        uploads.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(uploads).free < int(length) + LEAST_FREE:
            raise Refusal(507, "The disk of this page is full. Try again later, or tell whoever runs it.")
        _clear_drafts(uploads)
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self.app(scope, receive, keep)
        if kept and kept[0].get("status") == 200:
            self._accept(_paths(kept), owner)
        for message in kept:
            await send(message)

    def _accept(self, paths: Iterable[str], owner: str | None) -> None:
        if owner is None:  # the page says in place what is wrong with a file
            return
        refused = None
        for path in paths:
            try:
                check_kind(Path(path))
            except VideoError as error:
                Path(path).unlink(missing_ok=True)
                refused = refused or str(error)
            else:
                self.site.files.give(owner, path)
        if refused:
            raise Refusal(415, refused)

    # -- what they get

    def _noting(self, send: Send, owner: str | None) -> Send:
        """Note the files and events that an answer hands out as the owner's; hide secrets of this process in it."""

        async def noted(message: Message) -> None:
            body = message.get("body", b"")
            if body and owner is not None and (b'"path"' in body or b'"event_id"' in body):
                for answer in _answers(body):
                    for path in files_in(answer):
                        self.site.files.give(owner, path)
                    if isinstance(answer, dict) and isinstance(answer.get("event_id"), str):
                        self._owners.setdefault(answer["event_id"], owner)
            for secret in self._secrets:
                if secret in body:  # the length stays, which a header may have told
                    message = {**message, "body": (body := body.replace(secret, b"*" * len(secret)))}
            await send(message)

        return noted


def _cookie(text: str) -> str:
    """The token in a browser's cookies, "" without one; of several the last."""
    return (["", *IN_COOKIES.findall(text)])[-1]


async def _body(receive: Receive, most: int) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "The request broke off.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise Refusal(
                413, f"That is more than the {most / 1e6:.0f} MB of text that this page takes at once. Shorten it."
            )
    return bytes(body)


def _given(body: bytes, scope: Scope, receive: Receive) -> Receive:
    """A `receive` that gives this body, then whatever comes after the old one."""
    scope["headers"] = [
        (name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")
    ]
    scope["headers"].append((b"content-length", str(len(body)).encode()))
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return first.pop() if first else await receive()

    return give


def _clear_drafts(uploads: Path) -> None:
    """Remove what uploads that broke off left; gradio writes one into the upload folder itself until it is whole. Other
    files there are another program's: GRADIO_TEMP_DIR may be any folder."""
    with os.scandir(uploads) as entries:
        drafts = [
            Path(entry) for entry in entries if DRAFT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    for draft in drafts:
        with suppress(FileNotFoundError):  # it became whole meanwhile
            if time.time() - draft.stat().st_mtime > DRAFT_SECONDS:
                draft.unlink()


def _paths(kept: list[Message]) -> list[str]:
    """The paths that gradio answers an upload with."""
    paths = json.loads(b"".join(message.get("body", b"") for message in kept))
    return [path for path in paths if isinstance(path, str)]


def _answers(body: bytes) -> Iterable[Any]:
    """The JSON values of an answer, or of the events in a piece of a stream."""
    lines = [body] if not body.startswith((b"data:", b"event:")) else body.split(b"\n")
    for line in lines:
        try:
            yield json.loads(line.removeprefix(b"data:"))
        except ValueError:
            continue
