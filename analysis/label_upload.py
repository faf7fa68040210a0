"""One's own labels brought in by the page: a table that was uploaded becomes a run of human judgments, by the function that
`python -m analysis import labels` calls."""

import shlex
import shutil
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from analysis.benchmarks import find_benchmark
from analysis.benchmarks.importing import Imported, import_run
from analysis.labelling import LABELS
from analysis.votes import VOTES
from workbench.errors import InputError
from workbench.owners import claim, reader
from workbench.page.show import note
from workbench.run_folders import chosen_folder, free_folder

ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
MOST_BYTES = 20_000_000  # on a page of several people
LISTED = 5  # rejected rows that are shown


class LabelForm(NamedTuple):
    """What the form holds. `beside` is the run whose items are labelled, "" for a run of the table's own items, whose videos
    are in the folder `videos`; a name left empty is made up."""

    upload: str | None = None
    beside: str = ""
    videos: str = ""
    name: str = ""


def bring_in(form: LabelForm, runs: Path) -> Imported:
    """Import the table of a form as a new run under `runs`, which keeps a copy of it and belongs to who is asking.

    Raises InputError for a table that cannot be used, and for what a page of several people does not read.
    """
    upload = _checked(form)
    beside = chosen_folder(runs, form.beside) if form.beside else None
    if form.name.strip() in (LABELS, VOTES):
        raise InputError(f"name: {form.name.strip()!r} is kept for what people say on the page; name another.")
    folder = free_folder(form.name, runs, LABELS)
    claim(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"table-{upload.name}"
    try:
        shutil.copyfile(upload, kept)  # the page's uploads are not kept
        videos = _videos(form)
        return import_run(find_benchmark("labels"), kept, folder, videos=videos, columns=_columns(form), beside=beside,
                          no_video=beside is None and videos is None,
                          command=shlex.join(import_words(kept, folder, beside, videos)))  # fmt: skip
    except Exception:
        shutil.rmtree(folder)  # it was made here, and holds nothing else
        raise


def import_words(table: Path, folder: Path, beside: Path | None, videos: Path | None) -> list[str]:
    """The words of the command that imports the same."""
    words = ["python", "-m", "analysis", "import", "labels", f"--data={table}", f"--out={folder}"]
    words += [f"--beside={beside}"] if beside else []
    words += [f"--videos={videos}"] if videos else []
    return words + (["--no-video", "--column=video="] if not beside and not videos else [])


def _checked(form: LabelForm) -> Path:
    if not form.upload:
        raise InputError("Almost there: give a table with labels.")
    upload = Path(form.upload)
    if upload.suffix.lower() not in ENDINGS:
        raise InputError(f"labels: got {upload.name!r:.80}, expected a file that ends in {', '.join(ENDINGS)}.")
    if reader() is not None and (size := upload.stat().st_size) > MOST_BYTES:
        raise InputError(
            f"labels: got {size / 1e6:,.0f} MB, expected at most {MOST_BYTES / 1e6:,.0f} on a page that several people use; "
            "run the workbench on your own machine, or bring them in in parts."
        )
    return upload


def _videos(form: LabelForm) -> Path | None:
    """The folder of the videos, where they are to be opened at all. Raises InputError where others' page would read it."""
    text = form.videos.strip()
    if not text or form.beside:
        return None
    if reader() is not None:
        raise InputError("videos: a page that several people use reads no folders of its machine; leave it empty.")
    return Path(text).expanduser().resolve()


def _columns(form: LabelForm) -> Mapping[str, list[str]]:
    """No video is opened for labels beside a run, nor where no folder holds them."""
    return {} if form.videos.strip() and not form.beside else {"video": []}


def _next(found: Imported) -> str:
    """How judges come to a run of labels alone."""
    if reader() is not None:
        return "No judge has been asked about them yet: upload the same table in the Runs tab, text only, then measure both."
    command = f"python -m workbench judge --items {found.run.folder} --judge SPEC"
    text_only = (
        "" if found.has_videos else " It holds no videos: choose “Text only”, or import it again with their folder."
    )
    return (
        "No judge has been asked about them yet: give this run's folder as the table in the Runs tab, or "
        f"<code>{escape(command)}</code>; then measure.{text_only}"
    )


def imported_note(found: Imported, beside: str) -> str:
    """What came of it as HTML: labels, items, rows that could not be used with their reasons, and what to do next."""
    people = ", ".join(f"{count:,} by {escape(judge)}" for judge, count in found.judges.items())
    said = note(f"<strong>{people}</strong>, of {found.items:,} items, are in the run {escape(found.run.folder.name)}. "
                + ("Measure them beside the judges of that run." if beside else _next(found)))  # fmt: skip
    if not found.rejected:
        return said
    count = len(found.rejected)
    rows = "".join(f"<li>row {one.row}: {escape(one.reason)}</li>" for one in found.rejected[:LISTED])
    more = f"<p>and {count - LISTED:,} more</p>" if count > LISTED else ""
    title = f"<strong>{'One row' if count == 1 else f'{count:,} rows'} could not be used.</strong>"
    return said + note(f"{title}<ul>{rows}</ul>{more}", "warn")
