"""Readers of benchmarks: what each makes of a file of its documented shape, and what it says of rows that do not fit."""

import json

import pytest

from analysis.__main__ import main
from analysis.benchmarks import BENCHMARKS, find_benchmark, read_benchmark
from analysis.benchmarks.entries import Entry, Source
from analysis.records import item_facts
from workbench.errors import InputError
from workbench.store import Run
from workbench.tables import Rejected


def jsonl(tmp_path, *rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_json(tmp_path, value):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(value))
    return path


def csv(tmp_path, text):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    return path


def read(name, path, **more):
    return list(read_benchmark(find_benchmark(name), Source(name, path, **more)))


def one(name, path, **more):
    (entry,) = read(name, path, **more)
    assert isinstance(entry, Entry), entry
    return entry


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("v1.mp4", "v2.webm", "7.jpg"):
        (folder / name).write_bytes(name.encode())
    return folder


# -- one set after another

VATEX = {"vid": "v1", "cands": ["a dog", "a dog"], "scores": "[[5, null, 4], [3, 3, 3]]", "refs": [["r1", "r2"]]}


def test_vatex_eval(tmp_path, videos):
    first, second = read("vatex-eval", as_json(tmp_path, {"k": VATEX}), videos=videos)
    assert [(j.judge, j.score) for j in first.judgments] == [("human:ann1", 5), ("human:ann3", 4)]
    assert first.item.video.path == str(videos / "v1.mp4")
    assert (first.item.reference, json.loads(first.item.tags["references"])) == ("r1", ["r1", "r2"])
    assert first.item.id == second.item.id and [j.sample for j in second.judgments] == [
        1,
        1,
        1,
    ]  # rated twice, not lost


VAB = {"video_id": "v1", "persona": "A cook.", "question": "What?", "selected answer": "good", "rejected answer": "bad"}


def test_videoautobench(tmp_path, videos):
    entry = one("videoautobench", as_json(tmp_path, {"v1_3": VAB}), videos=videos)
    better = entry.item.responses["AB".index(entry.judgments[0].choice)]
    assert (better, entry.judgments[0].judge) == ("good", "human:selected")
    assert entry.item.tags["persona"] == "A cook." and "cook" not in entry.item.instruction
    assert entry.judgments[0].settings == {"order": [0, 1]}


def test_the_better_one_stands_in_both_places(tmp_path):
    rows = {str(n): {**VAB, "question": f"What {n}?"} for n in range(200)}
    choices = [entry.judgments[0].choice for entry in read("videoautobench", as_json(tmp_path, rows))]
    assert 70 < choices.count("A") < 130
    assert choices == [entry.judgments[0].choice for entry in read("videoautobench", as_json(tmp_path, rows))]


LVB = {"id": "q_0", "video_id": "v1", "video_path": "v1.mp4", "question": "Who?", "candidates": ["he", "she", "it"],
       "correct_choice": 1, "question_category": "S2E", "duration_group": 60}  # fmt: skip


def test_longvideobench_rates_each_option_alone(tmp_path, videos):
    found = read("longvideobench", as_json(tmp_path, [LVB]), videos=videos)
    assert [entry.item.responses for entry in found] == [("he",), ("she",), ("it",)]
    assert [entry.judgments[0].score for entry in found] == [0, 1, 0]
    assert [entry.item.tags["correct"] for entry in found] == ["no", "yes", "no"]
    assert {entry.item.tags["question"] for entry in found} == {"q_0"} and found[0].item.tags["duration_group"] == "60"


def test_longvideobench_as_the_hub_has_it(tmp_path):
    row = {key: value for key, value in LVB.items() if key != "candidates"}
    found = read("longvideobench", jsonl(tmp_path, row | {"option0": "he", "option1": "she", "option2": "N/A"}))
    assert [entry.item.responses[0] for entry in found] == ["he", "she"]


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"correct_choice": 3}, "expected the place of one of 3 options, from 0; got 3"),
        ({"correct_choice": -1}, "the test file has no answers"),
        ({"correct_choice": None}, "the test file has no answers"),
        ({"candidates": ["he", "he"]}, "two options are the same text"),
        ({"candidates": ["he"]}, "expected a list of at least two options"),
        ({"question": " "}, "question: got ' ', expected text"),
    ],
)
def test_longvideobench_rejects(tmp_path, change, reason):
    (rejected,) = read("longvideobench", as_json(tmp_path, [LVB | change]))
    assert isinstance(rejected, Rejected) and reason in rejected.reason


VRB = {"question": "What?", "chosen": "good", "rejected": "bad", "video_path": "v1.mp4", "category": "safety"}


def test_videorewardbench_by_usual_names(tmp_path, videos):
    entry = one("videorewardbench", jsonl(tmp_path, VRB), videos=videos)
    assert entry.item.responses["AB".index(entry.judgments[0].choice)] == "good"
    assert (entry.item.tags["dimension"], entry.item.tags["video"]) == ("safety", "v1.mp4")


def test_videorewardbench_by_names_given(tmp_path):
    path = jsonl(tmp_path, {"q": "What?", "win": "good", "lose": "bad"})
    with pytest.raises(InputError) as caught:
        read("videorewardbench", path)
    for part in ("no field for instruction (what was asked", "win (such as 'good')", "--column chosen=FIELD"):
        assert part in str(caught.value)
    given = {"instruction": ["q"], "chosen": ["win"], "rejected": ["lose"]}
    assert one("videorewardbench", path, columns=given).item.instruction == "What?"
    with pytest.raises(InputError, match="got chosen=won, but the file has q, win, lose"):
        read("videorewardbench", path, columns=given | {"chosen": ["won"]})
    with pytest.raises(InputError, match="got the role 'winner', expected one of video, instruction, chosen"):
        read("videorewardbench", path, columns={"winner": ["win"]})


MLLM = {"id": 7, "instruction": "What?", "image_path": "image/7.jpg", "original_dataset": "coco"}
ANSWERS = [{"name": name, "answer": f"by {name}"} for name in ("llava", "gpt4", "gemini")]


@pytest.mark.parametrize("human, score", [(3, 3.0), ("4", 4.0)])
def test_mllm_judge_score(tmp_path, videos, human, score):
    entry = one(
        "mllm-judge-score", jsonl(tmp_path, MLLM | {"name": "llava", "answer": "x", "human": human}), videos=videos
    )
    assert (entry.judgments[0].score, entry.judgments[0].judge) == (score, "human:annotators")
    assert entry.item.video.path == str(videos / "7.jpg") and entry.item.tags["model_a"] == "llava"


@pytest.mark.parametrize("human, choice", [("A", "A"), ("B", "B"), ("C", "tie")])
def test_mllm_judge_pair(tmp_path, human, choice):
    row = MLLM | {"answer1": ANSWERS[0], "answer2": ANSWERS[1], "human_answer": human}
    entry = one("mllm-judge-pair", jsonl(tmp_path, row))
    assert entry.judgments[0].choice == choice and entry.item.responses == ("by llava", "by gpt4")


def test_mllm_judge_batch(tmp_path):
    found = read(
        "mllm-judge-batch", jsonl(tmp_path, *(MLLM | {"answers": ANSWERS, "human_answer": t} for t in ("CAB", "CABD")))
    )
    assert found[0].judgments[0].ranking == (2, 0, 1)
    assert "expected each of ABC once, best first" in found[1].reason and found[1].line == 2  # the file has such rows


def test_videojudge_sets(tmp_path):
    rated = one("videojudge-metaeval", jsonl(tmp_path, {"video": "v", "question": "q", "response": "r", "rating": 2}))
    assert (rated.judgments[0].judge, rated.judgments[0].score) == ("target", 2.0)
    row = {"video": "v", "instruction": "q", "response_a": "x", "response_b": "y", "answer": "B"}
    for name, judge in (("videojudge-pairwise", "target"), ("videojudge-pairwise-h", "human:agreed")):
        entry = one(name, jsonl(tmp_path, row))
        assert (entry.judgments[0].judge, entry.judgments[0].choice) == (judge, "B")


MAXWELL = "O,A-1,T-1\n1.028571429,-0.94,-0.83\n4.584,0.5,0.25\n"


def test_maxwell_takes_names_from_the_labels_beside_it(tmp_path):
    (tmp_path / "train_labels.txt").write_text("a.mp4, -1, -1, 2.000\nb.mp4, -1, -1, 3.000\n")
    with pytest.raises(
        InputError, match="a labels file beside it has to.*train_labels.txt has 2 videos or other scores"
    ):
        read("maxwell", csv(tmp_path, MAXWELL))
    (tmp_path / "test_labels.txt").write_text("1.mp4, -1, -1, 1.029\n4541.mp4, -1, -1, 4.584\n")
    found = read("maxwell", csv(tmp_path, MAXWELL))
    whole, sharpness, content = found[3:]
    assert (whole.item.tags["video"], whole.judgments[0].score) == ("4541.mp4", 4.584)
    assert whole.judgments[0].criteria == {"content": 0.5, "sharpness": 0.25}
    assert whole.item.responses == ("The video itself.",) and whole.item.tags["dimension"] == "overall"
    assert (sharpness.item.instruction, sharpness.judgments[0].score) == ("Rate how crisp edges and details are.", 0.25)
    assert content.item.tags["dimension"] == "content"


def test_maxwell_labels_and_other_quality_tables(tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("1.mp4, -1, -1, 1.029\nbroken\n\n2.mp4, -1, -1, x\n")
    found = read("maxwell", labels)
    assert found[0].judgments[0].score == 1.029
    assert [(row.line, row.reason[:30]) for row in found[1:]] == [
        (2, 'expected "name.mp4, -1, -1, 3.'),
        (4, "mos: got 'x', expected a numbe"),
    ]
    entry = one("maxwell", csv(tmp_path, "filename,MOS,noise,note\nv.mp4,63.5,0.2,ok\n"))
    assert (entry.judgments[0].score, entry.judgments[0].criteria) == (63.5, {"noise": 0.2})


# -- own labels


@pytest.mark.parametrize(
    "text, columns, expected",
    [
        ("question,response,score,annotator\nq,r,4,anna\n", {}, [("human:anna", 4.0, None)]),
        ("question,response,rating\nq,r,4.5\n", {}, [("human:labels", 4.5, None)]),
        ("question,response,anna,ben\nq,r,4,\n", {"score": ["anna", "ben"]}, [("human:anna", 4.0, None)]),
        *(
            (f"question,response,anna,ben\nq,r,4,{hole}\n", {"score": ["anna", "ben"]}, [("human:anna", 4.0, None)])
            for hole in ("NaN", "NA", "n/a", "<NA>", "  ", "None")
        ),
        ("question,response,score,annotator\nq,r,4,NaN\n", {}, [("human:labels", 4.0, None)]),
        ("question,response_a,response_b,choice\nq,x,y,b\n", {}, [("human:labels", None, "B")]),
        ("question,response_a,response_b,winner\nq,x,y,tie\n", {}, [("human:labels", None, "tie")]),
    ],
)
def test_own_labels(tmp_path, text, columns, expected):
    entry = one("labels", csv(tmp_path, text), columns=columns)
    assert [(j.judge, j.score, j.choice) for j in entry.judgments] == expected
    assert set(entry.item.tags) == {"row"}


def test_own_rankings(tmp_path):
    entry = one("labels", csv(tmp_path, "question,response_1,response_2,response_3,ranking\nq,x,y,z,B > C > A\n"))
    assert entry.judgments[0].ranking == (1, 2, 0)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("question,response,score\nq,r,\n", "need a score but the filled columns (none) hold none; fill it in"),
        ("question,response,score\nq,r,NaN\n", "need a score in score; fill it in"),
        ("question,response,score\nq,r,high\n", "score: got 'high', expected a number"),
        ("question,response_a,response_b,choice\nq,x,y,C?\n", "choice: got 'C?', expected A, B or tie"),
        ("question,response,note\nq,r,fine\n", "name it with --column score=COLUMN"),
    ],
)
def test_own_labels_that_cannot_be_used(tmp_path, text, reason):
    (rejected,) = read("labels", csv(tmp_path, text))
    assert reason in rejected.reason


# -- files that cannot be read


@pytest.mark.parametrize(
    "content, complaint",
    [
        ('{"a": {}', r"rows.json, line 1: not JSON"),
        ('{"a": {},\n "b": {}\n "c"}', r"rows.json, line 3: not JSON"),
        ("3", "got a JSON int, expected objects, in a list or by key"),
    ],
)
def test_bad_json_names_its_line(tmp_path, content, complaint):
    path = tmp_path / "rows.json"
    path.write_text(content)
    with pytest.raises(InputError, match=complaint):
        read("videoautobench", path)


def test_broken_lines_are_rejected_with_their_line(tmp_path):
    path = jsonl(tmp_path, VRB)
    path.write_text(path.read_text() + "{broken\n[1]\n")
    found = read("videorewardbench", path)
    assert [(row.line, row.reason[:8]) for row in found[1:]] == [(2, "not JSON"), (3, "got a JS")]


def test_a_video_that_is_not_there_rejects_its_row(tmp_path, videos):
    (rejected,) = read("videoautobench", as_json(tmp_path, {"k": VAB | {"video_id": "gone"}}), videos=videos)
    assert "gone does not exist" in rejected.reason
    with pytest.raises(InputError, match="which is no folder"):
        read("videoautobench", as_json(tmp_path, {"k": VAB}), videos=tmp_path / "nowhere")


def test_unknown_benchmarks_are_told_the_known(capsys):
    assert main(["import", "vatex", "--data", "x", "--out", "y"]) == 2
    assert "did you mean 'vatex-eval'?" in capsys.readouterr().err
    assert main(["import", "longvideobench", "--out", "y"]) == 2
    assert "lvb_val.json" in capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_reader_is_there_and_refuses_an_empty_file(tmp_path, name):
    path = tmp_path / "rows.jsonl"
    path.write_text("")
    try:
        assert read(name, path) == []
    except InputError as error:
        assert "rows" in str(error)


# -- into a run folder


def test_import_makes_a_run_once(tmp_path, capsys):
    path = as_json(tmp_path, {"k": VATEX, "bad": {"vid": "v2"}})
    command = ["import", "vatex-eval", "--data", str(path), "--out", str(tmp_path / "run")]
    assert main(command) == 1  # a row was rejected
    out = capsys.readouterr().out
    assert "1 items; gold judgments: 2 by human:ann1, 1 by human:ann2, 2 by human:ann3" in out
    assert "row 2: cands: got None, expected a list." in out and "judge it:" in out
    run = Run.open(tmp_path / "run")
    assert (len(run.items()), len(run.judgments()), len(run.rejected())) == (1, 5, 1)
    assert run.head()["config"]["imported"] == "vatex-eval"
    lines = (run.folder / "judgments.jsonl").read_text()
    assert main(command) == 1 and (run.folder / "judgments.jsonl").read_text() == lines
    other = as_json(tmp_path, {"k": VATEX})
    assert main(["import", "vatex-eval", "--data", str(other), "--out", str(tmp_path / "run")]) == 2


def test_equal_texts_about_two_videos_are_two_items(tmp_path, capsys):
    asked = [("v1", 0, ["yes", "no"]), ("v2", 1, ["yes", "no"]), ("v3", 0, ["yes", "no"]), ("v1", 1, ["s", "t"])]
    rows = [
        LVB | {"video_id": name, "correct_choice": correct, "candidates": options} for name, correct, options in asked
    ]
    command = ["import", "longvideobench", "--data", str(as_json(tmp_path, rows)), "--out", str(tmp_path / "run")]
    assert main(command) == 0
    assert "8 items; gold judgments: 8 by human:key" in capsys.readouterr().out
    run = Run.open(tmp_path / "run")
    items, judgments = run.items(), run.judgments()
    right = {(items[one.item].tags["video"], *items[one.item].responses) for one in judgments if one.score == 1}
    assert len(items) == 8 and right == {("v1", "yes"), ("v2", "no"), ("v3", "yes"), ("v1", "t")}
    facts = [item_facts(item) for item in items.values()]
    assert len({one.video for one in facts}) == 3  # stand-ins and names are the same videos
    lines = (run.folder / "judgments.jsonl").read_text()
    assert main(command) == 0 and (run.folder / "judgments.jsonl").read_text() == lines


def test_two_labels_of_one_item_by_one_judge_are_told(tmp_path, capsys):
    path = csv(tmp_path, "question,response,score,annotator\nq,r,4,anna\nq,r,2,anna\nq,r,4,anna\nq,r,1,ben\n")
    assert main(["import", "labels", "--data", str(path), "--out", str(tmp_path / "run")]) == 1
    out = capsys.readouterr().out
    assert "1 items; gold judgments: 1 by human:anna, 1 by human:ben" in out
    assert "row 2: human:anna says 2 here and 4 of the same item in row 1: the first counts" in out
    run = Run.open(tmp_path / "run")
    assert {one.judge: one.score for one in run.judgments()} == {"human:anna": 4, "human:ben": 1}
    assert [row["row"] for row in run.rejected()] == [2]


def test_an_import_without_a_usable_row_makes_no_run(tmp_path, capsys):
    path = as_json(tmp_path, {"k": {"vid": "v"}})
    assert main(["import", "vatex-eval", "--data", str(path), "--out", str(tmp_path / "run")]) == 2
    assert "no row can be used; row 1: cands" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_judges_judge_into_an_imported_run(tmp_path, capsys):
    from workbench.__main__ import main as workbench

    rows = {"1": VATEX, "2": VATEX | {"vid": "v2", "cands": ["a cat", "r1"], "scores": "[[1, 1, 2], [4, 5, 5]]"}}
    run = str(tmp_path / "run")
    main(["import", "vatex-eval", "--data", str(as_json(tmp_path, rows)), "--out", run])
    assert workbench(["judge", "--items", run, "--judge", "metric:rouge_l"]) == 0
    assert workbench(["judge", "--items", run, "--judge", "metric:bleu", "--samples", "2"]) == 0  # other settings
    assert workbench(["judge", "--items", run, "--judge", "metric:rouge_l"]) == 0
    judges = [judgment.judge for judgment in Run.open(run).judgments()]
    assert (judges.count("metric:rouge_l"), judges.count("metric:bleu"), judges.count("human:ann1")) == (3, 6, 4)
    assert [prompt["name"] for prompt in Run.open(run).head()["prompts"]] == ["pointwise"]
    assert workbench(["judge", "--items", run, "--judge", "metric:bleu", "--out", str(tmp_path / "other")]) == 0
    assert len(Run.open(tmp_path / "other").items()) == 3
    capsys.readouterr()
    for wrong, complaint in (
        (["--mode", "pairwise", "--judge", "metric:bleu"], "has pointwise items, none for the pairwise prompt"),
        (["--judge", "embedded"], "these items have none; import them with --videos DIR"),
        (["--judge", "metric:bleu", "--column", "video=x"], "--column is for a table"),
    ):
        assert workbench(["judge", "--items", run, *wrong]) == 2
        assert complaint in capsys.readouterr().err
