"""What the page draws: colours, cards, figures and frame strips."""

import itertools

import numpy as np
import plotly.io
import pytest

from workbench.errors import InputError
from workbench.page import show
from workbench.page.figures import SERIES_COLOURS, distribution_figure, distributions, empty_figure
from workbench.page.frame_strip import frame_strip, shown_positions
from workbench.page.ratings import CHOICE_COLOURS, RATING_ANCHORS, contrast, ink_on, rating_colour
from workbench.page.receipt import receipt_table
from workbench.page.score_scale import score_colour
from workbench.page.verbatim import verbatim, verbatim_command
from workbench.page.verdict_card import excerpt, pair_card, ranking_card, score_card
from workbench.schema import Judgment
from workbench.video import Frames

EVIL = '<img src=x onerror="alert(1)">'
SETTINGS = {
    "judge": {"model": "M", "revision": "abc123"},
    "sampling": {"temperature": 0.0, "seed": 7},
    "video": None,
    "view": "video",
    "order": [0],
}


def judgment(**fields) -> Judgment:
    given = {"item": "i", "judge": "j", "prompt": "pointwise@1", "status": "scored", "settings": SETTINGS, **fields}
    return Judgment(**given)


def shown_as(order, **fields) -> Judgment:
    return judgment(settings={**SETTINGS, "order": list(order)}, **fields)


# -- colours


def test_every_rating_is_readable_on_its_colour_and_visible_on_the_page():
    for colour in [*RATING_ANCHORS, *CHOICE_COLOURS.values()]:
        assert contrast(ink_on(colour), colour) >= 4.5
        assert contrast(colour, "#ffffff") >= 2.7 and contrast(colour, "#171b22") >= 2.7


# Machado, Oliveira & Fernandes 2009, severity 1.0, linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(np.clip(XYZ @ np.clip(vision @ linear, 0, 1), 1e-6, None) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["usual", "deuteranopia", "protanopia"])
def test_ratings_and_series_are_told_apart_with_any_colour_vision(vision):
    for colours in (RATING_ANCHORS, SERIES_COLOURS):
        for one, other in itertools.combinations(colours, 2):
            assert np.linalg.norm(lab(one, vision) - lab(other, vision)) > 15  # 2.3 is just noticeable


@pytest.mark.parametrize(("score", "low", "high", "colour"), [
    (1, 1, 5, RATING_ANCHORS[0]), (3, 1, 5, RATING_ANCHORS[2]), (5, 1, 5, RATING_ANCHORS[4]),
    (0, 0, 10, RATING_ANCHORS[0]), (5, 0, 10, RATING_ANCHORS[2]), (99, 1, 5, RATING_ANCHORS[4]), (-9, 1, 5, RATING_ANCHORS[0]),
])  # fmt: skip
def test_rating_colour_spans_any_scale(score, low, high, colour):
    assert rating_colour(score, low, high) == colour


# -- cards


def test_a_score_card_prints_number_scale_direction_and_expectation():
    probs = {"1": 0.0, "2": 0.0, "3": 0.3, "4": 0.6, "5": 0.1}
    card = score_card(judgment(score=4.0, probs=probs), "Response A", "It falls.", low=1, high=5, known=5)
    for words in (
        "4 of 5",
        "higher is better",
        "expected 3.8",
        "60% sure of 4",
        "known rating is 5",
        "scale of 1 to 5",
    ):
        assert words in card


def test_the_beginning_of_a_response_turns_no_words_of_ours_around():
    folded = excerpt("\u202eevil " * 100)
    assert folded.index("</bdi>") < folded.index("show all") and folded.index("<bdi") < folded.index("\u202e")


def test_whatever_others_wrote_is_escaped():
    written = judgment(score=1.0, reasoning=EVIL, rubric=EVIL, criteria={EVIL: 1.0})
    unread = judgment(status="unparsed", reply=EVIL, error=EVIL)
    pair = [shown_as(order, choice="A", reasoning=EVIL) for order in ((0, 1), (1, 0))]
    ranks = [shown_as(order, ranking=(0, 1, 2), reasoning=EVIL) for order in ((0, 1, 2), (2, 1, 0))]
    cards = [
        score_card(written, EVIL, EVIL, low=1, high=5),
        score_card(unread, EVIL, EVIL * 50, low=1, high=5),
        pair_card(pair, [EVIL, EVIL]),
        ranking_card(ranks, [EVIL] * 3),
        receipt_table([judgment(score=1.0, settings={**SETTINGS, "judge": {EVIL: EVIL}})], {EVIL: EVIL}, EVIL),
        show.error_note(InputError(EVIL)),
        show.working(EVIL, 1.0),
        verbatim(EVIL, EVIL),
        verbatim_command(EVIL, EVIL),
    ]
    for card in cards:
        assert "<img" not in card and "&lt;img" in card


@pytest.mark.parametrize("status", ["unparsed", "failed", "skipped"])
def test_what_was_not_scored_shows_its_reason_and_no_rating(status):
    card = score_card(
        judgment(status=status, error="why not", reply="about 4 I think"), "Response A", "r", low=1, high=5
    )
    assert "why not" in card and "about 4 I think" in card and "of 5" not in card


@pytest.mark.parametrize(("choices", "words"), [
    (("A", "A"), "Response A is better"), (("B", "B"), "Response B is better"), (("tie", "tie"), "A tie"),
    (("A", "B"), "Inconsistent"), (("tie", "A"), "Inconsistent"), ((None, "A"), "No outcome"),
])  # fmt: skip
def test_a_pair_shows_its_outcome_and_both_verdicts(choices, words):
    first, second = (
        shown_as(order, choice=choice) if choice else shown_as(order, status="failed", error="out of memory")
        for order, choice in zip(((0, 1), (1, 0)), choices, strict=True)
    )
    card = pair_card([first, second], ["one", "two"])
    assert words in card and "Shown as A, then B" in card and "Shown as B, then A" in card


def test_letters_of_the_other_order_are_explained_beside_the_judges_own_words():
    first, second = (shown_as(order, choice="A", reasoning="B is better.") for order in ((0, 1), (1, 0)))
    card = pair_card([first, second], ["one", "two"])
    assert card.count("In its words A is response B, B is response A.") == 1
    assert card.index("Shown as B") < card.index("In its words A is response B")


def test_rankings_that_differ_by_order_are_inconsistent():
    same = [shown_as(order, ranking=(2, 0, 1)) for order in ((0, 1, 2), (2, 1, 0))]
    other = [same[0], shown_as((2, 1, 0), ranking=(0, 1, 2))]
    assert "Response C is ranked first" in ranking_card(same, list("abc"))
    assert "Inconsistent" in ranking_card(other, list("abc"))


@pytest.mark.parametrize(("score", "own", "said"), [
    (85.7, [0, 100], "85.7 of 100</strong>, on a scale of 0 to 100, higher"), (3.0, [0, 100], "3 of 100</strong>"),
    (1.25, None, "1.25</strong>, a raw number on no scale, higher"),
])  # fmt: skip
def test_a_judges_own_scale_is_told_and_has_no_rating_colour(score, own, said):
    given = judgment(score=score, settings={**SETTINGS, "judge": {"backend": "metric", "scale": own}})
    card = score_card(given, "Response A", "r", low=1, high=5)
    assert said in card and "of 5" not in card and CHOICE_COLOURS["tie"] in card
    assert ('<b style="font-size:1.30rem">' in card) == (len(f"{score:.3g}") == 4), "it stays in its square"
    assert score_colour(given, 1, 5) not in RATING_ANCHORS
    assert score_colour(judgment(score=5.0), 1, 5) == RATING_ANCHORS[4]
    assert "5 of 5</strong>, higher" in score_card(judgment(score=5.0), "Response A", "r", low=1, high=5)


def test_a_long_response_is_folded_but_whole():
    text = "word " * 200
    assert "show all" in excerpt(text) and text in excerpt(text)
    assert "show all" not in excerpt("short")


# -- figures


def rated(score: int) -> Judgment:
    return judgment(
        score=float(score), probs={str(rating): (0.6 if rating == score else 0.1) for rating in range(1, 6)}
    )


@pytest.mark.parametrize("count", [1, 2, 6])
def test_distributions_have_a_panel_for_each_judgment(count):
    info = distributions([rated(1 + place % 5) for place in range(count)], [f"R{place}" for place in range(count)])
    figure = distribution_figure(info)
    assert [panel.title for panel in info] == [f"R{place}" for place in range(count)]
    assert len(figure.data) == count
    assert list(figure.data[0].x) == ["1", "2", "3", "4", "5"] and tuple(figure.data[0].marker.color) == RATING_ANCHORS
    assert info[0].expected == pytest.approx(1 * 0.6 + 0.1 * (2 + 3 + 4 + 5))
    plotly.io.to_json(figure, validate=True)


def test_without_probabilities_the_figure_says_so():
    assert distributions([judgment(score=3.0)], ["R"]) == []
    assert distribution_figure([]).layout.annotations[0].text == "This judge gave no probabilities."
    assert empty_figure("Nothing yet.").layout.annotations[0].text == "Nothing yet."


def test_choices_and_long_scales_are_in_order():
    pair = distributions([shown_as((0, 1), choice="B", probs={"B": 0.7, "A": 0.3})], ["R"])[0]
    ten = distributions([judgment(score=10.0, probs={str(n): 1 / 11 for n in range(11)})], ["R"], low=0, high=10)[0]
    assert (pair.labels, pair.shares, pair.expected) == (("A", "B"), (0.3, 0.7), None)
    assert ten.labels[-1] == "10" and ten.expected == pytest.approx(5)


# -- frames


def frames_of(count: int) -> Frames:
    seconds, indices = tuple(place / 2 for place in range(count)), tuple(range(count))
    return Frames(np.zeros((count, 8, 12, 3), np.uint8), seconds, indices, "pyav", "0" * 64, 10.0, 500)


@pytest.mark.parametrize(("count", "buttons"), [(1, 1), (8, 8), (180, 60)])
def test_the_strip_has_a_button_for_every_frame_shown(count, buttons):
    strip = frame_strip(frames_of(count))
    assert strip.count("<button") == buttons and 'data-seconds="0.0000"' in strip
    assert f'data-seconds="{(count - 1) / 2:.4f}"' in strip and f"{count} frame" in strip and "12×8 pixels" in strip


def test_without_video_the_strip_says_so():
    assert "saw no video" in frame_strip(None)


def test_shown_positions_are_distinct_and_keep_both_ends():
    positions = shown_positions(181, 60)
    assert (positions[0], positions[-1], len(set(positions))) == (0, 180, 60)
