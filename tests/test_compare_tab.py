"""The Compare tab: judges in turn on one form, blind ballots that name nobody, votes and who leads, and its wiring."""

from dataclasses import replace

import gradio as gr
import pytest

from analysis import tab_compare
from analysis.labelling import keep_label, labelled_by, make_label
from analysis.side_by_side import blind_sides, judge_sides, missing_sides, open_sides
from analysis.tab_compare import Comparing, baselines, compared
from analysis.tab_compare_panels import FIRST_JUDGES, VOTES
from analysis.votes import ballot_of, draw_two, keep_vote, leaders, leaders_section, vote_item
from tests.clips import Clip
from tests.test_analysis_commands import ratings, write
from workbench.errors import InputError
from workbench.page.form import JudgeForm
from workbench.page.resident import ResidentJudge
from workbench.page.show import cards
from workbench.page.verdict import item_of, judge_form
from workbench.store import Run

KIND = "rules:\n  - reply: '<thinking>All is there. <img src=x></thinking><score>5</score>'\n"
STRICT = "rules:\n  - reply: '<thinking>Much is missing.</thinking><score>2</score>'\n"
BROKEN = "rules:\n  - fail: out of memory\n"


@pytest.fixture
def judges(tmp_path):
    specs = {}
    for name, script in (("kind", KIND), ("strict", STRICT), ("broken", BROKEN)):
        (tmp_path / f"{name}.yaml").write_text(script)
        specs[name] = f"scripted:{tmp_path / f'{name}.yaml'}"
    return specs


@pytest.fixture
def form(tmp_path):
    Clip().write(tmp_path / "clip.mp4")
    return JudgeForm(str(tmp_path / "clip.mp4"), "What happens?", ("A circle moves.",), frames=2)


@pytest.mark.parametrize(("chosen", "blind", "mode", "said"), [
    ([], False, "pointwise", "choose two judges or more"), (["a"], False, "pointwise", "choose two judges or more"),
    (["a", " a "], False, "pointwise", "choose two"), (list("abcdefg"), False, "pointwise", "at most 6"),
    (["a", "b"], True, "ranking", "another way of judging"), (["a", "b"], False, "pointwise", "add a video"),
])  # fmt: skip
def test_everything_missing_is_said(chosen, blind, mode, said):
    assert said in missing_sides(JudgeForm(None, "What?", ("a", "b", "c"), mode), chosen, blind)


@pytest.mark.parametrize(("mode", "responses"), [("pairwise", ("a", "b")), ("ranking", ("a", "b", "c"))])
def test_people_are_no_side_of_a_live_pair_and_it_is_said_at_once(mode, responses):
    form = JudgeForm("clip.mp4", "What?", responses, mode)
    said = missing_sides(form, ["embedded", "human:anna"], False)
    assert "take human:anna out of the judges: a person has seen" in said and "compared over runs, below" in said
    assert "human" not in missing_sides(form, ["embedded", "metric:x"], False)
    assert "human" not in missing_sides(JudgeForm("clip.mp4", "What?", ("a",)), ["embedded", "human:anna"], False)


def test_judges_answer_in_turn_and_one_that_cannot_does_not_stop_the_others(form, judges, tmp_path):
    told = []
    names = [judges["kind"], "nobody-such", judges["strict"]]
    sides = judge_sides(form, names, tmp_path / "runs", ResidentJudge(), told.append)
    assert [side.verdict and side.verdict.judgments[0].score for side in sides] == [5.0, None, 2.0]
    assert "no judge" in sides[1].problem and any("judge 3 of 3" in stage for stage in told)
    html = open_sides(sides)
    assert "<img src=x" not in html and "<td>3</td>" in html and "nobody-such" in html


def test_everything_behind_a_verdict_stands_under_it(form, judges, tmp_path):
    two = replace(form, responses=("A circle moves.", "Nothing moves."))
    sides = judge_sides(two, [judges["kind"], judges["strict"]], tmp_path / "runs", ResidentJudge())
    html = open_sides(sides)
    for title, times in [
        ("The exact prompt: Response B", 2), ("The reply, word for word: Response A", 2), ("Repeats this verdict", 2),
        ("Item and judgments", 2),
    ]:  # fmt: skip
        assert html.count(f"<figcaption>{title}<button") == times, title
    assert "&lt;score&gt;2&lt;/score&gt;" in html and "<img src=x" not in html
    assert "yaml" not in blind_sides(sides, (0, 1)) and "The exact prompt" not in blind_sides(sides, (0, 1))


def test_a_metric_stands_beside_a_rating_on_its_own_scale(form, judges, tmp_path):
    form = replace(form, reference="A circle moves.")
    sides = judge_sides(form, [judges["kind"], "metric:rouge_l"], tmp_path / "runs", ResidentJudge())
    html = open_sides(sides)
    assert "100 of 100" in html and "100 of 5" not in html and "<td>other scales</td>" in html
    two = replace(form, responses=("A circle moves.", "No."), judge="metric:rouge_l")
    overview = cards(judge_form(two, tmp_path / "runs", ResidentJudge()))
    assert "of 100, higher is better" in overview and "of 5" not in overview


def test_a_blind_reader_is_told_no_name(form, judges, tmp_path):
    told = []
    sides = judge_sides(
        form, [judges["kind"], judges["strict"]], tmp_path / "runs", ResidentJudge(), told.append, blind=True
    )
    ballot = ballot_of(sides)
    shown = blind_sides(ballot.sides, ballot.order) + " ".join(told)
    assert "yaml" not in shown and "scripted" not in shown and "Much is missing." in shown
    item = vote_item(ballot)
    assert "scripted" not in item.instruction + str(item.responses) and item.tags["model_a"] == judges["kind"]


def test_a_judge_that_could_not_be_loaded_is_not_named_either(form, judges, tmp_path):
    (tmp_path / "nobody-such").mkdir()
    names = [judges["kind"], str(tmp_path / "nobody-such")]
    sides = judge_sides(form, names, tmp_path / "runs", ResidentJudge(), blind=True)
    with pytest.raises(InputError) as error:
        ballot_of(sides)
    assert "nobody-such" not in str(error.value)


def test_votes_are_human_judgments_and_make_an_elo_table(form, judges, tmp_path):
    runs = tmp_path / "runs"
    sides = judge_sides(form, [judges["kind"], judges["strict"]], runs, ResidentJudge(), blind=True)
    assert leaders(runs) == []
    for number, order in enumerate([(0, 1), (1, 0), (0, 1)]):
        ballot = ballot_of(sides)._replace(order=order)
        place = "first" if ballot.sides[order[0]].judge == judges["strict"] else "second"
        vote = keep_vote(runs, ballot, f"reader{number}", place)
        assert vote.choice == "B" and vote.settings["order"] == list(order)  # the kind one is A, by name
    lines = leaders(runs)
    assert [line.name for line in lines] == [judges["strict"], judges["kind"]]
    assert lines[0].wins == 3 and lines[0].elo.value > 1000 > lines[1].elo.value and lines[0].elo.n == 3
    section = leaders_section(lines)
    assert section.rows[0][1:3] == ("3", "3") and len(section.drawn) == 1
    keep_vote(runs, ballot, "reader2", "tie")
    assert leaders(runs)[0].ties == 1 and len(labelled_by(runs / "votes", "reader2")) == 1
    assert {ballot_of(sides).order for _ in range(60)} == {(0, 1), (1, 0)}


@pytest.mark.parametrize(("name", "shown"), [("", "first"), ("anna", "third")])
def test_a_vote_needs_a_name_and_a_side(form, judges, tmp_path, name, shown):
    sides = judge_sides(form, [judges["kind"], judges["strict"]], tmp_path / "runs", ResidentJudge(), blind=True)
    with pytest.raises(InputError):
        keep_vote(tmp_path / "runs", ballot_of(sides), name, shown)
    assert not (tmp_path / "runs" / "votes").exists()


def test_two_of_many_are_drawn():
    drawn = {frozenset(draw_two(list("abc"))) for _ in range(60)}
    assert drawn == {frozenset("ab"), frozenset("ac"), frozenset("bc")}


def test_people_stand_beside_judges_with_what_they_have_labelled(form, judges, tmp_path):
    runs = tmp_path / "runs"
    names = [judges["kind"], "human:anna"]
    assert "has not labelled this response" in judge_sides(form, names, runs, ResidentJudge())[1].problem
    item = item_of(form)
    keep_label(runs / "labels", item, make_label(item, "anna", score=3, reason="Half of it."))
    sides = judge_sides(form, names, runs, ResidentJudge())
    html = open_sides(sides)
    assert sides[1].verdict.judgments[0].score == 3.0 and "Half of it." in html and "<td>2</td>" in html


# -- the tab


@pytest.fixture
def page(tmp_path):
    with gr.Blocks() as blocks, gr.Tabs(), gr.Tab("Compare") as tab:
        tab_compare.build(tmp_path, tab, ResidentJudge())
    return blocks


def test_the_tab_is_wired_and_has_no_public_endpoint(page):
    events = page.config["dependencies"]
    assert all(event["api_visibility"] == "private" for event in events)
    names = {event["api_name"] for event in events}
    assert {"begin", "compare", "done", "request_stop"} <= names
    shared = [event for event in page.fns.values() if event.concurrency_id == "judge"]
    assert len(shared) == 1 and shared[0].concurrency_limit == 1
    ids = [component["props"].get("elem_id") for component in page.config["components"]]
    assert {f"vj-cmp-{name}" for name in (*VOTES, "judges", "video", "start")} <= set(ids) and "vj-video" not in ids


class Request:
    session_hash = "one"


@pytest.fixture
def comparing(tmp_path):
    with gr.Blocks():
        live = tab_compare.live_panel()
    return Comparing(live, ResidentJudge(), tab_compare.StopRequests(), tmp_path / "runs")


def values_of(comparing, form, specs, blind, who="anna"):
    named = vars(form)
    fields = comparing.live.form.inputs[: -len(comparing.live.form.responses)]
    plain = [named[name] for name in comparing.live.form._fields[: len(fields)]]
    responses = [*form.responses, *[""] * (len(comparing.live.form.responses) - len(form.responses))]
    return [specs, blind, who, *plain, *responses]


def test_a_blind_round_from_the_button_to_the_names(comparing, form, judges):
    live, values = comparing.live, values_of(comparing, form, [judges["kind"], judges["strict"]], True)
    assert comparing.begin(Request, *values)[live.stop]["visible"]
    last = list(comparing.compare(Request, *values))[-1]
    assert last[live.voting]["visible"] and "scripted" not in last[live.sides] and last[live.message] == ""
    assert "expected up to 40 letters" in comparing.vote("first", last[live.ballot], "")[live.told]
    voted = comparing.vote("first", last[live.ballot], "anna")
    assert "kind.yaml" in voted[live.told] and "strict.yaml" in voted[live.sides] and voted[live.ballot] is None
    assert voted[live.leaders["votes"].box]["visible"]
    assert len(Run.open(comparing.runs / "votes").judgments()) == 1


@pytest.mark.parametrize("blind", [False, True])
def test_a_metric_without_a_reference_is_told_before_anybody_is_asked(comparing, form, blind):
    live, values = comparing.live, values_of(comparing, form, FIRST_JUDGES, blind)
    begun = comparing.begin(Request, *values)
    assert "write a reference answer, which metric:rouge_l compares with" in begun[live.message]
    assert begun[live.form.fold].open and live.stop not in begun
    assert list(comparing.compare(Request, *values)) == [{live.message: gr.skip()}]
    given = values_of(comparing, replace(form, reference="A circle."), FIRST_JUDGES, blind)
    assert live.form.fold not in comparing.begin(Request, *given)


def test_a_vote_is_not_begun_with_a_judge_that_would_refuse(form, judges):
    wide = replace(form, frames=60)
    assert "at most 32 frames" in missing_sides(wide, [judges["kind"], "embedded"], True)
    assert missing_sides(wide, [judges["kind"], "embedded"], False) == ""  # it says so beside the others' verdicts


def test_what_is_missing_is_said_at_the_button(comparing):
    values = values_of(comparing, JudgeForm(), [], False)
    assert "choose two judges" in comparing.begin(Request, *values)[comparing.live.message]
    assert list(comparing.compare(Request, *values)) == [{comparing.live.message: gr.skip()}]


def test_over_runs_shows_the_paired_tests(tmp_path):
    write(tmp_path / "run", [ratings(video, 1 + video % 5) for video in range(12)])
    with gr.Blocks():
        over = tab_compare.runs_panel(tmp_path)
    against = baselines(tmp_path, ["run"], "human")["choices"]
    assert ("near", "near") in against and ("human:0", "human:0") in against
    person = compared(over, tmp_path, ["run"], "human", "human:0")
    assert "near less human:0" in person[over.places["comparison-ratings"].table]
    found = compared(over, tmp_path, ["run"], "human", "near")
    place = over.places["comparison-ratings"]
    assert (
        found[place.box]["visible"] and "less near" in found[place.table] and "--baseline=near" in found[over.command]
    )
    assert "Almost there" in compared(over, tmp_path, [], "human", "")[over.message]
    assert "no run" in compared(over, tmp_path, ["none"], "human", "")[over.message].replace("not a run", "no run")
    assert "expected the name" in compared(over, tmp_path, ["../x"], "human", "")[over.message]
