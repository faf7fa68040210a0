"""A report as one HTML file that needs nothing else: plotly once, a figure with its caption, tables, definitions."""

import html
from collections.abc import Iterator, Sequence

from analysis.definitions import Definitions, anchor, read_definitions
from analysis.sections import Drawn, Section
from analysis.tell import NOTE

STYLE = """
:root{color-scheme:light dark;--ink:#171b22;--soft:#4b5362;--line:#d7dbe2;--ground:#fff;--link:#0d5f59}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaef;--soft:#a6aebb;--line:#353c49;--ground:#101318;--link:#74c5ba}}
body{max-width:920px;margin:2em auto;padding:0 16px;font:16px/1.55 system-ui,-apple-system,Segoe UI,Roboto,sans-serif;
color:var(--ink);background:var(--ground);overflow-wrap:anywhere}
h1{font-size:1.6rem;margin:0 0 .2em}h2{font-size:1.2rem;margin:0 0 .3em}h3{font-size:1rem;margin:1.2em 0 .2em}
section{margin:2.6em 0}a{color:var(--link)}.soft,figcaption,.notes{color:var(--soft);font-size:.88rem}
.answer{font-weight:600}figure{margin:1.2em 0}.figures{display:grid;gap:4px 28px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}
.figures figure{min-width:0}.notes{padding-left:1.2em}
.js-plotly-plot text:not(.heatmap-label *):not(.bartext-inside){fill:var(--ink)!important}
.table{overflow-x:auto;max-width:100%}table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums}
th,td{padding:4px 14px 4px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child{text-align:left;white-space:normal;min-width:9em;max-width:22em}th[scope=row]{font-weight:400}
nav ul{padding-left:1.2em;margin:.4em 0}dt{font-weight:600;margin-top:.6em}dd{margin:0 0 0 1.2em}pre{white-space:pre-wrap}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--line:#bbb;--ground:#fff;--link:#000}body{max-width:none;margin:0}
.table{overflow:visible}table{font-size:.66rem}th,td{padding-right:6px;white-space:normal}figure,tr{break-inside:avoid}
h2,h3{break-after:avoid}nav{display:none}details>summary{display:none}}
"""
# Folded tables are part of the report on paper too.
OPEN_FOR_PRINT = "addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>d.open=true));"
# A figure is drawn before the one beside it is there, as wide as the row; it takes its own width when all are.
FIT = "addEventListener('load',()=>document.querySelectorAll('.js-plotly-plot').forEach(p=>Plotly.Plots.resize(p)));"
CONFIG = {"displayModeBar": False, "responsive": True}


def report_html(sections: Sequence[Section], gold: str, runs: Sequence[str], command: str) -> str:
    """The whole file."""
    definitions = read_definitions()
    known = {one.heading for one in definitions}
    contents = "".join(f'<li><a href="#{anchor(one.key)}">{html.escape(one.title)}</a></li>' for one in sections)
    first, body = True, []
    for section in sections:
        body.append(_section(section, known, first))
        first = first and not section.drawn
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
        f'initial-scale=1"><title>Meta-evaluation</title><style>{STYLE}</style></head><body><h1>How far the judges can be '
        f'trusted</h1><p class="soft">Runs: {html.escape(", ".join(runs))}. Gold labels: {html.escape(gold)}. '
        f"{html.escape(NOTE)}</p><nav><ul>{contents}</ul></nav>{''.join(body)}{_definitions(definitions)}"
        f"<section><h2>The command that repeats it</h2><pre>{html.escape(command)}</pre></section>"
        f"<script>{OPEN_FOR_PRINT}{FIT}</script></body></html>\n"
    )


def _section(section: Section, known: set[str], first: bool) -> str:
    parts = []
    for number, drawn in enumerate(section.drawn):
        place = f"{anchor(section.key)}-{number + 1}"
        parts.append(_figure(drawn, place, _link(section, known), first and number == 0))
    figures = f'<div class="figures">{"".join(parts)}</div>' if parts else ""
    numbers = section_table(section)
    folded = f"<details><summary>The numbers</summary>{numbers}</details>" if figures and numbers else numbers
    return (
        f'<section id="{anchor(section.key)}"><h2>{html.escape(section.title)}</h2>{section_words(section)}'
        f"{figures}{folded}</section>"
    )


def section_words(section: Section) -> str:
    """How to read a section, its answer, and what must be said beside it, as HTML."""
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in section.notes)
    answer = f'<p class="answer vj-answer">{html.escape(section.answer)}</p>' if section.answer else ""
    listed = f'<ul class="notes vj-sub">{notes}</ul>' if notes else ""
    return f'<p class="soft vj-sub">{html.escape(section.reading)}</p>{answer}{listed}'


def _link(section: Section, known: set[str]) -> str:
    if section.defined not in known:
        return ""
    return f' <a href="#{anchor(section.defined)}">Definitions</a>.'


def _figure(drawn: Drawn, place: str, link: str, with_library: bool) -> str:
    plot = drawn.draw(drawn.info).to_html(
        full_html=False, include_plotlyjs=with_library, config=CONFIG, default_width="100%", div_id=f"figure-{place}"
    )
    return f"<figure>{plot}<figcaption>{caption(drawn)}{link}</figcaption></figure>"


def caption(drawn: Drawn) -> str:
    """How to read a figure, and what it is of, as HTML."""
    whose = f"<b>{html.escape(drawn.judge)}</b>: " if drawn.judge else ""
    return f"{whose}{html.escape(drawn.reading)} {html.escape(drawn.of)}"


def section_table(section: Section) -> str:
    """The numbers of a section as an HTML table that scrolls in its own box; "" without any."""
    if not section.rows:
        return ""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in section.header)
    return (
        f'<div class="table vj-table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(_rows(section.rows))}</tbody></table></div>"
    )


def _rows(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for name, *cells in rows:
        others = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        yield f'<tr><th scope="row">{html.escape(name)}</th>{others}</tr>'


def _definitions(definitions: Sequence[Definitions]) -> str:
    if not definitions:
        return ""
    parts = (
        f'<h3 id="{one.anchor}">{html.escape(one.heading)}</h3><dl>'
        + "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in one.rows)
        + "</dl>"
        for one in definitions
    )
    return f"<section><h2>Definitions</h2>{''.join(parts)}</section>"
