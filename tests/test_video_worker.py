"""The worker process: same answers as in this process, limits that hold, and nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from clips import Clip, read_numbers

from workbench.errors import InputError, VideoError
from workbench.schema import VideoPolicy
from workbench.video import VideoLimits, make_preview, probe, process, sample_frames

LIMITS = VideoLimits(wall_clock=60)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return Clip(sound=True).write(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """Takes seconds to decode."""
    clip = Clip(size=(1280, 720), frames=200, options={"preset": "ultrafast"})
    return clip.write(tmp_path_factory.mktemp("long") / "long.mp4")


@pytest.fixture(autouse=True)
def nothing_left_behind():
    yield
    assert workers_of(psutil.Process()) == []


def workers_of(process):
    return [child for child in process.children(recursive=True) if "workbench.video.worker" in child.cmdline()]


def test_the_worker_answers_as_this_process_does(clip):
    policy = VideoPolicy(fps=3, max_frames=100)
    here, there = sample_frames(clip, policy), sample_frames(clip, policy, LIMITS)
    assert np.array_equal(here.images, there.images) and here.record() == there.record()
    assert (here.seconds, here.indices, here.sha256) == (there.seconds, there.indices, there.sha256)
    assert (here.duration, here.frame_count) == (there.duration, there.frame_count)
    assert probe(clip) == probe(clip, LIMITS)


def test_a_turned_clip_travels_whole(tmp_path):
    path = Clip(frames=3, turn=(90, False, False)).write(tmp_path / "turned.mp4")
    assert read_numbers(sample_frames(path, VideoPolicy(frames=3), LIMITS).images) == [0, 1, 2]


def test_relative_paths_are_meant_from_here(clip, monkeypatch):
    monkeypatch.chdir(clip.parent)
    assert probe(clip.name, LIMITS).path == str(clip)


def test_errors_keep_their_kind(clip):
    with pytest.raises(InputError, match="max_pixels"):
        sample_frames(clip, VideoPolicy(frames=1, min_pixels=1, max_pixels=10), LIMITS)


def test_a_bug_in_the_worker_is_no_video_error(clip):
    with pytest.raises(RuntimeError, match="TypeError"):
        sample_frames(clip, VideoPolicy(frames=1), VideoLimits(pixels="many"))


def test_a_worker_that_cannot_start_is_no_fault_of_the_file(clip, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    with pytest.raises(RuntimeError, match="did not start"):
        probe(clip, LIMITS)


@pytest.mark.parametrize("name", ["vidéo 映像 %03d.mp4", "a:b|c.mp4", "-i.mp4", os.fsdecode(b"\xff\xfe.mp4")])
def test_any_file_name_will_do(clip, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(clip.read_bytes())
    assert probe(path) == probe(path, LIMITS)
    assert len(sample_frames(path, VideoPolicy(frames=2, decoder="auto"), LIMITS)) == 2


def test_the_worker_loads_no_model_library():
    code = "import sys, workbench.video.worker; print({'torch', 'transformers', 'gradio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_worker_is_given_no_secrets(clip, monkeypatch):
    for name in ("HF_TOKEN", "WORKBENCH_PASSWORD", "OPENAI_API_KEY", "WORKBENCH_PLAIN"):
        monkeypatch.setenv(name, "a value")
    given, popen = [], subprocess.Popen
    monkeypatch.setattr(
        process.subprocess, "Popen", lambda *words, env, **more: given.append(env) or popen(*words, env=env, **more)
    )
    assert len(sample_frames(clip, VideoPolicy(frames=2), LIMITS)) == 2
    (found,) = given
    assert "WORKBENCH_PLAIN" in found and not {"HF_TOKEN", "WORKBENCH_PASSWORD", "OPENAI_API_KEY"} & set(found)


def test_the_wall_clock_ends_it(long_clip, tmp_path):
    start = time.monotonic()
    with pytest.raises(VideoError, match="longer than the 1 seconds"):
        make_preview(long_clip, tmp_path / "preview.mp4", VideoLimits(wall_clock=1))
    assert time.monotonic() - start < 20
    assert list(tmp_path.iterdir()) == []


def test_the_memory_limit_ends_it(tmp_path):
    path = Clip(size=(3840, 2160), frames=8, options={"preset": "ultrafast"}).write(tmp_path / "large.mp4")
    with pytest.raises(VideoError, match="more than the 120 MiB"):
        sample_frames(path, VideoPolicy(frames=4), VideoLimits(memory=120 << 20, wall_clock=60))


def test_the_memory_watch_ends_what_the_kernel_does_not(tmp_path):
    from workbench.video.process import _Watch

    hog = "import time; block = bytearray(300 << 20); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", hog], start_new_session=True)
    watch = _Watch(child, VideoLimits(memory=100 << 20))
    watch.start()
    assert child.wait(timeout=30) == -signal.SIGKILL
    watch.stop()
    assert watch.over == "memory"


def test_a_crash_is_a_video_error(long_clip):
    def kill_it():
        workers = []
        while not any(file.path == str(long_clip) for worker in workers for file in worker.open_files()):
            time.sleep(0.01)
            workers = workers_of(psutil.Process())
        workers[0].send_signal(signal.SIGSEGV)

    killer = threading.Thread(target=kill_it)
    killer.start()
    with pytest.raises(VideoError, match="crashed"):
        sample_frames(long_clip, VideoPolicy(frames=200), LIMITS)
    killer.join()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_worker_dies_with_its_parent(long_clip, tmp_path, how):
    out = tmp_path / "preview.mp4"
    code = f"from workbench.video import *; make_preview({str(long_clip)!r}, {str(out)!r}, VideoLimits())"
    parent = psutil.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    workers = []
    while not workers and parent.is_running():
        time.sleep(0.02)
        workers = workers_of(parent)
    time.sleep(0.5)
    os.kill(parent.pid, how)
    parent.wait(timeout=20)
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert gone and not alive


def test_many_at_once(clip):
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(sample_frames(clip, VideoPolicy(frames=n), LIMITS)))
        for n in (1, 2, 3, 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(frames) for frames in results) == [1, 2, 3, 4]


def test_no_more_at_once_than_there_are_places_and_waiting_takes_no_time_of_ones_own(clip, monkeypatch):
    places, asked, at_work, most = threading.BoundedSemaphore(2), process._ask_worker, [], []
    monkeypatch.setattr(process, "PLACES", places)

    def ask(*request):
        at_work.append(1)
        most.append(len(at_work))
        try:
            return asked(*request)
        finally:
            at_work.pop()

    monkeypatch.setattr(process, "_ask_worker", ask)
    results = []
    threads = [threading.Thread(target=lambda: results.append(probe(clip, LIMITS))) for _ in range(5)]
    with places, places:
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert not most  # and no clock runs before a worker begins
    for thread in threads:
        thread.join()
    assert len(results) == 5 == len(most) and max(most) == 2
    with pytest.raises(VideoError):
        probe(__file__, LIMITS)  # one that fails gives its place back
    assert places.acquire(blocking=False) and places.acquire(blocking=False)
