"""The files of a run that the page hands out: the clip of a seed, and an exported dataset."""

import shlex
import shutil
import tempfile
from html import escape
from pathlib import Path
from typing import NamedTuple

from bootstrap.audit import audit_run, bootstrap_run_of, text_metrics
from bootstrap.audit_report import write_report
from bootstrap.audit_sections import Section, audit_sections
from bootstrap.dataset import DatasetSettings, dataset_counts
from bootstrap.export_run import export_run
from bootstrap.exports import Format
from workbench.errors import InputError
from workbench.page.upload import Upload, copy_to_show
from workbench.schema import Item
from workbench.store import Run


def seed_clip(seed: Item) -> Upload:
    """A copy of a seed's video for the player, wherever the video lies.

    The run names a video by its content, so the page shows that very video and no other file: a path that leads to
    anything else is refused. Raises InputError for a seed without a video file and for one that is gone, VideoError for
    what cannot be read or is not what the run was made with.
    """
    if seed.video is None or not seed.video.path:
        raise InputError("This seed names no video file.")
    path = Path(seed.video.path)
    if not path.is_file():
        raise InputError(f"{path.name} is not where the run found it; put it back to see it here.")
    return copy_to_show(str(path), seed.video.sha256)


class Exported(NamedTuple):
    """An exported dataset: a sentence and the command about it (HTML), and the folder as one file to download."""

    told: str
    command: str
    archive: Path


def export_dataset(folder: Path, form: Format, keep_marked: bool = False) -> Exported:
    """Export the complete sets of a run into its folder exports/<form>. Raises InputError where there is none.

    Sets marked as wrong are left out unless `keep_marked`; those go into a folder of their own.
    """
    out = folder / "exports" / (f"{form}-with-marked" if keep_marked else form)
    exported = export_run(Run.open(folder), out, form, DatasetSettings(), keep_marked=keep_marked)
    counts = dataset_counts(exported.dataset)
    rows = ", ".join(
        f"{split}: {found['pointwise']:,} rated responses and {found['pairwise']:,} pairs about {found['videos']:,} videos"
        for split, found in counts["splits"].items()
    )
    words = ["python", "-m", "bootstrap", "export", str(folder), f"--to={out}", f"--format={form}"]
    command = shlex.join([*words, *(["--keep-marked"] if keep_marked else [])])
    archive = shutil.make_archive(str(Path(tempfile.mkdtemp(prefix="dataset-")) / f"{folder.name}-{form}"), "zip", out)
    left_out = "; ".join(f"{reason}: {count:,}" for reason, count in counts["left_out"].items())
    lost = f" Left out: {left_out}." if left_out else ""
    told = f"{counts['sets']:,} complete sets. {rows}.{lost} Written to {out}."
    return Exported(f'<p class="vj-sub">{escape(told)}</p>', command, Path(archive))


class Audited(NamedTuple):
    """An audit as the page shows it: its sections, a sentence (HTML), the command, the report, and what it is of."""

    sections: list[Section]
    told: str
    command: str
    report: Path
    state: tuple[str, int, int]


def audit_now(folder: Path) -> Audited:
    """Audit a run as the command does, into its folder audit/. Raises InputError or StoreError for what is no such run."""
    state, out = audit_state(folder), folder / "audit"
    audit = audit_run(bootstrap_run_of(folder), text_metrics())
    report = Path(tempfile.mkdtemp(prefix="audit-")) / f"{folder.name}-audit.html"  # the page hands out copies alone
    write_report(out, audit)
    shutil.copyfile(out / "report.html", report)
    command = shlex.join(["python", "-m", "bootstrap", "audit", str(folder), f"--out={out}"])
    told = f"{audit.seeds:,} finished seeds about {audit.videos:,} videos. Written to {out}."
    return Audited(audit_sections(audit), escape(told), command, report, state)


def audit_state(folder: Path) -> tuple[str, int, int]:
    """What an audit is of: the run's name, and how much of it is finished and marked, in bytes."""
    sizes = (path.stat().st_size if (path := folder / name).exists() else 0 for name in ("sets.jsonl", "marks.jsonl"))
    return (folder.name, *sizes)
