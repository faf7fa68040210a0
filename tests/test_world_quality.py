"""Clips of known quality: what distortions do to pixels, what scores and levels follow, and the rows made of them."""

import json
from collections import Counter

import numpy as np
import pytest

from bootstrap.__main__ import main
from bootstrap.world.distortions import KINDS, distort, draw_strengths, halted
from bootstrap.world.drawing import draw_frames
from bootstrap.world.levels import DIMENSIONS, LEVELS, level_of, level_word, quality_of
from bootstrap.world.quality import ITSELF, QualityWorld, make_quality_scene, quality_rows
from bootstrap.world.sampling import CORE, sample_scene
from workbench.schema import Item, Judgment, Video

MOVING = sample_scene(CORE, "train", 3, 3)
FRAMES = list(draw_frames(MOVING))[:24]


def rng():
    return np.random.default_rng(5)


# Levels


@pytest.mark.parametrize(
    ("score", "level", "word"),
    [(0, 1, "bad"), (0.19, 1, "bad"), (0.2, 2, "poor"), (0.5, 3, "fair"), (0.6, 4, "good"), (1, 5, "excellent")],
)
def test_levels_are_fifths(score, level, word):
    assert (level_of(score), level_word(score)) == (level, word)


@pytest.mark.parametrize(
    ("strengths", "groups", "overall"),
    [
        ({}, {"distortion": 1.0, "aesthetic": 1.0}, 1.0),
        ({"blur": 0.4}, {"distortion": 0.6, "aesthetic": 1.0}, 0.7),
        ({"blur": 0.4, "noise": 0.8, "flicker": 0.6}, {"distortion": 0.2, "aesthetic": 0.4}, 0.25),
    ],
)
def test_scores_follow_from_strengths(strengths, groups, overall):
    quality = quality_of(strengths)
    assert quality.groups == pytest.approx(groups) and quality.overall == pytest.approx(overall)


def test_every_distortion_harms_one_dimension_of_its_own():
    for kind in KINDS:
        harmed = [each.name for each in DIMENSIONS if quality_of({kind: 0.5}).dimensions[each.name] < 1]
        assert harmed == [each.name for each in DIMENSIONS if each.distortion == kind]


# Distortions


@pytest.mark.parametrize("kind", KINDS)
def test_more_strength_is_further_from_the_original(kind):
    def error(strength):
        out = distort(FRAMES, 12, {kind: strength}, rng()).frames
        return np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(FRAMES, out, strict=True)])

    errors = [error(strength) for strength in (0.1, 0.4, 0.7, 1.0)]
    assert errors[0] > 0.05 and errors == sorted(errors) and errors[-1] > 2 * errors[0]


def test_no_distortion_changes_nothing():
    out = distort(FRAMES, 12, {}, rng())
    assert all((a == b).all() for a, b in zip(FRAMES, out.frames, strict=True))
    assert out.shown.tolist() == list(range(24))


def test_each_distortion_leaves_its_mark():
    first = FRAMES[0].astype(float)
    blurred = distort(FRAMES, 12, {"blur": 0.8}, rng()).frames[0].astype(float)
    assert np.abs(np.diff(blurred, axis=1)).max() < 0.5 * np.abs(np.diff(first, axis=1)).max()
    noisy = distort(FRAMES, 12, {"noise": 0.5}, rng()).frames[0].astype(float)
    assert np.std(noisy - first) == pytest.approx(20, rel=0.2)
    means = [frame.mean() for frame in distort(FRAMES, 12, {"flicker": 1.0}, rng()).frames]
    assert means[1] == pytest.approx(means[0], rel=0.01) and means[2] > 1.3 * means[1] and means[4] < 0.7 * means[2]
    lit = distort(FRAMES, 12, {"exposure": 1.0}, rng()).frames
    assert not 0.5 < np.mean(lit) / np.mean(FRAMES) < 1.5


def test_halts_are_as_long_as_the_strength_says():
    shown = halted(6000, 0.5, rng())
    lengths = np.array(list(Counter(shown.tolist()).values()))
    assert (shown <= np.arange(6000)).all() and lengths.max() == 11 and lengths.mean() == pytest.approx(6, abs=0.4)
    assert halted(10, 0.0, rng()).tolist() == list(range(10))


def test_levels_of_overall_quality_are_even():
    generator = rng()
    levels = Counter(level_of(quality_of(draw_strengths(generator, True)).overall) for _ in range(1000))
    assert set(levels) == {1, 2, 3, 4, 5} and min(levels.values()) > 150
    assert all("stutter" not in draw_strengths(generator, False) for _ in range(50))


# Rows and the folder


def test_rows_say_what_the_scores_are():
    strengths = {"blur": 0.5, "compression": 0.9, "exposure": 0.3}
    rows = quality_rows(MOVING, Video("0" * 64), strengths, rng(), 3)
    kinds = Counter(row.item.tags["instruction_kind"] for row in rows)
    assert kinds == {"quality overall": 1, "quality dimension": 6, "quality question": 3}
    overall = rows[0].judgment
    assert overall.criteria == quality_of(strengths).dimensions and rows[0].item.responses == (ITSELF,)
    assert overall.score == level_of(0.75 * 0.1 + 0.25 * 0.7) == 2
    assert overall.reasoning == (
        "Edges and details are crisp: fair. Surfaces are free of grain: excellent. The picture is free of blocks and "
        "smears: bad. Motion runs without halts and jumps: excellent. So freedom from distortion: bad. The picture is "
        "neither too dark nor too bright: good. The brightness is steady: excellent. So look of the light: good. "
        "Overall: poor, score 2."
    )
    for row, each in zip(rows[1:7], DIMENSIONS, strict=True):
        assert list(row.judgment.criteria) == [each.name] and each.extent in row.item.instruction
        assert row.judgment.score == level_of(row.judgment.criteria[each.name])


def test_answers_are_rated_by_how_far_they_are_off():
    generator, ratings = rng(), Counter()
    for number in range(60):
        quality = draw_strengths(generator, True)
        for row in quality_rows(MOVING, Video(f"{number:064}"), quality, generator, 4)[7:]:
            item, rating = row.item, row.judgment.score
            ratings[rating] += 1
            assert 1 <= rating <= 5 and item.reference
            said, right = (text.removeprefix("It is ").rstrip(".") for text in (item.responses[0], item.reference))
            if item.instruction.endswith("excellent?"):
                assert rating == 5 - abs(LEVELS.index(said) - LEVELS.index(right))
            elif said == right:
                assert rating == 5
    assert set(ratings) == {1, 2, 3, 4, 5}


def test_a_folder_holds_clips_rows_and_facts(tmp_path):
    arguments = ["quality", "--out", str(tmp_path / "a"), "--split", "test", "--seed", "2"]
    assert main([*arguments, "--scenes", "1"]) == 0 and main([*arguments, "--scenes", "2"]) == 0
    lines = {
        name: [json.loads(line) for line in (tmp_path / f"a/{name}.jsonl").read_text().splitlines()]
        for name in ("items", "judgments", "facts")
    }
    assert len(lines["facts"]) == 2 and len(lines["items"]) == len(lines["judgments"]) == 20
    for item, judgment in zip(lines["items"], lines["judgments"], strict=True):
        assert Judgment.from_dict(judgment).item == Item.from_dict(item).id
    (tmp_path / "b/clips").mkdir(parents=True)
    again = make_quality_scene(tmp_path / "b", QualityWorld("test", 2), 1)
    assert again["facts"] == lines["facts"][1:] and json.loads(json.dumps(again["items"])) == lines["items"][10:]
    quality = lines["facts"][1]["quality"]
    assert quality["overall"] == quality_of(quality["strengths"]).overall
    scene = sample_scene(CORE, "test", 2, 1)
    assert len(lines["facts"][1]["objects"][0]["box"]) == scene.frame_count


def test_bad_options_are_refused(tmp_path, capsys):
    arguments = ["quality", "--out", str(tmp_path / "out"), "--scenes", "1", "--split", "test", "--questions", "99"]
    assert main(arguments) == 2 and "expected" in capsys.readouterr().err
