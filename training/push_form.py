"""What the Train tab asks for to push a checkpoint: the command it comes to, its dry run, and the detached push."""

import shlex
from dataclasses import dataclass
from html import escape
from pathlib import Path

from training.push_plan import plan_push
from training.runs import TrainingRun, checkpoints
from workbench import jobs
from workbench.errors import InputError
from workbench.hub import token_found
from workbench.jobs import Job
from workbench.page.run_status import STATES
from workbench.page.show import table_box
from workbench.page.verbatim import verbatim
from workbench.permissions import check_training

COMMAND = ["python", "-m", "training", "push"]
FOLDER = "push"  # of a run: the job of its last push


@dataclass(frozen=True)
class PushForm:
    """Everything that the form holds. `checkpoint` is its name inside the run."""

    checkpoint: str = ""
    repo: str = ""
    public: bool = False
    merge: bool = False


def push_command(form: PushForm, run: TrainingRun) -> list[str]:
    """The words of the command that the form comes to. Raises InputError for a checkpoint that is not there."""
    found = {each.name: each for each in checkpoints(run.folder)}
    if form.checkpoint not in found:
        raise InputError("checkpoint: choose one; a run has some once it has trained for a while.")
    if not form.repo.strip():
        raise InputError("Almost there: name the repository, as user/name.")
    words = [*COMMAND, str(found[form.checkpoint].folder.resolve()), f"--repo={form.repo.strip()}"]
    words += ["--public"] if form.public else ["--private"]
    return words + ([_merge_word(run)] if form.merge and found[form.checkpoint].adapter else [])


def _merge_word(run: TrainingRun) -> str:
    base = run.config.get("recipe", {}).get("base", "")
    return f"--merge={base}" if base else "--merge"


def dry_run(form: PushForm, run: TrainingRun) -> str:
    """Files with their sizes, the card, and whether there is a token, as HTML. Raises what the push would raise."""
    command = push_command(form, run)
    if any(word.startswith("--merge") for word in command):
        sizes = "<p class='vj-sub'>The adapter is merged when it is pushed; then its files are those of the base.</p>"
        return sizes + verbatim("The command that this comes to", shlex.join(command))
    plan = plan_push(Path(command[len(COMMAND)]), form.repo.strip())
    rows = "".join(f'<tr><th scope="row">{escape(file.path)}</th><td>{file.size:,}</td></tr>' for file in plan.files)
    files = table_box("Files that would be pushed", f"<tbody>{rows}</tbody>")
    seen = "everyone sees it" if form.public else "only you and your organisation see it"
    notes = "; ".join(plan.notes)
    token = (
        "A Hub token is there." if token_found() else "No Hub token: set HF_TOKEN for this page, or run hf auth login."
    )
    return (
        f'<p class="vj-sub">{len(plan.files)} files, {plan.size / 1e6:,.1f} MB, to {escape(plan.repo)}; {seen}. {token}</p>'
        + files + (f'<p class="vj-sub">The card says: {escape(notes)}.</p>' if notes else "")
        + verbatim("The model card", plan.card) + verbatim("The command that this comes to", shlex.join(command))
    )  # fmt: skip


def start_push(form: PushForm, run: TrainingRun) -> Job:
    """Push in a process of its own. Raises InputError for what would fail at once."""
    check_training()
    command = push_command(form, run)
    if not token_found():
        raise InputError("No Hub token: set HF_TOKEN where this page was started, or run `hf auth login` there.")
    return jobs.start(command[1:], run.folder / FOLDER)


def push_card(run: TrainingRun) -> str:
    """How the last push of a run stands; "" where there was none."""
    folder = run.folder / FOLDER
    if not (folder / "job.json").exists():
        return ""
    job = jobs.find(folder)
    state = "Pushing" if job.alive else {"done": "Pushed"}.get(job.state, STATES[job.state])
    log = escape(jobs.log_tail(folder, lines=6))
    return (
        f'<section class="vj-status vj-{job.state}" aria-label="How the push stands"><p><strong>{state}</strong></p>'
        f'<pre class="vj-raw" tabindex="0">{log}</pre></section>'
    )
