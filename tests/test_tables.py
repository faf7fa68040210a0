"""Tables become Items: which columns are chosen, what each odd row is, encodings, broken files."""

import csv
import hashlib
import json
import tracemalloc
from dataclasses import replace

import pandas as pd
import pytest

from workbench.columns import choose_columns
from workbench.errors import InputError
from workbench.rows import read_rows
from workbench.schema import Item, Video
from workbench.tables import Rejected, open_table
from workbench.video import VideoLimits

CONTENT = b"the bytes of a clip"


@pytest.fixture
def folder(tmp_path):
    """A folder with two files that stand for videos: only their bytes matter here."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(CONTENT)
    (tmp_path / "b.mp4").write_bytes(b"another")
    return tmp_path


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def rows_of(path, **options):
    return list(open_table(path, **options).rows)


def reasons(rows):
    return {row.row: row.reason for row in rows if isinstance(row, Rejected)}


# -- columns

CHOICES = [
    ("video,instruction,response", "video=video, instruction=instruction, response=response"),
    ("Video Path,Question,Model Output", "video=Video Path, instruction=Question, response=Model Output"),
    ("clip,question,answer", "video=clip, instruction=question, response=answer"),
    ("clip,question,answer,prediction", "video=clip, instruction=question, response=prediction, reference=answer"),
    ("q,answer,gt", "instruction=q, response=answer, reference=gt"),
    ("prompt,response_b,response_a", "instruction=prompt, response=response_a, response=response_b"),
    ("prompt,response_10,response_2", "instruction=prompt, response=response_2, response=response_10"),
    ("q,answer,Response 1,Response 2", "instruction=q, response=Response 1, response=Response 2, reference=answer"),
    ("prompt,responses,dense_caption", "instruction=prompt, responses=responses, description=dense_caption"),
    ("prompt,response,responses", "instruction=prompt, response=response"),
    ("path,prompt,caption_1,note", None),
]


@pytest.mark.parametrize("names, expected", CHOICES)
def test_usual_names_are_found(names, expected):
    if expected is None:
        with pytest.raises(InputError, match="response"):
            choose_columns(names.split(","), {})
    else:
        assert str(choose_columns(names.split(","), {})) == expected


def test_given_columns_come_first_and_are_used_once():
    chosen = choose_columns(["answer", "response", "q"], {"response": ["answer"], "reference": ["response"]})
    assert str(chosen) == "instruction=q, response=answer, reference=response"
    chosen = choose_columns(["x", "y", "q"], {"response": ["y", "x"]})
    assert chosen.responses == ("y", "x")


def test_a_role_that_is_given_no_column_is_played_by_none():
    chosen = choose_columns(["video", "q", "answer", "gold"], {"video": [], "reference": [], "description": []})
    assert str(chosen) == "instruction=q, response=answer"
    with pytest.raises(InputError, match="No column for the response"):
        choose_columns(["q", "answer"], {"response": []})


@pytest.mark.parametrize("given, said", [
    ({"answer": ["a"]}, "role 'answer', expected one of responses, response, video"),
    ({"response": ["zzz"]}, "response=zzz, but the table's columns are q, a"),
    ({"response": ["a"], "video": ["q", "a"]}, "2 columns for video"),
    ({"response": ["a"], "reference": ["q"]}, "No column for the instruction among q, a"),
])  # fmt: skip
def test_columns_that_cannot_be_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        choose_columns(["q", "a"], given)


def test_one_instruction_for_every_row(folder):
    path = write(folder, "t.csv", "video,caption\nclips/a.mp4,A dog.\n")
    (item,) = rows_of(path, instruction="Describe the video.")
    assert (item.instruction, item.responses) == ("Describe the video.", ("A dog.",))
    both = write(folder, "both.csv", "video,question,caption\nclips/a.mp4,q,A dog.\n")
    with pytest.raises(InputError, match="leave one out"):
        open_table(both, instruction="Describe the video.")


# -- whole tables

WANTED = {"video": "clips/a.mp4", "question": "What, where?", "answer": 'A "red" ball\nrolls; éè 球', "rating": 4}


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.ndjson", "t.json", "t.parquet"])
def test_every_format_gives_the_same_item(folder, name):
    path, frame = folder / name, pd.DataFrame([WANTED])
    if name.endswith("sv"):
        frame.to_csv(path, index=True, sep="\t" if name == "t.tsv" else ",")  # with pandas' unnamed index column
    elif name == "t.parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=name != "t.json", force_ascii=False)
    (item,) = rows_of(path)
    assert isinstance(item, Item)
    assert (item.instruction, item.responses, item.reference) == (WANTED["question"], (WANTED["answer"],), None)
    assert item.video.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert item.video.path == str(folder / "clips" / "a.mp4")
    assert item.tags == {"row": "1", "rating": "4"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_encodings_that_name_themselves(folder, name, encoding):
    text = "question;response\r\nWo?;Über dem Fluß 球\r\n"
    if name == "t.jsonl":
        text = '{"question": "Wo?", "response": "Über dem Fluß 球"}\n'
    (item,) = rows_of(write(folder, name, text, encoding))
    assert item.responses == ("Über dem Fluß 球",)


def test_another_encoding_is_named_not_guessed(folder):
    path = write(folder, "t.csv", "question,response\nWhere?,here\nWo?,Fluß\nWhere?,there\n", "latin-1")
    rows = rows_of(path)
    assert [row.responses[0] for row in rows if isinstance(row, Item)] == ["here", "there"]
    assert "not text in the file's encoding" in reasons(rows)[2]
    assert [item.responses[0] for item in rows_of(path, encoding="latin-1")] == ["here", "Fluß", "there"]


@pytest.mark.parametrize("content, encoding, said", [
    ("question,response\nq,r\n".encode("utf-16-le"), None, "name the one it has, e.g. utf-16-le"),
    (b"question,response\nq,r\n", "klingon", "got 'klingon'"),
    (b"question,response\nq,r\n", "base64", "got 'base64'"),
    (b"\n\n", None, "no header could be read"),
    (b"", None, "the file is empty"),
    (b"question,response\n", None, "no rows"),
    (b"a,b,a\n1,2,3\n", None, "two columns are named 'a'"),
    (b'"question,response\nq,r\n', None, "no header could be read"),
])  # fmt: skip
def test_csv_files_that_cannot_be_read(folder, content, encoding, said):
    with pytest.raises(InputError, match=said):
        open_table(write(folder, "t.csv", content), encoding=encoding)


@pytest.mark.parametrize("name, content, said", [
    ("t.xlsx", b"PK", "got the ending '.xlsx', expected one of .csv"),
    ("t.parquet", b"PAR1 no", "cannot be read as Parquet"),
    ("t.json", b"{}", "got a JSON dict, expected a list"),
    ("t.json", b"[1, 2", "not JSON"),
    ("t.jsonl", b"nonsense\nmore\n", "no row can be read; the first says: not JSON"),
])  # fmt: skip
def test_other_files_that_cannot_be_read(folder, name, content, said):
    with pytest.raises(InputError, match=said):
        open_table(write(folder, name, content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        open_table(tmp_path / "none.csv")


# -- single rows

ROWS = [  # (cells as a JSON row, what the reason must say; "" for a row that is fine)
    ({}, ""),
    ({"response": 5}, ""),
    ({"response": "None"}, ""),
    ({"reference": None, "rating": None}, ""),
    ({"reference": float("nan")}, ""),
    ({"video": " clips/a.mp4 "}, ""),
    ({"response": ""}, "response: got nothing"),
    ({"response": " \t\u200b\n"}, "response: got ' "),
    ({"response": None}, "response: got nothing"),
    ({"response": float("nan")}, "response: got nan"),
    ({"response": "NaN"}, "response: got 'NaN'"),
    ({"response": "#REF!"}, "got '#REF!'"),
    ({"response": True}, "got bool True, expected text"),
    ({"response": ["one"]}, "got list"),
    ({"response": "half \ud800"}, "not text in the file's encoding"),
    ({"question": "  "}, "question: got"),
    ({"video": None}, "video: got nothing"),
    ({"video": "clips/none.mp4"}, "clips/none.mp4 does not exist"),
    ({"video": "https://example.org/a.mp4"}, "expected a local file; download it"),
    ({"video": "x" * 5000}, "cannot be opened"),
    ({"video": "a\0b.mp4"}, "does not exist"),
    ({"video": "/dev/zero"}, "neither a file nor a folder"),
    ({"video": 7}, "7 does not exist"),
]


@pytest.mark.parametrize("change, said", ROWS)
def test_a_row_is_an_item_or_says_why_not(folder, change, said):
    good = {"video": "clips/a.mp4", "question": "q", "response": "r"}
    lines = [json.dumps(row) + "\n" for row in (good, {**good, **change}, good)]
    rows = rows_of(write(folder, "t.jsonl", "".join(lines)))
    assert isinstance(rows[0], Item) and isinstance(rows[2], Item)
    assert said in reasons(rows).get(2, "") and (2 in reasons(rows)) == bool(said)


def test_a_rejected_row_keeps_its_place_and_content(folder):
    text = 'question,response\nq,"two\nlines"\nq,\nq,' + "r" * 3000 + ",too many\n"
    rows = rows_of(write(folder, "t.csv", text))
    assert [(row.row, row.line) for row in rows[1:]] == [(2, 4), (3, 5)]
    assert json.loads(rows[1].content) == {"question": "q", "response": ""}
    assert "got 3 fields, the header names 2" in rows[2].reason and len(rows[2].content) == 2000


BROKEN_LINES = [
    ('q,"never closed', "never"),
    ('"closed" too early,r', "expected after"),
    ("q,r,s", "3 fields"),
    ("q", "1 fields"),
    (",", "question: got nothing"),
    ("q," + '"' + "x" * 140_000 + '"', "not closed within"),
]


@pytest.mark.parametrize("line, said", BROKEN_LINES)
@pytest.mark.parametrize("neighbour", ['"quoted, q",r', "q,r", 'q,"two\nlines"'])
def test_a_broken_csv_line_costs_one_row(folder, line, said, neighbour):
    text = f"question,response\n{neighbour}\n{line}\n{neighbour}\n{neighbour}\n"
    rows = rows_of(write(folder, "t.csv", text))
    assert len([row for row in rows if isinstance(row, Item)]) == 3
    (reason,) = reasons(rows).values()
    assert said in reason or "not a CSV row" in reason


@pytest.mark.parametrize("line", ["{", "[1]", "nul", '{"a": ' + "[" * 100_000, "9" * 5000, '"text"', "{}"])
def test_a_broken_json_line_costs_one_row(folder, line):
    good = json.dumps({"question": "q", "response": "r"})
    rows = rows_of(write(folder, "t.jsonl", f"{good}\n\n{line}\n{good}\n"))
    assert [isinstance(row, Item) for row in rows] == [True, False, True]
    assert rows[1].line == 3


@pytest.mark.parametrize("cell, expected", [
    (["one", "two", "three"], ("one", "two", "three")),
    ('["one", "two"]', ("one", "two")),
    ([1, "two"], ("1", "two")),
    ("['one', 'two']", "expected a JSON list"),
    ("[]", "a list of at least one"),
    ([], "a list of at least one"),
    ({"a": 1}, "expected a list"),
    (["one", ""], r"responses[2]: got nothing"),
    (["one", None], r"responses[2]: got nothing"),
    (None, "expected a list"),
])  # fmt: skip
def test_a_column_of_lists(folder, cell, expected):
    good = {"question": "q", "responses": ["r"]}
    path = write(folder, "t.jsonl", f"{json.dumps(good)}\n{json.dumps({**good, 'responses': cell})}\n")
    row = rows_of(path)[1]
    if isinstance(expected, tuple):
        assert row.responses == expected
    else:
        assert expected in row.reason


def test_parquet_lists_and_missing_values(folder):
    pd.DataFrame({"question": ["q", None], "responses": [["a", "b"], ["c"]]}).to_parquet(folder / "t.parquet")
    item, rejected = rows_of(folder / "t.parquet")
    assert item.responses == ("a", "b") and rejected.reason.startswith("question: got nothing")


# -- videos


def test_video_paths_start_where_they_are_told(folder):
    path = write(folder, "t.csv", f"video,question,response\na.mp4,q,r\n{folder}/b.mp4,q,r\n")
    rows = rows_of(path, videos=folder / "clips")
    assert [row.video.sha256 for row in rows] == [hashlib.sha256(b).hexdigest() for b in (CONTENT, b"another")]
    assert "a.mp4 does not exist" in reasons(rows_of(path))[1]


def test_a_video_may_be_missing_when_nobody_looks(folder):
    path = write(folder, "t.csv", "video,question,response\n,q,r\n")
    (item,) = rows_of(path, no_video=True)
    assert item.video is None


def test_a_video_past_the_limits_is_not_even_hashed(folder):
    path = write(folder, "t.csv", "video,question,response\nclips/a.mp4,q,r\n")
    assert "bytes" in reasons(rows_of(path, limits=VideoLimits(bytes=5)))[1]


def test_each_video_is_hashed_once(folder, monkeypatch):
    hashed = []
    monkeypatch.setattr("workbench.tables.sha256_of", lambda path: hashed.append(path) or "0" * 64)
    path = write(folder, "t.csv", "video,question,response\n" + "clips/a.mp4,q,r\nb.mp4,q,r\nnone.mp4,q,r\n" * 50)
    assert len(rows_of(path)) == 150 and len(hashed) == 2


def test_reading_takes_the_memory_of_its_longest_row(folder):
    path = folder / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["question", "response"], *(["q", "r" * 1_000] for _ in range(20_000))])
    tracemalloc.start()
    count = sum(1 for _ in read_rows(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000 and peak < path.stat().st_size / 20


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json"])
@pytest.mark.parametrize("encoding", ["utf-16", "idna"])
def test_a_file_that_is_not_in_its_encoding_at_all(folder, ending, encoding):
    path = write(folder, f"t.{ending}", "video,question,answer\nclips/a.mp4,q,é\n")
    with pytest.raises(InputError, match=f"t.{ending}: (cannot be read as {encoding}|not JSON)"):
        open_table(path, encoding=encoding)


def test_the_items_of_a_run_or_world_are_a_table_too(folder):
    item = Item(Video("unknown", "clips/a.mp4"), "q", ("r",), reference="g", description="d", tags={"set": "s"})
    (row,) = rows_of(write(folder, "items.jsonl", json.dumps(item.to_dict()) + "\n"))
    assert (row.video.sha256, row.video.path) == (hashlib.sha256(CONTENT).hexdigest(), str(folder / "clips/a.mp4"))
    assert replace(row, video=item.video).id == item.id
