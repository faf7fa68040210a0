"""Judges that run here: any video-capable transformers checkpoint, or a text-only one that reads a description.

`load_local` serves local folders, Hub ids, the judge that ships and the random-weights checkpoints of the tests alike.
"""

import time
from collections.abc import Mapping
from typing import Any, get_args

from workbench.backends.judge_file import JudgeFile, read_judge_file
from workbench.backends.loading import (
    Placement,
    Quantization,
    check_safetensors,
    load_model,
    load_processor,
    place,
    read_config,
    reads_video,
    resolve,
)
from workbench.backends.local_backend import LocalBackend, numbers_by_itself
from workbench.backends.positions import AfterVideo, RopeRule, rope_rule
from workbench.errors import BackendError

BATCH_SIZE = 128


def load_local(
    model: str,
    adapter: str | None = None,
    *,
    name: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    quantization: Quantization | None = None,
    device_map: str | Mapping[str, Any] | None = None,
    revision: str | None = None,
    after_video: AfterVideo = "largest",
    batch_size: int = BATCH_SIZE,
) -> LocalBackend:
    """Load a judge from a folder or by Hub id, with a PEFT adapter on top if one is given (a folder or Hub id too).

    Args:
        name: what judgments call the judge; default "hf:<model>[+<adapter>]".
        dtype, device: "auto" takes bfloat16 on a GPU and float32 on a CPU.
        quantization: weights in 4 or 8 bits, by bitsandbytes.
        device_map: "auto" spreads the layers over all GPUs; overrides `device`.
        revision: the Hub's branch, tag or commit; judgments record the commit it led to.
        after_video: the convention of position ids after a video, see `positions.RopeRule`.
        batch_size: most replies decoded together; fewer where memory is short, and half when it runs out.

    Raises BackendError for anything that would not judge as intended: no safetensors, weights missing, remote code,
    an adapter that is not applied or has no effect, a device or package that is not there.
    """
    from workbench.backends.adapters import apply_adapter

    started = time.perf_counter()
    _check_asked(after_video, batch_size)
    source, placement = resolve(model, revision), place(device, dtype, device_map, quantization)
    check_safetensors(source.folder, "checkpoint")
    judge_file = read_judge_file(source.folder) or JudgeFile()
    config = read_config(source.folder)
    video = reads_video(config, source.folder)
    processor = load_processor(source.folder, video)
    network, keys = load_model(source.folder, video, placement)
    rule = rope_rule(config, after_video)
    if quantization:
        _check_runs(network, processor, rule, placement)
    identity = {
        "model": source.hub_id or type(network).__name__,
        "revision": source.revision,
        "dtype": placement.dtype,
        "quantization": quantization,
        "positions": _position_record(network, rule),
    }
    report = identity | _as_loaded(network) | keys
    if adapter is not None:
        added = resolve(adapter, None)
        check_safetensors(added.folder, "adapter")
        moved = apply_adapter(network, added.folder, processor, rule).moved
        judge_file = read_judge_file(added.folder) or judge_file  # what was trained knows best what it is for
        identity["adapter"] = {"model": added.hub_id, "revision": added.revision}
        report |= {"adapter": identity["adapter"], "adapter_largest_logit_change": moved}
    report["load_seconds"] = round(time.perf_counter() - started, 2)
    name = name or f"hf:{model}" + (f"+{adapter}" if adapter else "")
    return LocalBackend(name, network, processor, rule, identity, report, judge_file, source.hub_id, batch_size)


def _check_asked(after_video: str, batch_size: int) -> None:
    if batch_size < 1:
        raise BackendError(f"batch_size: got {batch_size}, expected at least 1.")
    if after_video not in get_args(AfterVideo):
        raise BackendError(f"after_video: got {after_video!r}, expected one of {', '.join(get_args(AfterVideo))}.")


def _as_loaded(network: Any) -> dict[str, Any]:
    """What a load report says of the network itself."""
    return {
        "parameters": network.num_parameters(),
        "memory_bytes": network.get_memory_footprint(),
        "device": str(network.device),
        "device_map": getattr(network, "hf_device_map", None),
        "attention": network.config._attn_implementation,
    }


def _check_runs(network: Any, processor: Any, rule: RopeRule | None, placement: Placement) -> None:
    """Raises BackendError when quantized layers load but cannot compute, which depends on device and layer sizes."""
    from workbench.backends.probe import probe_logits

    try:
        probe_logits(network, processor, rule)
    except (RuntimeError, NotImplementedError) as error:
        raise BackendError(
            f"{placement.quantization} weights do not run for this model on {placement.device} ({error}); "
            "load it without quantization."
        ) from error


def _position_record(network: Any, rule: RopeRule | None) -> dict[str, Any] | str:
    if rule is not None:
        return rule.record()
    return "library" if numbers_by_itself(network) else "one row"
