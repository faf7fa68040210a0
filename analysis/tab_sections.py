"""Sections of a report on the page: a place each with its figures, captions and numbers; shared by Compare and Meta-eval."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from analysis.report_page import caption, section_table, section_words
from analysis.sections import Section


class Place(NamedTuple):
    """Where a section is shown; a figure and its caption each stand in a column of their own."""

    box: gr.Column
    head: gr.HTML
    figures: tuple[gr.Plot, ...]
    captions: tuple[gr.HTML, ...]
    table: gr.HTML

    @property
    def parts(self) -> list:
        return [self.box, self.head, *self.figures, *self.captions, self.table]


def section_places(figures: Mapping[str, int], prefix: str) -> dict[str, Place]:
    """Empty places for sections by key, with the most figures that each may have."""
    return {key: _place(key, count, prefix) for key, count in figures.items()}


def _place(key: str, count: int, prefix: str) -> Place:
    with gr.Column(visible=False, elem_classes="vj-panel vj-audit", elem_id=f"{prefix}-{key}") as box:
        head, plots, captions = gr.HTML(), [], []
        with gr.Row(equal_height=False):
            for number in range(count):
                with gr.Column(min_width=300):
                    plots.append(
                        gr.Plot(show_label=False, label=f"{key} {number + 1}", elem_classes="vj-figure", visible=False)
                    )
                    captions.append(gr.HTML())
        table = gr.HTML()
    return Place(box, head, tuple(plots), tuple(captions), table)


def cleared(places: Mapping[str, Place]) -> dict[Any, Any]:
    """All places hidden and empty."""
    found: dict[Any, Any] = {}
    for place in places.values():
        found |= {place.box: gr.update(visible=False), place.head: "", place.table: ""}
        found |= {plot: gr.update(value=None, visible=False) for plot in place.figures}
        found |= dict.fromkeys(place.captions, "")
    return found


def filled(places: Mapping[str, Place], sections: Iterable[Section], judge: str = "") -> dict[Any, Any]:
    """The sections in their places; of figures that are one judge's, those of `judge`."""
    found = cleared(places)
    for section in sections:
        key, whose = section.key, [drawn for drawn in section.drawn if drawn.judge in ("", judge)]
        if key.startswith("standings-"):  # one section a judge, shown for the judge that is chosen
            if key != f"standings-{judge}":
                continue
            key = "standings"
        if key in places:
            found |= _filled(places[key], section, whose)
    return found


def _filled(place: Place, section: Section, drawn: list) -> dict[Any, Any]:
    table = section_table(section)
    if drawn and table:  # the figures say most of it
        table = f"<details><summary>The numbers</summary>{table}</details>"
    shown: dict[Any, Any] = {place.box: gr.update(visible=True), place.table: table}
    shown[place.head] = f'<h3 class="vj-title">{escape(section.title)}</h3>{section_words(section)}'
    for plot, text, one in zip(place.figures, place.captions, drawn, strict=False):
        shown |= {
            plot: gr.update(value=one.draw(one.info), visible=True),
            text: f'<p class="vj-sub">{caption(one)}</p>',
        }
    return shown


def jump_list(sections: Iterable[Section], prefix: str, more: Mapping[str, str]) -> str:
    """HTML of links to the sections on the page, and to `more` places (id -> words)."""
    places = {f"{prefix}-{'standings' if one.key.startswith('standings-') else one.key}": one.title for one in sections}
    links = "".join(f'<li><a href="#{place}">{escape(words)}</a></li>' for place, words in {**places, **more}.items())
    return f'<nav class="vj-jump" aria-label="On this page"><ul>{links}</ul></nav>'


def judges_in(sections: Iterable[Section]) -> list[str]:
    """The judges that have figures of their own."""
    return list(dict.fromkeys(drawn.judge for section in sections for drawn in section.drawn if drawn.judge))
