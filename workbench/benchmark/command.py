"""`python -m workbench bench`: measure, print a table with the arithmetic limits, write JSON."""

import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.benchmark.measures import Bench, Measured, equality, samples, score_only, shared_prefix, sweep
from workbench.benchmark.shape import Shape, model_folder, write_clip
from workbench.schema import VideoPolicy

REACH = {  # what is aimed at, at the usual shape
    "shared_prefix_ratio": ">= 10",
    "samples_ratio": ">= 5",
    "score_only_ratio": ">= 35",
    "sweep_ratio": "<= 2.2",
}


def bench(model: str, shape: Shape, out: str | None, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure a judge on a made-up clip, say the table, write it as JSON to `out`, and return it."""
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as folder, model_folder(model) as found:
        report = _measure(model, found, shape, Path(folder), say)
    say("\n".join(table(report)))
    if out:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        say(f"written: {out}")
    return report


def _measure(model: str, folder: str, shape: Shape, scratch: Path, say: Callable[[str], None]) -> dict[str, Any]:
    import torch

    from workbench.backends.local import load_local
    from workbench.benchmark.arithmetic import matrix_rate
    from workbench.benchmark.contenders import exactly_as_long

    before = _load()
    say(f"loading {model}")
    judge = load_local(folder)
    frames, decode_seconds = _frames(scratch, shape)
    measuring = Bench(judge, frames, shape, say)
    measured: list[Measured] = []
    with exactly_as_long(judge) as tokens:
        judge.generate([measuring.chat(0)], measuring.greedy(2))  # what is made at the first use is made now
        peak = {}
        for measure in (lambda: shared_prefix(measuring, tokens), lambda: samples(measuring),
                        lambda: score_only(measuring), lambda: sweep(measuring)):  # fmt: skip
            measured.append(measure())
            say(f"{measured[-1].key}: {measured[-1].ratio:.2f}")
            peak[measured[-1].key] = _peak_bytes(judge._model.device)
    rate = matrix_rate(judge._model)
    report = {one.key: round(one.ratio, 3) for one in measured} | {
        "model": model,
        "parameters": judge.report["parameters"],
        "dtype": judge.identity["dtype"],
        "device": judge.report["device"],
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "processors": os.cpu_count(),
        "load_average": [before, _load()],
        "versions": {"torch": torch.__version__, "transformers": _version("transformers")},
        "shape": vars(shape) | {"temperatures": list(shape.temperatures), "sweep": list(shape.sweep)},
        "decode_seconds": decode_seconds,
        "matrix_operations_per_second": rate,
        "peak_memory_bytes": peak,
        "measured": [one._asdict() for one in measured],
    }
    for one in measured[:1]:
        report["share_of_matrix_rate"] = one.details["operations_per_second"] / rate
        report["prefill_share_of_matrix_rate"] = one.details["prefill_operations_per_second"] / rate
    judge.close()
    say("comparing bfloat16 with its own plain replies")
    half = load_local(folder, dtype="bfloat16")
    with exactly_as_long(half) as tokens:
        report["bfloat16"] = equality(Bench(half, frames, shape, say), tokens)
    half.close()
    return report


def _frames(scratch: Path, shape: Shape) -> tuple[dict[int, Any], float]:
    """Frames of a made-up clip by count, and the seconds that decoding the usual number took."""
    from workbench.video import sample_frames

    clip = write_clip(scratch / "clip.mp4", shape)
    pixels = shape.width * shape.height
    frames, seconds = {}, 0.0
    for count in sorted({shape.frames, *shape.sweep}):
        started = time.perf_counter()
        frames[count] = sample_frames(str(clip), VideoPolicy(frames=count, min_pixels=pixels, max_pixels=pixels))
        seconds = time.perf_counter() - started if count == shape.frames else seconds
    return frames, round(seconds, 3)


def _peak_bytes(device: Any) -> int:
    """Most memory used so far: of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if platform.system() == "Darwin" else used * 1024


def _load() -> float | None:
    """Processes that wanted a processor in the last minute, ours among them; None where the system does not tell."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _how(report: dict[str, Any]) -> str:
    """How the numbers were taken."""
    before, after = report["load_average"]
    load = (
        "" if before is None else f"; load average {before} before and {after} after, {report['processors']} processors"
    )
    rounds = report["shape"]["rounds"]
    return f"Medians of {rounds} round{'s' * (rounds > 1)} in which the contenders take turns{load}."


def table(report: dict[str, Any]) -> list[str]:
    """The report as a Markdown table and a few lines below it."""
    lines = [
        f"{report['model']}: {report['parameters'] / 1e6:.1f}M parameters, {report['dtype']} on {report['device']}, "
        f"{report['threads']} threads; torch {report['versions']['torch']}, "
        f"transformers {report['versions']['transformers']}",
        "",
        "| ratio | measured | of processor time | limit | to reach | seconds: peer | ours |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in report["measured"]:
        lines.append(
            f"| `{one['key']}`: {one['what']} | {one['ratio']:.2f} | {one['processor_ratio']:.2f} | {one['limit']:.2f} "
            f"| {REACH[one['key']]} | {one['peer_seconds']:.2f} | {one['seconds']:.2f} |"
        )
    first = report["measured"][0]["details"]
    stages = ", ".join(f"{name.removesuffix('_seconds')} {value:.2f}" for name, value in first["stage_seconds"].items())
    greedy, half = first["greedy"], report["bfloat16"]
    return [
        *lines,
        "",
        _how(report),
        f"Seconds by stage of {first['judgments']} judgments: video decoding {report['decode_seconds']:.2f}, {stages}.",
        f"Tokens a second: {first['tokens_per_second']:.0f}, plain {first['peer_tokens_per_second']:.0f}.",
        f"Share of the machine's matrix rate ({report['matrix_operations_per_second'] / 1e9:.0f} GFLOP/s): "
        f"{report['share_of_matrix_rate']:.0%}, of prefill {report['prefill_share_of_matrix_rate']:.0%}.",
        f"Peak memory: {max(report['peak_memory_bytes'].values()) / 1e9:.2f} GB.",
        f"Equal greedy tokens: {greedy['equal_tokens']} of {greedy['tokens']} in {greedy['replies']} replies "
        f"({report['dtype']}); {half['equal_tokens']} of {half['tokens']} in bfloat16, where "
        f"{half['equal_verdicts']} of {half['verdicts']} verdicts are equal.",
    ]
