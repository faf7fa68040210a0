"""The Hub's refusals in our words, for everything that is pushed there; never with a token in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workbench.errors import InputError, WorkbenchError

NO_TOKEN = "no Hub token: set HF_TOKEN to one that may write, or log in with `hf auth login`."


class PushError(WorkbenchError):
    """The Hub refused, could not be reached, or the upload broke off."""


def token_found() -> bool:
    """Whether the environment or the Hub login has a token; it is not checked."""
    from huggingface_hub import get_token

    return get_token() is not None


@contextmanager
def telling_errors(repo: str, token: str) -> Iterator[None]:
    """Errors of the client as ours, and without the token, whatever a library has put into its message."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except LocalTokenNotFoundError as error:
        raise InputError(NO_TOKEN) from error
    except OfflineModeIsEnabled as error:
        raise PushError("The Hub client is offline (HF_HUB_OFFLINE=1); unset that to push.") from error
    except HFValidationError as error:
        raise InputError(f"repo: {_clean(error, token)}") from error
    except HfHubHTTPError as error:
        raise PushError(_refusal(error, repo, token)) from None  # its cause holds the request and its headers
    except (httpx2.TransportError, ConnectionError, TimeoutError) as error:
        raise PushError(
            f"The Hub could not be reached ({type(error).__name__}). Nothing of {repo} is changed; the same command "
            "goes on when the network is back, and sends nothing twice."
        ) from None
    except (RuntimeError, OSError, ValueError) as error:
        cause = error.__cause__
        why = _refusal(cause, repo, token) if isinstance(cause, HfHubHTTPError) else _clean(cause or error, token)
        raise PushError(
            f"The upload broke off: {why} Nothing of {repo} is changed yet; the same command goes on, and sends "
            "nothing twice."
        ) from None


def _refusal(error: Any, repo: str, token: str) -> str:
    status, said = error.response.status_code, _clean(error.server_message or error, token)
    owner = repo.split("/")[0]
    reasons = {
        401: "The Hub does not know this token; make a new one, or log in again with `hf auth login`.",
        403: f"The Hub does not let this token write under {owner!r} ({said}). Take a token with write access, or your own "
        "name before the slash.",
        404: f"The Hub has no such place ({said}).",
        409: f"The name {repo} is taken ({said}); choose another.",
        412: f"{repo} was changed by someone else meanwhile; push again.",
    }
    return reasons.get(status, f"The Hub answered {status}: {said}. Try again later.")


def _clean(error: Any, token: str) -> str:
    lines = [line.strip() for line in str(error).replace(token, "(token)").splitlines() if line.strip()]
    return " ".join(lines)[:300]
