"""Readers of instruction data, near-duplicates with known Jaccard values, sampling, and the report of what was dropped."""

import json
import random

import pytest
from bootstrap_world import plain_seed, write_world_folder

from bootstrap.__main__ import main
from bootstrap.near_duplicates import jaccard, near_duplicates, words
from bootstrap.seeds import collect_seeds, read_seeds
from bootstrap.sources import Dropped, download, read_source
from workbench.errors import InputError
from workbench.video import sha256_of

WORDS = [f"word{number}" for number in range(20)]


def test_words_and_jaccard_by_hand():
    assert words("What is the man doing? The MAN!") == {"what", "is", "the", "man", "doing"}
    assert words("¿?!") == {"¿?!"}
    assert jaccard(words("a b c"), words("b c d")) == 0.5
    assert jaccard(frozenset(), frozenset()) == 1.0


@pytest.mark.parametrize(
    ("texts", "dropped"),
    [
        ([], {}),
        (["one"], {}),
        (["What is he doing?", "what is HE doing", "what is she doing"], {1: 0}),
        ([" ".join(WORDS), " ".join(WORDS[:18])], {1: 0}),  # 18 of 20: exactly 0.9
        ([" ".join(WORDS), " ".join(WORDS[:17])], {}),  # 17 of 20: 0.85
        ([" ".join(WORDS), " ".join([*WORDS[:19], "other"])], {1: 0}),  # 19 of 21: 0.905
        ([" ".join(WORDS), " ".join([*WORDS[:18], "other"])], {}),  # 18 of 21: 0.857
        ([" ".join(WORDS), " ".join(WORDS[:18]), " ".join(WORDS[:17])], {1: 0}),  # compared with kept ones only
        (["?", "!", "?"], {2: 0}),
    ],
)
def test_near_duplicates_of_known_similarity(texts, dropped):
    assert near_duplicates(texts) == dropped


@pytest.mark.parametrize(("threshold", "shared"), [(0.9, [17, 18, 19]), (0.5, [10, 11, 12])])  # of 20 words
def test_hashing_finds_what_comparing_every_pair_finds(threshold, shared):
    rng = random.Random(0)
    texts = []
    for _ in range(150):
        own = rng.sample([f"w{number}" for number in range(60)], 20)
        texts += [" ".join(own), " ".join([*own[: rng.choice(shared)], "extra"])]
    kept: list[int] = []
    expected = {}
    for position, text in enumerate(texts):
        close = [other for other in kept if jaccard(words(text), words(texts[other])) >= threshold]
        if close:
            expected[position] = close[0]
        else:
            kept.append(position)
    assert len(expected) > 30
    assert near_duplicates(texts, threshold) == expected


# -- readers

ROWS = {
    "videoinstruct": [
        ({"video_id": "v_one", "q": " What? ", "a": "A dog."}, ("v_one", "What?", "A dog.")),
        ({"video_id": "v_one", "q": "", "a": "A dog."}, "no instruction"),
        ({"video_id": "v_one", "q": "What?", "a": " "}, "no gold response"),
        ({"video_id": "v_one", "q": "What?"}, "no gold response"),
        ({"q": "What?", "a": "A dog."}, "unreadable row"),
        ({"video_id": 7, "q": "What?", "a": "A dog."}, "unreadable row"),
    ],
    "vcgplus": [
        (
            {"id": "v_one", "conversations": [{"from": "human", "value": "What?\n<video>"}, {"from": "gpt", "value": "A dog."},
                                              {"from": "human", "value": "Where?"}, {"from": "gpt", "value": "Here."}]},
            ("v_one", "What?", "A dog."),
        ),
        ({"id": "v_one", "conversations": [{"from": "human", "value": "What?"}]}, "no gold response"),
        ({"id": "v_one", "conversations": [{"from": "gpt", "value": "A dog."}]}, "no gold response"),
        ({"id": "v_one", "conversations": []}, "no instruction"),
        ({"id": "v_one", "conversations": "What?"}, "unreadable row"),
        ({"id": "v_one", "conversations": ["What?"]}, "unreadable row"),
        (
            {"id": "v_one", "conversations": [{"from": "human", "value": "<video>"}, {"from": "gpt", "value": "x"}]},
            "no instruction",
        ),
    ],
    "videochat2": [
        ({"video": "a/one.mp4", "QA": [{"i": "Answer.", "q": "What?", "a": "A dog."}, {"q": "Where?", "a": "Here."}]},
         ("a/one.mp4", "What?", "A dog.")),
        (
            {"video": "one.mp4", "QA": [{"i": "Describe the video.", "q": "", "a": "A dog."}]},
            ("one.mp4", "Describe the video.", "A dog."),
        ),
        ({"video": "one.mp4", "start": 1.5, "end": 4, "QA": [{"q": "What?", "a": "A dog."}]}, "about a segment"),
        ({"video": "one.mp4", "QA": []}, "unreadable row"),
        ({"video": "one.mp4", "QA": ["What?"]}, "unreadable row"),
        ({"video": "one.mp4", "QA": [{"q": "What?"}]}, "no gold response"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_each_source(tmp_path, name):
    file = tmp_path / "data.json"
    file.write_text(json.dumps([row for row, _ in ROWS[name]]))
    found = list(read_source(f"{name}={file}"))
    told = [one.reason if isinstance(one, Dropped) else (one.video, one.instruction, one.gold) for one in found]
    assert told == [expected for _, expected in ROWS[name]]
    assert [one.row for one in found] == list(range(1, len(found) + 1))


def test_broken_rows_are_told_and_harm_no_other(tmp_path):
    file = tmp_path / "data.jsonl"
    file.write_text(
        '{"video_id": "v", "q": "What?", "a": "x"}\n{"video_id": \n[1]\n{"video_id": "v", "q": "Who?", "a": "y"}\n'
    )
    found = list(read_source(f"videoinstruct={file}"))
    assert [one.reason if isinstance(one, Dropped) else one.gold for one in found] == [
        "x",
        "unreadable row",
        "unreadable row",
        "y",
    ]


def test_items_give_their_gold_and_pass_over_other_ratings(tmp_path):
    folder = write_world_folder(tmp_path / "world", 4)
    rows = list(read_source(f"items={folder / 'items.jsonl'}"))
    seeds = read_seeds(folder).seeds
    assert {row.reason for row in rows if isinstance(row, Dropped)} == {"not a gold response"}
    assert len(seeds) == len({(seed.video.sha256, seed.instruction) for seed in seeds}) >= 4
    for seed in seeds:
        assert seed.responses == (seed.reference,) and seed.description and seed.tags["rating"] == "5"
        assert seed.video.path == str(folder.resolve() / "clips" / f"{seed.tags['scene']}.mp4")


def test_items_without_ratings_give_their_reference(tmp_path):
    plain = {"video": {"sha256": "s", "path": "v.mp4"}, "instruction": "What?", "responses": ["x"], "reference": "gold"}
    odd = {
        "no gold response": [{"reference": None}, {"reference": " "}],
        "no video file": [{"video": None}],
        "unreadable row": [{"unknown": 1}, {"reference": 5}, {"description": ["x"]}, {"tags": []}, {"tags": {"rating": 5}},
                           {"video": {"sha256": "s", "path": 7}}, {"responses": 5}, {"instruction": None}],
    }  # fmt: skip
    rows = [plain, *({**plain, **change} for changes in odd.values() for change in changes)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_seeds(tmp_path)
    assert [seed.responses for seed in found.seeds] == [("gold",)]
    assert [row.reason for row in found.dropped] == [reason for reason, changes in odd.items() for _ in changes]


def test_seeds_written_are_the_seeds_read(tmp_path):
    seed = plain_seed()
    (tmp_path / "items.jsonl").write_text(json.dumps(seed.to_dict()) + "\n")
    again = read_seeds(tmp_path).seeds[0]
    assert again.id == seed.id


@pytest.mark.parametrize("spec", ["nothing", "videoinstruct=hub:", "items", "table", ""])
def test_specs_that_cannot_be_are_refused(spec):
    with pytest.raises(InputError, match="expected one of"):
        read_source(spec)


def test_a_dataset_that_cannot_be_had_says_what_to_do():
    with pytest.raises(InputError, match="download the file yourself"):
        download("nobody/nothing", "train.json")


# -- collecting


@pytest.fixture
def data(tmp_path):
    """Two videos, and rows about them from two sources."""
    videos = tmp_path / "videos"
    (videos / "deep").mkdir(parents=True)
    (videos / "v_one.mp4").write_bytes(b"one")
    (videos / "deep" / "v_two.mkv").write_bytes(b"two")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    rows = [
        {"video_id": "v_one", "q": "What is the man doing?", "a": "He runs."},
        {"video_id": "v_one", "q": "what is the man doing", "a": "Running."},
        {"video_id": "v_two", "q": "What is the man doing?", "a": "He sits."},
        {"video_id": "v_gone", "q": "What?", "a": "x"},
        {"video_id": "../secret", "q": "What?", "a": "x"},
        {"video_id": "../secret.mp4", "q": "What?", "a": "x"},
        {"video_id": "v_one", "q": "", "a": "x"},
    ]
    (tmp_path / "instruct.json").write_text(json.dumps(rows))
    chat = [{"video": "v_one.mp4", "QA": [{"i": "", "q": "What is the man doing??", "a": "Sprinting."}]},
            {"video": "deep/v_two.mkv", "QA": [{"i": "", "q": "Where is he?", "a": "At home."}]}]  # fmt: skip
    (tmp_path / "chat.json").write_text(json.dumps(chat))
    return tmp_path


def sources(data):
    return [f"videoinstruct={data / 'instruct.json'}", f"videochat2={data / 'chat.json'}"]


def test_collecting_keeps_the_first_of_near_duplicates_across_sources(data):
    found = collect_seeds(sources(data), videos=data / "videos")
    assert [(seed.tags["source"], seed.tags["row"], seed.reference) for seed in found.seeds] == [
        ("videoinstruct", "1", "He runs."),
        ("videoinstruct", "3", "He sits."),
        ("videochat2", "2", "At home."),
    ]
    assert found.seeds[0].video.sha256 == sha256_of(data / "videos" / "v_one.mp4")
    assert sorted((row.source, row.row, row.reason) for row in found.dropped) == [
        ("videochat2", 1, "near-duplicate instruction"),
        ("videoinstruct", 2, "near-duplicate instruction"),
        ("videoinstruct", 4, "no video file"),
        ("videoinstruct", 5, "no video file"),
        ("videoinstruct", 6, "no video file"),
        ("videoinstruct", 7, "no instruction"),
    ]
    repeated = next(row for row in found.dropped if row.source == "videochat2")
    assert repeated.detail == "row 1 of videoinstruct asks 'What is the man doing?'"


def test_samples_are_seeded_and_do_not_depend_on_the_order_of_rows(data):
    def golds(count, seed, specs):
        return {one.reference for one in collect_seeds(specs, videos=data / "videos", count=count, seed=seed).seeds}

    one = golds(2, 0, sources(data))
    assert len(one) == 2 == len(golds(2, 0, sources(data)) & one)
    assert {frozenset(golds(1, seed, sources(data))) for seed in range(12)} == {
        frozenset({gold}) for gold in ("He runs.", "He sits.", "At home.")}  # fmt: skip
    rows = json.loads((data / "instruct.json").read_text())
    (data / "instruct.json").write_text(json.dumps([rows[2], rows[0]]))
    assert golds(2, 0, sources(data)) == one


def test_videos_by_name_need_their_folder(data):
    with pytest.raises(InputError, match="--videos"):
        collect_seeds(sources(data))
    with pytest.raises(InputError, match="no folder"):
        collect_seeds(sources(data), videos=data / "nowhere")


def test_a_table_gives_seeds_too(data):
    (data / "table.csv").write_text(
        "video,question,answer\nvideos/v_one.mp4,What?,A man.\nvideos/none.mp4,What?,A man.\n"
    )
    found = collect_seeds([f"table={data / 'table.csv'}"])
    assert [(seed.instruction, seed.reference) for seed in found.seeds] == [("What?", "A man.")]
    assert [row.reason for row in found.dropped] == ["unreadable row"]


def test_command_line_writes_seeds_and_a_report(data, capsys):
    arguments = ["seeds", "--videos", str(data / "videos"), "--count", "2", "--out", str(data / "seeds")]
    arguments += [part for spec in sources(data) for part in ("--source", spec)]
    assert main(arguments) == 0
    assert "2 seeds about" in capsys.readouterr().out
    report = json.loads((data / "seeds" / "report.json").read_text())
    assert (report["read"], report["kept"]) == (9, 2)
    assert report["dropped"] == {
        "near-duplicate instruction": 2,
        "no video file": 3,
        "no instruction": 1,
        "not sampled": 1,
    }
    assert report["by_source"]["videochat2"]["read"] == 2
    listed = [json.loads(line) for line in (data / "seeds" / "dropped.jsonl").read_text().splitlines()]
    assert len(listed) == 6 and all(row["reason"] != "not sampled" for row in listed)
    assert len(read_seeds(data / "seeds").seeds) == 2
    assert main(arguments) == 2 and "holds items already" in capsys.readouterr().err
    assert main([*arguments, "--threshold", "0"]) == 2
