"""Strangers at the page over HTTP: what a browser sends, and what one would send who means no good."""

import json
import secrets
from pathlib import Path
from typing import Any

import httpx

API = "/gradio_api"


class Stranger:
    """One browser: its cookies and its session. A program by `token`, in the header."""

    def __init__(self, address: str, token: str = "", cookies: bool = True):
        headers = {"x-workbench-owner": token} if token else {}
        self.http = httpx.Client(base_url=address, headers=headers, timeout=60)
        self.session = secrets.token_hex(6)
        self.config = self.http.get("/config").json() if cookies else {}

    def close(self) -> None:
        self.http.close()

    def upload(self, file: Path | tuple[str, bytes]) -> httpx.Response:
        name, content = (file.name, file.read_bytes()) if isinstance(file, Path) else file
        return self.http.post(f"{API}/upload", files={"files": (name, content)})

    def get_file(self, path: str) -> httpx.Response:
        return self.http.get(f"{API}/file={path}")

    def file(self, path: str, **more: Any) -> dict[str, Any]:
        return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}

    def join(self, api_name: str, *data: Any, **more: Any) -> httpx.Response:
        """Ask for an event of the page, by its public name."""
        number = next(d["id"] for d in self.config["dependencies"] if d["api_name"] == api_name)
        return self.send(number, list(data), **more)

    def send(self, number: int, data: list, **more: Any) -> httpx.Response:
        body = {"fn_index": number, "data": data, "session_hash": self.session, **more}
        return self.http.post(f"{API}/queue/join", json=body)

    def listen(self) -> list[dict[str, Any]]:
        """The messages of the session until the last event is done."""
        found = []
        with self.http.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    found.append(json.loads(line[5:]))
                    if found[-1]["msg"] == "close_stream":
                        break
        return found

    def judge(self, path: str, instruction: str, responses: list[str], judge: str, **more: Any) -> dict[str, Any]:
        """A verdict by /judge; the error as {"error": ...}."""
        asked = [instruction, responses, self.file(path), "pointwise", judge]
        rest = {
            "reference": "",
            "description": "",
            "rubric": "",
            "frames": 2,
            "temperature": 0,
            "seed": 0,
            "text_only": False,
        }
        joined = self.join("judge", *asked, *{**rest, **more}.values())
        if joined.status_code != 200:
            return {"error": joined.json().get("detail"), "status": joined.status_code}
        done = [message for message in self.listen() if message["msg"] == "process_completed"][-1]
        return done["output"]["data"][0] if done["success"] else done["output"]
