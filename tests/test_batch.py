"""An assignment is what a run may be resumed with; slices keep a video's items together and the memory bounded."""

import pytest

from workbench import batch
from workbench.batch import Assignment, judge_run, loaded_judges, policy_for
from workbench.errors import BackendError, InputError
from workbench.prompts import load_prompt
from workbench.schema import Item, Judgment, Video, VideoPolicy
from workbench.store import Run

EIGHT = VideoPolicy(frames=8, max_pixels=9_000)
ONE_A_SECOND = VideoPolicy(fps=1.0, max_frames=180)


@pytest.mark.parametrize("default, settled, expected", [
    (EIGHT, {}, (8, None, None, 9_000)),
    (EIGHT, {"frames": 3}, (3, None, None, 9_000)),
    (EIGHT, {"fps": 2.0, "max_frames": 9}, (None, 2.0, 9, 9_000)),
    (EIGHT, {"max_pixels": 5_000}, (8, None, None, 5_000)),
    (ONE_A_SECOND, {"frames": 3}, (3, None, None, 25_088)),
    (ONE_A_SECOND, {"max_frames": 60}, (None, 1.0, 60, 25_088)),
])  # fmt: skip
def test_what_the_user_settles_replaces_the_judges_own(default, settled, expected):
    policy = policy_for(default, settled)
    assert (policy.frames, policy.fps, policy.max_frames, policy.max_pixels) == expected


@pytest.mark.parametrize("wrong", [
    {"sampling": {"temperature": -1}}, {"video": {"frames": 0}}, {"video": {"fps": 1.0}}, {"samples": 0},
    {"video": {"frames": 2, "max_frames": 3}},
])  # fmt: skip
def test_what_cannot_be_is_refused_before_a_judge_is_loaded(wrong):
    with pytest.raises(InputError):
        Assignment(("scripted:none.yaml",), **wrong)


def test_an_unknown_judge_is_refused_before_the_first_is_loaded(tmp_path):
    with pytest.raises(InputError, match="gpt-17"):
        next(loaded_judges((f"scripted:{tmp_path}/none.yaml", "gpt-17"), {}))


def items(count, videos):
    return [Item(Video(f"{number % videos}"), "q", (f"r{number}",)) for number in range(count)]


@pytest.mark.parametrize("count, videos, sizes", [
    (5, 2, [5]), (25, 5, [10, 10, 5]), (24, 12, [10, 10, 4]), (50, 1, [20, 20, 10]), (0, 1, []),
])  # fmt: skip
def test_slices_hold_every_item_once_and_videos_together(monkeypatch, count, videos, sizes):
    monkeypatch.setattr(batch, "SLICE_ITEMS", 10)
    slices = list(batch._slices(items(count, videos)))
    assert [len(part) for part in slices] == sizes
    assert sorted(item.id for part in slices for item in part) == sorted(item.id for item in items(count, videos))


def test_progress_counts_what_was_there(tmp_path):
    (tmp_path / "judge.yaml").write_text(
        "rules: [{where: {response: r1}, fail: overloaded}, {reply: <score>3</score>}]"
    )
    assignment = Assignment((f"scripted:{tmp_path}/judge.yaml",), samples=2, view="none")
    prompt, asked = load_prompt("pointwise"), [Item(None, "q", (f"r{number}",)) for number in range(4)]
    run = Run.create_or_resume(tmp_path / "run", config=assignment.config(prompt))
    seen = []

    def judge(some):
        with run.writing():
            run.add_items(some)
            judges = loaded_judges(assignment.judges, assignment.judge_options)
            return judge_run(run, some, judges, prompt, assignment, on_progress=seen.append)

    assert judge(asked[:3])["by_status"] == {"scored": 4, "failed": 2}
    assert [(progress.done, progress.total) for progress in seen] == [(n, 6) for n in range(1, 7)]
    seen.clear()
    judge(asked)
    assert [(progress.done, progress.total) for progress in seen] == [(n, 8) for n in range(5, 9)]
    assert seen[-1].eta_seconds == 0


def test_progress_does_not_count_what_others_said(tmp_path):
    (tmp_path / "judge.yaml").write_text("rules: [{reply: <score>3</score>}]")
    assignment = Assignment((f"scripted:{tmp_path}/judge.yaml",), view="none")
    prompt, (item,) = load_prompt("pointwise"), [Item(None, "q", ("r",))]
    run = Run.create_or_resume(tmp_path / "run", config=assignment.config(prompt))
    seen = []
    with run.writing():
        run.add_items([item])
        run.append(Judgment(item.id, "human:anna", "label", "scored", score=4.0))
        run.append(Judgment(item.id, "another", prompt.id, "scored", score=4.0))
        judges = loaded_judges(assignment.judges, assignment.judge_options)
        judge_run(run, [item], judges, prompt, assignment, on_progress=seen.append)
    assert [(progress.done, progress.total) for progress in seen] == [(1, 1)]


def test_a_judge_that_cannot_be_loaded_leaves_the_first_ones_verdicts(tmp_path):
    (tmp_path / "judge.yaml").write_text("rules: [{reply: <score>3</score>}]")
    (tmp_path / "folder").mkdir()
    assignment = Assignment((f"scripted:{tmp_path}/judge.yaml", str(tmp_path / "folder")), view="none")
    prompt, item = load_prompt("pointwise"), Item(None, "q", ("r",))
    run = Run.create(tmp_path / "run", config=assignment.config(prompt))
    with pytest.raises(BackendError), run.writing():
        run.add_items([item])
        judge_run(run, [item], loaded_judges(assignment.judges, assignment.judge_options), prompt, assignment)
    assert [judgment.score for judgment in run.judgments()] == [3] and run.status()["state"] == "failed"
