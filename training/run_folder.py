"""A training's run folder while it is written: settings first, status as it goes, by the process that leads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.parallel import Team
from workbench.store import Run


@contextmanager
def open_run(
    out: Path, config: Mapping[str, Any], prompts: Sequence[Mapping[str, Any]], command: str, team: Team
) -> Iterator[Callable[..., None]]:
    """The run folder, for this process alone to write; gives what sets its status. Others get one that does nothing."""
    if not team.leads:
        yield lambda state, **fields: None
        return
    run = Run.create_or_resume(out, config=config, prompts=prompts, command=command)
    with run.writing():
        yield lambda state, **fields: run.finish(**fields) if state == "done" else run.set_status(state, **fields)
