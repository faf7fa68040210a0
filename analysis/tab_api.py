"""The named endpoints /compare, /sweep and /audit: for programs and MCP clients, what the tabs do, on one video in one call.

The judge that the page has loaded answers, so these wait in the same line as the Judge tab. What takes longer than a few
hundred verdicts is a run of its own: `python -m analysis sweep`, `audit`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from analysis.one_item import audit_one, sweep_one
from analysis.side_by_side import Side, judge_sides, said_in_all
from workbench.page.api import answer_of, checked_form, told, video_of
from workbench.page.known_judge import common_mode
from workbench.page.resident import ResidentJudge
from workbench.redaction import redact
from workbench.tab import ONE_AT_A_TIME


def add_endpoints(resident: ResidentJudge, runs: Path) -> None:
    """Add them to the Blocks at hand."""
    for name, make in {"compare": compare_endpoint, "sweep": sweep_endpoint, "audit": audit_endpoint}.items():
        gr.api(make(resident, runs), api_name=name, **ONE_AT_A_TIME)


def compare_endpoint(resident: ResidentJudge, runs: Path) -> Callable[..., dict]:
    """The function behind /compare."""

    def compare(
        instruction: str,
        responses: list[str],
        judges: list[str],
        video: gr.FileData | None = None,
        mode: str = "",
        reference: str = "",
        description: str = "",
        frames: int = 0,
        temperature: float = 0.0,
        seed: int = 0,
        video_path: str = "",
    ) -> dict[str, Any]:
        """Ask two to six judges the same about one video, one after the other.

        Returns a list of sides in the order of the judges: each with the judge's name and its verdict (item, judgments, for
        pairs and rankings what both orders come to), or the problem that kept it from one.

        Args:
            instruction: What was asked about the video.
            responses: The answers to judge.
            judges: The judges' names, such as embedded, metric:rouge_l.
            video: The video file.
            mode: pointwise, rubric, pairwise, pairwise_reasoning or ranking; empty takes pointwise, or the first of these
                that all the judges know.
            reference: A correct answer that the judges may compare with.
            description: The video in words, for judges that read instead of look.
            frames: How many frames the judges see; 0 leaves them to each judge.
            temperature: 0 always gives the same reply.
            seed: Matters above temperature 0.
            video_path: In the place of video: a file on the page's machine, for the one user of a page.
        """
        if not (isinstance(judges, list) and all(isinstance(one, str) for one in judges)):
            raise gr.Error(f"judges: got {judges!r:.80}, expected a list of names.", print_exception=False)
        with told():
            form = checked_form(
                video_of(video, video_path), instruction, responses, mode or common_mode(judges), "", False, reference,
                description, frames=frames, temperature=temperature, seed=seed,
            )  # fmt: skip
            return {"sides": [_side(side) for side in judge_sides(form, judges, runs, resident)]}

    return compare


def _side(side: Side) -> dict[str, Any]:
    if side.verdict is None:
        return {"judge": side.judge, "problem": redact(side.problem)}
    outcome = {} if side.verdict.form.scores else {"outcome": said_in_all(side.verdict)}
    return {"judge": side.judge, **answer_of(side.verdict), **outcome}


def sweep_endpoint(resident: ResidentJudge, runs: Path) -> Callable[..., dict]:
    """The function behind /sweep."""

    def sweep(
        instruction: str,
        responses: list[str],
        video: gr.FileData | None = None,
        temperatures: list[float] | None = None,
        frames: list[int] | None = None,
        samples: int = 3,
        mode: str = "",
        judge: str = "",
        seed: int = 0,
        video_path: str = "",
    ) -> dict[str, Any]:
        """How far a verdict depends on temperature and on the number of frames: every cell of the grid is judged.

        Returns the cells, each with its figures (n, coverage, an interval), its cost, and the run folder.

        Args:
            instruction: What was asked about the video.
            responses: The answers to judge.
            video: The video file.
            temperatures: The temperatures to try; 0, 0.5 and 1 when not given.
            frames: The numbers of frames to try; 4 and 8 when not given.
            samples: Verdicts for each request above temperature 0.
            mode: pointwise, rubric, pairwise or pairwise_reasoning; empty takes pointwise, or the first of these that the
                judge knows.
            judge: The judge's name; empty takes the page's own.
            seed: Of all samples.
            video_path: In the place of video: a file on the page's machine, for the one user of a page.
        """
        with told():
            form = checked_form(video_of(video, video_path), instruction, responses, mode, judge, seed=seed)
            return sweep_one(form, temperatures or [0.0, 0.5, 1.0], frames or [4, 8], samples, resident, runs)

    return sweep


def audit_endpoint(resident: ResidentJudge, runs: Path) -> Callable[..., dict]:
    """The function behind /audit."""

    def audit(
        instruction: str,
        responses: list[str],
        video: gr.FileData | None = None,
        probes: list[str] | None = None,
        judge: str = "",
        frames: int = 0,
        seed: int = 0,
        video_path: str = "",
    ) -> dict[str, Any]:
        """Does the judge look at this video, and what besides the truth moves its verdicts on these responses?

        Returns what an audit finds, by probe, with n and intervals: from one video they say little of the judge at large.

        Args:
            instruction: What was asked about the video.
            responses: The answers to judge; two or more are compared in both orders as well.
            video: The video file.
            probes: Some of looking, position, verbosity, bandwagon, authority, sentiment, injection, responses, consistency,
                template; all when not given.
            judge: The judge's name; empty takes the page's own.
            frames: How many frames the judge sees; 0 leaves them to the judge.
            seed: Draws what is borrowed and shuffled.
            video_path: In the place of video: a file on the page's machine, for the one user of a page.
        """
        with told():
            form = checked_form(
                video_of(video, video_path), instruction, responses, "pointwise", judge, frames=frames, seed=seed
            )
            return audit_one(form, tuple(probes or ()), resident, runs)

    return audit
