"""The Space's card: README.md, whose front matter is what the Hub reads to build, show and find the Space."""

from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import yaml

from spaces_config.hardware import Hardware, flavour, has_gpu, pins_for
from workbench.backends.presets import PRESETS

TEMPLATE = Path(__file__).parent / "card.md"
APP_FILE = "app.py"
SHORT = "Judge answers about videos, and see what the judge saw"  # the Hub takes at most 60 characters
TAGS = ["videojudge", "video", "evaluation", "llm-as-a-judge", "video-text-to-text"]
PAPERS = ("2509.21451", "2509.00484", "2506.21011")


class Settings(NamedTuple):
    """What a Space is built for. `judge` is a preset or embedded; `results` a dataset of the Hub, None for the disk."""

    hardware: Hardware = "zero-gpu"
    judge: str = "embedded"
    results: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The Space's public variables, which the app reads."""
        own = {"WORKBENCH_JUDGE": self.judge}
        return own | ({"WORKBENCH_RESULTS": self.results} if self.results else {})


def front_matter(settings: Settings) -> dict[str, Any]:
    """What the Hub is told, by the names of its Spaces configuration reference."""
    pins = pins_for(settings.hardware)
    return {
        "title": "VideoJudge workbench",
        "emoji": "🎬",
        "colorFrom": "indigo",
        "colorTo": "yellow",
        "sdk": "gradio",
        "sdk_version": pins.gradio,
        "python_version": pins.python,
        "app_file": APP_FILE,
        "fullWidth": True,
        "pinned": False,
        "license": "apache-2.0",
        "short_description": SHORT,
        "suggested_hardware": flavour(settings.hardware),
        "models": [PRESETS[settings.judge].model] if settings.judge in PRESETS else [],
        "datasets": [settings.results] if settings.results else [],
        "tags": [*TAGS, *(f"arxiv:{paper}" for paper in PAPERS)],
    }


def write_card(settings: Settings) -> str:
    """The text of README.md."""
    front = {name: value for name, value in front_matter(settings).items() if value != []}
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(judge=_judge(settings), kept=_kept(settings))
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{text}"


def _judge(settings: Settings) -> str:
    if settings.judge not in PRESETS:
        return (
            "The judge that ships. Duplicate the Space on a GPU and set `WORKBENCH_JUDGE` to a preset for a real one."
        )
    preset = PRESETS[settings.judge]
    said = f"`{preset.name}`: [{preset.model}](https://huggingface.co/{preset.model}). {preset.note}"
    if not has_gpu(settings.hardware):
        return (
            f"{said} It needs a GPU: on this hardware the judge that ships answers in its place, and the page says so."
        )
    return f"{said} Where the Space finds no GPU, the judge that ships answers in its place, and the page says so."


def _kept(settings: Settings) -> str:
    if settings.results:
        dataset = f"[{settings.results}](https://huggingface.co/datasets/{settings.results})"
        return f"Verdicts, with the texts that were judged, go to the dataset {dataset}."
    return "Verdicts stay on the Space's own disk and are gone when it restarts."
