"""The files of a run that the page hands out: the clip of a seed, and an exported dataset."""

import shlex
import shutil
import tempfile
from html import escape
from pathlib import Path
from typing import NamedTuple

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


def export_dataset(folder: Path, form: Format) -> Exported:
    """Export the complete sets of a run into its folder exports/<form>. Raises InputError where there is none."""
    out = folder / "exports" / form
    counts = dataset_counts(export_run(Run.open(folder), out, form, DatasetSettings()).dataset)
    rows = ", ".join(
        f"{split}: {found['pointwise']:,} rated responses and {found['pairwise']:,} pairs about {found['videos']:,} videos"
        for split, found in counts["splits"].items()
    )
    command = shlex.join(["python", "-m", "bootstrap", "export", str(folder), f"--to={out}", f"--format={form}"])
    archive = shutil.make_archive(str(Path(tempfile.mkdtemp(prefix="dataset-")) / f"{folder.name}-{form}"), "zip", out)
    told = f"{counts['sets']:,} complete sets. {rows}. Written to {out}."
    return Exported(f'<p class="vj-sub">{escape(told)}</p>', command, Path(archive))
