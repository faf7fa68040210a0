"""What the Judge tab asks for, as a record; what is missing in it, said all at once; and what it means to the judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from workbench.batch import Assignment
from workbench.judge_options import read_criterion, read_labels
from workbench.schema import DEFAULT_FRAMES

MOST_RESPONSES = 6
MOST_FRAMES = 180  # paper section 3: inference at 1 fps, at most 180 frames


class Mode(NamedTuple):
    """A way of judging as the page offers it; the number of responses it takes."""

    label: str
    help: str
    least: int
    most: int


MODES = {
    "pointwise": Mode("Score", "Rates each response from 1 to 5, with reasons.", 1, MOST_RESPONSES),
    "rubric": Mode("Rubric, then score", "Writes what each rating would mean here, then rates.", 1, MOST_RESPONSES),
    "pairwise": Mode("Compare two", "Which of two is better? Asked in both orders.", 2, 2),
    "pairwise_reasoning": Mode(
        "Compare two, with reasons", "Weighs both first, then chooses. Asked in both orders.", 2, 2
    ),
    "ranking": Mode("Rank", "Orders three or more from best to worst. Asked in both orders.", 3, MOST_RESPONSES),
}


@dataclass(frozen=True)
class JudgeForm:
    """Everything that decides a verdict, as the user gave it. Empty text means "not given"."""

    video: str | None = None
    instruction: str = ""
    responses: tuple[str, ...] = ()
    mode: str = "pointwise"
    judge: str = "embedded"
    text_only: bool = False
    reference: str = ""
    description: str = ""
    rubric: str = ""
    low: int = 1
    high: int = 5
    labels: str = ""
    criteria: str = ""
    frames: int = DEFAULT_FRAMES  # 0: the judge's own way
    temperature: float = 0.0
    seed: int = 0
    score_only: bool = False  # the fast mode: a rating without reasons

    @property
    def given_responses(self) -> tuple[str, ...]:
        """The responses that hold more than white space, without the space around them."""
        return tuple(response.strip() for response in self.responses if response.strip())

    @property
    def criteria_lines(self) -> list[str]:
        """The criteria as the user wrote them, one each."""
        return [line.strip() for line in self.criteria.splitlines() if line.strip()]

    @property
    def scores(self) -> bool:
        """Whether each response is rated on its own, rather than all against each other."""
        return self.mode in ("pointwise", "rubric")


def missing_inputs(form: JudgeForm) -> list[str]:
    """What the form still needs before it can be judged, each as something to do; empty when it is complete."""
    missing = []
    if not form.video and not form.text_only and not form.description.strip():
        missing.append("add a video")
    if not form.instruction.strip():
        missing.append("write the instruction")
    if not (form.judge or "").strip():
        missing.append("choose a judge")
    return missing + missing_reference(form, [form.judge or ""]) + _missing_responses(form)


def missing_reference(form: JudgeForm, judges: Sequence[str]) -> list[str]:
    """That a reference answer is to be given, for the metrics among these judges; empty where it is or none needs it."""
    metrics = [name.strip() for name in judges if name.strip().startswith("metric:")]
    if not metrics or form.reference.strip():
        return []
    compare = "compares" if len(metrics) == 1 else "compare"
    return [f"write a reference answer, which {' and '.join(metrics)} {compare} with"]


def _missing_responses(form: JudgeForm) -> list[str]:
    count, mode = len(form.given_responses), MODES[form.mode]
    if mode.least <= count <= mode.most:
        return []
    if count < mode.least:
        return (
            ["give a response"]
            if mode.least == 1
            else [f"give {_responses(mode.least - count, 'more ' if count else '')}"]
        )
    return [f"remove {_responses(count - mode.most, '')} (“{mode.label}” takes {mode.most})"]


def _responses(count: int, more: str) -> str:
    return f"{('one', 'two', 'three')[count - 1] if count <= 3 else count} {more}response{'s' * (count > 1)}"


def missing_sentence(missing: Sequence[str]) -> str:
    """One friendly sentence that names everything missing; "" when nothing is."""
    if not missing:
        return ""
    listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
    return f"Almost there: {listed}."


def prompt_options(form: JudgeForm) -> dict[str, Any]:
    """Keyword arguments of `load_prompt`, read as the command line reads them; a rubric is text, never a file's name.

    Raises InputError for labels or criteria that cannot be read.
    """
    options: dict[str, Any] = {"rubric": form.rubric.strip() or None, "reference": bool(form.reference.strip())}
    if not form.scores:
        return options
    if (form.low, form.high) != (1, 5):
        options |= {"low": form.low, "high": form.high}
    if form.labels.strip():
        options["labels"] = read_labels(form.labels.strip(), form.low, form.high)
    return options | {"criteria": tuple(map(read_criterion, form.criteria_lines))}


def assignment_of(form: JudgeForm) -> Assignment:
    """What the form asks of its judge; the pixel budget and the length of replies are left to the judge."""
    sampling = {"temperature": float(form.temperature), "seed": form.seed}
    return Assignment((form.judge.strip(),), sampling, frames_of(form), view="none" if form.text_only else None,
                      score_only=form.score_only)  # fmt: skip


def frames_of(form: JudgeForm) -> dict[str, int]:
    """What the form settles of a VideoPolicy: the number of frames, or nothing where that is left to the judge."""
    return {"frames": form.frames} if form.frames else {}
