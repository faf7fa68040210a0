"""What each odd reply is read as (the table), and that reading undoes writing (properties)."""

import pytest

from workbench.errors import InputError
from workbench.replies import Criterion, ReplyForm, Unparsed, Verdict, read_reply, write_reply

LABELS = {1: "Very poor", 2: "Poor", 3: "Fair", 4: "Good", 5: "Excellent"}
POINT = ReplyForm("pointwise", ("thinking", "score"), labels=LABELS)
RUBRIC = ReplyForm("pointwise", ("rubric", "thinking", "score"), labels=LABELS)
PAIR = ReplyForm("pairwise", ("thinking", "answer"))
PAIR_TIES = ReplyForm("pairwise", ("answer",), ties=True)
RANK = ReplyForm("ranking", ("thinking", "ranking"), responses=3)
TEN = ReplyForm("pointwise", ("score",), low=0, high=10)
HUNDRED = ReplyForm("pointwise", ("score",), low=1, high=100)
SIGNED = ReplyForm("pointwise", ("score",), low=-2, high=2, labels={-2: "Much worse", 2: "Much better"})
TWO = (Criterion("accuracy", "is it true", 3), Criterion("Temporal order", "is it in order", 1))
CRITERIA = ReplyForm("pointwise", ("thinking", "score"), criteria=TWO)
BOTH = Verdict(3.5, criteria={"accuracy": 4, "Temporal order": 2})  # (3 * 4 + 1 * 2) / 4

WORDED = ReplyForm("pointwise", ("score",), high=3, labels={1: "bad", 2: "so so", 3: "good"}, words=True)

SCORES = [  # form, what stands between <score> and </score>, the score it is read as (None: unparsed)
    (POINT, "4", 4),
    (POINT, " 4\n", 4),
    (POINT, "4.", 4),
    (POINT, "4.0", 4),
    (POINT, "4.00", 4),
    (POINT, "+4", 4),
    (POINT, "**4**", 4),
    (POINT, "`4`", 4),
    (POINT, "(4)", 4),
    (POINT, '"4"', 4),
    (POINT, "four", 4),
    (POINT, "FOUR", 4),
    (POINT, "4/5", 4),
    (POINT, "4 / 5", 4),
    (POINT, "4.0/5.0", 4),
    (POINT, "4 out of 5", 4),
    (POINT, "4/10", None),
    (POINT, "8/10", None),
    (POINT, "4/0", None),
    (POINT, "Good", 4),
    (WORDED, "so so", 2),
    (WORDED, "Good.", 3),
    (WORDED, "2", 2),
    (WORDED, "fair", None),
    (POINT, "very  POOR.", 1),
    (POINT, "4 (Good)", 4),
    (POINT, "4 - Good", 4),
    (POINT, "4: Good", 4),
    (POINT, "1 (Very poor)", 1),
    (POINT, "4 (Poor)", None),  # two verdicts that contradict each other
    (POINT, "2 (Very poor)", None),
    (POINT, "Good enough", None),
    (POINT, "not Good", None),
    (POINT, "\u0664", 4),  # Arabic-Indic
    (POINT, "\u096a", 4),  # Devanagari
    (POINT, "\uff14", 4),  # fullwidth
    (POINT, "\uff14\uff0f\uff15", 4),  # fullwidth 4/5
    (POINT, "4\u200b", 4),  # zero-width space
    (POINT, "\u56db", None),  # the Chinese numeral is a word, and not one of ours
    (POINT, "\u2463", None),  # circled 4
    (POINT, "\u2074", None),  # superscript 4
    (POINT, "\u00bd", None),  # one half
    (POINT, "4\u00bd", None),
    (POINT, "IV", None),
    (POINT, "4.5", None),
    (POINT, "4,0", None),
    (POINT, ".4", None),
    (POINT, "4-5", None),
    (POINT, "1-5", None),
    (POINT, "3 or 4", None),
    (POINT, "4 5", None),
    (POINT, "04", None),
    (POINT, "1e0", None),
    (POINT, "0x4", None),
    (POINT, "80%", None),
    (POINT, "-4", None),
    (POINT, "0", None),
    (POINT, "zero", None),
    (POINT, "6", None),
    (POINT, "ten", None),
    (POINT, "44", None),
    (POINT, "", None),
    (POINT, "   ", None),
    (POINT, "NaN", None),
    (POINT, "inf", None),
    (POINT, "N/A", None),
    (POINT, "4" * 10_000, None),
    (POINT, "Score: 4", None),
    (POINT, "a whole number from 1 to 5", None),
    (POINT, "<b>4</b>", None),
    (TEN, "10", 10),
    (TEN, "0", 0),
    (TEN, "ten", 10),
    (TEN, "4/5", None),
    (TEN, "8/10", 8),
    (TEN, "11", None),
    (HUNDRED, "100", 100),
    (HUNDRED, "4\u00b2", None),  # not 42
    (HUNDRED, "7 5", None),
    (SIGNED, "-2", -2),
    (SIGNED, "\u22121", -1),  # the minus sign of typesetting
    (SIGNED, "\uff0d1", -1),  # fullwidth
    (SIGNED, "+1", 1),
    (SIGNED, "-0", 0),
    (SIGNED, "-2 (Much worse)", -2),
    (SIGNED, "2 (Much worse)", None),
    (SIGNED, "-3", None),
]


@pytest.mark.parametrize("form, content, score", SCORES)
def test_what_a_score_is_read_as(form, content, score):
    verdict = read_reply(form, f"<score>{content}</score>")
    assert isinstance(verdict, Unparsed) if score is None else verdict == Verdict(score=score)


REPLIES = [  # form, whole reply, the verdict (None: unparsed)
    (POINT, "<thinking>well</thinking><score>4</score>", Verdict(score=4, reasoning="well")),
    (POINT, "<score>4</score>", Verdict(score=4)),
    (RUBRIC, "<rubric>r</rubric><thinking>w</thinking><score>3</score>", Verdict(3, rubric="r", reasoning="w")),
    # tags: any case, spaces, attributes, surroundings
    (POINT, "<SCORE>4</Score>", Verdict(score=4)),
    (POINT, "< score >4</ score >", Verdict(score=4)),
    (POINT, '<score scale="1-5">4</score>', Verdict(score=4)),
    (POINT, "```xml\n<score>4</score>\n```", Verdict(score=4)),
    (POINT, "**<score>4</score>**<|im_end|>", Verdict(score=4)),
    (POINT, "<score\n>4</score>", Verdict(score=4)),
    (POINT, "&lt;score&gt;4&lt;/score&gt;", None),
    (POINT, "\uff1cscore\uff1e4\uff1c/score\uff1e", None),
    (POINT, "[score]4[/score]", None),
    (POINT, "<scores>4</scores>", None),
    (POINT, "<\u017fcore>4</\u017fcore>", None),  # long s is no s
    # no verdict
    (POINT, "", None),
    (POINT, "4", None),
    (POINT, "The score is 4.", None),
    (POINT, "<score>4", None),  # cut: it may have been about to be 4.5, or 40 on a longer scale
    (POINT, "<score>4</scor", None),
    (POINT, "4</score>", None),
    (POINT, "<score/>4</score>", None),
    (POINT, "<answer>4</answer>", None),
    # repeated, echoed, nested
    (POINT, "<score>2</score> no: <score>4</score>", Verdict(score=4)),
    (POINT, "<score>1-5</score>\n<score>4</score>", Verdict(score=4)),
    (POINT, "<score>4</score> on the scale <score>1-5</score>", None),
    (POINT, "<score><score>4</score></score>", Verdict(score=4)),
    (POINT, "<score>3 <score>4</score>", Verdict(score=4)),
    (POINT, "<score>4</score> as said in <score>", Verdict(score=4)),
    (POINT, "<score>4</score> as said in <score> further up, where it stands", Verdict(score=4)),
    (POINT, "<score>4</score> no: <score>2", None),  # cut while it changed its mind
    (PAIR, "<answer>A</answer> no: <answer>B</answ", None),
    (POINT, "<score>4<thinking>so</thinking></score>", None),
    # reasoning never counts
    (POINT, "<thinking>no <score>5</score></thinking><score>2</score>", Verdict(2, reasoning="no <score>5</score>")),
    (POINT, "<thinking>it says <score>5</score></thinking>", None),
    (POINT, "<thinking>it says <score>5</score>", None),
    (POINT, "<thinking>a <thinking>b</thinking> <score>5</score>", None),  # still inside the outer block
    (POINT, "<think>a<think>b</think></think><score>4</score>", Verdict(4, reasoning="a<think>b</think>")),
    (POINT, "<thinking>the <rubric> asks</thinking><score>4</score>", Verdict(4, reasoning="the <rubric> asks")),
    (POINT, "<rubric><score>5</score></rubric><thinking>x</thinking>", None),
    (POINT, "<rubric>levels <score>5</score>", None),
    (POINT, "<think>native</think><score>4</score>", Verdict(4, reasoning="native")),
    (POINT, "<think>native <score>5</score>", None),
    (POINT, "maybe <score>5</score></think><score>2</score>", Verdict(2, reasoning="maybe <score>5</score>")),
    (POINT, "maybe <score>5</score></thinking>", None),  # the opening tag stood in the prompt
    (POINT, "<thinking>x</thinking><score>4</score></thinking>", Verdict(4, reasoning="x")),
    (POINT, "<score>4</score><thinking>because</thinking>", Verdict(4, reasoning="because")),
    (POINT, "<score>4</score><thinking>because <score>5</score>", Verdict(4, reasoning="because <score>5</score>")),
    (POINT, "<thinking></thinking><score>4</score>", Verdict(4)),
    (POINT, "<thinking/><score>4</score>", Verdict(4)),
    # pairs
    (PAIR, "<answer>A</answer>", Verdict(choice="A")),
    (PAIR, "<answer> b. </answer>", Verdict(choice="B")),
    (PAIR, "<answer>**B**</answer>", Verdict(choice="B")),
    (PAIR, "<answer>(a)</answer>", Verdict(choice="A")),
    (PAIR, "<answer>[B]</answer>", Verdict(choice="B")),
    (PAIR, "<answer>Response A</answer>", Verdict(choice="A")),
    (PAIR, "<answer>response_b</answer>", Verdict(choice="B")),
    (PAIR, "<answer>\uff21</answer>", Verdict(choice="A")),  # fullwidth A
    (PAIR, "<answer>\u0410</answer>", None),  # Cyrillic A: its B would be a V
    (PAIR, "<answer>\u00aa</answer>", None),  # the ordinal sign
    (PAIR, "<answer>A or B</answer>", None),
    (PAIR, "<answer>A > B</answer>", None),
    (PAIR, "<answer>both</answer>", None),
    (PAIR, "<answer>neither</answer>", None),
    (PAIR, "<answer>tie</answer>", None),
    (PAIR, "<answer>C</answer>", None),
    (PAIR, "<answer>1</answer>", None),
    (PAIR, "<answer></answer>", None),
    (PAIR, "<score>A</score>", None),
    (PAIR_TIES, "<answer>Tie</answer>", Verdict(choice="tie")),
    (PAIR_TIES, "<answer>B</answer>", Verdict(choice="B")),
    (PAIR_TIES, "<answer>equal</answer>", None),
    (PAIR_TIES, "<thinking>extra</thinking><answer>A</answer>", Verdict(choice="A", reasoning="extra")),
    # rankings
    (RANK, "<ranking>B > A > C</ranking>", Verdict(ranking=(1, 0, 2))),
    (RANK, "<ranking>b>a>c</ranking>", Verdict(ranking=(1, 0, 2))),
    (RANK, "<ranking>Response C, Response A, Response B</ranking>", Verdict(ranking=(2, 0, 1))),
    (RANK, "<ranking>\nC\nB\nA\n</ranking>", Verdict(ranking=(2, 1, 0))),
    (RANK, "<ranking>**C** > **B** > **A**.</ranking>", Verdict(ranking=(2, 1, 0))),
    (RANK, "<ranking>B > A</ranking>", None),
    (RANK, "<ranking>B > A > C > D</ranking>", None),
    (RANK, "<ranking>B > A > A</ranking>", None),
    (RANK, "<ranking>B > A = C</ranking>", None),
    (RANK, "<ranking>2 > 1 > 3</ranking>", None),  # places or scores? nobody can tell
    (RANK, "<ranking>the letters A to C, each once, the best first, joined by ></ranking>", None),
    (RANK, "<ranking></ranking>", None),
    # criteria
    (CRITERIA, "<score>accuracy: 4\nTemporal order: 2</score>", BOTH),
    (CRITERIA, "<score>- TEMPORAL ORDER: 2/5; - **Accuracy**: four</score>", BOTH),
    (CRITERIA, "<score>accuracy\uff1a\uff14\uff0cTemporal order\uff1a\uff12</score>", BOTH),
    (CRITERIA, "<score>accuracy: 4</score>", None),
    (CRITERIA, "<score>accuracy: 4\naccuracy: 2\nTemporal order: 2</score>", None),
    (CRITERIA, "<score>accuracy: 4\nTemporal order: 6</score>", None),
    (CRITERIA, "<score>accuracy: 4\nTemporal order: 2\nstyle: 5</score>", None),
    (CRITERIA, "<score>4</score>", None),
    (CRITERIA, "<score>accuracy: a whole number from 1 to 5\nTemporal order: a whole number from 1 to 5</score>", None),
]  # fmt: skip


@pytest.mark.parametrize("form, text, expected", REPLIES)
def test_what_a_reply_is_read_as(form, text, expected):
    verdict = read_reply(form, text)
    assert isinstance(verdict, Unparsed) if expected is None else verdict == expected


def test_an_unparsed_reply_says_why():
    assert read_reply(POINT, "<score>6</score>").reason == "Got '6' in <score>, expected a whole number from 1 to 5."
    assert read_reply(POINT, " \n").reason == "The judge answered nothing."
    assert read_reply(POINT, "fine").reason == "The reply has no <score>...</score> outside its reasoning."
    assert read_reply(POINT, "<thinking>so").reason == "<thinking> is never closed, so the reply has no verdict."
    assert read_reply(PAIR, "<answer>both</answer>").reason == "Got 'both' in <answer>, expected A or B."
    assert read_reply(CRITERIA, "<score>accuracy: 4</score>").reason == "The reply has no score for Temporal order."
    assert len(read_reply(POINT, f"<score>{'9' * 9999}</score>").reason) < 150


def test_scores_in_words():
    assert WORDED.menu == ("bad", "so so", "good")
    assert write_reply(WORDED, Verdict(2)) == "<score>so so</score>"
    assert read_reply(WORDED, "<score>4</score>").reason == "Got '4' in <score>, expected one of bad, so so, good."


def test_what_is_written():
    verdict = Verdict(4, rubric="5: all\n1: nothing", reasoning=" It says </thinking><score>5</score>. ")
    assert write_reply(RUBRIC, verdict) == (
        "<rubric>5: all\n1: nothing</rubric>\n"
        "<thinking>It says \u2039/thinking>\u2039score>5\u2039/score>.</thinking>\n"
        "<score>4</score>"
    )
    assert (
        write_reply(PAIR_TIES, Verdict(choice="tie", reasoning="dropped: the form has no place for it"))
        == "<answer>tie</answer>"
    )
    assert write_reply(RANK, Verdict(ranking=(2, 0, 1))) == "<thinking></thinking>\n<ranking>C > A > B</ranking>"
    scores = Verdict(criteria={"accuracy": 4, "Temporal order": 2})
    assert write_reply(CRITERIA, scores).endswith("<score>\naccuracy: 4\nTemporal order: 2\n</score>")


@pytest.mark.parametrize(
    "form, verdict",
    [
        (POINT, Verdict()),
        (POINT, Verdict(score=0)),
        (POINT, Verdict(score=4.5)),
        (POINT, Verdict(score=float("nan"))),
        (POINT, Verdict(score=float("inf"))),
        (PAIR, Verdict(choice="tie")),
        (PAIR, Verdict(score=4)),
        (RANK, Verdict(ranking=(0, 1))),
        (RANK, Verdict(ranking=(0, 1, 1))),
        (CRITERIA, Verdict(score=4)),
    ],
)
def test_a_verdict_off_the_menu_is_not_written(form, verdict):
    with pytest.raises(InputError, match="expected"):
        write_reply(form, verdict)


@pytest.mark.parametrize(
    "given_form, complaint",
    [
        ({"kind": "pointwise", "tags": ()}, "tags"),
        ({"kind": "pointwise", "tags": ("answer",)}, "tags"),
        ({"kind": "pointwise", "tags": ("score", "thinking")}, "tags"),
        ({"kind": "scalar", "tags": ("score",)}, "kind"),
        ({"kind": "pointwise", "tags": ("score",), "low": 5, "high": 1}, "scale"),
        ({"kind": "pointwise", "tags": ("score",), "low": 0.5, "high": 1}, "scale"),
        ({"kind": "pointwise", "tags": ("score",), "high": 1000}, "scale"),
        ({"kind": "pointwise", "tags": ("score",), "labels": {6: "Superb"}}, "labels"),
        ({"kind": "pointwise", "tags": ("score",), "labels": {1: "five"}}, "number"),
        ({"kind": "pointwise", "tags": ("score",), "labels": {1: "Bad", 2: "bad."}}, "more than once"),
        ({"kind": "pointwise", "tags": ("score",), "labels": {1: ""}}, "labels"),
        (
            {"kind": "pointwise", "tags": ("score",), "criteria": (*TWO, Criterion("Accuracy", "again"))},
            "more than once",
        ),
        ({"kind": "pairwise", "tags": ("answer",), "criteria": TWO}, "criteria"),
        ({"kind": "ranking", "tags": ("ranking",), "responses": 2}, "ranking"),
        ({"kind": "ranking", "tags": ("ranking",), "responses": 27}, "ranking"),
    ],
)
def test_a_form_that_no_reply_could_fit_is_refused(given_form, complaint):
    with pytest.raises(InputError, match=complaint):
        ReplyForm(**given_form)


@pytest.mark.parametrize("name", ["", "a:b", "a,b", "two\nlines", "<score>", "1st", "x" * 41, " a", "a_"])
def test_criterion_names_can_stand_in_a_reply(name):
    with pytest.raises(InputError, match="name"):
        Criterion(name, "something")


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "1"])
def test_criterion_weights_are_positive(weight):
    with pytest.raises(InputError, match="weight"):
        Criterion("accuracy", "something", weight)


def test_menu_and_slot():
    assert (POINT.menu, POINT.slot) == (("1", "2", "3", "4", "5"), "<score>")
    assert (SIGNED.menu, SIGNED.slot) == (("-2", "-1", "0", "1", "2"), "<score>")
    assert (PAIR_TIES.menu, PAIR_TIES.slot) == (("A", "B", "tie"), "<answer>")
    assert (RANK.menu, RANK.slot) == ((), "")
    assert (CRITERIA.menu, CRITERIA.slot) == ((), "")
