"""Which judge the page starts from, by its environment, and the sentence that says so where it is not the one asked for.

    WORKBENCH_JUDGE=videojudge-7b-rubric   a preset (`python -m workbench backends`), or embedded; served where there is a GPU

Without a GPU the judge that ships answers. On a Space only this judge, the one that ships and the metrics are offered:
another one would be tens of gigabytes to load.
"""

import os
from html import escape
from typing import NamedTuple

from workbench.backends import named_judges
from workbench.backends.presets import PRESETS
from workbench.errors import InputError
from workbench.page.gpu_there import has_gpu

EMBEDDED = "embedded"
VARIABLE = "WORKBENCH_JUDGE"
KNOWS = "It knows only the workbench's own procedural world: coloured shapes that move. On other videos its verdicts mean nothing."


class ServedJudge(NamedTuple):
    """`spec` is what the page starts from, `wanted` what was asked for; `note` is "" where nothing need be said."""

    spec: str
    wanted: str
    note: str = ""


def served_judge() -> ServedJudge:
    """The judge by the environment as it is now. Raises InputError for a name that is no preset."""
    wanted = os.environ.get(VARIABLE, "").strip() or EMBEDDED
    if wanted != EMBEDDED and wanted not in PRESETS:
        raise InputError(f"{VARIABLE}: got {wanted!r}, expected {EMBEDDED} or a preset: {', '.join(PRESETS)}.")
    if wanted == EMBEDDED:
        how = f"For a real judge, duplicate this Space on a GPU and set {VARIABLE} to a preset."
        return ServedJudge(EMBEDDED, wanted, f"The judge that ships answers here. {KNOWS} {how}" if on_space() else "")
    if not has_gpu():
        return ServedJudge(
            EMBEDDED, wanted, f"There is no GPU here for {wanted}: the judge that ships answers. {KNOWS}"
        )
    return ServedJudge(wanted, wanted)


def on_space() -> bool:
    """Whether this runs as a Hugging Face Space, which the Hub tells every one of them."""
    return bool(os.environ.get("SPACE_ID"))


def offered_judges() -> list[str]:
    """The judges that the page lists; not one that needs a GPU where a Space has none."""
    served = served_judge()
    return [name for name in named_judges() if not (on_space() and name == served.wanted != served.spec)]


def served_judge_note() -> str:
    """HTML for the head of the page; "" where the judge is the one that was asked for."""
    said = served_judge().note
    return f'<p class="vj-sub vj-served" role="note">{escape(said)}</p>' if said else ""
