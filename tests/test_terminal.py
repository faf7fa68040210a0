"""Nothing that was judged or generated steers the terminal it is shown on; widths count cells, not characters."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.terminal import bars, cells, one_line, paragraph, plain, table

TEXTS = [
    ("plain text,\n\ttwo lines", "plain text,\n\ttwo lines"),
    ("\x1b[31mred\x1b[0m \x1b[2J\x1b[1;1Hhome", "red home"),
    ("\x1b]0;window title\x07shown", "shown"),
    ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("\x1b]0;never closed, and the rest", "0;never closed, and the rest"),
    ("\x9b31mC1\x9b0m", "C1"),
    ("\x1bcreset\x1b(B", "reset"),
    ("over\rwritten\x08\x00\x7f\x85", "overwritten"),
    ("dos\r\nlines", "dos\nlines"),
    ("\u202efdp.exe\u2066x\u200f", "fdp.exex"),
    ("half \ud800 of a pair", "half ? of a pair"),
    ("球 é́ 👩‍👩‍👧", "球 é́ 👩‍👩‍👧"),
]


@pytest.mark.parametrize("text, expected", TEXTS, ids=range(len(TEXTS)))
def test_plain_keeps_text_and_drops_orders(text, expected):
    assert plain(text) == expected


@given(st.text(st.characters(), max_size=60) | st.text("\x1b[]\\;0m\x07\x9b()c7 a", max_size=60))
def test_plain_is_always_harmless_and_settled(text):
    shown = plain(text)
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in shown)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown) and plain(shown) == shown
    shown.encode()


@given(st.text(max_size=80), st.integers(2, 30))
def test_one_line_fits(text, width):
    line = one_line(text, width)
    assert cells(line) <= width and "\n" not in line


def test_tables_align_wide_letters():
    lines = table(("name", "note"), [("日本", "x"), ("abcd", "y\nz")]).splitlines()
    assert lines == ["name  note", "日本  x", "abcd  y z"]


def test_bars_and_paragraphs(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    assert bars({"1": 0.5, "10": 0.0}, "1") == [f"     1 {'█' * 10:<20}  50.0% <", f"    10 {'':<20}   0.0%"]
    assert bars({}) == []
    assert paragraph("why", "one two three four five six\n\nseven") == (
        "  why\n    one two three four five\n    six\n\n    seven"
    )
