"""The verbs agree, compare, calibrate and scale on run folders: tables, JSON without NaN, coverage, errors in one line."""

import json

import numpy as np
import pytest
from scipy import stats

from analysis.__main__ import main
from workbench.schema import Item, Judgment, Video
from workbench.store import Run

RNG = np.random.default_rng(4)


def verdict(item, judge, prompt="pointwise@1", **fields):
    status = "scored" if {"score", "choice", "ranking"} & set(fields) else "unparsed"
    return Judgment(item.id, judge, prompt, status, **fields)


def ratings(video, truth):
    """One rated item: three annotators with holes, a near and a far judge (some unparsed), a judge with two temperatures."""
    item = Item(Video(f"v{video}"), "What happens?", (f"response {video}",))
    found = [verdict(item, f"human:{who}", "label", score=float(np.clip(truth + RNG.integers(-1, 2), 1, 5)))
             for who in range(3) if RNG.random() < 0.8 or who == 0]  # fmt: skip
    for judge, spread in (("near", 1), ("far", 3)):
        score = int(np.clip(truth + RNG.integers(-spread, spread + 1), 1, 5))
        probs = {str(level): 0.6 if level == score else 0.1 for level in range(1, 6)}
        fields = {"score": float(score), "probs": probs} if RNG.random() < 0.9 else {}
        found.append(verdict(item, judge, settings={"order": [0]}, **fields))
    for temperature in (0.0, 1.0):
        sampling = {"sampling": {"temperature": temperature}}
        found += [verdict(item, "warm", settings=sampling, sample=k, score=float(truth)) for k in range(2)]
    return item, found


def pairs(video):
    tags = {"model_a": "xyz"[video % 3], "model_b": "yzx"[video % 3], "dimension": "pq"[video % 2]}
    item = Item(Video(f"v{video}"), "Which?", (f"a {video}", f"b {video}"), tags=tags)
    gold = "AB"[RNG.integers(2)]
    found = [verdict(item, "human:0", "label", choice=gold)]
    for order in ([0, 1], [1, 0]):
        choice = gold if RNG.random() < 0.7 else RNG.choice(["A", "B", "tie"])
        found.append(verdict(item, "near", "pairwise@1", choice=str(choice), settings={"order": order}))
        found.append(verdict(item, "far", "pairwise@1", choice=str(RNG.choice(["A", "B"])), settings={"order": order}))
    return item, found


def write(folder, groups):
    run = Run.create(folder, config={})
    with run.writing():
        run.add_items(item for item, _ in groups)
        for _, judgments in groups:
            for judgment in judgments:
                run.append(judgment)
    return str(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    groups = [ratings(video, int(RNG.integers(1, 6))) for video in range(40)] + [pairs(video) for video in range(30)]
    return write(tmp_path_factory.mktemp("runs") / "run", groups)


def told(argv, tmp_path):
    file = tmp_path / "out.json"
    assert main([*argv, "--json", str(file)]) == 0
    return json.loads(file.read_text(), parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))


def test_agree_is_what_scipy_says_of_the_run_folder(run, tmp_path, capsys):
    found = told(["agree", run, "--by", "dimension"], tmp_path)
    gold, near = {}, {}
    for judgment in Run.open(run).judgments():
        if judgment.score is not None and judgment.judge.startswith("human"):
            gold.setdefault(judgment.item, []).append(judgment.score)
        elif judgment.score is not None and judgment.judge == "near":
            near[judgment.item] = judgment.score
    means = [np.mean(gold[item]) for item in near]
    label = next(name for name in found["judges"] if name.startswith("near") and found["judges"][name]["ratings"])
    figures = found["judges"][label]["ratings"]["figures"]
    assert figures["kendall_tau_b"]["value"] == pytest.approx(stats.kendalltau(list(near.values()), means).statistic)
    assert (figures["mae"]["n"], figures["mae"]["left_out"]) == (len(near), 40 - len(near))
    assert figures["kappa"]["value"] is None and figures["kappa"]["reason"]
    shown = capsys.readouterr().out
    for words in ("People among themselves: 3", "coverage", "unparsed", "Beside each annotator", "Errors by gold rating",
                  "consistent accuracy", "macro", "Bradley-Terry", "warm [temperature=0.0]", "warm [temperature=1.0]"):  # fmt: skip
        assert words in shown, words


def test_the_last_line_of_a_key_counts(tmp_path):
    item = Item(None, "What?", ("a",))
    lines = [
        verdict(item, "human", "label", score=3.0),
        verdict(item, "judge", score=1.0),
        verdict(item, "judge", score=3.0),
    ]
    found = told(["agree", write(tmp_path / "run", [(item, lines)])], tmp_path)
    figures = found["judges"]["judge"]["ratings"]["figures"]
    assert figures["mae"]["value"] == 0 and figures["mae"]["n"] == 1 and figures["mae"]["low"] is None


def test_judges_and_people_may_be_in_different_runs(tmp_path):
    item = Item(None, "What?", ("a",))
    one = write(tmp_path / "one", [(item, [verdict(item, "target", "label", score=4.0)])])
    two = write(tmp_path / "two", [(item, [verdict(item, "judge", score=2.0)])])
    found = told(["agree", one, two, "--gold", "target"], tmp_path)
    assert found["judges"]["judge"]["ratings"]["figures"]["bias"]["value"] == -2


def test_gold_on_another_scale_leaves_ranks_only(tmp_path):
    groups = []
    for number in range(6):
        item = Item(Video(f"v{number // 2}"), f"Question {number // 2}?", (f"option {number}",))
        gold = verdict(item, "human:key", "label", score=float(number % 2), settings={"scale": [0, 1]})
        groups.append((item, [gold, verdict(item, "judge", score=3.0 + number % 2)]))
    ratings = told(["agree", write(tmp_path / "run", groups)], tmp_path)["judges"]["judge"]["ratings"]
    assert ratings["figures"]["rmse"]["value"] is None and "scale" in ratings["figures"]["rmse"]["reason"]
    assert ratings["superiority"]["psup"]["value"] == 1 and ratings["superiority"]["delta"]["value"] == 1


def test_compare(run, tmp_path, capsys):
    found = told(["compare", run], tmp_path)
    tests = {(test["first"], test["second"]): test for test in found["ratings"]["tests"]}
    assert len(tests) == 6 and all(test["p"] <= test["p_holm"] <= 1 for test in tests.values())
    near, far = (next(n for n in found["ratings"]["judges"] if n.startswith(judge)) for judge in ("near", "far"))
    test = tests.get((near, far)) or tests[far, near]
    difference = test["differences"]["mae"]
    assert difference["high"] < 0 if test["first"] == near else difference["low"] > 0
    assert found["preferences"]["tests"][0]["tested"] == "accuracy"
    assert "p (Holm)" in capsys.readouterr().out


def test_compare_against_a_baseline(run, tmp_path):
    found = told(
        ["compare", run, "--baseline", "warm [temperature=0.0]", "--judge", "warm [temperature=1.0]"], tmp_path
    )
    assert [(t["first"], t["second"]) for t in found["ratings"]["tests"]] == [
        ("warm [temperature=1.0]", "warm [temperature=0.0]")
    ]
    assert found["ratings"]["tests"][0]["p"] == 1 and found["preferences"] is None


def test_calibrate(run, tmp_path, capsys):
    scores = tmp_path / "scores.csv"
    found = told(["calibrate", run, "--risk", "0.3", "--map", "isotonic", "--scores", str(scores)], tmp_path)
    label = next(name for name in found["judges"] if name.startswith("near") and found["judges"][name]["ratings"])
    judge = found["judges"][label]["ratings"]
    assert judge["confidence"]["bins"][0]["confidence"] == pytest.approx(0.6)
    assert set(judge["readings"]) == {"as written", "likeliest", "expected"}
    assert judge["maps"]["isotonic"]["raw"]["rmse"]["value"] > 0
    assert scores.read_text().splitlines()[0] == "judge,item,sample,raw_score,isotonic"
    assert "held-out videos" in capsys.readouterr().out


def test_scale(run, tmp_path, capsys):
    found = told(["scale", run], tmp_path)
    points = found["judges"]["warm [temperature=1.0]"]["ratings"]
    assert {(p["way"], p["k"]) for p in points} == {(w, k) for w in ("majority", "mean", "median") for k in (1, 2)}
    assert any(one["preferences"] for one in found["judges"].values())
    assert "Ratings by majority" in capsys.readouterr().out


def test_the_benchmark_agrees_with_the_libraries(capsys):
    assert main(["bench", "--judgments", "300", "--videos", "30", "--judges", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(float(line.split()[-1]) < 1e-9 for line in lines[2:4]) and "x " in lines[2]


@pytest.mark.parametrize("argv, message", [
    (["agree", "{run}", "--gold", "bob"], "there are: "),
    (["agree", "nowhere"], "not a run folder"),
    (["compare", "{run}", "--judge", "bob"], "these runs have"),
    (["calibrate", "{run}", "--risk", "7"], "from 0 to 1"),
    (["calibrate", "{run}", "--scores", "x.csv"], "--map"),
])  # fmt: skip
def test_errors_are_one_line(run, argv, message, capsys):
    assert main([part.format(run=run) for part in argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


@pytest.mark.parametrize("verb", ["agree", "compare", "calibrate", "scale"])
def test_no_overlap_says_so(verb, tmp_path, capsys):
    one, other = Item(None, "What?", ("a",)), Item(None, "What?", ("b",))
    judges = [verdict(other, name, score=2.0) for name in ("j", "k")]
    run = write(tmp_path / "run", [(one, [verdict(one, "human", "label", score=3.0)]), (other, judges)])
    assert main([verb, run]) == 2 and "in common" in capsys.readouterr().err


def test_a_score_that_is_no_number_is_refused_with_its_line(tmp_path, capsys):
    item = Item(None, "What?", ("a",))
    run = write(tmp_path / "run", [(item, [verdict(item, "human", "label", score=3.0)])])
    path = tmp_path / "run" / "judgments.jsonl"
    path.write_text(path.read_text().replace("3.0", "NaN"))
    assert main(["agree", run]) == 2
    assert "judgments.jsonl, line 1" in capsys.readouterr().err
