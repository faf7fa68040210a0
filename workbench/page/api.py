"""The named endpoint /judge: the Judge tab's work for programs, with a typed signature."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.judge import pair_outcome
from workbench.page.form import MODES, JudgeForm
from workbench.page.receipt import verdict_json
from workbench.page.resident import ResidentJudge
from workbench.page.verdict import PageVerdict, judge_form
from workbench.redaction import redact


def judge_endpoint(resident: ResidentJudge, runs: Path) -> Callable[..., dict]:
    """The function behind /judge, bound to a resident judge and a folder for runs."""

    def judge(
        instruction: str,
        responses: list[str],
        video: gr.FileData | None = None,
        mode: str = "pointwise",
        judge: str = "embedded",
        reference: str = "",
        description: str = "",
        rubric: str = "",
        frames: int = 0,
        temperature: float = 0.0,
        seed: int = 0,
        text_only: bool = False,
    ) -> dict[str, Any]:
        """Judge responses to an instruction about a video. Returns the item, its judgments, the outcome of a pair, the
        command that repeats it and the run folder. Mode: pointwise, rubric, pairwise, pairwise_reasoning or ranking.
        Frames: 0 leaves them to the judge."""
        if mode not in MODES:
            raise gr.Error(f"mode: got {mode!r}, expected one of {', '.join(MODES)}.", print_exception=False)
        _check_texts(
            responses, instruction=instruction, judge=judge, reference=reference, description=description, rubric=rubric
        )
        form = JudgeForm(_uploaded(video), instruction, tuple(responses), mode, judge, text_only, reference,
                         description, rubric, frames=frames, temperature=temperature, seed=seed)  # fmt: skip
        try:
            return _answer(judge_form(form, runs, resident))
        except WorkbenchError as error:
            raise gr.Error(redact(str(error)), print_exception=False) from error

    return judge


def _check_texts(responses: Any, **texts: Any) -> None:
    """Raises gr.Error where JSON brought something else than the signature says: Python would judge "abc" as three."""
    if not (isinstance(responses, list) and all(isinstance(response, str) for response in responses)):
        raise gr.Error(f"responses: got {responses!r:.80}, expected a list of texts.", print_exception=False)
    for name, text in [*texts.items(), *(("responses", response) for response in responses)]:
        if not isinstance(text, str) or re.search("[\ud800-\udfff]", text):  # half a character: no text, but JSON
            raise gr.Error(f"{name}: got {text!r:.80}, expected text.", print_exception=False)


def _uploaded(video: Any) -> str | None:
    """The path of an uploaded file. Only files in the upload folder: a caller must not read this machine's others."""
    if not video:
        return None
    given = video["path"] if isinstance(video, dict) else getattr(video, "path", "")
    path = Path(given).resolve()
    if not path.is_relative_to(Path(gr.utils.get_upload_folder()).resolve()):
        raise gr.Error(
            "video: got a path that was not uploaded; expected a file handed over with handle_file(...).",
            print_exception=False,
        )
    return str(path)


def _answer(verdict: PageVerdict) -> dict[str, Any]:
    answer = json.loads(verdict_json(verdict.item, verdict.judgments, verdict.command))
    if not verdict.form.scores and verdict.form.mode != "ranking":
        answer["outcome"] = pair_outcome(*verdict.judgments)
    return answer | {"run_folder": str(verdict.folder)}
