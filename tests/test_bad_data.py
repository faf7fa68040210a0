"""Bad tables, rubrics and judges through the command line: each ends in a sentence that says what to do, and costs no neighbour."""

import csv
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import rows as rows_module
from workbench import table_items
from workbench.__main__ import main
from workbench.errors import InputError
from workbench.judge_options import read_labels
from workbench.prompts import load_prompt
from workbench.prompts.levels import level_note
from workbench.schema import Item
from workbench.store import Run
from workbench.table_items import gather_items
from workbench.tables import Rejected, open_table

ROOT = Path(__file__).parent.parent
GOOD, SECOND = {"question": "q", "response": "r"}, {"question": "q2", "response": "r"}
LIST = {"question": "q", "responses": ["a", ""]}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"stands for a video")
    (tmp_path / "judge.yaml").write_text("rules: [{reply: <score>3</score>}]")
    (tmp_path / "mute.yaml").write_text("rules: [{reply: ''}]")
    noise = " ".join(["lorem \u200b<score", "{[", "5 of", "\U0001f600", "</s", "??"] * 400)
    (tmp_path / "noise.yaml").write_text("rules: [{reply: " + json.dumps(noise) + "}]")
    return tmp_path


def judge(capsys, *words, judge="judge"):
    code = main(["judge", "--no-video", f"--judge=scripted:{judge}.yaml", *words])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def write(name, content):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return f"--items={name}"


def lines(*rows):
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


# -- tables: name, content, options, exit code, what is said, how many items were judged

Q = "question,response\n"
TABLES = [
    ("t.csv", "film,note\na.mp4,hello\n", [], 2, "No column for the response among film, note; name it with response=COLUMN", 0),
    ("t.csv", "question,note\nq,hello\n", ["--column=response=answer"], 2, "the table's columns are question, note", 0),
    ("t.csv", Q + "q,r\nq\nq,r,s,t\nq2,r\n", [], 1, "got 1 fields, the header names 2 columns", 2),
    ("t.csv", Q.encode() + b"q,r\nq,Flu\xdf\n\xe4,r\nq2,r\n", [], 1, "its bytes are not text in the file's encoding", 2),
    ("t.csv", (Q + "q,Flu\u00df\n").encode() + "q2,Flu\u00df\n".encode("utf-16-le") + b"\nq3,r\n", [], 1, "not text", 2),
    ("t.csv", (Q + "q,r\n").encode("utf-16-le"), [], 2, "not text in this encoding; name the one it has", 0),
    ("t.csv", Q + "q,NaN\nq,nan\nq,#N/A\nq,r\n", [], 1, "response: got 'NaN', expected text; fill it in", 1),
    ("t.jsonl", '{"question": "q", "response": NaN}\n' + lines(GOOD), [], 1, "response: got nan, expected text", 1),
    ("t.csv", Q + "q,r\nq,r\nq,r\n", [], 0, "items: 1, rejected rows: 0, repeated: 2", 1),
    ("t.csv", Q + "q,\nq,r\n", [], 1, "response: got nothing, expected text; fill it in or drop the row", 1),
    ("t.csv", Q + "q,\u200b \nq,r\n", [], 1, "response: got", 1),
    ("t.csv", Q + "", [], 2, "it has no rows; expected at least one", 0),
    ("t.csv", "", [], 2, "the file is empty", 0),
    ("t.csv", Q + "q,\nq,\n", [], 2, "No row can be judged; the reasons are in", 0),
    ("t.jsonl", lines(GOOD, '{"question": "q", "resp', SECOND), [], 1, "row 2 (line 2): not JSON", 2),
    ("t.jsonl", lines(GOOD, "[1, 2]", "null", SECOND), [], 1, "expected an object with named", 2),
    ("t.jsonl", lines(GOOD, '{"question": "q", "response": ' + "9" * 5000 + "}"), [], 1, "not JSON that can be read", 1),
    ("t.jsonl", lines(LIST, {**LIST, "responses": ["b"]}), [], 1, "responses[2]: got nothing", 1),
    ("t.jsonl", lines({**GOOD, "question": "  "}, GOOD), [], 1, "question: got", 1),
    ("none.csv", None, [], 2, "none.csv: there is no such file; give the path of a table", 0),
    ("t.xlsx", b"PK", [], 2, "got the ending '.xlsx', expected one of .csv", 0),
    ("t.parquet", b"PAR1PAR1", [], 2, "cannot be read as Parquet", 0),
    ("t.json", "{", [], 2, "not JSON", 0),
]  # fmt: skip


@pytest.mark.parametrize("name, content, options, code, sentence, judged", TABLES)
def test_bad_tables(work, capsys, name, content, options, code, sentence, judged):
    words = write(name, content) if content is not None else f"--items={name}"
    got, _, said = judge(capsys, words, "--out=r", *options)
    assert got == code and sentence in said
    assert (len(Run.open("r").judgments()) if (work / "r" / "run.json").exists() else 0) == judged


def test_missing_video_files_cost_their_rows_alone(work, capsys):
    table = write(
        "t.jsonl",
        lines({**GOOD, "video": "clip.mp4"}, {**GOOD, "video": "gone.mp4"}, {**GOOD, "video": "http://x/y.mp4"}),
    )
    code, _, said = judge(capsys, table, "--out=r")
    assert (
        code == 1
        and "gone.mp4 does not exist; correct the path" in said
        and "expected a local file; download it first" in said
    )
    assert len(Run.open("r").judgments()) == 1 and len(Run.open("r").rejected()) == 2


# -- what is typed


@pytest.mark.parametrize("words, sentence", [
    (["--instruction=q", "--response="], "response 1 of 1 is empty; give its text or leave it out"),
    (["--instruction=q", "--response=r", "--response= "], "response 2 of 2 is empty"),
    (["--instruction= ", "--response=r"], "the instruction is empty; give the question or task"),
    (["--instruction=q", "--response=r", "--rubric="], "rubric: got an empty text; give the rubric, or leave it out"),
    (["--instruction=q", "--response=r", "--rubric=levels.txt"], "looks like a file's name, but there is no such file"),
    (["--instruction=q", "--response=r", "--labels=,,,,"], "expected 5 words from 1 to 5"),
    (["--instruction=q", "--response=r", "--scale=5-5"], "expected whole numbers, low below high"),
    (["--instruction=q", "--response=r", "--scale=1"], "expected its two ends, such as 1-5"),
])  # fmt: skip
def test_what_is_typed_and_cannot_be(work, capsys, words, sentence):
    code, _, said = judge(capsys, *words)
    assert code == 2 and sentence in said and said.count("\n") == 1


@pytest.mark.parametrize("rubric, noted", [
    ("Be strict about colours.", True), ("\u200b...", True), ("5: all of it\n1: nothing", False), ("\u0665 is best", False),
    ("Five when all is true, else one.", False), ("Full marks for 10 claims", True),
])  # fmt: skip
def test_a_rubric_without_levels_is_told(work, capsys, rubric, noted):
    code, _, said = judge(capsys, "--instruction=q", "--response=r", f"--rubric={rubric}")
    assert code == 0 and ("note: the rubric names none of the levels 1 to 5" in said) is noted
    assert bool(level_note(load_prompt("pointwise", rubric=rubric), rubric)) is noted
    assert level_note(load_prompt("pairwise", rubric=rubric), rubric) == ""


def test_labels_are_levels_too():
    labels = read_labels("bad,poor,fair,good,excellent", None, None)
    assert (
        level_note(load_prompt("pointwise", rubric="Excellent means all.", labels=labels), "Excellent means all.") == ""
    )


# -- judges


def test_a_judge_that_answers_nothing(work, capsys):
    code, out, _ = judge(capsys, "--instruction=q", "--response=r", "--out=r", judge="mute")
    (one,) = Run.open("r").judgments()
    assert code == 1 and (one.status, one.score, one.error) == ("unparsed", None, "The judge answered nothing.")
    assert "The judge answered nothing." in out


def test_a_judge_of_a_thousand_tokens_of_noise(work, capsys):
    code, out, _ = judge(capsys, "--instruction=q", "--response=r", "--out=r", "--max-new-tokens=1024", judge="noise")
    (one,) = Run.open("r").judgments()
    assert code == 1 and one.status == "unparsed" and one.usage["reply_tokens"] == 1024
    assert (
        one.error
        == "The reply has no <score>...</score> outside its reasoning. The reply was cut off at max_new_tokens."
    )
    assert one.error in " ".join(out.split())


# -- bounds


def test_a_line_that_is_too_long_is_passed_over(work, monkeypatch):
    monkeypatch.setattr(rows_module, "LONGEST_LINE", 1000)
    long = "x" * 5000
    for name, text in (
        ("t.jsonl", lines(GOOD, {**GOOD, "response": long}, GOOD)),
        ("t.csv", f"question,response\nq,r\nq,{long}\nq,r\n"),
    ):
        write(name, text)
        found = list(open_table(name).rows)
        assert [isinstance(row, Item) for row in found] == [True, False, True]
        assert "a line of more than" in found[1].reason and len(found[1].content) <= 4000
    write("t.csv", f"question,{long}\nq,r\n")
    with pytest.raises(InputError, match="no header could be read"):
        open_table("t.csv")


def test_a_long_list_of_json_is_refused_with_advice(work, monkeypatch):
    monkeypatch.setattr(rows_module, "LARGEST_JSON", 10)
    write("t.json", json.dumps([GOOD]))
    with pytest.raises(InputError, match="write one object a line, as .jsonl"):
        open_table("t.json")


def test_more_items_than_fit_are_refused_with_advice(monkeypatch):
    monkeypatch.setattr(table_items, "HELD_BYTES", 20 * (table_items.ITEM_BYTES + 20))
    rows = (Item(None, "q", (f"response {number}",)) for number in range(10**9))
    with pytest.raises(InputError, match=r"more than 20 items.*--limit 20, or split the file"):
        gather_items(rows, load_prompt("pointwise"), None)
    assert (
        len(gather_items((Item(None, "q", (f"r {n}",)) for n in range(10**9)), load_prompt("pointwise"), 20).items)
        == 20
    )


def test_rejected_rows_are_counted_where_they_are_too_many_to_list(monkeypatch):
    monkeypatch.setattr(table_items, "MOST_REJECTED", 3)
    rows = [*(Rejected(number, number, "broken", "x") for number in range(1, 9)), Item(None, "q", ("r",))]
    found = gather_items(rows, load_prompt("pointwise"), None)
    assert found.rejected_count == 8 and [row.row for row in found.rejected] == [1, 2, 3, 8]
    assert found.rejected[-1].reason == "this and 4 rows before it were rejected too; the first 3 are listed"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_gigabyte_is_read_in_little_memory(work):
    """1 GB of good rows, half of it repeated, and a 300 MB line: the first rows are judged, and all of them can be read."""
    with Path("big.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "response"])
        for number in range(700_000):
            writer.writerow([f"Question {number % 1_000}?", f"{number % 1_000} " + "words and more words " * 70])
            if number == 1_000:
                file.write("q," + "x" * 300_000_000 + "\n")
    assert Path("big.csv").stat().st_size > 1_000_000_000
    for limit in (["--limit=50"], []):
        words = [
            "judge",
            "--items=big.csv",
            "--no-video",
            "--judge=scripted:judge.yaml",
            f"--out=r{len(limit)}",
            *limit,
        ]
        code = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (900 << 20,) * 2)\n"
        code += f"from workbench.__main__ import main; main({words})"
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True
        )
        assert done.returncode == 0 and "MemoryError" not in done.stderr, done.stderr[-2000:]
        assert len(Run.open(f"r{len(limit)}").judgments()) == (50 if limit else 1_000)
    assert "a line of more than 1,048,576 characters" in done.stderr and "repeated: 699000" in done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 900 << 10  # kB
