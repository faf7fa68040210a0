"""Quality judging: levels and scores, definitions, and SRCC and PLCC beside mean opinion scores."""

import pytest
from scipy.stats import pearsonr, spearmanr

from analysis.__main__ import main
from analysis.quality import quality_agreement
from analysis.records import judge_columns, read_runs
from workbench.errors import InputError
from workbench.quality import (
    DIMENSIONS,
    ITSELF,
    LEVELS,
    OVERALL,
    WEIGHTS,
    dimension_named,
    score_of_level,
    score_of_levels,
)
from workbench.schema import Item, Judgment, Video
from workbench.store import Run


@pytest.mark.parametrize(
    "probabilities, score",
    [
        ({"excellent": 1.0}, 1.0),
        ({"bad": 1.0}, 0.0),
        (dict.fromkeys(LEVELS, 0.2), 0.5),
        ({"good": 0.5, "excellent": 0.5}, 0.875),
        ({"good": 0.2, "fair": 0.2}, 0.625),  # the rest of the vocabulary had 0.6
        ({"1": 0.25, "2": 0.75}, 0.1875),
    ],
)
def test_score_of_levels(probabilities, score):
    assert score_of_levels(probabilities) == pytest.approx(score)


@pytest.mark.parametrize("wrong", [{}, {"good": 0.0}, {"superb": 1.0}, {"6": 1.0}])
def test_what_is_no_level(wrong):
    with pytest.raises(InputError):
        score_of_levels(wrong)


def test_a_sure_level_is_its_weight():
    assert (
        [score_of_level(place) for place in range(1, 6)]
        == [WEIGHTS[word] for word in LEVELS]
        == [0, 0.25, 0.5, 0.75, 1]
    )
    with pytest.raises(InputError, match="got 6, expected 1 to 5"):
        score_of_level(6)


def test_instructions_hold_definitions_and_no_names():
    assert (
        len({one.name for one in DIMENSIONS}) == len({one.instruction for one in DIMENSIONS}) == len(DIMENSIONS) >= 14
    )
    assert {one.group for one in DIMENSIONS} == {"distortion", "aesthetic"}
    assert dimension_named("sharpness").instruction == "Rate how crisp edges and details are."
    with pytest.raises(InputError, match="expected one of sharpness"):
        dimension_named("noise")


MOS = (3.1, 1.2, 4.5, 2.0)
GRADES = ({"4": 0.9, "3": 0.1}, {"1": 0.8, "2": 0.2}, {"5": 1.0}, {"2": 0.5, "4": 0.5})
PLAIN = (4.0, 1.0, 5.0, None)


def run_of(tmp_path):
    run = Run.create(tmp_path / "run", config={})
    with run.writing():
        for place, mos in enumerate(MOS):
            items = [
                Item(Video(f"sha{place}"), OVERALL, (ITSELF,), tags={"dimension": "overall"}),
                Item(Video(f"sha{place}"), DIMENSIONS[0].instruction, (ITSELF,), tags={"dimension": "sharpness"}),
            ]
            run.add_items(items)
            for item in items:
                run.append(Judgment(item.id, "human:mos", "maxwell", "scored", score=mos))
            level = float(max(GRADES[place], key=GRADES[place].get))
            run.append(Judgment(items[0].id, "graded", "quality@1", "scored", score=level, probs=GRADES[place]))
            verdict = {"status": "scored", "score": PLAIN[place]} if PLAIN[place] else {"status": "unparsed"}
            run.append(Judgment(items[0].id, "plain", "quality@1", **verdict))
            scale = {"judge": {"scale": [0, 100]}}
            run.append(Judgment(items[0].id, "metric:x", "quality@1", "scored", score=60.0 - place, settings=scale))
    return run


def test_correlations_are_scipys_on_scores_from_probabilities(tmp_path):
    records = read_runs([run_of(tmp_path).folder])
    found = quality_agreement(records, judge_columns(records, "human"), "human")
    scores = [score_of_levels(grades) for grades in GRADES]
    graded = found["graded"]["overall"]
    assert graded.srcc.value == pytest.approx(spearmanr(scores, MOS)[0])
    assert graded.plcc.value == pytest.approx(pearsonr(scores, MOS)[0])
    assert (graded.srcc.n, graded.graded, graded.srcc.videos) == (4, 4, 4)
    plain = found["plain"]["overall"]
    assert plain.plcc.value == pytest.approx(pearsonr([0.75, 0.0, 1.0], MOS[:3])[0])
    assert (plain.srcc.n, plain.srcc.left_out, plain.coverage.unparsed, plain.graded) == (3, 1, 1, 0)
    assert found["metric:x"]["overall"].plcc.value == pytest.approx(pearsonr([60, 59, 58, 57], MOS)[0])
    assert "sharpness" not in found["graded"]  # nobody judged it


def test_whoever_is_off_the_levels_stays_raw_and_stops_nobody(tmp_path, capsys):
    run, off = run_of(tmp_path), (70.0, 20.0, 90.0, 40.0)
    items = [item for item in run.items().values() if item.tags["dimension"] == "overall"]
    with run.writing():
        for item, score in zip(items, off, strict=True):
            run.append(Judgment(item.id, "human:percent", "labels", "scored", score=score))
            run.append(Judgment(item.id, "tenths", "pointwise@1", "scored", score=score / 10, probs={"10": 1.0}))
    records = read_runs([run.folder])
    found = quality_agreement(records, judge_columns(records, "human:mos"), "human:mos")
    assert {judge for judge, one in found.items() if one["overall"].raw} == {"human:percent", "tenths", "metric:x"}
    assert found["human:percent"]["overall"].plcc.value == pytest.approx(pearsonr(off, MOS)[0])
    assert (found["tenths"]["overall"].graded, found["graded"]["overall"].graded) == (0, 4)
    assert main(["quality", str(run.folder), "--gold", "human:mos"]) == 0
    out = capsys.readouterr().out
    assert "human:percent: scores as they were given, for they are no levels from 1 to 5" in out
    assert "graded: 4 of 4 scores from level probabilities" in out


def test_the_command(tmp_path, capsys):
    run, told = run_of(tmp_path), tmp_path / "figures.json"
    assert main(["quality", str(run.folder), "--json", str(told)]) == 0
    out = capsys.readouterr().out
    assert "SRCC" in out and "PLCC" in out and "4 of 4 scores from level probabilities" in out
    assert '"srcc"' in told.read_text()
    empty = Run.create(tmp_path / "empty", config={})
    assert main(["quality", str(empty.folder)]) == 2
