"""VATEX-EVAL: the known values to the digit where the data is at hand; else small files with values worked by hand."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from analysis import estimate
from analysis.__main__ import main
from analysis.benchmarks.entries import Source
from analysis.vatex_eval import METRICS, load, measure
from workbench.errors import InputError

DATA = Path(os.environ.get("VATEX_EVAL", Path(__file__).parents[2] / "shared" / "data" / "vatex_eval.json"))
KNOWN = {  # tau-b and rho, times 100
    "length": (-9.48, -11.76),
    "ROUGE-L, 1 reference": (12.55, 16.39),
    "ROUGE-L, all references": (23.67, 30.71),
    "BLEU-1, 1 reference": (12.23, 15.97),
    "BLEU-1, all references": (28.91, 36.98),
}
needs_data = pytest.mark.skipif(
    not DATA.is_file(), reason=f"no human ratings at {DATA.name}; set VATEX_EVAL to the file"
)


def few_draws(monkeypatch):
    """The values do not depend on the draws; a handful keeps the test short."""
    whole = estimate.weight_chunks
    monkeypatch.setattr(estimate, "weight_chunks", lambda videos, draws=8, seed=0: whole(videos, 8, seed))


@needs_data
def test_the_known_values_to_the_digit(monkeypatch):
    few_draws(monkeypatch)
    report = measure(load(Source("vatex-eval", DATA)))
    assert (report.captions, report.videos, report.rejected) == (18_000, 3_000, ())
    whole, later = report.parts
    found = {one.name: (round(100 * one.kendall.value, 2), round(100 * one.spearman.value, 2)) for one in whole.metrics}
    assert found == KNOWN
    taus, rhos = zip(*((100 * one.kendall.value, 100 * one.spearman.value) for one in whole.annotators), strict=True)
    ends = [round(value, 2) for value in (min(taus), max(taus), min(rhos), max(rhos))]
    assert ends == [59.85, 61.29, 68.07, 69.79]  # printed as 59.9-61.3 and 68.1-69.8: 59.8456 was rounded twice
    assert round(whole.alpha.value, 3) == 0.588
    assert [round(one.value, 2) for one in report.slot_means] == [4.75, 3.92, 4.00, 3.92, 3.85, 3.79]
    assert later.metrics[0].kendall.n == 15_000
    assert later.metrics[0].kendall.value < whole.metrics[0].kendall.value


def written(tmp_path, videos):
    path = tmp_path / "vatex.json"
    path.write_text(json.dumps(videos))
    return Source("vatex-eval", path)


def video(name, captions, scores, refs=("a dog runs", "a dog")):
    return {"vid": name, "cands": captions, "scores": json.dumps(scores), "refs": [list(refs)]}


SMALL = {
    "1": video("v1", ["a dog runs", "a cat"], [[5, 5], [1, 2]]),
    "2": video("v2", ["a dog", "a bird in the sky"], [[4, 3], [2, 1]]),
    "3": video("v3", ["one dog", "the dog runs fast"], [[3, 4], [4, 4]]),
}


def test_correlations_are_scipys(tmp_path):
    data = load(written(tmp_path, SMALL))
    whole = measure(data).parts[0]
    for place, one in enumerate(whole.metrics):
        assert one.name == METRICS[place]
        for found, function in ((one.kendall, kendalltau), (one.spearman, spearmanr)):
            expected = np.mean([function(data.metrics[:, place], data.ratings[:, a])[0] for a in range(2)])
            assert found.value == pytest.approx(expected) and found.n == 6 and found.videos == 3


def test_a_caption_without_all_its_ratings_is_left_out_and_counted(tmp_path):
    holed = SMALL | {"4": video("v4", ["x", "y"], [[None, 3], [2, 2]])}
    whole = measure(load(written(tmp_path, holed))).parts[0]
    assert (whole.metrics[0].kendall.n, whole.metrics[0].kendall.left_out) == (7, 1)


@pytest.mark.parametrize(
    "videos",
    [
        {"1": video("v1", ["a"], [[5, 5]])},  # one caption of one video
        {str(n): video(f"v{n}", ["a dog", "a dog"], [[3, 3], [3, 3]]) for n in range(4)},  # all alike
        {"1": video("v1", ["a", "b"], [[5], [4]])},  # one annotator
    ],
)
def test_what_does_not_exist_is_none_with_a_reason(tmp_path, videos, capsys):
    report = measure(load(written(tmp_path, videos)))
    assert report.parts[0].metrics[0].kendall.value is None or len(videos) == 1
    for one in report.parts[0].metrics:
        assert one.kendall.value is not None or one.kendall.reason
    assert main(["benchmark", "vatex-eval", "--data", str(tmp_path / "vatex.json")]) == 0
    assert "nan" not in capsys.readouterr().out


def test_the_command(tmp_path, capsys):
    source = written(tmp_path, SMALL | {"9": {"vid": "v9", "cands": ["a"], "scores": "[[9]]", "refs": [["b"]]}})
    told = tmp_path / "figures.json"
    assert main(["benchmark", "vatex-eval", "--data", str(source.path), "--json", str(told)]) == 1
    out = capsys.readouterr().out
    assert "6 captions of 3 videos" in out and "rejected row 4: scores: got 9, expected a number from 1 to 5." in out
    assert json.loads(told.read_text())["parts"][0]["metrics"][0]["kendall"]["n"] == 6
    assert main(["benchmark", "vatex-eval"]) == 2
    assert "--data: give the file" in capsys.readouterr().err


def test_a_file_without_a_usable_row_is_refused(tmp_path):
    with pytest.raises(InputError, match="no row can be used; the first: row 1: vid: got nothing"):
        load(written(tmp_path, {"1": {"cands": []}}))
