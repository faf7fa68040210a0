"""Which frames a policy asks for, and what size they get: tables worked by hand."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.schema import VideoPolicy
from workbench.video.picture import target_size
from workbench.video.preview import preview_size
from workbench.video.sampling import wanted_positions

TEN_A_SECOND = [number / 10 for number in range(100)]  # 10 seconds
FILM = [number * 1001 / 24000 for number in range(240)]
SLOW_START = [0, 4, 8, 8.1, 8.2, 8.3, 8.4, 8.5, 8.6, 8.7]  # ends at 8.8


@pytest.mark.parametrize(
    ("seconds", "duration", "policy", "expected"),
    [
        (TEN_A_SECOND, 10, VideoPolicy(frames=1), [49]),  # 4.95 s, shown since 4.9
        (TEN_A_SECOND, 10, VideoPolicy(frames=2), [0, 99]),
        (TEN_A_SECOND, 10, VideoPolicy(frames=4), [0, 33, 66, 99]),
        (TEN_A_SECOND, 10, VideoPolicy(frames=5), [0, 24, 49, 74, 99]),  # 2.475, 4.95, 7.425 s
        (TEN_A_SECOND, 10, VideoPolicy(frames=100), list(range(100))),
        (TEN_A_SECOND, 10, VideoPolicy(frames=180), list(range(100))),  # shorter than the request: every frame once
        (TEN_A_SECOND, 10, VideoPolicy(fps=1, max_frames=180), list(range(0, 100, 10))),
        (TEN_A_SECOND, 10, VideoPolicy(fps=2, max_frames=180), list(range(0, 100, 5))),
        (TEN_A_SECOND, 10, VideoPolicy(fps=1, max_frames=10), list(range(0, 100, 10))),  # exactly the maximum
        (TEN_A_SECOND, 10, VideoPolicy(fps=1, max_frames=4), [0, 33, 66, 99]),  # past it: even instants
        (TEN_A_SECOND, 10, VideoPolicy(fps=30, max_frames=400), list(range(100))),
        (TEN_A_SECOND, 10, VideoPolicy(fps=0.01, max_frames=5), [0]),
        (
            FILM,
            240 * 1001 / 24000,
            VideoPolicy(fps=1, max_frames=180),
            [0, 23, 47, 71, 95, 119, 143, 167, 191, 215, 239],
        ),
        (SLOW_START, 8.8, VideoPolicy(frames=3), [0, 1, 9]),  # 0, 4.35, 8.7 s: uniform in time, not in number
        (
            SLOW_START,
            8.8,
            VideoPolicy(fps=1, max_frames=9),
            [0, 0, 0, 0, 1, 1, 1, 1, 2],
        ),  # a frame on show may answer twice
        ([0.0], 0.04, VideoPolicy(frames=8), [0]),
        ([0.0], 0.04, VideoPolicy(fps=1, max_frames=8), [0]),
        ([0, 1.0004], 2, VideoPolicy(fps=1, max_frames=8), [0, 1]),  # milliseconds are rounded
        ([0, 0.3334, 0.6667, 1.0004, 1.3], 2, VideoPolicy(fps=1, max_frames=8), [0, 3]),
        ([0, 0.3334, 0.6667, 1.0006, 1.3], 2, VideoPolicy(fps=1, max_frames=8), [0, 2]),
    ],
)
def test_frames_on_show_at_even_instants(seconds, duration, policy, expected):
    assert wanted_positions(np.array(seconds, float), duration, policy) == expected


def test_instants_do_not_pile_up_rounding():
    seconds = np.arange(300_000) / 25  # 3 hours 20 minutes
    assert wanted_positions(seconds, 12_000, VideoPolicy(fps=1, max_frames=12_000)) == list(range(0, 300_000, 25))


@pytest.mark.parametrize(
    ("size", "budget", "multiple", "expected"),
    [
        ((1920, 1080), (3_136, 25_088), 28, (196, 112)),  # the paper's training pixels: 28 cells
        ((1080, 1920), (3_136, 25_088), 28, (112, 196)),
        ((3840, 2160), (3_136, 100_352), 28, (420, 224)),
        ((640, 360), (3_136, 602_112), 28, (644, 364)),  # fits: only rounded
        ((320, 240), (200_704, 602_112), 28, (532, 392)),  # grown
        ((28, 28), (784, 784), 28, (28, 28)),
        ((1, 1), (784, 25_088), 28, (28, 28)),
        ((1, 1), (3_136, 25_088), 28, (56, 56)),
        ((4000, 10), (784, 25_088), 28, (896, 28)),  # a ribbon: cut to the area
        ((10, 4000), (784, 25_088), 28, (28, 896)),
        ((100, 100), (10_000, 10_000), 28, (84, 84)),  # no multiple hits the bounds: the upper one holds
        ((129, 67), (1, 10_000), 2, (128, 68)),
        ((640, 480), (1, 65_536), 32, (288, 192)),
    ],
)
def test_target_size(size, budget, multiple, expected):
    policy = VideoPolicy(frames=1, min_pixels=budget[0], max_pixels=budget[1], size_multiple=multiple)
    assert target_size(*size, policy) == expected


def test_target_size_stays_in_the_budget_for_any_shape():
    policy = VideoPolicy(frames=1)
    for width in (1, 7, 28, 133, 640, 1081, 7680):
        for height in (1, 9, 55, 360, 2160):
            new_width, new_height = target_size(width, height, policy)
            assert new_width % 28 == new_height % 28 == 0
            assert policy.min_pixels <= new_width * new_height <= policy.max_pixels, (width, height)


def test_a_budget_below_one_cell_is_refused():
    with pytest.raises(InputError, match="28x28"):
        target_size(64, 64, VideoPolicy(frames=1, min_pixels=1, max_pixels=783))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (720, 404)),
        ((1080, 1920), (404, 720)),
        ((129, 67), (128, 68)),
        ((1, 1), (2, 2)),
        ((9000, 3), (720, 2)),
    ],
)
def test_preview_size(size, expected):
    assert preview_size(*size) == expected
