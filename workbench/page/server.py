"""How the page is served: by the gate of workbench.serving in front of gradio, for one user or for many, as a demo or not.

WORKBENCH_USER, WORKBENCH_PASSWORD   both given: nobody comes in without them
"""

import ipaddress
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.context import LocalContext
from starlette.middleware import Middleware

from workbench.errors import InputError
from workbench.owners import NOBODY, ask_for_owners, current_owner
from workbench.page.upload import UPLOAD_LIMITS, previews_folder
from workbench.permissions import is_demo
from workbench.serving.files import MARKS, FileOwners
from workbench.serving.gate import Gate, Site
from workbench.serving.lifetime import delete_by_and_by, keep_days

Users = Literal["one", "many"]
WAITING = {"private": (64, 12), "demo": (24, 3)}  # requests that wait: in all, of one person
MOST_SESSIONS = 1_000  # open pages whose state is kept in memory; of more, the one unused longest starts anew
THEIRS = ('<p class="vj-sub vj-theirs">{who} What you judge here is kept for this browser alone: clearing its cookies loses '
          "your runs for good.</p>")  # fmt: skip


def users_of(host: str, said: Users | None) -> Users:
    """Whether one user owns everything: on one's own machine, unless told otherwise. A demo is for many.

    Raises InputError where strangers could reach what is meant for one.
    """
    many = is_demo() or not _is_loopback(host)
    if said == "one" and many:
        why = "a public demo" if is_demo() else f"listening on {host}"
        raise InputError(
            f"--users: got one, but the page is {why}, where others reach it. Use many, or --host 127.0.0.1."
        )
    return said or ("many" if many else "one")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def ownership_note(users: Users) -> str:
    """HTML that says whose runs are shown, and how they are lost; "" for one user, who has them all."""
    if users == "one":
        return ""
    who = "A public demo: short clips, listed judges, no training." if is_demo() else "Several people use this page."
    return THEIRS.format(who=who)


def credentials() -> tuple[str, str] | None:
    """User and password that a visitor must give; None where anybody may come in. Raises InputError for half of it."""
    user, password = os.environ.get("WORKBENCH_USER", ""), os.environ.get("WORKBENCH_PASSWORD", "")
    if bool(user) != bool(password):
        missing = "WORKBENCH_PASSWORD" if user else "WORKBENCH_USER"
        raise InputError(f"{missing} is not set; give both to ask visitors for a password, or neither.")
    return (user, password) if user else None


def serves_tools(users: Users) -> bool:
    """Whether the endpoints are MCP tools too. Raises InputError where several people use the page: gradio's MCP server asks
    for all of them in one name, so that nobody's files and runs would be their own; and without the package it needs."""
    if os.environ.get("WORKBENCH_MCP", "") in ("", "0"):
        return False
    if users == "many":
        raise InputError("WORKBENCH_MCP: tools are for the one user of a page; this one is for many. Leave it out.")
    if find_spec("mcp") is None:
        raise InputError('WORKBENCH_MCP: the package mcp is not installed; pip install "gradio[mcp]".')
    return True


def serve(page: gr.Blocks, users: Users, runs: Path, served: Sequence[str], **options: Any) -> None:
    """Queue and launch a page behind the gate. `served` are folders whose files everybody may see."""
    most, own = WAITING["demo" if is_demo() else "private"]
    uploads = Path(gr.utils.get_upload_folder())
    uploads.mkdir(parents=True, exist_ok=True)
    files = FileOwners(uploads, tuple(map(Path, served)), runs / MARKS)

    def waiting(owner: str | None) -> tuple[int, int]:
        events = list(page._queue.event_ids_to_events.values())
        return len(events), sum(current_owner(event.request) == owner for event in events)

    site = Site(users == "one", files, UPLOAD_LIMITS.bytes, waiting, most, own)
    if users == "many":
        ask_for_owners(owner_of_handler)
        delete_by_and_by(files, previews_folder(), keep_days(is_demo()))
    page.queue(default_concurrency_limit=4, max_size=2 * most, api_open=False)
    page.launch(
        auth=credentials(),
        auth_message="This page is private.",
        max_file_size=UPLOAD_LIMITS.bytes,
        state_session_capacity=MOST_SESSIONS,
        allowed_paths=list(served),
        app_kwargs={"middleware": [Middleware(Gate, site=site)]},
        strict_cors=True,
        show_error=users == "one",  # an error nobody foresaw may name files of the machine
        enable_monitoring=False,
        run_history=False,
        mcp_server=serves_tools(users),
        ssr_mode=False,
        share=False,
        **options,
    )


def owner_of_handler() -> str:
    """Who is asking in the handler of gradio that is running; nobody where none is."""
    request = LocalContext.request.get(None)
    return (current_owner(request) if request is not None else None) or NOBODY
