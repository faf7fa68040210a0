"""A local stand-in of the Hub: its real HTTP API for the real huggingface_hub client, kept in a temporary folder.

    from tests.hub_stand_in import hub          # the fixture; ruff: noqa: F401 where it looks unused

    def test_it(hub):
        hub.put("ann/judge", {"config.json": b"{}"})                       # a repository that is already there
        subprocess.run([...], env=hub.env(tmp_path / "home", hub.token))   # any program, any verb of the client
        assert hub.repos["model", "ann/judge"].private
        assert not [seen for seen in hub.seen if seen.token and seen.host != hub.host]

It speaks whoami-v2, repo create/delete/settings, model, dataset and space info, tree, paths-info, refs, branches,
preupload, LFS batch and upload, NDJSON commits, resolve (HEAD, GET, Range, ETag; LFS files by a signed redirect to a
second host name that must never see a token), secrets, variables and runtime of Spaces.

The client uploads LFS files by Xet wherever the package hf_xet is installed, whatever the server says; `env` sets
HF_HUB_DISABLE_XET=1, which takes it back to plain LFS. Downloads use Xet only where the server offers it: ours does not.
HF_HUB_OFFLINE=1, which tests/conftest.py sets, is read when huggingface_hub is imported, hence subprocesses.
"""

import asyncio
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.hub_api import Account, Answers, Denied
from tests.hub_repos import Blobs, Entry, Kind, Repo, upload_mode

TOKEN = "hf_StandInWriteTokenOfAnnThatNobodyMaySee"
READ_TOKEN = "hf_StandInReadTokenOfAnn"


@dataclass
class Seen:
    """One request as it came in, and the status it was answered with."""

    method: str
    path: str
    host: str
    headers: dict[str, str]
    status: int = 0

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


class Refused(NamedTuple):
    """An answer that a test puts in the way of a request."""

    status: int
    message: str = "refused by the test"


@dataclass
class Hub(Answers):
    """The stand-in while it runs. `before` sees each request first: it may wait, end a process, or refuse it."""

    blobs: Blobs
    url: str = ""
    token: str = TOKEN
    read_token: str = READ_TOKEN
    accounts: dict[str, Account] = field(
        default_factory=lambda: {
            TOKEN: Account("ann", ("lab",), "write"),
            READ_TOKEN: Account("ann", ("lab",), "read"),
        }
    )
    repos: dict[tuple[Kind, str], Repo] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    before: Callable[[Seen], Refused | None] = lambda seen: None

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def cdn(self) -> str:
        """The second host name, of the storage: who downloads by it must not bring a token."""
        return self.url.replace("127.0.0.1", "localhost")

    def env(self, home: Path, token: str | None = None) -> dict[str, str]:
        """Environment for a process whose Hub is this one, with an empty cache and login under `home`."""
        kept = {name: value for name, value in os.environ.items() if not re.match(r"HF_|HUGGING", name)}
        own = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
        own |= {"HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1,localhost"}
        return kept | own | ({"HF_TOKEN": token} if token else {})

    def put(self, repo_id: str, files: Mapping[str, bytes], kind: Kind = "model", private: bool = False) -> Repo:
        """Make a repository with these files, as if it had always been there."""
        repo = self.repos.setdefault((kind, repo_id), Repo(kind, repo_id, private))
        repo.commit("main", {path: self._entry(path, content) for path, content in files.items()}, "initial commit")
        return repo

    def _entry(self, path: str, content: bytes) -> Entry:
        kept = self.blobs.keep(content)
        large = upload_mode(path, len(content), content[:512]) == "lfs"
        return self.blobs.large(kept.sha256, kept.size) if large else kept

    def read(self, repo_id: str, kind: Kind = "model", revision: str = "main") -> dict[str, bytes]:
        """The files of a repository as they are now."""
        repo = self.repos[kind, repo_id]
        files = repo.commits[repo.branches[revision]]
        return {path: self.blobs.path(entry.sha256).read_bytes() for path, entry in files.items()}

    def app(self) -> Callable:
        """The ASGI application: notes each request, lets the test stand in its way, then answers."""
        inner = Starlette(routes=self.routes(), exception_handlers={Denied: _deny})

        async def answer(scope, receive, send):
            if scope["type"] != "http":
                return await inner(scope, receive, send)
            # Routed as it was sent: a branch named a/b stays one part of the address.
            scope["path"] = scope["raw_path"].decode()
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            seen = Seen(scope["method"], scope["path"], headers.get("host", ""), headers)
            self.seen.append(seen)

            async def note(message):
                seen.status = message.get("status", seen.status)
                await send(message)

            refused = await run_in_threadpool(self.before, seen)
            if refused:
                error = Denied(refused.status, "", refused.message)
                return await _deny(None, error)(scope, receive, note)
            await inner(scope, receive, note)

        return answer


def _deny(request: Request | None, error: Denied) -> Response:
    headers = {"X-Error-Message": str(error)} | ({"X-Error-Code": error.code} if error.code else {})
    return JSONResponse({"error": str(error)}, error.status, headers)


@contextmanager
def serving_hub(folder: Path) -> Iterator[Hub]:
    """Run the stand-in in a thread of this process, on a free port of 127.0.0.1."""
    hub = Hub(Blobs(folder / "blobs"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        hub.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(hub.app(), log_level="error", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the stand-in of the Hub did not start"
            time.sleep(0.02)
        try:
            yield hub
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def hub(tmp_path_factory) -> Iterator[Hub]:
    """A Hub with nothing on it, for one test."""
    with serving_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running
