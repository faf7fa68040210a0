"""judge.json: what a checkpoint folder says about the judge in it. Training writes it, the local backend reads it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.backends.base import Declared
from workbench.errors import BackendError, InputError
from workbench.schema import Record, Sampling, VideoPolicy

NAME = "judge.json"


@dataclass(frozen=True)
class JudgeFile(Record):
    """The fields of `Declared`, and the judge's defaults. Whatever is left out is open."""

    kinds: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    scale: tuple[int, int] | None = None
    domain: str = ""
    max_frames: int | None = None
    sampling: Sampling | None = None
    video_policy: VideoPolicy | None = None
    warning: str = ""  # shown wherever the judge is offered: "a first rough version, ..."
    score_only: str = ""  # how far ratings without reasons agree with reasoned ones; `analysis score-only` writes it
    opens_replies: bool = False  # replies are begun for it, with the first tag of the form that the prompt asks for

    def __post_init__(self):
        for name in ("kinds", "prompts", "scale"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if value is not None else None)
        if self.scale is not None and not (len(self.scale) == 2 and self.scale[0] < self.scale[1]):
            raise InputError(f"scale: got {list(self.scale)}, expected its lowest and highest score, e.g. [1, 5].")
        if isinstance(self.sampling, Mapping):
            object.__setattr__(self, "sampling", Sampling.from_dict(self.sampling))
        if isinstance(self.video_policy, Mapping):
            object.__setattr__(self, "video_policy", VideoPolicy.from_dict(self.video_policy))

    @property
    def declared(self) -> Declared:
        return Declared(self.kinds, self.prompts, self.scale, self.domain, self.max_frames)  # type: ignore[arg-type]


def read_judge_file(folder: Path) -> JudgeFile | None:
    """The folder's judge.json, or None when it has none. Raises BackendError when it cannot be read as one."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        return JudgeFile.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, InputError) as error:
        raise BackendError(f"{NAME} of the checkpoint {folder.name!r} cannot be read: {error}") from error


def write_judge_file(folder: Path, judge: JudgeFile) -> Path:
    """Write judge.json into a checkpoint folder, without the fields that are open."""
    fields = {name: value for name, value in asdict(judge).items() if value not in (None, "", (), False)}
    path = folder / NAME
    path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
