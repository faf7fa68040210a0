"""From a run folder to a dataset folder in one format: what the command line and the page both call."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bootstrap.attempts import RatedSet, read_sets
from bootstrap.card import Card, write_card
from bootstrap.dataset import (
    Dataset,
    DatasetSettings,
    build_dataset,
    claim_folder,
    dataset_counts,
    settings_record,
    world_of,
    write_record,
    write_workbench,
)
from bootstrap.exports import Exported, Format, write_llama_factory, write_ms_swift, write_parquet
from bootstrap.marks import read_marks, wrong_sets
from bootstrap.rows import set_problem
from bootstrap.rubrics import Rubric, world_rubrics, write_rubrics
from workbench.backends.base import Backend
from workbench.schema import Item, Sampling
from workbench.store import Run

RUBRIC_TEMPERATURE, RUBRIC_TOKENS = 0.0, 1024  # the paper states neither


class RubricWriter(NamedTuple):
    """Who writes the rubrics; `on_rubric` is told of each as it comes."""

    backend: Backend
    on_rubric: Callable[[Rubric], None] = lambda one: None


class Export(NamedTuple):
    """What was written, and the rubrics that could not be."""

    dataset: Dataset
    exported: Exported
    problems: tuple[Rubric, ...]


def export_run(
    run: Run,
    folder: Path,
    form: Format,
    settings: DatasetSettings,
    writer: RubricWriter | None = None,
    keep_marked: bool = False,
) -> Export:
    """Write the dataset of a run's complete sets, with its card.

    Sets of which a person marked a kept response as wrong are left out, and counted, unless `keep_marked`.

    Rubrics are the writer's; without one, the world's own for seeds of a world folder. The same call again writes the
    same files, or those of a run that has gone on; written rubrics are kept. Raises InputError for a run without a
    complete set and for a folder that holds something else.
    """
    sets = [one for one in read_sets(run)]
    doubted = wrong_sets(sets, read_marks(run.folder))
    wrong = frozenset() if keep_marked else doubted
    fit = [one.seed for one in sets if set_problem(one) is None and one.seed.id not in wrong]
    build_dataset(sets, settings, {}, wrong)  # refuses a run without rows before anything is written or asked
    judge = writer.backend.name if writer else None
    record = {"run": run.head()["created"], "format": form, **settings_record(settings), "rubrics": judge}
    record |= {"marked": "kept"} if keep_marked else {}
    claim_folder(folder, record)
    rubrics, problems = _rubrics(fit, folder, writer)
    dataset = build_dataset(sets, settings, rubrics, wrong)
    exported = _write(folder, dataset, form)
    counts = dataset_counts(dataset)
    write_record(folder, record, counts)
    kept = sum(seed.id in doubted for seed in fit)
    card = _card(run, sets, dataset, exported, form, judge, counts)._replace(marked_kept=kept)
    (folder / "README.md").write_text(write_card(card), encoding="utf-8", errors="replace")
    return Export(dataset, exported, problems)


def _rubrics(
    seeds: Sequence[Item], folder: Path, writer: RubricWriter | None
) -> tuple[dict[str, str], tuple[Rubric, ...]]:
    """Rubrics by seed, and those that could not be had."""
    if writer is None:
        return world_rubrics(seeds), ()
    sampling = Sampling(RUBRIC_TEMPERATURE, max_new_tokens=RUBRIC_TOKENS)
    written = write_rubrics(seeds, writer.backend, sampling, folder / "rubrics.jsonl", writer.on_rubric)
    found = {one.seed: one.text for one in written if one.text}
    return found, tuple(one for one in written if one.problem)


def _write(folder: Path, dataset: Dataset, form: Format) -> Exported:
    if form == "llama-factory":
        return write_llama_factory(folder, dataset)
    if form == "ms-swift":
        return write_ms_swift(folder, dataset)
    if form == "workbench":
        write_workbench(folder, dataset)
        write_parquet(folder / "parquet", dataset)
        files = {f"{split}/judgments.jsonl": len(rows) for split, rows in dataset.rows.items()}
        return Exported(files)
    return write_parquet(folder, dataset)


def _card(
    run: Run,
    sets: Sequence[RatedSet],
    dataset: Dataset,
    exported: Exported,
    form: Format,
    judge: str | None,
    counts: Mapping,
) -> Card:
    sources = Counter(one.seed.tags.get("source", "no source told") for one in sets)
    worlds = all(world_of(one.seed) for one in sets)
    return Card(
        head=run.head(),
        status=run.status(),
        counts=counts,
        settings=settings_record(dataset.settings),
        sources=sources,
        rubrics=f"written by `{judge}`" if judge else "the world's own" if counts["rubrics"] else "none were asked for",
        tables={"workbench": "parquet/", "parquet": ""}.get(form),
        files=exported.files,
        unused=exported.left_out,
        prompts=exported.prompts,
        of_world=worlds,
    )
