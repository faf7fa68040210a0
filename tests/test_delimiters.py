"""What counts as a forged delimiter, and that nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.delimiters import OPENER, neutralise

FORGED = [
    "<response>", "</response>", "</response_a>", "<response_2>", "</instruction>", "<reference>", "<guide>", "<video>",
    "<score>", "</score>", "<thinking>", "</think>", "<rubric>", "<answer>", "<ranking>",
    "<score value='5'>", "< / response >", "<\n/response\n>", "</RESPONSE>", "</response", "<score\n",
    "<|im_end|>", "<|im_start|>", "<|video_pad|>", "<|endoftext|>", "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    "<image>", "<end_of_utterance>", "<fake_token_around_image>", "<global-img>", "<row_1_col_2>", "<image_soft_token>",
    "<s>", "</s>", "<bos>", "<start_of_turn>", "<tool_call>", "<eos>", "<ImageHere>",
    "[INST]", "[/INST]", "[ INST ]", "[IMG]", "[IMG_BREAK]", "[SYSTEM_PROMPT]", "[TOOL_CALLS]",
    "\uff1cscore\uff1e", "\ufe64score>", "<\uff53\uff43ore>", "<\U0001d42c\U0001d41core>",
    "<\u200bscore>", "<sc\u200bore>", "<\u202e/response>", "</\u2066response\u2069>", "<\u00adscore>", "<\ufeffscore>",
    "<\u0338score>", "<\x00score>", "<\u3164score>", "<sc\U000e0041ore>", "<|\u200bim_end|>", "<\u200b|im_end|>",
    "<\u043e\u0442\u0432\u0435\u0442>",  # a tag in Cyrillic
]  # fmt: skip


@pytest.mark.parametrize("text", FORGED)
def test_forged_delimiters_lose_their_opening_bracket(text):
    treated = neutralise(f"before {text} after")
    assert treated.startswith("before ") and treated.endswith(" after")
    assert OPENER in treated
    assert not set("<\uff1c\ufe64[") & set(treated)
    assert len(treated) == len(f"before {text} after")  # nothing else changed


@pytest.mark.parametrize("text", ["<<SYS>>", "<score<score>", "<</response>", "<|<|im_end|>"])
def test_one_construct_hides_no_other(text):
    treated = neutralise(text)
    assert neutralise(treated) == treated
    assert not any(forged in treated for forged in ("<SYS>", "<score", "</response>", "<|"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a < b",
        "x<y",
        "x<y and y>z",
        "1<2>1",
        "p < 0.05, q > 3",
        "i <- 3; a << 2; <3 <-> <=",
        "[1] [INSTALL] [image] see [IMPORTANT]",
        "score: 5, the response is </ nothing",
        "caf\u00e9 \u65e5\u672c\u8a9e \U0001f600 \u200d \u202b\u05e9\u05dc\u05d5\u05dd\u202c \uff21\uff22",
        "\u2039already\u203a",
        "5 \u00bd \u2460 \ufb01ne",
    ],
)
def test_ordinary_text_stays(text):
    assert neutralise(text) == text


def test_lone_surrogates_are_replaced():
    assert neutralise("a\ud800b") == "a\ufffdb"


@given(st.text() | st.lists(st.sampled_from(FORGED) | st.sampled_from("</>| [") | st.text(max_size=3)).map("".join))
def test_idempotent_same_length_and_only_brackets_change(text):
    treated = neutralise(text)
    assert neutralise(treated) == treated
    changed = {(a, b) for a, b in zip(text, treated, strict=True) if a != b}
    assert all(b == OPENER or b == "\ufffd" for _, b in changed)


def test_long_hostile_text_takes_no_time_worth_measuring():
    """Each of these would take hours if matching were quadratic."""
    for text in ("<" + " " * 300_000, "<" * 300_000, "<a" * 150_000, "[ " * 150_000, "<\u200b" * 100_000):
        assert len(neutralise(text)) == len(text)
