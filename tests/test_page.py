"""The page's plain functions: forms, cards, figures, commands, receipts; tests/test_app.py runs the server."""

import itertools
import shlex
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from tests.clips import Clip
from workbench.__main__ import parser
from workbench.backends.judge_file import JudgeFile, write_judge_file
from workbench.backends.presets import PRESETS
from workbench.errors import InputError, VideoError
from workbench.judge_options import assignment_of as command_assignment
from workbench.judge_options import prompt_options as command_options
from workbench.page import show
from workbench.page.examples import Example, load_examples
from workbench.page.form import JudgeForm, assignment_of, missing_inputs, missing_sentence, prompt_options
from workbench.page.form_panel import form_panel, with_example
from workbench.page.known_judge import about_judge, fitting_mode, frames_help, known_judge, refusal
from workbench.page.receipt import repeat_command
from workbench.page.resident import ResidentJudge
from workbench.page.stages import Finished, Stage, stages_of
from workbench.page.stop_requests import MOST_KEPT, StopRequests
from workbench.page.upload import accept_upload
from workbench.page.verdict import Stopped, judge_form
from workbench.prompts import load_prompt
from workbench.schema import VideoPolicy
from workbench.store import Run


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return Clip().write(tmp_path_factory.mktemp("clips") / "clip.mp4")


# -- the form


COMPLETE = JudgeForm(video="clip.mp4", instruction="What happens?", responses=("A ball falls.",))
COMPARE = "pairwise"


@pytest.mark.parametrize(("form", "sentence"), [
    (COMPLETE, ""),
    (JudgeForm(), "Almost there: add a video, write the instruction and give a response."),
    (JudgeForm(video="v", instruction="i", responses=("  ", "")), "Almost there: give a response."),
    (replace(COMPLETE, video=None), "Almost there: add a video."),
    (replace(COMPLETE, video=None, text_only=True), ""),
    (replace(COMPLETE, video=None, description="A ball."), ""),
    (replace(COMPLETE, judge=" "), "Almost there: choose a judge."),
    (replace(COMPLETE, judge="metric:bleu"), "Almost there: write a reference answer, which metric:bleu compares with."),
    (replace(COMPLETE, judge="metric:bleu", reference="A ball."), ""),
    (replace(COMPLETE, mode=COMPARE), "Almost there: give one more response."),
    (replace(COMPLETE, mode=COMPARE, responses=()), "Almost there: give two responses."),
    (replace(COMPLETE, mode=COMPARE, responses=("a", "b", "c")),
     "Almost there: remove one response (“Compare two” takes 2)."),
    (replace(COMPLETE, mode="ranking", responses=("a", "", "b")), "Almost there: give one more response."),
])  # fmt: skip
def test_everything_missing_is_said_at_once(form, sentence):
    assert missing_sentence(missing_inputs(form)) == sentence


FORMS = [
    COMPLETE,
    replace(
        COMPLETE,
        video="/videos/it's; rm -rf $HOME.mp4",
        instruction='Say "hi"\nor `ls`',
        responses=("--frames=3", "-1"),
    ),
    replace(COMPLETE, frames=0),
    replace(
        COMPLETE, mode="pairwise_reasoning", responses=("a", "b"), reference="ref", seed=3, temperature=0.7, frames=16
    ),
    replace(COMPLETE, low=0, high=10, labels="0=bad, 10=good", rubric="Look at colours.", text_only=True),
    replace(COMPLETE, low=-2, high=2, criteria="accuracy:2=facts are seen\ncompleteness=nothing is left out"),
    replace(
        COMPLETE, video=None, description="A ball falls.", judge="hf:Qwen/Qwen3-8B", labels="bad,poor,fair,good,best"
    ),
]


@pytest.mark.parametrize("form", FORMS)
def test_the_command_asks_what_the_page_asks(form):
    program, *words = shlex.split(repeat_command(form))
    assert [program, *words[:3]] == ["python", "-m", "workbench", "judge"]
    args = parser().parse_args(words[2:])
    assert (args.video, args.instruction, tuple(args.response)) == (form.video, form.instruction, form.given_responses)
    assert (args.reference or "", args.description or "") == (form.reference, form.description)
    assert load_prompt(args.mode, **command_options(args)).id == load_prompt(form.mode, **prompt_options(form)).id
    assert command_assignment(args) == assignment_of(form)


def test_a_rubric_that_names_a_file_stays_text(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("not for the page")
    assert prompt_options(replace(COMPLETE, rubric=str(secret)))["rubric"] == str(secret)


@pytest.mark.parametrize("field", [{"criteria": "no equals sign"}, {"labels": "1=one,two"}])
def test_unreadable_criteria_and_labels_are_refused(field):
    with pytest.raises(InputError, match="expected"):
        prompt_options(replace(COMPLETE, **field))


# -- verdicts, on a real file with a scripted judge


def scripted(tmp_path, text: str) -> str:
    script = tmp_path / "judge.yaml"
    script.write_text(text)
    return f"scripted:{script}"


PAIR_BY_POSITION = """
rules:
  - contains: prefer the first
    reply: <thinking>the first</thinking><answer>A</answer>
    probs: {"A": 0.9, "B": 0.1}
  - reply: <thinking>fine</thinking><score>4</score>
    probs: {"3": 0.2, "4": 0.8}
"""


def test_a_verdict_is_kept_with_what_the_judge_read(tmp_path, clip):
    form = replace(
        COMPLETE, video=str(clip), judge=scripted(tmp_path, PAIR_BY_POSITION), frames=3, responses=("r", "s", "r")
    )
    stages: list[str] = []
    verdict = judge_form(form, tmp_path / "runs", ResidentJudge(), stages.append)
    assert [judged.score for judged in verdict.judgments] == [4.0, 4.0, 4.0]  # equal responses share a judgment
    assert [asked.title for asked in verdict.asked] == ["Response A", "Response B", "Response C"]
    assert "What happens?" in verdict.asked[0].prompt and verdict.asked[0].reply.endswith("<score>4</score>")
    assert len(verdict.frames) == 3 and verdict.frames.record() == verdict.judgments[0].frames
    run = Run.open(verdict.folder)
    assert len(run.judgments()) == 2 and run.head()["command"] == verdict.command
    assert "loading the judge" in " ".join(stages) and stages[-1] == "judged 2 of 2"
    assert show.cards(verdict).count("vj-card vj-scored") == 3


def test_a_pair_that_follows_the_position_is_inconsistent(tmp_path, clip):
    form = replace(COMPLETE, video=str(clip), judge=scripted(tmp_path, PAIR_BY_POSITION), mode="pairwise_reasoning",
                   instruction="prefer the first", responses=("r", "s"))  # fmt: skip
    verdict = judge_form(form, tmp_path / "runs", ResidentJudge())
    assert "Inconsistent" in show.cards(verdict)
    assert [judged.choice for judged in verdict.judgments] == ["A", "B"]
    assert [judged.settings["order"] for judged in verdict.judgments] == [[0, 1], [1, 0]]
    assert len(show.figure(verdict).data) == 2


def test_a_text_only_control_says_so(tmp_path, clip):
    form = replace(COMPLETE, video=str(clip), judge=scripted(tmp_path, PAIR_BY_POSITION), text_only=True)
    verdict = judge_form(form, tmp_path / "runs", ResidentJudge())
    assert verdict.frames is None and "Text-only control" in show.notes(verdict)
    assert "No video is available" in verdict.asked[0].prompt


def test_what_cannot_be_judged_leaves_no_run_behind(tmp_path, clip):
    runs = tmp_path / "runs"
    with pytest.raises(InputError, match="Almost there"):
        judge_form(JudgeForm(), runs, ResidentJudge())
    with pytest.raises(InputError, match="no judge"):
        judge_form(replace(COMPLETE, video=str(clip), judge="nobody"), runs, ResidentJudge())
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    with pytest.raises(VideoError, match="notes.mp4"):
        judge_form(replace(COMPLETE, video=str(text)), runs, ResidentJudge())
    assert not runs.exists()


def test_one_judge_stays_loaded_and_the_next_replaces_it(tmp_path):
    spec = scripted(tmp_path, "rules: [{reply: a}]")
    resident, told = ResidentJudge(), []
    with resident.judge(spec, told.append) as first:
        pass
    with resident.judge(spec, told.append) as again:
        assert again is first
    with resident.judge("metric:rouge_l", told.append) as other:
        assert other is not first
    assert len(told) == 2


def test_stages_are_told_while_the_work_runs():
    def work(tell):
        tell("one")
        tell("two")
        return 3

    told = list(stages_of(work))
    assert [stage.text for stage in told if isinstance(stage, Stage)][:2] == ["one", "two"]
    assert told[-1] == Finished(3)


def test_an_error_in_the_work_is_raised_where_it_is_awaited():
    def work(tell):
        raise InputError("not like this")

    with pytest.raises(InputError, match="not like this"):
        list(stages_of(work))


# -- what is known of a judge before it is loaded


def folder_judge(tmp_path, **fields) -> str:
    write_judge_file(tmp_path, JudgeFile(**fields))
    return str(tmp_path)


def test_what_a_judge_was_not_made_for_is_refused_before_it_is_loaded(tmp_path):
    spec = folder_judge(tmp_path, kinds=("pointwise",), scale=(1, 5), max_frames=8, video_policy=VideoPolicy(frames=6))
    form = replace(COMPLETE, judge=spec)
    assert refusal(form) == "" and refusal(replace(form, frames=0)) == ""
    for change, reason in [
        ({"mode": "ranking"}, "not made for ranking judging"),
        ({"frames": 30}, "at most 8 frames, got 30"),
        ({"high": 10}, "scale of 1 to 10"),
        ({"judge": "nonsense"}, "no judge and no folder"),
        ({"judge": "metric:bleu", "score_only": True}, "cannot score without writing"),
    ]:
        assert reason in refusal(replace(form, **change)) and reason in show.refusal_note(replace(form, **change))
    assert refusal(replace(form, frames=30, text_only=True)) == ""  # no frame is shown then
    with pytest.raises(InputError, match="not made for ranking"):
        judge_form(replace(form, mode="ranking", responses=("a", "b", "c")), tmp_path / "runs", ResidentJudge())


def test_the_form_starts_from_the_judges_own_frames(tmp_path):
    own = folder_judge(tmp_path, video_policy=VideoPolicy(frames=6))
    assert [known_judge(spec).frames for spec in (own, "qwen2.5-vl-7b", "hf:who/knows", "nobody", "")] == [
        6,
        0,
        0,
        0,
        0,
    ]
    assert "1 a second, at most 180" in frames_help("qwen2.5-vl-7b")
    assert assignment_of(replace(COMPLETE, frames=0)).video == {}


@pytest.mark.parametrize(("fields", "words"), [
    ({"kinds": ("pairwise",)}, "Made for: Compare two; Compare two, with reasons."),
    ({"prompts": ("pointwise",), "scale": (0, 10), "max_frames": 4}, "Made for: Score. Ratings 0 to 10. At most 4 frames."),
    ({}, "Runs on this machine's"),
])  # fmt: skip
def test_a_judge_says_what_it_can_do(tmp_path, fields, words):
    assert words in about_judge(folder_judge(tmp_path, **fields))
    assert words in about_judge(f"hf:some/base+{tmp_path}")  # an adapter's own file counts


RUBRIC_JUDGE = "videojudge-7b-rubric"


@pytest.mark.parametrize("spec", [RUBRIC_JUDGE, f"hf:{PRESETS[RUBRIC_JUDGE].model}"])
def test_a_preset_is_asked_only_what_it_was_trained_for(spec):
    assert "Made for: Rubric, then score." in about_judge(spec)
    assert "it knows rubric" in refusal(replace(COMPLETE, judge=spec))
    assert refusal(replace(COMPLETE, judge=spec, mode="rubric")) == ""


@pytest.mark.parametrize(("fields", "wanted", "mode"), [
    ({"prompts": ("rubric",)}, "pointwise", "rubric"), ({"prompts": ("rubric",)}, "pairwise", "rubric"),
    ({"kinds": ("pairwise",)}, "pointwise", "pairwise"), ({"prompts": ("pairwise_reasoning",)}, "pairwise", "pairwise_reasoning"),
    ({}, "ranking", "ranking"),
])  # fmt: skip
def test_the_form_takes_a_way_of_judging_that_the_judge_knows(tmp_path, fields, wanted, mode):
    assert fitting_mode(folder_judge(tmp_path, **fields), wanted) == mode


def test_the_page_of_a_rubric_judge_starts_with_a_rubric_and_so_do_its_examples(monkeypatch):
    monkeypatch.setenv("WORKBENCH_JUDGE", RUBRIC_JUDGE)
    monkeypatch.setattr("workbench.page.served_judge.has_gpu", lambda: True)
    with gr.Blocks():
        panel = form_panel()
    assert (panel.judge.value, panel.mode.value) == (RUBRIC_JUDGE, "rubric")
    modes = {with_example(panel, example, panel.judge.value)[panel.mode]["value"] for example in load_examples()}
    assert modes == {"rubric"} and {example.mode for example in load_examples()} > {"rubric"}


def test_a_judge_file_that_cannot_be_read_is_said_at_once(tmp_path):
    (tmp_path / "judge.json").write_text("{")
    assert "judge.json" in about_judge(str(tmp_path)) and refusal(replace(COMPLETE, judge=str(tmp_path))) == ""


# -- stopping


def test_a_stopped_verdict_keeps_what_was_answered(tmp_path, clip):
    asked = itertools.count()
    form = replace(COMPLETE, video=str(clip), judge=scripted(tmp_path, PAIR_BY_POSITION), responses=("r", "s", "t"))
    # Asked before the run, before the batch, and before each request: the second request finds it said.
    verdict = judge_form(form, tmp_path / "runs", ResidentJudge(), stop_requested=lambda: next(asked) >= 3)
    assert [judged.status for judged in verdict.judgments] == ["scored", "failed", "failed"]
    assert show.cards(verdict).count("You stopped the judge") == 2
    assert Run.open(verdict.folder).status()["state"] == "stopped"


def test_stopping_before_the_first_verdict_shows_none(tmp_path, clip):
    form = replace(COMPLETE, video=str(clip), judge=scripted(tmp_path, PAIR_BY_POSITION))
    resident = ResidentJudge()
    with pytest.raises(Stopped, match="before anything"):
        judge_form(form, tmp_path / "runs", resident, stop_requested=lambda: True)
    assert judge_form(form, tmp_path / "runs", resident).judgments[0].status == "scored"  # the judge is as before


def test_stop_requests_are_each_sessions_own_and_end_with_the_next_verdict():
    requests = StopRequests()
    mine, theirs = requests.of("me"), requests.of("them")
    requests.stop("me")
    assert (mine(), theirs()) == (True, False)
    requests.forget("me")
    assert not mine()


def test_requests_to_stop_of_pages_long_closed_are_forgotten():
    requests = StopRequests()
    for number in range(MOST_KEPT + 5):
        requests.stop(str(number))
    assert len(requests._sessions) == MOST_KEPT
    assert requests.of(str(MOST_KEPT))() and not requests.of("0")()


# -- staleness, examples, uploads


def test_a_verdict_is_out_of_date_until_the_form_is_what_was_judged():
    assert show.stale_note(COMPLETE, None) == "" and show.stale_note(COMPLETE, COMPLETE) == ""
    note = show.stale_note(replace(COMPLETE, instruction="Else?", low=0, high=9), COMPLETE)
    assert "the instruction, the scale" in note


def test_examples_are_read_with_their_videos(tmp_path):
    (tmp_path / "examples.json").write_text(
        '[{"title": "T", "video": "v.mp4", "instruction": "i", "responses": ["a", "b"], "mode": "pairwise",'
        ' "ratings": [5, 2]}]'
    )
    assert load_examples(tmp_path) == (
        Example("T", str((tmp_path / "v.mp4").resolve()), "i", ("a", "b"), "pairwise", (5, 2)),
    )
    assert load_examples(tmp_path / "nowhere") == ()


def test_an_upload_that_browsers_play_is_shown_as_it_is(clip):
    upload = accept_upload(str(clip))
    assert upload.playable == str(clip) and "h264, 128×64 pixels" in upload.sentence


def test_an_upload_that_browsers_do_not_play_gets_a_copy(tmp_path):
    path = Clip(codec="mpeg4").write(tmp_path / "old.avi")
    upload = accept_upload(str(path))
    assert upload.playable != str(path) and "the judge reads your original" in upload.sentence
    assert accept_upload(upload.playable).playable == upload.playable
