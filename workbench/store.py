"""The run folder: everything one run was asked, and every verdict it gave.

    runs/<run>/run.json         command, config, prompts in full, versions: written first
               items.jsonl      the Items, one a line
               judgments.jsonl  append-only, one Judgment a line, flushed; the last line of a key wins
               rejected.jsonl   rows of the input that could not become Items, with the reason
               status.json      state, done/total, ETA, pid, last error: replaced atomically; Run.state() tells the truth
               summary.json     counts by status: written last, so its existence means "complete"
               run.lock         held by the one process that writes
               writer.json      its pid, and when it began

JSONL is the truth; Parquet and CSV are exports. Videos and frames are never copied in.
"""

import importlib.metadata
import json
import os
import platform
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from workbench.errors import InputError, StoreError
from workbench.json_files import read_json, sync, write_json
from workbench.owners import claim
from workbench.process_identity import is_process, this_process, writers_of
from workbench.redaction import redact, redact_values
from workbench.schema import Item, Judgment, utc_now
from workbench.terminations import termination_as_interrupt

FORMAT = 1
ANSWERED = ("scored", "unparsed")  # what a resumed run does not ask again
SHOWN = 5  # settings that differ, at most, in the message that refuses them
STATUS_SECONDS = 0.5  # status.json is written at most this often


def new_run_folder(root: str | Path, name: str) -> Path:
    """A fresh folder name under `root`: name, moment, and four random hex digits."""
    return Path(root) / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries a verdict depends on, without importing them."""
    found = {"python": platform.python_version()}
    for package in ("torch", "transformers", "peft", "accelerate", "av", "decord", "numpy", "pillow", "gradio"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


class Run:
    """A run folder. Anyone may read it; `writing()` makes this process its one writer."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._status_written = 0.0
        self._held_back: dict[str, Any] = {}  # fields of status.json that are not written yet
        self._item_ids: set[str] | None = None  # of items.jsonl, known while this process is the one writer

    @classmethod
    def create(
        cls, folder: str | Path, *, config: Mapping[str, Any], prompts: Iterable[Mapping] = (), command: str = ""
    ) -> Self:
        """Make a run folder and write its run.json. Raises StoreError where one is already."""
        folder = Path(folder)
        if (folder / "run.json").exists():
            raise StoreError(f"{folder} holds a run already; resume it with the same settings, or name another folder.")
        try:
            claim(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be made a run folder: {error.strerror}. Name a folder you may write to."
            ) from error
        head = {"format": FORMAT, "created": utc_now(), "command": command, "config": dict(config),
                "prompts": [dict(prompt) for prompt in prompts], "versions": versions()}  # fmt: skip
        write_json(folder / "run.json", head)
        return cls(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a run folder that exists. Raises StoreError where there is none."""
        folder = Path(folder)
        if not (folder / "run.json").is_file():
            raise StoreError(f"{folder} is not a run folder: it has no run.json. Give the folder that a run printed.")
        return cls(folder)

    @classmethod
    def create_or_resume(cls, folder: str | Path, *, config: Mapping[str, Any], **head: Any) -> Self:
        """Make the run folder, or open it when it was made with the same config. Raises StoreError for another config.

        A run that was imported (items and gold labels, no judging of its own) takes judges with any config; their
        prompts are put beside those that are there.
        """
        if not (Path(folder) / "run.json").exists():
            return cls.create(folder, config=config, **head)
        run = cls.open(folder)
        then, now = run.head()["config"], redact_values(json.loads(json.dumps(dict(config))))
        if "imported" in then and "imported" not in now:
            run._add_prompts(head.get("prompts", ()))
            return run
        if differing := _differing(then, now):
            more = f"; and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
            raise StoreError(
                f"{folder} was run with other settings: {'; '.join(differing[:SHOWN])}{more}. Use the same settings to "
                "resume, or name another folder."
            )
        return run

    @contextmanager
    def writing(self) -> Iterator[Self]:
        """Hold the run's lock while writing. Raises StoreError, with the pid, while another process holds it.

        What a killed writer left of a last line is cut off first; leaving by an exception marks the run "failed" or,
        for a KeyboardInterrupt, "stopped". A SIGTERM or SIGHUP meanwhile is a KeyboardInterrupt.
        """
        lock = FileLock(self.folder / "run.lock")
        try:
            lock.acquire(timeout=0.2)  # past anyone who only looks whether it is held
        except Timeout:
            raise StoreError(
                f"{self.folder} is being written by {_writer(self.folder)}; wait for it, stop it, or name another folder."
            ) from None
        try:
            with termination_as_interrupt(), self._telling_how_it_ends():
                self._clear_drafts()
                write_json(self.folder / "writer.json", this_process())
                for name in ("items.jsonl", "judgments.jsonl", "rejected.jsonl"):
                    cut_broken_tail(self.folder / name)
                self._item_ids = set(self.items())
                yield self
        finally:
            self._item_ids = None
            lock.release()

    @contextmanager
    def _telling_how_it_ends(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._note_end("stopped")
            raise
        except BaseException as error:
            self._note_end("failed", last_error=f"{type(error).__name__}: {error}")
            raise

    def _note_end(self, state: str, **fields: Any) -> None:
        with suppress(OSError):  # on a full disk, what ended the run is the thing to hear
            self.set_status(state, **fields)

    def _clear_drafts(self) -> None:
        """Remove what writers that were killed left of files they were about to replace."""
        for name in ("run", "status", "summary", "writer"):
            for draft in self.folder.glob(f"{name}.*.tmp"):
                draft.unlink(missing_ok=True)

    def head(self) -> dict[str, Any]:
        """run.json: command, config, prompts, versions. Raises StoreError where it cannot be read."""
        head = read_json(self.folder / "run.json")
        if not head:
            raise StoreError(
                f"{self.folder / 'run.json'} is damaged: it is no JSON. Restore it, or name another folder."
            )
        return head

    def note_command(self, command: str) -> None:
        """Keep the command that works on the run now, where it is another than that which made it."""
        if (head := self.head()).get("command") != command:
            write_json(self.folder / "run.json", {**head, "command": command})

    def _add_prompts(self, prompts: Iterable[Mapping]) -> None:
        head = self.head()
        known = {prompt["id"] for prompt in head["prompts"]}
        added = [dict(prompt) for prompt in prompts if prompt["id"] not in known]
        if added:
            write_json(self.folder / "run.json", {**head, "prompts": [*head["prompts"], *added]})

    def add_items(self, items: Iterable[Item]) -> None:
        """Append the Items that are not in the run yet."""
        known = set(self.items()) if self._item_ids is None else self._item_ids
        with (self.folder / "items.jsonl").open("a", encoding="utf-8") as file:
            for item in items:
                if item.id not in known:
                    known.add(item.id)
                    file.write(_line(item.to_dict()))

    def add_rejected(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the input rows that could not become Items: {"row", "reason", ...}, replacing those of an earlier start."""
        (self.folder / "rejected.jsonl").write_text("".join(_line(dict(row)) for row in rows), encoding="utf-8")

    def append(self, judgment: Judgment) -> None:
        """Append one Judgment; it is on its way to the disk before this returns."""
        with (self.folder / "judgments.jsonl").open("a", encoding="utf-8") as file:
            file.write(_line(judgment.to_dict() | ({"error": redact(judgment.error)} if judgment.error else {})))

    def items(self) -> dict[str, Item]:
        """The Items by id, in the order they were added."""
        return {item.id: item for item in map(Item.from_dict, read_lines(self.folder / "items.jsonl"))}

    def rejected(self) -> list[dict[str, Any]]:
        """The input rows that could not become Items."""
        return list(read_lines(self.folder / "rejected.jsonl"))

    def judgments(self) -> list[Judgment]:
        """The Judgments in the order of their first appearance; of several lines with one key the last counts."""
        last: dict[str, Judgment] = {}
        for judgment in map(Judgment.from_dict, read_lines(self.folder / "judgments.jsonl")):
            last[judgment.key] = judgment
        return list(last.values())

    def done_keys(self) -> set[str]:
        """Keys that a resumed run does not ask again: scored and unparsed. Failed and skipped ones are tried again."""
        return {judgment.key for judgment in self.judgments() if judgment.status in ANSWERED}

    def status(self) -> dict[str, Any]:
        """status.json, or {} before the first one is written."""
        return read_json(self.folder / "status.json")

    def state(self) -> str:
        """How the run stands in truth: the state of status.json, but "interrupted" where that says "running" and nobody
        writes any more, for a killed process says nothing; "" before the first status."""
        from workbench.locks import is_locked  # needs POSIX

        said = str(self.status().get("state", ""))
        return "interrupted" if said == "running" and not is_locked(self.folder / "run.lock") else said

    def set_status(self, state: str, **fields: Any) -> None:
        """Replace status.json: state ("running", "done", "stopped", "failed"), pid, and fields such as done, total, eta_seconds.

        While the state stays the same it is written at most twice a second; what was held back is written with the next state.
        """
        now, before = time.monotonic(), self.status()
        self._held_back |= fields
        if before.get("state") == state and now - self._status_written < STATUS_SECONDS:
            return
        if state != "running":
            self._sync()
        self._status_written, fields, self._held_back = now, self._held_back, {}
        write_json(
            self.folder / "status.json", {**before, "state": state, "pid": os.getpid(), "updated": utc_now(), **fields}
        )

    def finish(self, **counts: Any) -> dict[str, Any]:
        """Write summary.json (counts by status and by judge) and set the status to done. Returns the summary.

        `counts` are a run's own figures, for both files; `done` and `total` among them replace the numbers of judgments.
        """
        judgments = self.judgments()
        summary = {
            "items": len(self.items()),
            "rejected": len(self.rejected()),
            "judgments": len(judgments),
            "by_status": dict(Counter(judgment.status for judgment in judgments)),
            "by_judge": dict(Counter(judgment.judge for judgment in judgments)),
            "finished": utc_now(),
            **counts,
        }
        self._sync()
        write_json(self.folder / "summary.json", summary)
        self.set_status("done", **{"done": len(judgments), "total": len(judgments), "eta_seconds": 0, **counts})
        return summary

    def _sync(self) -> None:
        """Have the disk hold all that was written, before anything on it says that the run ended with that."""
        for name in ("items.jsonl", "judgments.jsonl", "rejected.jsonl"):
            sync(self.folder / name)

    def to_frame(self):
        """All judgments as a pandas DataFrame, one row each, with the columns of workbench.export."""
        from workbench.export import judgments_frame

        return judgments_frame(self.items(), self.judgments())

    def export(self, path: str | Path) -> Path:
        """Write the judgments with their items to a .parquet, .csv or .jsonl file. Raises InputError for another ending."""
        from workbench.export import write_table

        return write_table(self, Path(path))


def _differing(then: Any, now: Any, name: str = "") -> list[str]:
    """Which settings are not the same, by name, as "recipe.lr was 0.1, now 0.2". What is None may as well be absent."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        keys = [key for key in dict.fromkeys([*now, *then]) if then.get(key) != now.get(key)]
        found = [_differing(then.get(key, "absent"), now.get(key, "absent"), f"{name}.{key}") for key in keys]
        return [each for some in found for each in some]
    return [f"{name.lstrip('.')} was {then!r}, now {now!r}"]


def _writer(folder: Path) -> str:
    """Who holds the lock of a run, in words: a lock outlives its writer where that left a child behind."""
    said = read_json(folder / "writer.json")
    if is_process(said.get("pid"), said.get("began")):
        return f"process {said['pid']}"
    others = writers_of(folder / "run.lock")
    return (
        f"process {', '.join(map(str, others))}, left behind by one that ended"
        if others
        else "a process that just began"
    )


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=True, allow_nan=False) + "\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Each line of a JSONL file. A last line without its newline is what a killed writer left, and is passed over."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith("\n"):
                return
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    f"{path}, line {number}: not JSON ({error.msg}). Restore the line or delete it."
                ) from error


def cut_broken_tail(path: Path) -> None:
    """Cut off a last line that has no newline, so that the next append starts on a line of its own."""
    if not path.exists() or not (size := path.stat().st_size):
        return
    with path.open("rb+") as file:
        end = size
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            end = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        file.truncate(end)
