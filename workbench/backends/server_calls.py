"""HTTP to a chat server: one connection for many requests, tried again where that may help, given up after a time."""

import asyncio
import email.utils
import os
import random
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from workbench.backends.server_errors import KEY_VARIABLE
from workbench.errors import BackendError, InputError

BUSY = (429, 502, 503, 504)  # worth another try
FIRST_WAIT = 1.0  # seconds; doubled at every further try
LONGEST_WAIT = 300.0  # seconds; a server that asks for more is not waited for
CONNECT_SECONDS = 10.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass
class Line:
    """How a server is reached. `gone` is set once it could not be reached at all: further requests try once each."""

    judge: str  # its spec, for errors
    url: str
    seconds: float  # for an answer
    retries: int
    gone: bool = False

    def __post_init__(self):
        parts = urlsplit(self.url)
        self._more: dict[str, Any] = {
            "headers": _key_header(),
            "trust_env": parts.hostname not in LOOPBACK,  # a proxy does not lead to this machine
            "verify": ssl.create_default_context() if parts.scheme == "https" else False,
            "timeout": httpx.Timeout(None, connect=CONNECT_SECONDS),
        }

    def client(self, at_once: int) -> httpx.AsyncClient:
        """A client for one event loop. It follows no redirects: the key is for this address."""
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        return httpx.AsyncClient(limits=limits, **self._more)

    def get(self, path: str) -> httpx.Response:
        """One request without a body, tried once. Raises BackendError for a server that does not answer."""
        more = {**self._more, "timeout": httpx.Timeout(CONNECT_SECONDS)}
        try:
            return httpx.get(self.url + path, **more)
        except httpx.RequestError as error:
            raise self._unreachable(error) from error

    async def post(self, client: httpx.AsyncClient, path: str, content: bytes) -> httpx.Response:
        """Post JSON and give the answer, whatever it says; a busy server and a broken connection are tried again.

        Raises BackendError for a server that cannot be reached, or that has not answered in time.
        """
        tries = 1 if self.gone else self.retries + 1
        for left in reversed(range(tries)):
            try:
                response = await self._post_once(client, path, content)
            except httpx.RequestError as error:
                if not left:
                    self.gone = True
                    raise self._unreachable(error) from error
                wait = None
            else:
                self.gone = False
                wait = retry_after(response.headers)
                if response.status_code not in BUSY or not left or (wait or 0) > LONGEST_WAIT:
                    return response
            await asyncio.sleep(backoff(tries - 1 - left) if wait is None else wait)
        raise AssertionError("the last try either answers or raises")

    async def _post_once(self, client: httpx.AsyncClient, path: str, content: bytes) -> httpx.Response:
        try:
            async with asyncio.timeout(self.seconds):
                return await client.post(self.url + path, content=content, headers={"content-type": "application/json"})
        except TimeoutError as error:
            raise BackendError(
                f"{self.judge}: no answer within {self.seconds:g} seconds. Let fewer requests be in flight (concurrency), "
                "ask for shorter replies, or wait longer (timeout, in seconds)."
            ) from error

    def _unreachable(self, error: httpx.RequestError) -> BackendError:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        return BackendError(
            f"{self.judge}: the server at {self.url} cannot be reached ({why}). Start it, or correct the address."
        )


def backoff(number: int) -> float:
    """Seconds before the next try, after `number` earlier waits: doubling, and not for all requests the same."""
    return FIRST_WAIT * 2**number * random.uniform(0.75, 1.25)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, 10.2.3: a number or a date); None where it does not say."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _key_header() -> dict[str, str]:
    """The header with the key of the environment. Raises InputError, without showing it, for one that no header can hold."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InputError(f"{KEY_VARIABLE}: got a key with spaces, line breaks or letters beyond ASCII; copy it anew.")
    return {"authorization": f"Bearer {key}"} if key else {}
