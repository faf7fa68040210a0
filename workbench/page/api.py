"""The named endpoint /judge: the Judge tab's work for programs, with a typed signature; and what other endpoints share."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.judge import pair_outcome
from workbench.page.form import MODES, JudgeForm
from workbench.page.known_judge import fitting_mode
from workbench.page.places import without_folders
from workbench.page.receipt import verdict_json
from workbench.page.resident import ResidentJudge
from workbench.page.served_judge import served_judge
from workbench.page.verdict import PageVerdict, judge_form
from workbench.permissions import check_place
from workbench.redaction import redact


def judge_endpoint(resident: ResidentJudge, runs: Path) -> Callable[..., dict]:
    """The function behind /judge, bound to a resident judge and a folder for runs."""

    def judge(
        instruction: str,
        responses: list[str],
        video: gr.FileData | None = None,
        mode: str = "",
        judge: str = "",
        reference: str = "",
        description: str = "",
        rubric: str = "",
        frames: int = 0,
        temperature: float = 0.0,
        seed: int = 0,
        text_only: bool = False,
        video_path: str = "",
    ) -> dict[str, Any]:
        """Judge responses to an instruction about a video: ratings from 1 to 5 (higher is better), or which is better.

        Returns the item, its judgments, the outcome of a pair, the command that repeats it and the run folder.

        Args:
            instruction: What was asked about the video.
            responses: The answers to judge: one or more to rate, two to compare, three or more to rank.
            video: The video file.
            mode: pointwise, rubric, pairwise, pairwise_reasoning or ranking; empty takes pointwise, or the first of these
                that the judge knows.
            judge: The judge's name; empty takes the page's own.
            reference: A correct answer that the judge may compare with.
            description: The video in words, for judges that read instead of look.
            rubric: What a good answer must have; replaces the judge's general guide.
            frames: How many frames the judge sees; 0 leaves them to the judge.
            temperature: 0 always gives the same reply.
            seed: Matters above temperature 0.
            text_only: Do not show the judge the video: a control.
            video_path: In the place of video: a file on the page's machine, for the one user of a page.
        """
        with told():
            form = checked_form(
                video_of(video, video_path), instruction, responses, mode, judge, text_only, reference, description, rubric,
                frames=frames, temperature=temperature, seed=seed,
            )  # fmt: skip
            return answer_of(judge_form(form, runs, resident))

    return judge


@contextmanager
def told() -> Iterator[None]:
    """What the workbench refuses, as the error that a client is given, without secrets."""
    try:
        yield
    except WorkbenchError as error:
        raise gr.Error(redact(str(error)), print_exception=False) from error


def checked_form(
    video: str | None, instruction: str, responses: list[str], mode: str, judge: str = "", text_only: bool = False,
    reference: str = "", description: str = "", rubric: str = "", **sampling: Any,
) -> JudgeForm:  # fmt: skip
    """A form of what a client sent; an empty mode is one that the judge knows. Raises gr.Error for values that are no such
    texts, modes or uploads."""
    texts = {"instruction": instruction, "judge": judge, "reference": reference, "description": description}
    _check_texts(responses, mode=mode, **texts, rubric=rubric)
    if mode and mode not in MODES:
        raise gr.Error(f"mode: got {mode!r}, expected one of {', '.join(MODES)}.", print_exception=False)
    spec = judge.strip() or served_judge().spec
    return JudgeForm(video, instruction, tuple(responses), mode or fitting_mode(spec), spec, text_only, reference,
                     description, rubric, **sampling)  # fmt: skip


def _check_texts(responses: Any, **texts: Any) -> None:
    """Raises gr.Error where JSON brought something else than the signature says: Python would judge "abc" as three."""
    if not (isinstance(responses, list) and all(isinstance(response, str) for response in responses)):
        raise gr.Error(f"responses: got {responses!r:.80}, expected a list of texts.", print_exception=False)
    for name, text in [*texts.items(), *(("responses", response) for response in responses)]:
        if not isinstance(text, str) or re.search("[\ud800-\udfff]", text):  # half a character: no text, but JSON
            raise gr.Error(f"{name}: got {text!r:.80}, expected text.", print_exception=False)


def video_of(video: Any, path: str) -> str | None:
    """The uploaded file, else the one at a path that was typed. Raises InputError where the caller may name no paths,
    gr.Error for what is no upload."""
    if not path:
        return _uploaded(video)
    _check_texts([], video_path=path)
    check_place("video_path", path)
    return str(Path(path).expanduser())


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


def answer_of(verdict: PageVerdict) -> dict[str, Any]:
    """A verdict as the endpoints give it: its records, the command that repeats it, and where it is kept."""
    answer = json.loads(verdict_json(verdict.item, verdict.judgments, verdict.command))
    if video := answer["item"]["video"]:  # gradio_client fetches whatever has a `path`, also where that is for nobody
        video["file"] = video.pop("path")
    if not verdict.form.scores and verdict.form.mode != "ranking":
        answer["outcome"] = pair_outcome(*verdict.judgments)
    return answer | {"run_folder": without_folders(verdict.folder)}
