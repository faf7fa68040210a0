"""What may be asked of the page by those it serves: everything on one's own machine, less among several, least in a demo.

WORKBENCH_DEMO=1       a public demo; on by default on a Hugging Face Space, =0 turns it off
WORKBENCH_JUDGES=a,b   judges that whoever runs the page allows beside the listed ones: server:NAME@URL, scripted:FILE
"""

import os
from pathlib import Path

from workbench.errors import InputError
from workbench.job_record import FOLDER_VARIABLE
from workbench.owners import folder_owner, reader
from workbench.serving.files import was_given

DEMO_JOBS = 4  # detached jobs at work at once, one of each person
EXAMPLES = Path(__file__).parent / "examples"  # for everybody
FAMILIES = ("hf:", "reward:", "scripted:", "metric:", "server:")


def is_demo() -> bool:
    """Whether the page is a public demo: nobody trains, pushes, or names models, folders and servers of their own."""
    said = os.environ.get("WORKBENCH_DEMO", "").strip().lower()
    if said:
        return said not in ("0", "false", "no", "off")
    return bool(os.environ.get("SPACE_ID"))


def serves_stranger() -> bool:
    """Whether who is asking is a visitor of a public demo, and not a command of whoever runs it."""
    return reader() is not None and is_demo()


def allowed_judges() -> tuple[str, ...]:
    """The judges that whoever runs the page allows beside the listed ones."""
    return tuple(filter(None, (spec.strip() for spec in os.environ.get("WORKBENCH_JUDGES", "").split(","))))


def check_judge(spec: str, named: tuple[str, ...]) -> None:
    """Raises InputError for a judge that may not be asked for here; `named` are those that the workbench lists by name."""
    spec = spec.strip()
    if spec in allowed_judges() or spec in named:
        return
    if is_demo():
        known = ", ".join([*named, *allowed_judges()])
        raise InputError(f"judge: got {spec[:80]!r}; this is a public demo, whose judges are {known}. Run the workbench on your "
                         "own machine for all others.")  # fmt: skip
    # A server is nobody's own, whatever its name looks like: asking it would reach into this machine's network.
    if reader() is not None and (spec.startswith("server:") or not all(_is_theirs(part) for part in _places(spec))):
        raise InputError(f"judge: got {spec[:80]!r}; on a page that several people use, a judge is one of the list, a Hub id, or "
                         "a checkpoint of a run of your own.")  # fmt: skip


def _places(spec: str) -> list[str]:
    """The files and folders, or addresses, that a spec would open."""
    family = next((name for name in FAMILIES if spec.startswith(name)), "")
    rest = spec.removeprefix(family)
    if family in ("scripted:", "server:"):
        return [rest]
    parts = {rest, *rest.rsplit("+", 1)} if family != "metric:" else set()
    return [part for part in parts if part and _is_place(part)]


def _is_place(text: str) -> bool:
    """Whether a name may lead to this machine's disk, rather than to the Hub."""
    return text.startswith(("/", "~", ".")) or "\\" in text or ".." in text or os.path.lexists(os.path.expanduser(text))


def check_place(what: str, text: str) -> None:
    """Raises InputError for a path that somebody typed and that is not in a run of their own; nothing for the one user of
    a page, nor in a command."""
    if reader() is None:
        return
    if is_demo() or not _is_theirs(text):
        where = "a public demo" if is_demo() else "a page that several people use"
        raise InputError(
            f"{what}: got {text.strip()[:80]!r}; {where} reads no paths of its machine but those of your own runs."
        )


def _is_theirs(text: str) -> bool:
    """Whether a path, links followed, lies in a run folder of who is asking."""
    owner = reader()
    try:
        real = Path(os.path.realpath(os.path.expanduser(text.strip())))
    except (OSError, ValueError):
        return False
    return owner is not None and _in_their_runs(real, owner)


def _in_their_runs(real: Path, owner: str) -> bool:
    return any(folder_owner(folder) == owner for folder in (real, *real.parents))


def may_see_video(path: str | Path, runs: Path) -> bool:
    """Whether who is asking may be shown a video that a record of theirs names: an example, in a run of theirs, or uploaded
    by them to the page whose runs are there. The one user of a page may see all."""
    return _may_see(path, reader(), runs)


def may_read_video(path: str | Path) -> bool:
    """The same for a command: in a job of somebody's, what they may be shown; else all."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return not folder or _may_see(path, folder_owner(Path(folder)), Path(folder).parent)


def _may_see(path: str | Path, owner: str | None, runs: Path) -> bool:
    real = Path(os.path.realpath(path))
    return (
        owner is None
        or real.is_relative_to(EXAMPLES.resolve())
        or was_given(owner, real, runs)
        or _in_their_runs(real, owner)
    )


def check_training() -> None:
    """Raises InputError in a demo, where nobody trains or pushes, whatever way they ask."""
    if is_demo():
        raise InputError(
            "This is a public demo: it neither trains nor publishes. Run the workbench on your own machine."
        )
