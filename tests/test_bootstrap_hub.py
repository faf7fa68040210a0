"""Seeds from datasets of the Hub, by the real client in a process of its own, against the stand-in of the Hub's API."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_stand_in import Refused, hub  # noqa: F401  a fixture

ROOT = Path(__file__).parents[1]
# Each dataset with the files, and rows with the fields, that its repository has.
VIDEO_INSTRUCT = [
    {"q": "What is shown?", "a": "A red ball rolls to the left.", "video_id": "v_caption"},
    {"q": "What is shown??", "a": "The same once more.", "video_id": "v_caption"},
    {"q": "Who is there?", "a": "Nobody.", "video_id": "v_elsewhere"},
]
VCG_PLUS = [
    {"id": "v_turn", "video": "v_turn.mp4", "conversations": [
        {"from": "human", "value": "<video>\nWhat happens first?"}, {"from": "gpt", "value": "It turns left."},
        {"from": "human", "value": "And then?"}, {"from": "gpt", "value": "It stops."}]},
    {"id": "v_caption", "video": "v_caption.mp4", "conversations": [
        {"from": "human", "value": "what is SHOWN\n<video>"}, {"from": "gpt", "value": "A near-duplicate across sources."}]},
]  # fmt: skip
VIDEOCHAT2 = [
    {"video": "sub/three.mp4", "QA": [{"i": "Answer in full.", "q": "How many are there?", "a": "Three are there."},
                                      {"i": "", "q": "Where?", "a": "Left."}]},
    {"video": "sub/three.mp4", "start": 0.5, "end": 2.0, "QA": [{"i": "Describe it.", "q": "", "a": "A segment."}]},
]  # fmt: skip
REPOSITORIES = {
    "MBZUAI/VideoInstruct-100K": {"VideoInstruct100K.json": VIDEO_INSTRUCT},
    "MBZUAI/VCG-plus_112K": {"vcg-plus_112K.json": VCG_PLUS, "vcg_human_annotated.json": []},
    "OpenGVLab/VideoChat2-IT": {
        "video/conversation/videochat2/train.json": VIDEOCHAT2,
        "video/caption/videochat/train.json": [
            {"video": "three.mp4", "QA": [{"i": "Describe the video.", "q": "", "a": "Three things."}]}
        ],
    },
}


@pytest.fixture
def seeds(hub, tmp_path):  # noqa: F811
    """Runs the command `seeds` in a fresh process whose Hub is the stand-in. Gives its exit code, output and seeds."""
    for name, files in REPOSITORIES.items():
        hub.put(name, {path: json.dumps(rows).encode() for path, rows in files.items()}, kind="dataset")
    for video in ("caption", "turn", "three"):
        folder = tmp_path / "videos" / ("sub" if video == "three" else "")
        folder.mkdir(parents=True, exist_ok=True)
        name = video if video == "three" else f"v_{video}"
        shutil.copyfile(ROOT / "workbench" / "examples" / f"{video}.mp4", folder / f"{name}.mp4")

    def run(*sources: str, out: str = "seeds", token: str | None = None):
        options = [f"--source={source}" for source in sources]
        done = subprocess.run(
            [sys.executable, "-m", "bootstrap", "seeds", *options, f"--videos={tmp_path / 'videos'}", f"--out={tmp_path / out}"],
            env=hub.env(tmp_path / "home", token), cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        file = tmp_path / out / "items.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        found = [(line["instruction"], line["reference"], Path(line["video"]["path"]).name) for line in lines]
        return done.returncode, done.stdout + done.stderr, found

    return run


def test_the_three_datasets_are_read_by_name(seeds, hub, tmp_path):  # noqa: F811
    code, told, found = seeds("videoinstruct", "vcgplus", "videochat2")
    assert code == 0, told
    assert found == [
        ("What is shown?", "A red ball rolls to the left.", "v_caption.mp4"),
        ("What happens first?", "It turns left.", "v_turn.mp4"),
        ("How many are there?", "Three are there.", "three.mp4"),
    ]
    report = json.loads((tmp_path / "seeds" / "report.json").read_text())
    assert report["dropped"] == {"no video file": 1, "near-duplicate instruction": 2, "about a segment": 1}
    files = [f"/datasets/{name}/resolve/main/{next(iter(rows))}" for name, rows in REPOSITORIES.items()]
    asked = [seen.path for seen in hub.seen if seen.method == "GET"]
    assert all(file in asked for file in files) and not any("human_annotated" in path for path in asked)


def test_another_file_of_a_dataset_and_what_is_cached(seeds, hub):  # noqa: F811
    wanted = "videochat2=hub:video/caption/videochat/train.json"
    code, told, found = seeds(wanted)
    assert code == 0 and found == [("Describe the video.", "Three things.", "three.mp4")], told
    downloads = [seen for seen in hub.seen if seen.method == "GET" and seen.path.endswith("train.json")]
    assert seeds(wanted, out="again")[::2] == (0, found)
    again = [seen for seen in hub.seen if seen.method == "GET" and seen.path.endswith("train.json")]
    assert len(downloads) == len(again) == 1


@pytest.mark.parametrize(
    ("source", "refused", "words"),
    [
        ("videochat2", Refused(403, "Access to dataset OpenGVLab/VideoChat2-IT is restricted."), "Accept the dataset's terms"),
        ("vcgplus=hub:nowhere.json", None, "nowhere.json cannot be downloaded"),
        ("videoinstruct", Refused(500, "out of order"), "cannot be downloaded"),
    ],
)  # fmt: skip
def test_what_the_hub_refuses_is_told_in_one_line(seeds, hub, source, refused, words):  # noqa: F811
    hub.before = lambda seen: refused
    code, told, found = seeds(source)
    assert code == 2 and not found and words in told and "Traceback" not in told, told
    assert "hf auth" in told and "NAME=FILE" in told


def test_terms_that_were_accepted_are_read_with_the_users_token(seeds, hub):  # noqa: F811
    hub.repos["dataset", "OpenGVLab/VideoChat2-IT"].private = True
    assert seeds("videochat2", out="without")[0] == 2
    hub.accounts[hub.read_token] = hub.accounts[hub.read_token]._replace(name="OpenGVLab")
    code, told, found = seeds("videochat2", token=hub.read_token)
    assert code == 0 and len(found) == 1, told
    assert hub.read_token not in told
