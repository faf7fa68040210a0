"""Judges on a server, `server:<model>@<url>`: whatever answers chat completions as OpenAI's API does (vLLM, SGLang,
llama.cpp, `transformers serve`).

The frames go as pictures in their order, then the text that every judge reads. Requests of a batch are in flight at once.
"""

import asyncio
import base64
import io
import json
import re
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from workbench.backends.base import Chat, Declared, Reply, sampling_of_each
from workbench.backends.presets import preset_for
from workbench.backends.server_calls import Line
from workbench.backends.server_errors import Asked, refusal, said_by
from workbench.backends.server_probabilities import menu_probabilities
from workbench.backends.stopping import never, stopped
from workbench.errors import BackendError, InputError
from workbench.schema import DEFAULT_FRAMES, Sampling, VideoPolicy, View

if TYPE_CHECKING:
    import httpx

    from workbench.video.frames import Frames

Pictures = Literal["jpeg", "png"]

CONCURRENCY = 8
ANSWER_SECONDS = 600
RETRIES = 5
LOOK_SECONDS = 0.2  # between two looks at whether to stop
JPEG_QUALITY = 95
TOP_LOGPROBS = 20  # the most that OpenAI's API and vLLM's default allow
SAMPLE_STEP = 1_000_003  # between the seeds of two samples
POLICY = VideoPolicy(frames=DEFAULT_FRAMES, max_pixels=128 * 28 * 28)  # for models of which nothing is known


class _Request(NamedTuple):
    chat: Chat
    sampling: Sampling


class ServerBackend:
    """A model on a server. `generate` may be called from several threads."""

    def __init__(self, name: str, model: str, line: Line, concurrency: int, frames_as: Pictures, view: View | None):
        preset = preset_for(model)
        self.name, self.model = name, model
        self.identity: Mapping[str, Any] = {"backend": "server", "model": model, "frames_as": frames_as}
        self.view: View = view or (preset.view if preset else "video")
        self.sampling = preset.sampling if preset else Sampling()
        self.video_policy = preset.video_policy if preset else POLICY
        self.declared = Declared(prompts=preset.prompts) if preset else Declared()
        self.takes_at_once = 2 * concurrency  # few wait for the last of a batch, and few are lost with a process
        self.stop_requested: Callable[[], bool] = never  # asked all the time
        self.listed: tuple[str, ...] = ()  # the models that the server lists
        self._line, self._concurrency, self._frames_as = line, concurrency, frames_as
        self._tells_probabilities = True  # until it refuses to

    def generate(self, chats: Sequence[Chat], sampling: Sampling | Sequence[Sampling]) -> list[Reply | BackendError]:
        """A Reply for each chat, in order, or the BackendError that kept it from one.

        As soon as `stop_requested()`, requests in flight are broken off, which has servers free what they hold.
        """
        each = [_Request(*one) for one in zip(chats, sampling_of_each(chats, sampling), strict=True)]
        return _run(self._answer_all(each)) if each else []

    def close(self) -> None:
        """Nothing is held."""

    async def _answer_all(self, requests: Sequence[_Request]) -> list[Reply | BackendError]:
        places, pictures = asyncio.Semaphore(self._concurrency), _Encoded(self._frames_as)
        async with self._line.client(self._concurrency) as client:

            async def answer(request: _Request) -> Reply | BackendError:
                async with places:
                    return await self._answer(client, request, pictures)

            if self.stop_requested():
                return [stopped() for _ in requests]
            tasks = [asyncio.create_task(answer(request)) for request in requests]
            while pending := [task for task in tasks if not task.done()]:
                await asyncio.wait(pending, timeout=LOOK_SECONDS)
                if self.stop_requested():
                    for task in pending:
                        task.cancel()
            return [stopped() if task.cancelled() else task.result() for task in tasks]

    async def _answer(
        self, client: "httpx.AsyncClient", request: _Request, pictures: "_Encoded"
    ) -> Reply | BackendError:
        if request.chat.frames is not None and self.view != "video":
            return BackendError(
                f"{self.name} is asked as one that reads text only; judge with view 'description' or 'none'."
            )
        wanted = self._tells_probabilities and len(request.chat.menu) > 1
        try:
            # In a thread: pictures take time, and meanwhile others are answered and the wish to stop is heard.
            content = await asyncio.to_thread(_content, self.model, request, pictures, wanted)
            started = time.perf_counter()
            response = await self._line.post(client, "/chat/completions", content)
            if wanted and response.status_code in (400, 422, 501) and "logprob" in response.text:
                self._tells_probabilities = False
                content = await asyncio.to_thread(_content, self.model, request, pictures, False)
                response = await self._line.post(client, "/chat/completions", content)
            return self._reply(request, response, time.perf_counter() - started)
        except BackendError as error:
            return error

    def _reply(self, request: _Request, response: "httpx.Response", seconds: float) -> Reply | BackendError:
        chat, status, text = request.chat, response.status_code, response.text
        frames = len(chat.frames) if chat.frames is not None else 0
        asked = Asked(self.name, self.model, self._line.url, self.listed, frames, request.sampling.max_new_tokens)
        if status != 200:
            return refusal(asked, status, said_by(text))
        try:
            answer = json.loads(text)
            if answer.get("error"):  # llama.cpp may say so with status 200
                return refusal(asked, 400, said_by(text))
            choice = answer["choices"][0]
            written = _written(choice["message"])
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return BackendError(
                f"{self.name}: the answer is no chat completion: {text[:80]!r}. Is {self._line.url} the address of an "
                "OpenAI-compatible server, up to and with /v1?"
            )
        probs = menu_probabilities(choice.get("logprobs"), chat.slot, chat.menu)
        return Reply(
            written, probs, _usage(answer.get("usage"), seconds), finished=choice.get("finish_reason") != "length"
        )


def load_server(
    model: str,
    url: str,
    *,
    concurrency: int = CONCURRENCY,
    timeout: int = ANSWER_SECONDS,
    retries: int = RETRIES,
    frames_as: Pictures = "jpeg",
    view: View | None = None,
) -> ServerBackend:
    """The judge of a model on a server, which is asked what models it has.

    Args:
        model: its name there; of those that a preset names by Hub id, frames and sampling are the preset's.
        url: the address up to and with /v1; without a path, /v1 is put behind it.
        concurrency: requests in flight at once.
        timeout: seconds for one answer.
        retries: further tries where the server is busy (429, 502, 503, 504) or the connection breaks.
        frames_as: "jpeg" (quality 95) or "png", which loses nothing and is several times as large.
        view: "description" for a model that takes no pictures.

    The key, if the server wants one, is that of the environment variable WORKBENCH_SERVER_KEY.
    Raises InputError for an option that cannot be, BackendError for a server that does not answer or wants another key.
    """
    _check_options(concurrency, timeout, retries, frames_as, view)
    name = f"server:{model}@{url}"
    line = Line(name, url, timeout, retries)
    backend = ServerBackend(name, model, line, concurrency, frames_as, view)
    response = line.get("/models")
    if response.status_code in (401, 403, 429, 502, 503, 504):
        raise refusal(Asked(name, model, url), response.status_code, said_by(response.text))
    backend.listed = _models(response.text)
    return backend


def _check_options(concurrency: int, timeout: int, retries: int, frames_as: str, view: str | None) -> None:
    for what, value, least in (("concurrency", concurrency, 1), ("timeout", timeout, 1), ("retries", retries, 0)):
        if not isinstance(value, int) or value < least:
            raise InputError(f"{what}: got {value!r}, expected a whole number of at least {least}.")
    if frames_as not in get_args(Pictures):
        raise InputError(f"frames_as: got {frames_as!r}, expected {' or '.join(get_args(Pictures))}.")
    if view not in (None, "video", "description"):
        raise InputError(f"view: got {view!r}, expected video or description.")


def _models(text: str) -> tuple[str, ...]:
    """The names in an answer to /v1/models; none where the server has no such list."""
    try:
        return tuple(str(one["id"]) for one in json.loads(text)["data"])
    except (ValueError, KeyError, TypeError):
        return ()


# -- what is sent


class _Encoded:
    """The frames of a batch's videos as data URLs, each video's made once."""

    def __init__(self, form: Pictures):
        self._form, self._lock = form, threading.Lock()
        self._made: dict[int, tuple[Frames, list[str]]] = {}  # the frames too, so that no others get their id

    def of(self, frames: "Frames") -> list[str]:
        with self._lock:
            if id(frames) not in self._made:
                self._made[id(frames)] = frames, [data_url(image, self._form) for image in frames.images]
            return self._made[id(frames)][1]


def data_url(image: Any, form: Pictures) -> str:
    """A picture, uint8 [height, width, 3], as a data URL (RFC 2397)."""
    from PIL import Image

    file = io.BytesIO()
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if form == "jpeg" else {}
    Image.fromarray(image).save(file, form, **options)
    return f"data:image/{form};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _content(model: str, request: _Request, pictures: _Encoded, probabilities: bool) -> bytes:
    """A request's body. Sample i of a seed has a seed of its own; sample 0 has the seed itself."""
    chat, sampling = request
    body = {
        "model": model,
        "messages": _messages(chat, pictures),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_new_tokens,
        "seed": (sampling.seed + SAMPLE_STEP * chat.sample) % 2**31,
    }
    if probabilities:
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return json.dumps(body).encode("ascii")


def _messages(chat: Chat, pictures: _Encoded) -> list[dict[str, Any]]:
    content: Any = chat.text
    if chat.frames is not None:
        shown = [{"type": "image_url", "image_url": {"url": url}} for url in pictures.of(chat.frames)]
        content = [*shown, {"type": "text", "text": chat.text}]
    system = [{"role": "system", "content": chat.system}] if chat.system else []
    return [*system, {"role": "user", "content": content}]


# -- what comes back


def _written(message: Mapping[str, Any]) -> str:
    """What the model wrote; thoughts that the server told apart stand before it, as they were written."""
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content)
    if not isinstance(content, str):
        raise TypeError(f"content: got {type(content).__name__}")
    if not isinstance(thoughts, str):
        return content
    return f"<think>\n{re.sub('</?think>', '', thoughts)}\n</think>\n\n{content}"


def _usage(told: Any, seconds: float) -> dict[str, float]:
    """Tokens where the server counts them, and the seconds until it had answered."""
    told = told if isinstance(told, dict) else {}
    names = {"prompt_tokens": "prompt_tokens", "completion_tokens": "reply_tokens"}
    counted = {ours: told[theirs] for theirs, ours in names.items() if isinstance(told.get(theirs), int)}
    return {**counted, "generate_seconds": round(seconds, 4)}


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of asynchronous work; in a thread of its own where this one has an event loop already (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()
