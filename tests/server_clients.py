"""Strangers at the page over HTTP: what a browser or a program sends, and what one would send who means no good."""

import json
import secrets
from pathlib import Path
from typing import Any

import httpx

API = "/gradio_api"


class Stranger:
    """One browser, with its cookies and its session; with a `token` a program, which names itself in a header."""

    def __init__(self, address: str, token: str = "", **more: Any):
        headers = {"x-workbench-owner": token} if token else {}
        self.http = httpx.Client(base_url=address, headers=headers, timeout=120, **more)
        self.session = secrets.token_hex(6)
        self.config = self.http.get("/config").json()

    def upload(self, file: Path | tuple[str, bytes]) -> httpx.Response:
        name, content = (file.name, file.read_bytes()) if isinstance(file, Path) else file
        return self.http.post(f"{API}/upload", files={"files": (name, content)})

    def get_file(self, path: str | Path) -> httpx.Response:
        return self.http.get(f"{API}/file={path}")

    def judge(self, path: str, judge: str, instruction: str = "What moves?", **more: Any) -> dict[str, Any]:
        """A verdict by /judge, or {"error": what was said, "status": the HTTP status}."""
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        asked = {
            "instruction": instruction,
            "responses": ["A circle."],
            "video": file,
            "judge": judge,
            "frames": 2,
            **more,
        }
        joined = self.http.post(f"{API}/call/v2/judge", json=asked)
        if joined.status_code != 200:
            return {"error": joined.json().get("detail"), "status": joined.status_code}
        kind = ""
        with self.http.stream("GET", f"{API}/call/v2/judge/{joined.json()['event_id']}") as stream:
            for line in stream.iter_lines():
                kind = line.removeprefix("event: ") if line.startswith("event:") else kind
                if line.startswith("data:") and kind in ("complete", "error"):
                    said = json.loads(line[5:])
                    return said[0] if kind == "complete" else {"error": (said or {}).get("error"), "status": 200}
        return {"error": "the stream ended", "status": 200}

    def call(self, number: int, *data: Any) -> httpx.Response:
        """Call a handler of the page by its number, as the page's script does for those that do not queue."""
        body = {"fn_index": number, "data": list(data), "session_hash": self.session}
        return self.http.post(f"{API}/run/predict", json=body)

    def component(self, elem_id: str) -> int:
        return next(part["id"] for part in self.config["components"] if part["props"].get("elem_id") == elem_id)

    def handlers(self, elem_id: str, event: str) -> list[dict[str, Any]]:
        """The handlers of an event of a component."""
        wanted = [self.component(elem_id), event]
        return [one for one in self.config["dependencies"] if wanted in [list(target) for target in one["targets"]]]

    def runs_listed(self) -> list[str]:
        """The runs that the Meta-eval tab lists: [name, ..]."""
        listing = self.component("vj-meta-runs")
        number = next(one["id"] for one in self.config["dependencies"]
                      if one["outputs"] == [listing] and any(target[1] == "select" for target in one["targets"]))  # fmt: skip
        update = self.call(number, []).json()["data"][0]
        return [choice[1] for choice in update["choices"]]
