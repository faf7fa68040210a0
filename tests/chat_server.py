"""A chat server by hand, over real HTTP: it answers as it is told and notes what it was asked.

def test_it(chat_server):
    server = chat_server(lambda asked, number: said("<score>4</score>"))
    load_backend(f"server:m@{server.url}")
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODELS = ("m", "other")


@dataclass
class Answer:
    """What comes back. Text is sent as it is, everything else as JSON; `breaks` closes the connection before its end."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    breaks: bool = False


def said(text: str, **choice: Any) -> Answer:
    """An ordinary chat completion."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    return Answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}], "usage": usage})


def refused(status: int, message: str, **headers: str) -> Answer:
    return Answer({"error": {"message": message, "code": status}}, status, headers)


@dataclass
class ChatServer:
    """Where it is, and the bodies and headers of all requests for completions, in the order they came."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def chat_servers() -> Iterator[Callable[..., ChatServer]]:
    """Starts servers; each ends with the `with` block. `answer` gets a request's body and its number, from 0."""
    started: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[dict[str, Any], int], Answer], models: Any = MODELS) -> ChatServer:
        http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, models))
        http.daemon_threads, http.block_on_close = True, False
        http.server = ChatServer(f"http://127.0.0.1:{http.server_port}/v1")
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        started.append(http)
        return http.server

    yield start
    for http in started:
        http.shutdown()
        http.server_close()


def _handler(answer: Callable[[dict[str, Any], int], Answer], models: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections are kept

        def do_GET(self) -> None:
            if isinstance(models, Answer):
                return self._send(models)
            listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
            self._send(Answer(listed) if self.path == "/v1/models" else refused(404, "Not Found"))

        def do_POST(self) -> None:
            server: ChatServer = self.server.server
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path != "/v1/chat/completions":
                return self._send(refused(404, "Not Found"))
            with server.lock:
                number = len(server.asked)
                server.asked.append(body)
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            try:
                self._send(answer(body, number))
            finally:
                with server.lock:
                    server.at_once -= 1

        def _send(self, answer: Answer) -> None:
            self.close_connection = self.close_connection or answer.breaks
            if answer.breaks and answer.body is None:
                return
            content = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
            try:
                self.send_response(answer.status)
                for name, value in {**answer.headers, "content-length": str(len(content) + answer.breaks)}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # whoever asked is gone
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    return Handler
