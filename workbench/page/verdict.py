"""One verdict from a form: judged by the resident judge, kept in a run folder of its own, with what the judge read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from workbench.backends.base import Backend, Chat, Reply
from workbench.backends.stopping import STOPPED, never, stoppable, stopped
from workbench.batch import check_judge, judge_run
from workbench.errors import BackendError, InputError
from workbench.judge import one_response_each
from workbench.judge_options import prompt_record
from workbench.page.form import JudgeForm, assignment_of, missing_inputs, missing_sentence, prompt_options
from workbench.page.known_judge import refusal
from workbench.page.receipt import repeat_command
from workbench.page.resident import ResidentJudge, Stopped
from workbench.page.upload import UPLOAD_LIMITS
from workbench.page.verdict_card import letter_of, shown_order
from workbench.prompts import Prompt, load_prompt
from workbench.schema import Item, Judgment, Sampling, Video
from workbench.store import Run, new_run_folder
from workbench.video import Frames, probe

Stage = Callable[[str], None]


class Asked(NamedTuple):
    """One request as the judge got it, word for word, and its reply."""

    title: str
    prompt: str
    reply: str


class PageVerdict(NamedTuple):
    """All that the page shows of one verdict."""

    form: JudgeForm
    item: Item
    prompt: Prompt
    judgments: tuple[Judgment, ...]  # one for each response, or one for each order they were shown in
    titles: tuple[str, ...]  # of the judgments: "Response A" or "Shown as A, then B"
    asked: tuple[Asked, ...]
    frames: Frames | None
    report: Mapping[str, Any]  # what the judge tells of itself beyond its identity: device, memory, load time
    limits_said: tuple[str, ...]  # what the judge says of its own limits: its domain, that it is a first version
    command: str
    folder: Path


@dataclass
class Witness:
    """A judge under observation: `chats` are the very requests it got, so the page shows them and no reconstruction."""

    backend: Backend
    stop_requested: Callable[[], bool] = never
    chats: list[Chat] = field(default_factory=list)

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply | BackendError]:
        if self.stop_requested():
            return [stopped() for _ in chats]
        self.chats.extend(chats)
        with stoppable(self.backend, self.stop_requested):
            return self.backend.generate(chats, sampling)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def chat_of(self, judgment: Judgment) -> Chat | None:
        """The request that a judgment answers; None when it never came to asking."""
        wanted = (judgment.item, list(judgment.settings["order"]), judgment.sample)
        return next((chat for chat in self.chats if (chat.item.id, list(chat.order), chat.sample) == wanted), None)


def judge_form(
    form: JudgeForm,
    runs: Path,
    resident: ResidentJudge,
    on_stage: Stage = lambda stage: None,
    stop_requested: Callable[[], bool] = never,
) -> PageVerdict:
    """Judge what a form asks for, by the same functions as the command line, and keep it in a run folder of its own.

    Raises InputError when something is missing or the judge was not made for it, VideoError for a file that is no
    video, BackendError when the judge cannot be loaded. A judge that fails on a request gives a failed Judgment. Once
    `stop_requested()`, requests that are not answered fail too; where none is answered, raises Stopped.
    """
    if sentence := missing_sentence(missing_inputs(form)) or refusal(form):
        raise InputError(sentence)
    on_stage("looking at the video")
    item, prompt, assignment = item_of(form), load_prompt(form.mode, **prompt_options(form)), assignment_of(form)
    items = list(one_response_each([item])) if form.scores else [item]
    different = list({each.id: each for each in items}.values())
    with resident.judge(form.judge.strip(), on_stage, stop_requested) as backend:
        if stop_requested():
            raise Stopped("Stopped before anything was judged.")
        check_judge(backend, prompt, assignment)  # what the judge refuses outright leaves no run folder behind
        witness = Witness(backend, stop_requested)
        command, folder = repeat_command(form), new_run_folder(runs, "page").resolve()
        run = Run.create(folder, config=assignment.config(prompt), prompts=[prompt_record(prompt)], command=command)
        with run.writing():
            run.add_items(different)
            judge_run(run, different, [witness], prompt, assignment, on_stage=lambda stage: on_stage(_short(stage)),
                      on_progress=lambda progress: on_stage(f"judged {progress.done} of {progress.total}"))  # fmt: skip
            if stop_requested():
                run.set_status("stopped")
    judgments = in_form_order(items, run.judgments())
    if all(judgment.error == STOPPED for judgment in judgments):
        raise Stopped("Stopped before the first verdict.")
    titles = titles_of(form, judgments)
    frames = next((chat.frames for chat in witness.chats if chat.frames), None)
    return PageVerdict(form, item, prompt, judgments, titles, _asked(witness, judgments, titles), frames,
                       getattr(backend, "report", {}), _limits_said(backend), command, folder)  # fmt: skip


def _limits_said(backend: Backend) -> tuple[str, ...]:
    """A checkpoint's own warnings: only local judges may have one beside their domain."""
    return tuple(filter(None, (getattr(backend, "warning", ""), backend.declared.domain)))


def item_of(form: JudgeForm) -> Item:
    """The Item a form describes; its video is opened, within the limits for uploads, to see that it is one."""
    video = None
    if form.video:
        video = Video(probe(form.video, UPLOAD_LIMITS).sha256, str(Path(form.video).resolve()))
    reference, description = form.reference.strip() or None, form.description.strip() or None
    return Item(video, form.instruction.strip(), form.given_responses, reference, description)


def _short(stage: str) -> str:
    """A stage without the folders of the file it names."""
    return " ".join(Path(word).name if "/" in word else word for word in stage.split(" "))


def in_form_order(items: Sequence[Item], judgments: Sequence[Judgment]) -> tuple[Judgment, ...]:
    """One judgment for each item and order, as the form lists them; equal responses were judged once and share it."""
    by_item = {item.id: [judgment for judgment in judgments if judgment.item == item.id] for item in items}
    return tuple(judgment for item in items for judgment in sorted(by_item[item.id], key=lambda j: j.settings["order"]))


def titles_of(form: JudgeForm, judgments: Sequence[Judgment]) -> tuple[str, ...]:
    """What each judgment is called: by its response, or by the order the judge saw."""
    if not form.scores:
        return tuple(f"Shown as {shown_order(judgment)}" for judgment in judgments)
    if len(judgments) == 1:
        return ("The response",)
    return tuple(f"Response {letter_of(number)}" for number in range(len(judgments)))


def _asked(witness: Witness, judgments: Sequence[Judgment], titles: Sequence[str]) -> tuple[Asked, ...]:
    return tuple(
        Asked(title, prompt_text(chat), judgment.reply or judgment.error or "")
        for title, judgment in zip(titles, judgments, strict=True)
        if (chat := witness.chat_of(judgment))
    )


def prompt_text(chat: Chat) -> str:
    """A request as text: the system turn, where the video stands, and the user's turn word for word."""
    video = f"[{len(chat.frames)} video frames]\n" if chat.frames else ""
    system = f"[system]\n{chat.system}\n\n" if chat.system else ""
    return f"{system}[user]\n{video}{chat.text}"
