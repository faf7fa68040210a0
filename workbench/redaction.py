"""Keeping secrets out of what is written or shown: tokens and passwords of the environment, and all that looks like one."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

HIDDEN = "[hidden]"
SECRET_NAME = re.compile(
    r"(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SERVER_?KEY)S?$", re.IGNORECASE
)
SHORTEST = 6  # characters; a shorter value would take ordinary words out of a text
LOOKS_SECRET = re.compile(
    r"""\b(?:hf|api_org)_[A-Za-z0-9]{16,}            # Hugging Face
      | \bsk-[A-Za-z0-9_-]{16,}                      # OpenAI and those who speak like it
      | \bgh[pousr]_[A-Za-z0-9]{20,}                 # GitHub
      | (?<=bearer\ )[A-Za-z0-9._~+/=-]{8,}          # an Authorization header
      | (?<=://)[^\s/@:'"]{1,80}:[^\s/@'"]{1,200}(?=@)  # name:password@ of an address
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redact(text: str) -> str:
    """A text with every secret of this process, and whatever looks like a token, replaced by "[hidden]"."""
    return _hidden(text, secrets())


def redact_values(value: Any) -> Any:
    """The same for every text in a JSON value."""
    return _hidden_values(value, secrets())


def _hidden(text: str, found: list[str]) -> str:
    for secret in found:
        text = text.replace(secret, HIDDEN)
    return LOOKS_SECRET.sub(HIDDEN, text)


def _hidden_values(value: Any, found: list[str]) -> Any:
    if isinstance(value, str):
        return _hidden(value, found)
    if isinstance(value, Mapping):
        return {key: _hidden_values(each, found) for key, each in value.items()}
    return [_hidden_values(each, found) for each in value] if isinstance(value, list | tuple) else value


def secrets() -> list[str]:
    """The secrets that this process holds, the longest first: environment variables by name, the stored Hub token."""
    found = {value.strip() for name, value in os.environ.items() if SECRET_NAME.search(name)} | {_stored_token()}
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that name no secret: all that a process needs which opens strangers' files."""
    return {name: value for name, value in environment.items() if not SECRET_NAME.search(name)}


def _stored_token() -> str:
    """The token that `hf auth login` left, where huggingface_hub looks for it."""
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    path = Path(os.environ.get("HF_TOKEN_PATH") or os.path.join(home, "token")).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class Redacted:
    """A text stream that hides secrets in what is written to it; for all else it is the stream."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output() -> None:
    """From now on this process's standard output and errors, tracebacks too, hide secrets. Once is enough."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, Redacted):
            setattr(sys, name, Redacted(stream))
