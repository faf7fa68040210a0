"""A benchmark's annotation file from the Hugging Face Hub, only when asked for; videos are never fetched."""

from collections.abc import Callable
from pathlib import Path

from analysis.benchmarks import Benchmark
from workbench.errors import InputError

SHOWN = 20  # files that are listed


def download(benchmark: Benchmark, wanted: Path | None, say: Callable[[str], None]) -> Path:
    """The path of the file, in the Hub's local cache. `wanted` names one of the dataset's files where it has several.

    Raises InputError where the benchmark is not on the Hub, cannot be reached, or has not exactly one such file.
    """
    from huggingface_hub import errors, hf_hub_download, list_repo_files

    if benchmark.hub is None:
        raise InputError(
            f"--download: {benchmark.name} is not on the Hub; get {benchmark.get} and name it with --data."
        )
    try:
        names = list_repo_files(benchmark.hub, repo_type="dataset")
        name = _chosen(benchmark, names, wanted)
        say(f"downloading {name} of the dataset {benchmark.hub} (licence: {benchmark.licence})")
        return Path(hf_hub_download(benchmark.hub, name, repo_type="dataset"))
    except errors.GatedRepoError as error:
        raise InputError(
            f"{benchmark.hub} is gated: accept its terms on its page on the Hub, then run `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"The Hub has no dataset {benchmark.hub!r}, or it is private; `hf auth login` first."
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as error:
        raise InputError(
            f"{benchmark.hub}: the Hub could not be reached ({type(error).__name__}). Go online, or get the file "
            "elsewhere and name it with --data."
        ) from error


def _chosen(benchmark: Benchmark, names: list[str], wanted: Path | None) -> str:
    if wanted is not None and wanted.as_posix() in names:
        return wanted.as_posix()
    fitting = [name for name in names if any(Path(name).match(pattern) for pattern in benchmark.hub_files)]
    if wanted is None and len(fitting) == 1:
        return fitting[0]
    got = "no such file" if wanted is not None else f"{len(fitting)} files that may be meant"
    there = ", ".join((fitting or names)[:SHOWN])
    raise InputError(f"{benchmark.hub}: got {got}; name one with --data: {there or 'it has none'}.")
