"""Checkpoints from a folder or the Hub into memory: safetensors only, never remote code, nothing left at random."""

import hashlib
import json
import math
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import psutil

from workbench.errors import BackendError

Quantization = Literal["4bit", "8bit"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
FILES = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]  # what is downloaded: no pickles, no code
UNSAFE = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".gguf", ".h5", ".msgpack"}
_LOADING = threading.RLock()


class Source(NamedTuple):
    """Where a checkpoint is. `revision` is the Hub's commit, or "sha256:" and 16 digits of a local folder's content."""

    folder: Path
    revision: str
    hub_id: str | None


class Placement(NamedTuple):
    """How a model lies in memory."""

    device: str
    dtype: str
    device_map: str | Mapping[str, Any] | None = None
    quantization: Quantization | None = None


def resolve(model: str, revision: str | None) -> Source:
    """Find a checkpoint folder, downloading it from the Hub if `model` is no local folder. Raises BackendError."""
    if (folder := Path(model).expanduser()).is_dir():
        if revision is not None:
            raise BackendError(f"revision {revision!r} was given for the local folder {model}; only Hub ids have one.")
        return Source(folder, content_hash(folder), None)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        raise BackendError(f"No checkpoint {model!r}: it is neither a folder here nor a Hub id like 'Qwen/Qwen3-8B'.")
    folder = _download(model, revision)
    return Source(folder, folder.name, model)


def _download(hub_id: str, revision: str | None) -> Path:
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=FILES))
    except errors.GatedRepoError as error:
        raise BackendError(
            f"{hub_id} is gated: accept its terms on its Hub page, then run `hf auth login` with your token."
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise BackendError(
            f"The Hub has no {hub_id!r} (revision {revision or 'main'}), or it is private, and no folder here has "
            "that name. Check the spelling; for a private one run `hf auth login`."
        ) from error
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise BackendError(
            f"{hub_id} is not in the local cache, and the Hub could not be reached ({type(error).__name__}). "
            "Go online once, or give a folder that holds the checkpoint."
        ) from error


def content_hash(folder: Path) -> str:
    """Hash over the files that decide what a checkpoint answers: "sha256:" and 16 hex digits."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".safetensors", ".json", ".jinja", ".txt", ".model"} and path.name != "judge.json":
            with path.open("rb") as file:
                total.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    return f"sha256:{total.hexdigest()[:16]}"


def check_safetensors(folder: Path, what: str) -> None:
    """Raises BackendError unless the folder has safetensors weights: pickled ones can run code when loaded."""
    if any(folder.glob("*.safetensors")):
        return
    others = sorted(path.name for path in folder.iterdir() if path.suffix in UNSAFE)
    found = f"only {others[0]}, which is not loaded because such files can run code" if others else "none"
    raise BackendError(
        f"The {what} {folder.name!r} has no safetensors weights: found {found}. Convert it to safetensors first."
    )


def place(
    device: str, dtype: str, device_map: str | Mapping[str, Any] | None, quantization: Quantization | None
) -> Placement:
    """Choose device and dtype: bfloat16 on CUDA (float16 where it lacks that) and Apple GPUs, float32 on a CPU."""
    import torch

    if dtype not in DTYPES:
        raise BackendError(f"dtype: got {dtype!r}, expected one of {', '.join(DTYPES)}.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = _usable_kind(device)
    if dtype == "auto":
        dtype = "float32" if kind == "cpu" else "bfloat16"
        if kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            dtype = "float16"
    return Placement(device, dtype, device_map, _checked_quantization(quantization))


def _usable_kind(device: str) -> str:
    """ "cuda", "mps" or "cpu". Raises BackendError for a device that is not there."""
    import torch

    try:
        parsed = torch.device(device)
    except RuntimeError:
        parsed = torch.device("meta")  # not one that judges
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if (parsed.index or 0) >= there.get(parsed.type, 0):
        raise BackendError(f"device: got {device!r}, which this machine or its torch does not have; try 'auto'.")
    return parsed.type


def _checked_quantization(quantization: Quantization | None) -> Quantization | None:
    from importlib.util import find_spec

    if quantization not in (None, "4bit", "8bit"):
        raise BackendError(f"quantization: got {quantization!r}, expected 4bit or 8bit.")
    if quantization and find_spec("bitsandbytes") is None:
        raise BackendError(
            f"{quantization} weights need the package bitsandbytes (Linux or Windows, x86-64); "
            "install it, or load the judge without quantization."
        )
    return quantization


@contextmanager
def transformers_alone() -> Iterator[None]:
    """transformers and peft in one thread at a time, without progress bars and warnings: what is wrong with a checkpoint is
    raised, in our words.

    All is as it was afterwards, so that others who use the libraries in this process keep their own choice. While
    transformers loads a model it changes its own classes and torch's default dtype for all threads, and two loads at once
    can leave them changed: every later load then lacks its tied weights.
    """
    with _LOADING:
        yield from _quietly()


def _quietly() -> Iterator[None]:
    from transformers.utils import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@transformers_alone()
def read_config(folder: Path) -> Any:
    """The model's config. Raises BackendError for architectures that only exist as code in the checkpoint."""
    from transformers import AutoConfig

    if not (folder / "config.json").is_file():
        raise BackendError(f"{folder.name!r} is no checkpoint: it has no config.json.")
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (ValueError, OSError, KeyError) as error:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        raise BackendError(
            f"The architecture {kind!r} of {folder.name!r} is not one that transformers knows. Checkpoints that bring "
            f"their own code are not loaded. ({_first_line(error)})"
        ) from error


def reads_video(config: Any, folder: Path) -> bool:
    """True for a model that takes video, False for a text-only one. Raises BackendError for anything else."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return True
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return False
    raise BackendError(f"{folder.name!r} is a {config.model_type!r} model, which does not answer in text.")


@transformers_alone()
def load_processor(folder: Path, video: bool) -> Any:
    """The processor, or the tokenizer of a text-only model. Raises BackendError when it takes no video or no chat."""
    from transformers import AutoProcessor, AutoTokenizer

    try:
        processor = (AutoProcessor if video else AutoTokenizer).from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise BackendError(f"The processor files of {folder.name!r} cannot be loaded: {_first_line(error)}") from error
    if video and not (getattr(processor, "video_processor", None) and getattr(processor, "video_token", None)):
        raise BackendError(f"{folder.name!r} takes images but no video; choose a checkpoint that was trained on video.")
    if not (getattr(processor, "chat_template", None) or getattr(processor, "tokenizer", processor).chat_template):
        raise BackendError(
            f"{folder.name!r} has no chat template: it is a base model. Choose its instruction-tuned form."
        )
    return processor


@transformers_alone()
def load_model(folder: Path, video: bool, placement: Placement) -> tuple[Any, dict[str, Any]]:
    """(model in eval mode, missing/unexpected keys). Raises BackendError if weights are missing or do not fit."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    _check_memory(folder, placement)
    auto = AutoModelForImageTextToText if video else AutoModelForCausalLM
    options = {"device_map": placement.device_map or {"": placement.device}}
    if placement.quantization:
        options["quantization_config"] = _quantization_config(placement)
    try:
        model, info = auto.from_pretrained(
            folder, dtype=getattr(torch, placement.dtype), use_safetensors=True, trust_remote_code=False,
            output_loading_info=True, **options,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise BackendError(f"{folder.name!r} cannot be loaded on {placement.device}: {_first_line(error)}") from error
    bad = sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]]))
    if bad:
        raise BackendError(
            f"{folder.name!r} lacks {len(bad)} of the model's weights (first: {bad[0]}); they would stay random, so "
            "its verdicts would mean nothing. The checkpoint is incomplete or of another architecture."
        )
    return model.eval(), {"missing_keys": [], "unexpected_keys": sorted(info["unexpected_keys"])}


def _check_memory(folder: Path, placement: Placement) -> None:
    """Raises BackendError where the weights alone cannot fit: a CPU would swap, or the process be killed."""
    import torch

    if placement.device_map is not None:
        return
    size = {"4bit": 0.5, "8bit": 1.0}.get(placement.quantization or "", {"float32": 4.0}.get(placement.dtype, 2.0))
    needed = parameter_count(folder) * size
    on_gpu = placement.device.startswith("cuda")
    free = torch.cuda.mem_get_info(placement.device)[0] if on_gpu else psutil.virtual_memory().available
    if needed > free:
        kind = placement.quantization or placement.dtype
        raise BackendError(
            f"The weights of {folder.name!r} take {needed / 1e9:.1f} GB in {kind}, and {free / 1e9:.1f} GB are free on "
            f"{placement.device}. Load it in bfloat16, with 4-bit quantization, over several GPUs with "
            "device_map='auto', or take a smaller judge."
        )


def parameter_count(folder: Path) -> int:
    """Numbers in a folder's safetensors files, from their headers alone. Raises BackendError for broken files."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as weights:
                shapes = [weights.get_slice(name).get_shape() for name in list(weights.keys())]
            total += sum(map(math.prod, shapes))
        except SafetensorError as error:
            raise BackendError(f"{path.name} of {folder.name!r} is damaged ({error}); download it again.") from error
    return total


def _quantization_config(placement: Placement) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if placement.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, placement.dtype)
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
