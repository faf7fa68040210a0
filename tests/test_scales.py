"""Scales of ratings: which one a column is on, and that nothing is subtracted across two of them, whichever verb asks."""

import json

import numpy as np
import pytest

from analysis.calibrate import calibrate
from analysis.cases import cases_of
from analysis.comparison import compare
from analysis.matching import gold_ratings
from analysis.meta_evaluation import SCALED, meta_evaluate
from analysis.records import read_runs
from analysis.scales import same_scale
from analysis.scaling_curves import scale
from tests.test_analysis_commands import verdict, write
from tests.test_benchmarks import LVB, MLLM, VATEX, jsonl, read
from workbench.schema import Item, Video

METRIC = {"judge": {"backend": "metric", "scale": [0, 100]}}
RAW = {"judge": {"backend": "reward", "scale": None}}
LABEL = {"scale": [1, 5]}


def records_of_scores(tmp_path, gold, given, gold_says=None, judge_says=None, prompt_says=None, who="human:a"):
    """Items of a video each with a gold rating and a judge's, in a run folder whose head may hold the prompt."""
    groups = []
    for place, (true, said) in enumerate(zip(gold, given, strict=True)):
        item = Item(Video(f"v{place}"), "What?", (f"response {place}",))
        groups.append((item, [verdict(item, who, "label", score=float(true), settings=gold_says or {}),
                              verdict(item, "judge", score=float(said), settings=judge_says or {})]))  # fmt: skip
    folder = write(tmp_path / "run", groups)
    if prompt_says:
        head = json.loads((tmp_path / "run" / "run.json").read_text())
        head["prompts"] = [{"id": "pointwise@1", "form": dict(zip(("low", "high"), prompt_says, strict=True))}]
        (tmp_path / "run" / "run.json").write_text(json.dumps(head))
    return read_runs([folder])


ONE_TO_FIVE, SHARES, PERCENT = (1, 3, 5, 2), (0, 1, 1, 0), (10, 40, 90, 55)


@pytest.mark.parametrize(("gold", "given", "says", "same"), [
    (ONE_TO_FIVE, (2, 3, 4, 1), {}, True),
    (ONE_TO_FIVE, (1.5, 3, 4, 1), {"gold_says": LABEL, "prompt_says": (1, 5)}, True),
    (ONE_TO_FIVE, (2, 3, 4, 1), {"gold_says": LABEL, "judge_says": METRIC}, False),  # low scores of a metric
    (ONE_TO_FIVE, (2, 3, 4, 1), {"judge_says": METRIC}, False),  # as a table of one's own labels has them
    (ONE_TO_FIVE, (2, 3, 4, 1), {"gold_says": LABEL, "judge_says": RAW}, False),
    (ONE_TO_FIVE, (2, 3, 4, 1), {"gold_says": LABEL, "prompt_says": (1, 10)}, False),
    (ONE_TO_FIVE, (2, 3, 4, 1), {"judge_says": METRIC, "who": "target"}, False),
    (PERCENT, (2, 3, 4, 1), {"prompt_says": (1, 5)}, False),  # the other way round
    (PERCENT, (2, 3, 4, 1), {}, False),
    (PERCENT, (20, 30, 70, 41), {"judge_says": METRIC}, True),
    (PERCENT, (20, 30, 70, 41), {}, True),  # nothing tells them apart
    (SHARES, (2, 3, 4, 1), {}, False),
    (SHARES, (1, 0, 1, 1), {"gold_says": {"scale": [0, 1]}, "prompt_says": (0, 1)}, True),
])  # fmt: skip
def test_scores_are_subtracted_on_one_scale_alone(tmp_path, gold, given, says, same):
    records = records_of_scores(tmp_path, gold, given, **says)
    who = says.get("who", "human")
    assert same_scale(np.array(given, float), records, 1, gold_ratings(records, who)) == same
    figures = meta_evaluate(records, who).judges["judge"].ratings.figures
    assert [figures[name].value is not None for name in ("rmse", "bias", "under_by_2")] == [same] * 3
    assert figures["spearman"].value is not None  # ranks need no scale
    assert all("scale" in (figures[name].reason or "") for name in SCALED) != same
    assert any(stand.error is not None for case in cases_of(records, {}, who) for stand in case.stands) == same


def test_people_on_two_scales_have_no_mean_to_be_off_from(tmp_path):
    item = Item(Video("v"), "What?", ("a",))
    lines = [verdict(item, f"human:{who}", "label", score=4.0, settings={"scale": ends})
             for who, ends in (("a", [1, 5]), ("b", [0, 10]))]  # fmt: skip
    records = read_runs([write(tmp_path / "run", [(item, [*lines, verdict(item, "judge", score=4.0)])])])
    assert meta_evaluate(records).judges["judge"].ratings.figures["rmse"].value is None


def test_no_verb_subtracts_across_scales(tmp_path):
    groups = []
    for place in range(6):
        item = Item(Video(f"v{place}"), "What?", (f"response {place}",))
        rated = [verdict(item, "human:a", "label", score=1.0 + place % 5, settings=LABEL)]
        rated += [verdict(item, "metric:x", sample=k, score=0.3 + place + k, settings=METRIC) for k in range(2)]
        rated.append(verdict(item, "near", score=2.0 + place % 3))
        groups.append((item, rated))
    records = read_runs([write(tmp_path / "run", groups)])
    points = scale(records)["metric:x"].ratings
    assert all(point.figures["mae"].value is None and "scale" in point.figures["mae"].reason for point in points)
    assert all(point.figures["spearman"].value is not None for point in points)
    (test,) = compare(records).ratings.tests
    assert test.p is None and test.differences["mae"].value is None and test.differences["spearman"].value is not None
    mapped = calibrate(records, maps=["isotonic"])["metric:x"].ratings.maps["isotonic"]
    assert mapped.raw["rmse"].value is None and mapped.test.p is None
    assert mapped.mapped["rmse"].value is not None and mapped.raw["pearson"].value is not None


@pytest.mark.parametrize(("name", "row", "ends"), [
    ("vatex-eval", VATEX | {"cands": ["a dog"], "scores": "[[5, null, 4]]"}, [1, 5]),
    ("mllm-judge-score", MLLM | {"name": "llava", "answer": "x", "human": 3}, [1, 5]),
    ("videojudge-metaeval", {"video": "v", "question": "q", "response": "r", "rating": 2}, [1, 5]),
    ("longvideobench", LVB | {"candidates": ["he", "she"]}, [0, 1]),
])  # fmt: skip
def test_readers_write_the_scale_they_know(tmp_path, name, row, ends):
    entry, *_ = read(name, jsonl(tmp_path, row))
    assert all(judgment.settings["scale"] == ends for judgment in entry.judgments)
