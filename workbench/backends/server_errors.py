"""What a chat server that refuses is taken to mean, in a sentence that says what to do."""

import json
import re
from typing import Any, NamedTuple

from workbench.errors import BackendError

KEY_VARIABLE = "WORKBENCH_SERVER_KEY"
LONGEST = 300  # characters of a server's own message; some quote the whole request
LISTED = 20  # models that are named

TOO_MANY = re.compile(r"at most ([1-9]\d*) (?:image|multimodal)", re.IGNORECASE)
TOO_LONG = re.compile(
    r"context (?:length|size|window)|max(?:imum)?[ _]model[ _]len|n_ctx|too long|longer than|exceed\w* .{0,60}(?:tokens|length)",
    re.IGNORECASE,
)
NO_VISION = re.compile(
    r"not a multi-?modal|mmproj|at most 0 image|(?:image|vision|multi-?modal)\b.{0,60}(?:not|n't|un)[ -]?(?:support|allow|enabl)"
    r"|(?:not|n't|un)[ -]?support\w*.{0,40}(?:image|vision|multi-?modal)|image_url.{0,60}(?:unknown|unexpected|invalid)",
    re.IGNORECASE | re.DOTALL,
)
NO_MODEL = re.compile(
    r"model\b.{0,200}(?:not exist|not found|not available|unknown|not served)|unknown model|no such model|pinned to"
    r"|model_not_found",
    re.IGNORECASE | re.DOTALL,
)


class Asked(NamedTuple):
    """Who was asked and with what, as far as its refusal may be about it."""

    judge: str  # its spec
    model: str
    url: str
    listed: tuple[str, ...] = ()  # the models that the server lists
    frames: int = 0
    max_new_tokens: int = 0


def refusal(asked: Asked, status: int, said: str) -> BackendError:
    """The error of a request that was answered with an HTTP status that is no success."""
    return BackendError(f"{asked.judge}: {_sentence(asked, status, said)}")


def said_by(text: str) -> str:
    """The message in a refusal: of the forms that servers use, or else the beginning of its text."""
    try:
        found = _message(json.loads(text))
    except ValueError:
        found = re.sub(r"<[^>]*>", " ", text)  # a proxy's page
    return " ".join(found.split())[:LONGEST]


def _message(value: Any) -> str:
    if isinstance(value, dict):
        known = next((value[name] for name in ("error", "message", "detail", "msg") if value.get(name)), None)
        return _message(known) if known is not None else json.dumps(value)
    if isinstance(value, list) and value:
        return _message(value[0])
    return str(value)


def _sentence(asked: Asked, status: int, said: str) -> str:
    why = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in (401, 403):
        return f"the server wants another key ({why}). Put it into the environment variable {KEY_VARIABLE}."
    if status == 413:
        return f"the request is too large for the server ({why}). Use fewer or smaller frames."
    if status in (429, 502, 503, 504):
        return f"the server is overloaded or not ready ({why}). Let fewer requests be in flight (concurrency), or go on later."
    if 400 <= status < 500 and NO_MODEL.search(said):
        return f"the server does not know the model {asked.model!r}; {_models(asked)} ({why})."
    if most := TOO_MANY.search(said):
        return (f"got {asked.frames} frames, and the server takes {most[1]} pictures in a request ({why}). Use fewer frames, or "
                "start it with a higher limit (vLLM: --limit-mm-per-prompt).")  # fmt: skip
    if TOO_LONG.search(said):
        return (f"the prompt with {asked.frames} frames and a reply of up to {asked.max_new_tokens} tokens does not fit into the "
                f"model's context ({why}). Use fewer or smaller frames, shorter text, or a lower max_new_tokens.")  # fmt: skip
    if asked.frames and NO_VISION.search(said):
        return (f"the model takes no pictures ({why}). Serve one that does, or let it read descriptions with the option "
                "view=description.")  # fmt: skip
    if status in (404, 405):
        return f"no chat completions at {asked.url} ({why}). Give the address up to and with /v1."
    unlisted = bool(asked.listed) and asked.model not in asked.listed
    hint = f" It does not list the model {asked.model!r}; {_models(asked)}." if unlisted else ""
    return f"the server refused or failed ({why}).{hint}"


def _models(asked: Asked) -> str:
    """The models that there are, to name one of them."""
    if not asked.listed:
        return "it lists none"
    more = ", ..." if len(asked.listed) > LISTED else ""
    return f"name one that it has: {', '.join(asked.listed[:LISTED])}{more}"
