"""The prompts of the bootstrap as data: one YAML file each, and the places in it where material goes.

They have no verdict to choose from a menu, so the workbench's own prompts (pointwise, pairwise, ranking) do not fit.
"""

import string
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from workbench.delimiters import neutralise
from workbench.errors import InputError
from workbench.schema import content_id

FOLDER = Path(__file__).parent / "prompts"
KEYS = ("name", "places", "system", "template")


@dataclass(frozen=True)
class Template:
    """A prompt with places ($instruction, ...) for blocks of material."""

    name: str
    places: tuple[str, ...]
    system: str
    template: str

    @cached_property
    def id(self) -> str:
        """Name and 8 hex digits over the words of the prompt: "generate@3fa2c1d0"."""
        return f"{self.name}@{content_id([self.system, self.template], 8)}"

    def fill(self, **blocks: str) -> str:
        """The text with a block of material at every place."""
        if set(blocks) != set(self.places):
            raise InputError(f"prompt {self.name}: got {sorted(blocks)}, expected {sorted(self.places)}.")
        return string.Template(self.template).substitute(blocks).strip()

    def record(self) -> dict[str, Any]:
        """The prompt in full, as run.json keeps it."""
        return {"id": self.id, "name": self.name, "system": self.system, "template": self.template}


def load_template(name: str, folder: Path = FOLDER) -> Template:
    """The prompt of that name. Raises InputError for a file that is no such prompt."""
    path = folder / f"{name}.yaml"
    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path.name}: cannot be read as YAML: {error}") from error
    if not isinstance(spec, dict) or set(spec) != set(KEYS):
        got = ", ".join(map(str, spec)) if isinstance(spec, dict) else type(spec).__name__
        raise InputError(f"{path.name}: got {got}, expected the keys {', '.join(KEYS)}.")
    template = string.Template(spec["template"])
    if not template.is_valid() or set(template.get_identifiers()) != set(spec["places"]):
        found = ", ".join(template.get_identifiers()) or "none"
        wanted = ", ".join(spec["places"]) or "none"
        raise InputError(
            f"{path.name}: the template has the places {found} (write $$ for a dollar), expected {wanted}."
        )
    return Template(spec["name"], tuple(spec["places"]), spec["system"].strip(), spec["template"])


def block(tag: str, text: str) -> str:
    """Material between tags, with whatever looks like a tag in it made plain text."""
    return f"<{tag}>\n{neutralise(text).strip()}\n</{tag}>"
