"""Descriptions: what the describer is shown and told, the cache by content, and what counts as none."""

import json
from pathlib import Path

import pytest
from clips import numbered_picture

from bootstrap.__main__ import main
from bootstrap.describe import describe_videos, make_describer, with_descriptions
from bootstrap.world.clip import write_clip
from workbench.backends import load_backend
from workbench.errors import InputError
from workbench.schema import Item, Video
from workbench.video import sha256_of


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, (numbered_picture(number, 64, 64) for number in range(50)), 10)
    return Video(sha256_of(path), str(path))


def scripted(folder, rules: str):
    (folder / "script.yaml").write_text(rules)
    return load_backend(f"scripted:{folder / 'script.yaml'}")


def seed_of(video, instruction="What happens?"):
    return Item(video, instruction, ("A square moves.",), "A square moves.")


def test_the_papers_settings_and_what_is_asked(tmp_path, clip):
    seen = []
    backend = scripted(tmp_path, 'rules: [{reply: "A square moves\\n\\nto the right."}]')
    answer = backend.generate
    backend.generate = lambda chats, sampling: (
        seen.extend((chat, sampling) for chat in chats),
        answer(chats, sampling),
    )[1]
    (one,) = describe_videos([clip, clip], make_describer(backend), tmp_path / "cache.jsonl")
    assert one.text == "A square moves to the right." and not one.cached  # one paragraph
    ((chat, sampling),) = seen
    assert len(chat.frames.images) == 10  # 5 s at 2 frames a second
    assert sampling.temperature == 0.6 and make_describer(backend).policy.max_frames == 180
    assert "one dense paragraph" in chat.text and chat.menu == ()


def test_the_cache_goes_by_content_and_settings(tmp_path, clip):
    cache = tmp_path / "cache.jsonl"
    backend = scripted(tmp_path, "rules: [{reply: [first, second, third]}]")
    moved = tmp_path / "moved.mp4"
    moved.write_bytes(Path(clip.path).read_bytes())
    assert describe_videos([clip], make_describer(backend), cache)[0].text == "first"
    again = describe_videos([Video(clip.sha256, str(moved))], make_describer(backend), cache)[0]
    assert again.text == "first" and again.cached
    other = describe_videos([clip], make_describer(backend, seed=1), cache)[0]
    assert other.text == "second" and not other.cached
    assert not describe_videos([clip], make_describer(backend, fps=1), cache)[0].cached
    another = scripted(tmp_path, "rules: [{reply: fourth}]")
    assert describe_videos([clip], make_describer(another), cache)[0].text == "fourth"
    cache.write_bytes(cache.read_bytes()[:-20])  # killed while writing the last line
    assert describe_videos([clip], make_describer(another), cache)[0].text == "fourth"
    assert [json.loads(line)["description"] for line in cache.read_text().splitlines()] == [
        "first",
        "second",
        "first",
        "fourth",
    ]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("rules: [{fail: overloaded}]", "overloaded"),
        ("rules: [{reply: '  ... '}]", "empty"),
        ("rules: [{reply: '<think>a b</think>'}]", "empty"),
        ("rules: [{reply: 'one two three four five six'}]", "cut off"),
    ],
)
def test_what_is_no_description(tmp_path, clip, rules, told):
    describer = make_describer(scripted(tmp_path, rules), max_new_tokens=4)
    (one,) = describe_videos([clip], describer, tmp_path / "cache.jsonl")
    assert one.text is None and told in one.problem
    assert not (tmp_path / "cache.jsonl").exists()  # it is asked again the next time


def test_broken_and_changed_videos_harm_no_other(tmp_path, clip):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    changed = Video("another content", clip.path)
    videos = [Video(sha256_of(broken), str(broken)), changed, clip, Video("gone", None)]
    described = describe_videos(
        videos, make_describer(scripted(tmp_path, "rules: [{reply: fine}]")), tmp_path / "cache.jsonl"
    )
    assert [one.text for one in described] == [None, None, "fine", None]
    assert "another one than the seed was made from" in described[1].problem
    seeds = list(with_descriptions([seed_of(clip), seed_of(changed), seed_of(clip, "Where?")], described))
    assert [seed.description for seed in seeds] == ["fine", None, "fine"]


def test_a_judge_that_looks_at_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not look at videos"):
        make_describer(scripted(tmp_path, "view: description\nrules: [{reply: x}]"))


def test_command_line(tmp_path, clip, capsys):
    (tmp_path / "items.jsonl").write_text(json.dumps(seed_of(clip).to_dict()) + "\n")
    (tmp_path / "script.yaml").write_text("rules: [{reply: A square moves.}]")
    arguments = ["describe", "--seeds", str(tmp_path), "--judge", f"scripted:{tmp_path / 'script.yaml'}"]
    assert main([*arguments, "--out", str(tmp_path / "described.jsonl")]) == 0
    assert "1 of 1 videos" in capsys.readouterr().out
    assert json.loads((tmp_path / "described.jsonl").read_text())["description"] == "A square moves."
    assert (tmp_path / "described.descriptions.jsonl").exists()
    assert main([*arguments, "--out", str(tmp_path / "again.jsonl"), "--fps", "-1"]) == 2
