"""Verdicts in a dataset on the Hub: what run folders record is committed every few minutes, beside judging, never in its way.

    WORKBENCH_RESULTS=user/dataset      the dataset, made private where there is none; HF_TOKEN may write to it
    WORKBENCH_RESULTS_MINUTES=5         between two commits

Without the first, verdicts stay in the run folders. Kept are the records that say what was asked and answered; neither
videos, nor logs, nor whose a run is. A commit that fails is told on the page and made again with the next.
"""

import os
import threading
import time
import uuid
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import InputError, WorkbenchError
from workbench.hub import NO_TOKEN, telling_errors

DATASET, MINUTES = "WORKBENCH_RESULTS", "WORKBENCH_RESULTS_MINUTES"
RECORDS = tuple(f"*/{name}" for name in ("run.json", "items.jsonl", "judgments.jsonl", "summary.json", "sweep.json",
                                         "asked.jsonl", "audit.json"))  # fmt: skip
CARD = """---
pretty_name: Verdicts of a VideoJudge workbench
tags: [video, llm-as-a-judge, videojudge]
configs:
- config_name: judgments
  data_files: "**/judgments.jsonl"
- config_name: items
  data_files: "**/items.jsonl"
---

# Verdicts

What visitors of a VideoJudge workbench asked and what judges answered: a folder for each start of the page, in it a run folder
for each verdict. `items.jsonl` holds the instructions and responses, `judgments.jsonl` one verdict a line. Videos are
named by their content's hash and not kept.
"""


class Kept(NamedTuple):
    """How keeping stands. `commits` so far; `problem` is why the last attempt failed, "" where it did not."""

    dataset: str
    commits: int = 0
    at: float = 0.0  # Unix time of the last commit
    problem: str = ""


class Keeper:
    """Commits the records under `runs` to a dataset, in a thread of its own. Begins with `start`."""

    def __init__(self, runs: Path, dataset: str, minutes: float = 5.0):
        self._runs, self._minutes = runs, minutes
        self._folder = f"{time.strftime('%Y-%m-%d')}-{uuid.uuid4().hex[:8]}"  # two starts never write the same files
        self._committer: Any = None
        self.state = Kept(dataset)

    def start(self) -> None:
        """Go to work; returns at once, whether or not the Hub answers."""
        threading.Thread(target=self._work, daemon=True, name="keeping").start()

    def _work(self) -> None:
        while True:
            self.commit()
            time.sleep(self._minutes * 60)

    def commit(self) -> Kept:
        """Commit what is new since the last time; a failure becomes the state's problem."""
        from huggingface_hub import get_token

        dataset, token = self.state.dataset, get_token()
        try:
            if token is None:
                raise InputError(NO_TOKEN)
            with telling_errors(dataset, token):
                self._committer = self._committer or _committer(self._runs, dataset, self._folder)
                done = self._committer.push_to_hub()
        except WorkbenchError as error:
            self.state = self.state._replace(problem=str(error))
        else:
            made = {"commits": self.state.commits + 1, "at": time.time()} if done else {}
            self.state = self.state._replace(problem="", **made)
        return self.state


def _committer(runs: Path, dataset: str, folder: str) -> Any:
    """huggingface_hub's CommitScheduler, which knows what is new and reads files that are being written to; we keep time.

    Makes the dataset, with a card, where there is none.
    """
    from huggingface_hub import CommitScheduler, HfApi

    api = HfApi()
    api.create_repo(dataset, repo_type="dataset", private=True, exist_ok=True)
    if not api.file_exists(dataset, "README.md", repo_type="dataset"):
        api.upload_file(path_or_fileobj=CARD.encode(), path_in_repo="README.md", repo_id=dataset, repo_type="dataset",
                        commit_message="Card")  # fmt: skip

    class Committer(CommitScheduler):
        def _run_scheduler(self) -> None:
            """The keeper says when."""

    runs.mkdir(parents=True, exist_ok=True)
    return Committer(repo_id=dataset, repo_type="dataset", folder_path=runs, path_in_repo=folder, allow_patterns=list(RECORDS),
                     private=True)  # fmt: skip


def keeper_of(runs: Path) -> Keeper | None:
    """The keeper that the environment asks for; None where it asks for none. Raises InputError for what it cannot be."""
    dataset = os.environ.get(DATASET, "").strip()
    if not dataset:
        return None
    if dataset.count("/") != 1:
        raise InputError(f"{DATASET}: got {dataset!r}, expected user/dataset.")
    said = os.environ.get(MINUTES, "5")
    try:
        minutes = float(said)
    except ValueError:
        minutes = 0.0
    if not minutes > 0:
        raise InputError(f"{MINUTES}: got {said!r}, expected a number of minutes above 0.")
    return Keeper(runs, dataset, minutes)


def keeping_note(kept: Kept) -> str:
    """HTML that says where verdicts go, and what keeps them from it."""
    where = f"Verdicts made here, with the texts that were judged, are kept in the dataset {escape(kept.dataset)} on the Hub."
    if kept.problem:
        wrong = f" That fails at present: {escape(kept.problem)} They stay in this page's run folders meanwhile."
        return f'<p class="vj-sub vj-served" role="status">{where}<strong>{wrong}</strong></p>'
    since = f" Last saved at {time.strftime('%H:%M', time.gmtime(kept.at))} UTC." if kept.commits else ""
    return f'<p class="vj-sub vj-served" role="status">{where}{since}</p>'
