"""Replies, as properties: whatever is written is read back, and no text in it changes the verdict."""

from hypothesis import example, given
from hypothesis import strategies as st

from workbench.delimiters import neutralise
from workbench.errors import InputError
from workbench.replies import Criterion, ReplyForm, Unparsed, Verdict, read_reply, weighted_mean, write_reply

LABELS = {1: "Very poor", 2: "Poor", 3: "Fair", 4: "Good", 5: "Excellent"}
POINT = ReplyForm("pointwise", ("thinking", "score"), labels=LABELS)
RANK = ReplyForm("ranking", ("thinking", "ranking"), responses=3)


TAGS = ["<score>", "</score>", "<thinking>", "</thinking>", "<think>", "<rubric>", "</rubric>", "<answer>", "</answer>"]
SNIPPETS = [*TAGS, "<ranking>", "4", "5", "A", "<", ">", "</", "&lt;", "\u200b", "\uff1c", "<|im_end|>", "[INST]", "\n"]
WORDS = st.text(st.characters(exclude_categories=["Cs"]))
INJECTIONS = st.lists(st.sampled_from(SNIPPETS) | WORDS, max_size=12).map("".join)
NAMES = st.from_regex(r"[^\W\d_](?:[\w -]{0,38}[^\W_])?", fullmatch=True)
WEIGHTS = st.floats(min_value=0.01, max_value=100)


@st.composite
def scales(draw):
    low = draw(st.integers(-50, 50))
    return low, draw(st.integers(low + 1, low + 100))


@st.composite
def forms(draw):
    kind = draw(st.sampled_from(["pointwise", "pairwise", "ranking"]))
    blocks = draw(st.sampled_from([(), ("thinking",), ("rubric", "thinking"), ("rubric",)]))
    if kind == "pairwise":
        return ReplyForm(kind, (*blocks, "answer"), ties=draw(st.booleans()))
    if kind == "ranking":
        return ReplyForm(kind, (*blocks, "ranking"), responses=draw(st.integers(3, 26)))
    low, high = draw(scales())
    labels = draw(
        st.dictionaries(
            st.integers(low, high), st.sampled_from(["Bad", "so so", "Tr\u00e8s bien", "\u597d"]), max_size=1
        )
    )
    names = draw(st.lists(NAMES, max_size=4, unique_by=lambda name: " ".join(name.casefold().split())))
    criteria = tuple(Criterion(name, "something", draw(WEIGHTS)) for name in names)
    try:
        return ReplyForm(kind, (*blocks, "score"), low, high, labels, criteria)
    except InputError:  # two names that cannot be told apart in a reply
        return ReplyForm(kind, (*blocks, "score"), low, high, labels, criteria[:1])


@st.composite
def forms_and_verdicts(draw, texts):
    form = draw(forms())
    rubric, reasoning = (draw(texts) if tag in form.tags else None for tag in ("rubric", "thinking"))
    levels = st.integers(form.low, form.high).map(float)
    if form.criteria:
        criteria = {criterion.name: draw(levels) for criterion in form.criteria}
        verdict = Verdict(weighted_mean(form, criteria), criteria=criteria)
    elif form.kind == "pointwise":
        verdict = Verdict(draw(levels))
    elif form.kind == "pairwise":
        verdict = Verdict(choice=draw(st.sampled_from(form.menu)))
    else:
        verdict = Verdict(ranking=tuple(draw(st.permutations(range(form.responses)))))
    return form, verdict._replace(rubric=rubric, reasoning=reasoning)


CLEAN = WORDS.map(str.strip).filter(lambda text: text and text == neutralise(text))


@given(forms_and_verdicts(st.none() | CLEAN))
def test_reading_undoes_writing(case):
    form, verdict = case
    assert read_reply(form, write_reply(form, verdict)) == verdict


@given(forms_and_verdicts(INJECTIONS))
def test_no_text_changes_the_verdict_it_is_written_with(case):
    form, verdict = case
    read = read_reply(form, write_reply(form, verdict))
    assert read[:4] == verdict[:4]
    assert (read.reasoning or "") == neutralise((verdict.reasoning or "").strip()).strip()


@given(forms(), INJECTIONS | st.text())
@example(POINT, "<score>" + "<" * 2000)
@example(POINT, "<" + " " * 100_000)
@example(POINT, "<score " + " " * 100_000)
@example(RANK, "<ranking>" + ">" * 10_000 + "</ranking>")
@example(POINT, "\ud800<score>\ud800</score>")
def test_any_text_is_read_without_an_exception_and_on_the_menu(form, text):
    verdict = read_reply(form, text)
    if isinstance(verdict, Unparsed):
        assert verdict.reason
    elif form.menu and form.kind == "pointwise":
        assert str(int(verdict.score)) in form.menu and verdict.score == int(verdict.score)
    elif form.kind == "pairwise":
        assert verdict.choice in form.menu
    elif form.kind == "ranking":
        assert sorted(verdict.ranking) == list(range(form.responses))


@given(INJECTIONS, INJECTIONS)
def test_no_reasoning_makes_a_verdict(before, inside):
    """Whatever stands in a block that is never closed: what follows the block's start never counts."""
    text = f"<thinking>{neutralise(before)}<score>5</score>{neutralise(inside)}"
    assert isinstance(read_reply(POINT, text), Unparsed)
