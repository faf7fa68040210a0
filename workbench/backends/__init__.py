"""The registry of judges: from a spec such as "embedded" or "hf:Qwen/Qwen2.5-VL-7B-Instruct" to a loaded Backend.

Lazy: a backend's module, and torch with it, is imported when one of its judges is loaded, never to list them.
"""

import difflib
import importlib
import importlib.util
import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.backends.base import Backend
from workbench.backends.presets import PRESETS
from workbench.backends.server_address import split_server
from workbench.errors import BackendError, InputError
from workbench.permissions import check_judge

EMBEDDED = Path(__file__).parent.parent / "embedded"
LOADERS = {  # family: (module, function); called with the spec's parts, then the options
    "local": ("workbench.backends.local", "load_local"),
    "scripted": ("workbench.backends.scripted", "load_scripted"),
    "metric": ("workbench.backends.metric", "load_metric"),
    "reward": ("workbench.backends.reward", "load_reward"),
    "server": ("workbench.backends.server", "load_server"),
}
MODEL_PACKAGES = ("torch", "transformers")
METRICS = {  # name: (what it is, packages)
    "bleu": ("BLEU against the reference answer", ("sacrebleu",)),
    "chrf": ("chrF against the reference answer", ("sacrebleu",)),
    "rouge_l": ("ROUGE-L against the reference answer", ("rouge_score",)),
    "bertscore": ("BERTScore against the reference answer", MODEL_PACKAGES),
}
PATTERNS = {  # spec pattern: (what it is, packages)
    "hf:<id or folder>[+<adapter>]": (
        "a checkpoint on the Hub or on disk, with a PEFT adapter if wanted",
        MODEL_PACKAGES,
    ),
    "<folder>": ("a checkpoint folder", MODEL_PACKAGES),
    "reward:<id or folder>": ("a checkpoint with a scalar head: a number for each response", MODEL_PACKAGES),
    "server:<model>@<url>": ("a model on an OpenAI-compatible server, such as vLLM at http://host:8000/v1", ("httpx",)),
    "scripted:<file>": ("replies by rules from a YAML or JSON file, for tests and demos", ()),
}


class BackendRow(NamedTuple):
    """One line of the list of judges. `missing` says what keeps it from being loaded here; None when nothing does."""

    spec: str
    what: str
    missing: str | None

    @property
    def named(self) -> bool:
        """Whether the spec can be used as it stands; otherwise it is a pattern with <places> to fill in."""
        return "<" not in self.spec


class _Load(NamedTuple):
    family: str
    arguments: tuple[Any, ...]
    packages: tuple[str, ...]


def load_backend(spec: str, **options: Any) -> Backend:
    """The judge that a spec names, loaded; `options` go to its loader.

    Specs: `embedded`, a preset's name, `hf:<id or folder>[+<adapter>]`, a folder, `reward:<id or folder>`,
    `server:<model>@<url>`, `scripted:<file>`, `metric:<name>`.
    Raises InputError for an unknown name (naming the known ones) and for options that this judge does not take,
    BackendError for one that cannot be loaded.
    """
    spec = spec.strip()
    check_spec(spec)
    family, arguments, _ = _parse(spec)
    module, function = LOADERS[family]
    loader = getattr(importlib.import_module(module), function)
    _check_options(spec, loader, len(arguments), options)
    backend: Backend = loader(*arguments, **options)
    backend.name = spec  # as asked for: "embedded" and not the folder it is in
    return backend


def check_spec(spec: str) -> None:
    """Raises what `load_backend` raises for an unknown name, one that may not be asked here, or a missing package, without
    loading anything."""
    check_allowed(spec)
    if missing := _missing(_parse(spec.strip()).packages):
        raise BackendError(f"{spec} cannot be loaded: {missing}.")


def on_accelerator(spec: str) -> bool:
    """Whether a judge runs a model of its own, so that it needs the accelerator. Raises InputError for an unknown name."""
    return "torch" in _parse(spec.strip()).packages


def scores_only(spec: str) -> bool:
    """Whether a judge can rate without writing a reply: those whose probabilities are read here. Raises InputError for an
    unknown name."""
    return _parse(spec.strip()).family == "local"


def check_allowed(spec: str) -> None:
    """Raises InputError for a judge that the page may not ask: in a demo, all that are not listed (permissions.py)."""
    check_judge(spec, tuple(named_judges()))


def named_judges() -> list[str]:
    """The judges that the page lists: the one that ships, the presets, the metrics. On a Hugging Face Space, of the presets
    only the one that it is set up with: any other would be tens of gigabytes to load."""
    presets = [name for name in PRESETS if "SPACE_ID" not in os.environ or name == os.environ.get("WORKBENCH_JUDGE")]
    return ["embedded", *presets, *(f"metric:{name}" for name in METRICS)]


def list_backends() -> list[BackendRow]:
    """The judges there are: the one that ships, the presets, the metrics, and the patterns of all others."""
    models = _missing(MODEL_PACKAGES)
    return [
        BackendRow("embedded", "the small judge that ships with the workbench", models or _embedded_missing()),
        *(BackendRow(name, f"{preset.model}. {preset.note}", models) for name, preset in PRESETS.items()),
        *(BackendRow(f"metric:{name}", what, _missing(packages)) for name, (what, packages) in METRICS.items()),
        *(BackendRow(pattern, what, _missing(packages)) for pattern, (what, packages) in PATTERNS.items()),
    ]


# -- from a spec to its loader


def _parse(spec: str) -> _Load:
    kind, _, rest = spec.partition(":")
    if spec == "embedded":
        return _Load("local", (str(EMBEDDED), None), MODEL_PACKAGES)
    if spec in PRESETS:
        return _Load("local", (PRESETS[spec].model, None), MODEL_PACKAGES)
    if kind == "hf" and rest:
        return _Load("local", split_adapter(rest), MODEL_PACKAGES)
    if kind == "reward" and rest:
        return _Load("reward", (rest,), MODEL_PACKAGES)
    if kind == "server" and rest:
        return _Load("server", split_server(rest), ("httpx",))
    if kind == "scripted" and rest:
        return _Load("scripted", (rest,), ())
    if kind == "metric" and rest in METRICS:
        return _Load("metric", (rest,), METRICS[rest][1])
    if spec and _is_folder(split_adapter(spec)[0]):
        return _Load("local", split_adapter(spec), MODEL_PACKAGES)
    raise InputError(_unknown(spec))


def split_adapter(model: str) -> tuple[str, str | None]:
    """Model and adapter of "<model>+<adapter>". A folder that has a + in its name is one model.

    Raises InputError when one side of the + is empty.
    """
    if "+" not in model or _is_folder(model):
        return model, None
    base, _, adapter = model.rpartition("+")
    if not base or not adapter:
        raise InputError(f"judge: got {model!r}, expected <id or folder>+<adapter>, or no +.")
    return base, adapter


def _is_folder(path: str) -> bool:
    return os.path.isdir(os.path.expanduser(path))  # unlike Path.is_dir, calm about names too long to be one


def _unknown(spec: str) -> str:
    rows = [row.spec for row in list_backends()]
    named = [row for row in rows if "<" not in row]
    close = difflib.get_close_matches(spec, named, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"judge: got {spec!r}, which is no judge and no folder. {hint}Known are {', '.join(rows)}."


def _check_options(spec: str, loader: Callable, positional: int, options: Mapping[str, Any]) -> None:
    parameters = list(inspect.signature(loader).parameters.values())[positional:]
    known = [parameter.name for parameter in parameters]
    unknown = [name for name in options if name not in known]
    if unknown:
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        raise InputError(f"{spec}: got the option {unknown[0]!r}, but {takes}.")


# -- what is there


def _missing(packages: tuple[str, ...]) -> str | None:
    """What to install, without importing anything."""
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"the package {absent[0]} is not installed; pip install -r requirements.txt" if absent else None


def _embedded_missing() -> str | None:
    return None if (EMBEDDED / "config.json").is_file() else "its checkpoint is not in workbench/embedded"
