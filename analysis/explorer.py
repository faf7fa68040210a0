"""The failure explorer's plain functions: which cases are in the queue, in which order, what stands where, the export."""

import shlex
import shutil
import tempfile
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from analysis.cases import Case, Filters, passing, read_cases
from analysis.failures import Exported, export_queue
from analysis.labelling import LABELS
from workbench import jobs
from workbench.owners import own_name
from workbench.run_folders import chosen_folder
from workbench.schema import content_id
from workbench.store import new_run_folder


def run_names(runs: Path) -> list[str]:
    """Runs with judgments, the last one started first; single verdicts of the Judge tab behind all others."""
    names = [job.folder.name for job in jobs.list_jobs(runs) if (job.folder / "judgments.jsonl").exists()]
    return sorted(names, key=lambda name: name.startswith("page-"))


def folders_of(runs: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """The run folders of these names. Raises InputError for a name that leads elsewhere."""
    return tuple(chosen_folder(runs, name) for name in names)


def with_labels(runs: Path, folders: Sequence[Path]) -> tuple[Path, ...]:
    """The folders, and the page's labels where there are any."""
    labels = runs / own_name(LABELS)
    return tuple(dict.fromkeys([*folders, *([labels] if (labels / "run.json").exists() else [])]))


def load_cases(folders: Sequence[Path], gold: str) -> list[Case]:
    """The cases of some runs; read again only when a file has changed."""
    return _cases(tuple(folders), gold, tuple(map(_state, folders)))


@lru_cache(maxsize=2)
def _cases(folders: tuple[Path, ...], gold: str, states: tuple) -> list[Case]:
    return read_cases(folders, gold)


def _state(folder: Path) -> tuple[tuple[int, int], ...]:
    files = (folder / "items.jsonl", folder / "judgments.jsonl")
    return tuple((path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else (0, 0) for path in files)


def queue(cases: Sequence[Case], filters: Filters, blind: bool, name: str) -> list[Case]:
    """The cases to look at: the worst first, or for a blind reader in an order of their own that tells nothing."""
    found = passing(cases, filters)
    return sorted(found, key=lambda case: content_id([case.item, name.strip()])) if blind else found


class Place(NamedTuple):
    """A case in its queue, from 0."""

    case: Case
    place: int
    count: int


def neighbour(found: Sequence[Case], current: str | None, step: int, skip: Collection[str] = ()) -> Place | None:
    """The case so many steps from the current one, around the ends, passing over those in `skip` while others are left.

    A current case that is no longer in the queue counts as just before the first.
    """
    if not found:
        return None
    ids = [case.item for case in found]
    here = ids.index(current) if current in ids else -1 if step >= 0 else 0
    if step == 0 and current in ids:
        return Place(found[here], here, len(ids))
    direction = 1 if step >= 0 else -1
    places = [(here + direction * away) % len(ids) for away in range(1, len(ids) + 1)]
    wanted = next((place for place in places if ids[place] not in skip), places[0])
    return Place(found[wanted], wanted, len(ids))


class Queued(NamedTuple):
    """An exported queue as the page tells it: what it holds, the command that does the same, and the archive."""

    exported: Exported
    command: str
    archive: Path


def export_now(runs: Path, folders: Sequence[Path], gold: str, found: Sequence[Case], filters: Filters) -> Queued:
    """Export a queue into a new run folder under `runs`, with the page's labels among the gold ones."""
    every, out = with_labels(runs, folders), new_run_folder(runs, "queue")
    command = failures_command(every, gold, filters, out)
    exported = export_queue(every, found, out, gold, command)
    archive = shutil.make_archive(str(Path(tempfile.mkdtemp(prefix="queue-")) / out.name), "zip", out)
    return Queued(exported, command, Path(archive))


def failures_command(folders: Sequence[Path], gold: str, filters: Filters, out: Path) -> str:
    """The command line that exports the same queue."""
    words = ["python", "-m", "analysis", "failures", *map(str, folders), f"--gold={gold}"]
    for name in ("judge", "direction", "size", "rating", "kind", "spread"):
        value, default = getattr(filters, name), getattr(Filters(), name)
        words += [f"--{name}={value}"] if value != default else []
    if filters.shortest or filters.longest:
        words.append(f"--words={filters.shortest}..{filters.longest or ''}")
    return shlex.join([*words, f"--out={out}"])
