"""Base + adapter become one full checkpoint that answers alike: merged in float32, written, read back and compared.

OUT/ holds the weights, the processor and generation files, judge.json if adapter or base has one, and merged.json: what
it was made from, and all that came before that. It appears only when the comparison has passed.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from training.lineage import lineage_of_merge
from training.provenance import MERGED
from workbench.backends.adapters import apply_adapter
from workbench.backends.judge_file import read_judge_file, write_judge_file
from workbench.backends.loading import (
    Source,
    check_safetensors,
    load_model,
    load_processor,
    place,
    read_config,
    reads_video,
    resolve,
    transformers_alone,
)
from workbench.errors import BackendError, InputError
from workbench.store import versions

if TYPE_CHECKING:
    import torch

CLOSE = 1e-4  # of the largest logit: what float32 sums may differ by
VERSIONS = ("torch", "transformers", "peft")


class Merged(NamedTuple):
    """A merged checkpoint. Both figures are of a probe's logits, in float32."""

    folder: Path
    moved: float  # by the adapter
    differs: float  # merged and read back, from base + adapter


def merge(base: str, adapter: str, out: Path, *, dtype: str = "auto", say: Callable[[str], None] = print) -> Merged:
    """Write the merged checkpoint into `out`, in the base's own dtype or another one.

    Raises BackendError for an adapter that does not fit the base in every key or has no effect, and where what was
    written does not answer like base + adapter: within 1e-4 of the largest logit in float32; nearer to it than to the
    base where the weights were rounded to fewer bits. Raises InputError where `out` is there already.
    """
    if out.exists():
        raise InputError(f"--out: {out} is there already; name a new folder.")
    source, added = resolve(base, None), resolve(adapter, None)
    check_safetensors(source.folder, "checkpoint")
    check_safetensors(added.folder, "adapter")
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # what a killed merge left
    part.mkdir(parents=True)
    config = read_config(source.folder)
    written = _dtype(config) if dtype == "auto" else place("cpu", dtype, None, None).dtype
    wanted, moved = _write(part, source, added, reads_video(config, source.folder), written, say)
    differs = float((_reread(part) - wanted).abs().max())
    _check_alike(differs, moved, float(wanted.abs().max()), written)
    _record(part, source, added, {"dtype": written, "largest_logit_change": moved, "largest_logit_difference": differs})
    part.rename(out)
    return Merged(out, moved, differs)


def _dtype(config: Any) -> str:
    """The dtype that a checkpoint is in, by its config; float32 where that does not say."""
    found = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    return str(found or "float32").removeprefix("torch.")


@transformers_alone()
def _write(
    part: Path, source: Source, added: Source, video: bool, dtype: str, say: Callable[[str], None]
) -> tuple["torch.Tensor", float]:
    """Merge and save; the probe's logits with the adapter on, and how far it moves them."""
    import torch

    from workbench.backends.positions import rope_rule
    from workbench.backends.probe import probe_logits

    processor = load_processor(source.folder, video)
    network, _ = load_model(source.folder, video, place("cpu", "float32", None, None))
    rule = rope_rule(network.config)
    adapted, moved = apply_adapter(network, added.folder, processor, rule)
    if said := _other_base(adapted, source):
        say(said)
    wanted = probe_logits(network, processor, rule)
    try:
        merged = adapted.merge_and_unload(safe_merge=True)
    except (ValueError, NotImplementedError, AttributeError) as error:
        raise BackendError(f"The adapter {added.folder.name!r} cannot be merged: {error}") from error
    merged.to(getattr(torch, dtype)).save_pretrained(part)
    merged.generation_config.save_pretrained(part)
    processor.save_pretrained(part)
    judge_file = read_judge_file(added.folder) or read_judge_file(source.folder)
    if judge_file is not None:
        write_judge_file(part, judge_file)
    return wanted, moved


def _other_base(adapted: Any, source: Source) -> str:
    """A warning where the adapter says that it was trained on another base, or another revision of this one."""
    config = adapted.peft_config["default"]
    if config.revision in (None, source.revision):
        return ""
    return (
        f"note: the adapter was trained on {config.base_model_name_or_path} at {config.revision}; "
        f"this base is {source.hub_id or source.folder.name} at {source.revision}."
    )


def _reread(folder: Path) -> "torch.Tensor":
    """The probe's logits of what was written, by the road that judging takes."""
    from workbench.backends.positions import rope_rule
    from workbench.backends.probe import probe_logits

    video = reads_video(read_config(folder), folder)
    network, _ = load_model(folder, video, place("cpu", "float32", None, None))
    return probe_logits(network, load_processor(folder, video), rope_rule(network.config))


def _check_alike(differs: float, moved: float, largest: float, dtype: str) -> None:
    allowed = CLOSE * largest if dtype == "float32" else moved / 2
    if not differs <= allowed:
        advice = "; write it with --dtype float32" if dtype != "float32" else ""
        raise BackendError(
            f"The merged checkpoint does not answer like base + adapter: a logit differs by {differs:.3g}, allowed are "
            f"{allowed:.3g} (the adapter itself moves them by {moved:.3g} at most){advice}."
        )


def _record(part: Path, source: Source, added: Source, figures: dict[str, Any]) -> None:
    """merged.json: what of what. Without a date, so that merging again gives the same checkpoint."""
    config = json.loads((added.folder / "adapter_config.json").read_text(encoding="utf-8"))
    sizes = {name: config[name] for name in ("peft_type", "r", "lora_alpha") if name in config}
    record = {
        "base": {"model": source.hub_id or source.folder.resolve().name, "revision": source.revision},
        "adapter": {"model": added.hub_id or added.folder.name, "revision": added.revision, **sizes},
        "lineage": lineage_of_merge(source, added).record(),
        **figures,
        "versions": {name: versions()[name] for name in VERSIONS},
    }
    (part / MERGED).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
