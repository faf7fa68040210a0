"""A judge on a lent GPU: one call a video in a forked worker, how long it asks for, what is refused, what the page says."""

import multiprocessing
import pickle
import traceback

import gradio as gr
import pytest
import torch

from tests.clips import Clip
from workbench.backends import load_backend
from workbench.backends.base import BackendError, Chat, Reply
from workbench.errors import InputError
from workbench.judge import judge_items
from workbench.page import zero_gpu
from workbench.page.gpu_seconds import LEAST, MOST, Preflight, Work, done_by, work_of
from workbench.page.known_judge import about_judge
from workbench.page.served_judge import offered_judges, served_judge, served_judge_note
from workbench.prompts import load_prompt
from workbench.schema import Item, Sampling, Video
from workbench.video import sha256_of

JUDGE = "videojudge-7b-rubric"


class Lender:
    """Stands in for `spaces`: its GPU decorator runs the function in a fork, by pickled arguments and results."""

    def __init__(self):
        self.calls: list[tuple[int, float]] = []  # chats and seconds asked for, of each call

    def GPU(self, *, duration):
        def decorate(function):
            def call(*arguments):
                self.calls.append((len(arguments[1]), duration(*arguments)))
                return self.forked(function, pickle.dumps(arguments))

            return call

        return decorate

    def forked(self, function, arguments):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=(function, arguments, theirs), daemon=True
        )
        process.start()
        try:
            assert ours.poll(120), "the worker gives no sign of life"
            answer = pickle.loads(ours.recv_bytes())
        finally:
            process.kill()  # one that hangs must not keep the whole run from ending
            process.join()
        if isinstance(answer, str):
            raise AssertionError(answer)
        return answer


def _work(function, arguments, connection):
    torch.set_num_threads(1)  # the threads of earlier tests do not live on in a fork: waiting for them never ends
    try:
        answer = function(*pickle.loads(arguments))
    except Exception:  # noqa: BLE001 - whatever it is, the test shall see it
        answer = traceback.format_exc()
    connection.send_bytes(pickle.dumps(answer))


@pytest.fixture
def items(tmp_path):
    found = []
    for name, frames in (("one", 24), ("two", 36)):
        path = Clip(frames=frames).write(tmp_path / f"{name}.mp4")
        video = Video(sha256_of(path), str(path))
        found += [Item(video, "What moves?", (text,)) for text in ("A red circle moves.", "Nothing moves at all.")]
    return found


@pytest.fixture(autouse=True)
def nothing_lent(monkeypatch):
    monkeypatch.setattr(zero_gpu, "_lent", {})
    monkeypatch.setattr(zero_gpu, "_loaded", {})
    for name in ("SPACES_ZERO_GPU", "SPACE_ID", "WORKBENCH_JUDGE"):
        monkeypatch.delenv(name, raising=False)


def test_a_lent_judge_says_what_it_says_at_home_in_one_call_a_video(items):
    lender, prompt, items = Lender(), load_prompt("pointwise"), items[::2]
    lent = zero_gpu.lend("embedded", load_backend("embedded"), lender.GPU)
    away = list(judge_items(items, lent, prompt, score_only=True))
    assert [count for count, _ in lender.calls] == [1, 1]
    assert all(LEAST <= seconds <= MOST for _, seconds in lender.calls)
    assert len(lent.preflight.slower_by) == 2, "both calls were timed"
    home = list(judge_items(items, load_backend("embedded"), prompt, score_only=True))
    assert [(one.key, one.score, one.reply) for one in away] == [(one.key, one.score, one.reply) for one in home]
    lent.close()
    assert list(judge_items(items[:1], lent, prompt, score_only=True))[0].status == "scored", "it stays loaded"


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "judge.yaml"
    path.write_text("rules:\n  - reply: <thinking>Seen.</thinking><score>4</score>\n")
    return load_backend(f"scripted:{path}")


def test_a_gpu_that_is_not_lent_is_a_failure_of_that_video(items, script):
    def gpu(*, duration):
        def refuse(*arguments):
            raise gr.Error("You have exceeded your <a href='#'>GPU quota</a>", title="ZeroGPU")

        return lambda function: refuse

    lent = zero_gpu.lend("scripted", script, gpu)
    judged = list(judge_items(items[:1], lent, load_prompt("pointwise")))
    assert judged[0].status == "failed"
    assert judged[0].error == "No GPU for 52 s: ZeroGPU: You have exceeded your GPU quota"


def test_stopping_takes_effect_between_two_videos(items, script):
    lender = Lender()
    lent = zero_gpu.lend("scripted", script, lender.GPU)
    lent.stop_requested = lambda: bool(lender.calls)
    judged = list(judge_items(items, lent, load_prompt("pointwise")))
    assert [one.status for one in judged] == ["scored", "scored", "failed", "failed"]


# -- how long


def test_the_preflight_grows_with_the_work_and_learns_from_what_calls_took():
    preflight = Preflight(parameters=8.3e9)
    small, large = Work(500, 600, 256, 1), Work(11_000, 900, 1024, 4)
    assert LEAST <= preflight.seconds(small) < preflight.seconds(large) <= MOST
    before = preflight.seconds(small)
    preflight.timed(small, 3 * preflight.arithmetic(small))
    assert preflight.seconds(small) > before
    preflight.timed(small, 1000.0)
    assert preflight.seconds(small) == MOST
    for _ in range(8):
        preflight.timed(small, 0.1 * preflight.arithmetic(small))
    assert preflight.seconds(small) < before, "what is long ago is forgotten"
    assert Preflight(4e6).seconds(Work(64, 300, 256, 1)) == pytest.approx(5 + 1.5 * 256 * 0.03 * (1 + 1 / 64), rel=0.01)


def test_the_work_of_a_call_is_its_frames_once_and_its_texts(items):
    from workbench.schema import VideoPolicy
    from workbench.video import sample_frames

    frames = sample_frames(items[0].video.path, VideoPolicy(frames=5, size_multiple=28, max_pixels=56 * 56))
    _, height, width, _ = frames.images.shape
    chats = [Chat("", frames, "x" * 300), Chat("", frames, "x" * 300)]
    work = work_of(chats, [Sampling(max_new_tokens=100), Sampling(max_new_tokens=300)], 28)
    assert work == Work(3 * height * width / 784, 200, 300, 2)
    replies = [Reply("", usage={"reply_tokens": 40}), BackendError("no")]
    assert done_by(work, replies).steps == 40
    assert done_by(work, [BackendError("no")]) == work


# -- what the page serves


def test_at_home_nothing_changes(script):
    assert served_judge().spec == "embedded" and served_judge_note() == ""
    assert JUDGE in offered_judges()
    zero_gpu.prepare()  # needs no package and loads nothing
    assert zero_gpu.load_for_page(script.name).name == script.name


def test_without_a_gpu_the_judge_that_ships_serves_and_says_so(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("WORKBENCH_JUDGE", JUDGE)
    assert served_judge().spec == "embedded"
    assert f"no GPU here for {JUDGE}" in served_judge_note() and "coloured shapes" in served_judge_note()
    monkeypatch.setenv("SPACE_ID", "ann/vj")
    assert JUDGE not in offered_judges() and {"embedded", "metric:rouge_l"} <= set(offered_judges())
    with pytest.raises(InputError, match="no GPU here"):
        zero_gpu.load_for_page(JUDGE)
    monkeypatch.delenv("WORKBENCH_JUDGE")
    assert "duplicate this Space on a GPU" in served_judge_note()


def test_a_judge_that_is_no_preset_is_refused(monkeypatch):
    monkeypatch.setenv("WORKBENCH_JUDGE", "hf:someone/else")
    with pytest.raises(InputError, match="WORKBENCH_JUDGE: got 'hf:someone/else', expected embedded or a preset"):
        served_judge()


def test_on_zero_gpu_the_prepared_judge_serves_and_others_are_refused(monkeypatch, script):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setenv("SPACE_ID", "ann/vj")
    monkeypatch.setenv("WORKBENCH_JUDGE", JUDGE)
    lent = zero_gpu.lend(JUDGE, script, Lender().GPU)
    assert served_judge() == (JUDGE, JUDGE, "")
    assert zero_gpu.load_for_page(JUDGE) is lent
    assert "GPU" in about_judge(JUDGE)
    with pytest.raises(InputError, match=f"has loaded {JUDGE}, embedded"):
        zero_gpu.load_for_page("qwen2.5-vl-72b")


def test_preparing_loads_on_the_cpu_and_moves_before_it_is_served(monkeypatch):
    """The order that ZeroGPU needs: spaces first, weights in place, a decorated function there before the launch."""
    import sys
    from types import SimpleNamespace

    steps = []

    class Loaded:
        report = {"parameters": 4e6}

        def move(self, device):
            steps.append(("move", device))

    def load(spec, **options):
        steps.append(("load", spec, options))
        return Loaded()

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=Lender().GPU))
    monkeypatch.setattr(zero_gpu, "load_backend", load)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setenv("WORKBENCH_JUDGE", JUDGE)
    zero_gpu.prepare()
    zero_gpu.prepare()
    assert steps == [("load", JUDGE, {"device": "cpu", "dtype": "bfloat16"}), ("move", "cuda")]
    assert zero_gpu.load_for_page(JUDGE).name == JUDGE
