"""A sweep on the page, as HTML: the preflight card, how it stands, what is recommended, a cell's judgments; and its data."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from analysis.commands_sweep import cell_notes, sweep_record
from analysis.plain_values import plain_value
from analysis.sensitivity_form import PLAN_FILE, is_planning, prompt_scale
from analysis.sweep_cells import CellFigures, SweepResult, judgments_of, labels_of, read_sweep
from analysis.sweep_choice import choice_sentences, choose
from analysis.sweep_plan import duration, size
from workbench.jobs import Job
from workbench.page.ratings import choice_colour, ink_on
from workbench.page.run_status import status_card
from workbench.page.score_scale import score_colour
from workbench.page.show import note, table_box
from workbench.page.verdict_card import pair_card, score_card
from workbench.schema import Item, Judgment
from workbench.store import Run

MOST_ROWS, MOST_CARDS = 60, 8


def sweep_card(job: Job) -> str:
    """How a sweep stands; while it is planned, that."""
    if is_planning(job):
        said = "loading the judges and trying them" if job.alive else "planned"
        return "" if job.state == "done" else status_card(job, said, {}, "Preflight")
    done, total = job.status.get("done", 0), job.status.get("total", 0)
    return status_card(job, f"{done:,} of {total:,} verdicts" if total else "no verdict yet", {}, "Verdicts there")


# -- preflight


def read_plan(folder: Path) -> dict[str, Any] | None:
    """The preflight of a folder; None while there is none."""
    try:
        return json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # not there, or being written
        return None


def plan_card(plan: Mapping[str, Any] | None) -> str:
    """What the grid takes: verdicts, visual tokens, time and memory, in all and by frames."""
    if plan is None:
        return ""
    judges = plan["judges"]
    columns = [column for judge in judges for column in judge["columns"]]
    memory = max(judge["memory_bytes"] for judge in judges)
    facts = {
        "verdicts": f"{sum(column['requests'] for column in columns):,}",
        "visual tokens": f"{sum(column['visual_tokens'] for column in columns):,}",
        "predicted": duration(plan["seconds"]),
        f"of memory, {size(plan['free_bytes'])} {'free' if plan['device'] == 'cpu' else 'there'}": size(memory),
    }
    counts = "".join(f"<div><dt>{escape(words)}</dt><dd>{escape(value)}</dd></div>" for words, value in facts.items())
    rows = "".join(
        _plan_row(judge["judge"], column, len(judges) > 1) for judge in judges for column in judge["columns"]
    )
    first = "<th>judge</th>" if len(judges) > 1 else ""
    head = f"<tr>{first}<th>frames</th><th>verdicts</th><th>visual tokens</th><th>time</th></tr>"
    table = table_box("What the sweep would take", f"<thead>{head}</thead><tbody>{rows}</tbody>")
    said = "".join(f'<p class="vj-sub">{escape(text)}</p>' for text in _plan_notes(plan, memory))
    return (
        '<section class="vj-status" aria-label="Preflight"><h3 class="vj-title" style="margin-top:0">Preflight</h3>'
        f'<dl class="vj-counts">{counts}</dl>{table}{said}</section>'
    )


def _plan_row(judge: str, column: Mapping[str, Any], several: bool) -> str:
    name = f'<th scope="row">{escape(judge)}</th>' if several else ""
    if column["refused"]:
        return f'<tr>{name}<th scope="row">{column["frames"]}</th><td colspan="3">this judge cannot</td></tr>'
    return (
        f'<tr>{name}<th scope="row">{column["frames"]}</th><td>{column["requests"]:,}</td>'
        f"<td>{column['visual_tokens']:,}</td><td>{duration(column['seconds'])}</td></tr>"
    )


def _plan_notes(plan: Mapping[str, Any], memory: int) -> list[str]:
    said = [
        f"{plan['items']} items about {plan['videos']} videos. From the files' headers, and four calls of each judge."
    ]
    said += list(dict.fromkeys(c["refused"] for judge in plan["judges"] for c in judge["columns"] if c["refused"]))
    if memory > plan["free_bytes"]:
        said.append("That is more memory than there is: take fewer frames or smaller ones.")
    said += [f"{frames} frames: {count} of {plan['videos']} clips have fewer and give all they have."
             for frames, count in plan["capped"].items()]  # fmt: skip
    if plan["unread"]:
        said.append(f"{plan['unread']} videos cannot be read; their verdicts will fail, with the reason.")
    tried = max(call["frames"] for judge in plan["judges"] for call in judge["calls"])
    if any(c["frames"] > tried and not c["refused"] for judge in plan["judges"] for c in judge["columns"]):
        said.append(f"Tried at up to {tried} frames; more may take longer than is said.")
    return said


# -- what came of it


def measured(folder: Path) -> SweepResult:
    """The sweep as it stands, read again only when there is more of it. Raises InputError."""
    path = folder / "judgments.jsonl"
    return _measured(str(folder), path.stat().st_size if path.exists() else 0)


@lru_cache(maxsize=4)
def _measured(folder: str, size: int) -> SweepResult:
    return read_sweep(folder)


def choice_card(found: SweepResult) -> str:
    """Which cell to judge with, and what else must be known."""
    choice = choose(found)
    said = "".join(f"<p>{escape(text)}</p>" for text in choice_sentences(choice))
    kind = "" if choice.best else "warn"
    notes = "".join(f"<li>{escape(text)}</li>" for text in cell_notes(found))
    beside = f'<details><summary>Beside the figures</summary><ul class="vj-sub">{notes}</ul></details>' if notes else ""
    so_far = ", so far" if any(one.state != "refused" and not one.complete for one in found.cells) else ""
    return note(f"<strong>Which cell to take{so_far}.</strong>{said}{beside}", kind)


def cell_words(one: CellFigures) -> str:
    """A cell in a list."""
    state = {"measured": "", "refused": " · cannot", "waiting": " · not yet"}[one.state]
    return f"{one.cell}{state}"


def cell_view(folder: Path, one: CellFigures) -> str:
    """The judgments behind a cell: a table of all items, and the first verdicts in full."""
    head = f'<h3 class="vj-title">{escape(str(one.cell))}</h3>'
    if one.state != "measured":
        why = one.reason or "Its verdicts are still to come."
        return head + note(escape(why), "warn")
    items = Run.open(folder).items()
    judgments = judgments_of(folder, one.cell)
    by_item: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        by_item[judgment.item].append(judgment)
    scale = prompt_scale(folder)
    labels = labels_of(measured(folder))
    rows = "".join(_row(items[name], some, labels.get(name), scale) for name, some in list(by_item.items())[:MOST_ROWS])
    more = f'<p class="vj-sub">The first {MOST_ROWS} of {len(by_item):,} items.</p>' if len(by_item) > MOST_ROWS else ""
    columns = "<tr><th>item</th><th>label</th><th>verdicts</th><th>frames seen</th></tr>"
    table = table_box("The cell's judgments", f"<thead>{columns}</thead><tbody>{rows}</tbody>")
    return f'{head}{table}{more}<div class="vj-cards">{_cards(items, by_item, scale)}</div>'


def _row(item: Item, judgments: Sequence[Judgment], label: Any, scale: tuple[int, int]) -> str:
    chips = " ".join(_chip(one, scale) for one in judgments)
    text = " | ".join(item.responses)
    seen = next((len(one.frames["indices"]) for one in judgments if one.frames), None)
    shown = "–" if label is None else f"{label:g}" if isinstance(label, float) else escape(str(label))
    return (
        f'<tr><th scope="row" class="vj-cut" title="{escape(text, quote=True)}">{escape(text)}</th>'
        f"<td>{shown}</td><td>{chips}</td><td>{'–' if seen is None else seen}</td></tr>"
    )


def _chip(judgment: Judgment, scale: tuple[int, int]) -> str:
    if judgment.status != "scored":
        return (
            f'<span class="vj-chip vj-none" title="{escape(judgment.error or "", quote=True)}">{judgment.status}</span>'
        )
    if judgment.score is not None:
        colour, text = score_colour(judgment, *scale), f"{judgment.score:.3g}"
    else:
        colour, text = choice_colour(judgment.choice or ""), escape(judgment.choice or "")
    return f'<span class="vj-chip" style="background:{colour};color:{ink_on(colour)}">{text}</span>'


def _cards(items: Mapping[str, Item], by_item: Mapping[str, list[Judgment]], scale: tuple[int, int]) -> str:
    cards: list[str] = []
    for name, judgments in by_item.items():
        responses = items[name].responses
        if len(responses) == 2:
            samples = {one.sample: [j for j in judgments if j.sample == one.sample] for one in judgments}
            cards += [pair_card(pair, responses) for pair in samples.values() if len(pair) == 2]
        else:
            cards += [
                score_card(one, _title(one, judgments), responses[0], low=scale[0], high=scale[1]) for one in judgments
            ]
    return "".join(cards[:MOST_CARDS]) + (
        f'<p class="vj-sub">The first {MOST_CARDS} of {len(cards):,} verdicts.</p>' if len(cards) > MOST_CARDS else ""
    )


def _title(one: Judgment, judgments: Sequence[Judgment]) -> str:
    return f"Sample {one.sample + 1} of {len(judgments)}" if len(judgments) > 1 else "The verdict"


# -- data


def data_files(folder: Path) -> tuple[str, str]:
    """The cells with their figures as JSON, and every judgment as CSV, as files to download."""
    found = measured(folder)
    place = Path(tempfile.mkdtemp(prefix="sweep-"))
    cells = place / f"{folder.name}-cells.json"
    record = plain_value(sweep_record(found, choose(found)))
    cells.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    return str(cells), str(Run.open(folder).export(place / f"{folder.name}-judgments.csv"))
