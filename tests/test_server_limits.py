"""The gate under strain, around a small application: cookies of others, drafts, how often, how many streams at once."""

import asyncio
import os
from pathlib import Path

import gradio as gr
import pytest
from gradio.route_utils import GradioMultiPartParser, MultiPartException
from starlette.datastructures import Headers

from tests.test_server_gate import ANNA, Place
from workbench.owners import owner_of
from workbench.page import server


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize(
    "cookies",
    ["{ours}", 'a=b; {ours}; "c"=d', "x{{y=1; {ours}", "no cookie; {ours}", "a=\xff; {ours}", "a,b=c;{ours}", "{ours}; x{{y=1",
     'a="; {ours}', "workbench-owner=short; {ours}", "not-workbench-owner=x; {ours}"],
)  # fmt: skip
def test_whatever_other_cookies_a_browser_has_it_keeps_its_own(place, cookies):
    sent = {"cookie": cookies.format(ours=f"workbench-owner={ANNA}").encode("latin-1")}
    answer = place.ask("GET", "/", "", sent)
    assert place.behind.seen[-1][1] == owner_of(ANNA) and "set-cookie" not in answer.headers


def test_another_cookies_value_is_not_taken_for_it(place):
    for cookies in (f"x-workbench-owner={ANNA}", f'a="workbench-owner={ANNA}"', f"workbench-owner={ANNA}x y"):
        assert "set-cookie" in place.ask("GET", "/", "", {"cookie": cookies}).headers
    assert owner_of(ANNA) not in [seen[1] for seen in place.behind.seen]


def draft_of(uploads: Path) -> Path:
    """What gradio leaves of an upload that broke off."""

    async def broken():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="clip.mp4"\r\n\r\nabc'
        await asyncio.Event().wait()

    async def parsed():
        kind = Headers({"content-type": "multipart/form-data; boundary=x"})
        parser = GradioMultiPartParser(kind, broken(), upload_dir=str(uploads), max_file_size=1e9)
        await asyncio.wait_for(parser.parse(), 0.1)

    before = set(uploads.iterdir())
    with pytest.raises((TimeoutError, MultiPartException)):
        asyncio.run(parsed())
    (draft,) = set(uploads.iterdir()) - before
    return draft


def test_what_a_broken_upload_left_is_removed_and_nobody_elses_files(place):
    old, new, whole = draft_of(place.uploads), draft_of(place.uploads), place.uploads / "ab" / "clip.mp4"
    others = [place.uploads / name for name in ("notes.txt", "tmp", "tmpabcdefgh.mp4", "thesis")]
    whole.parent.mkdir()
    for file in (whole, *others):
        file.write_bytes(b"x")
    for file in (old, whole, *others):
        os.utime(file, (0, 0))
    assert place.upload().status_code == 200
    assert (old.exists(), new.exists(), whole.exists()) == (False, True, True)
    assert all(file.exists() for file in others)


def test_the_state_of_few_pages_is_kept_in_memory(tmp_path, monkeypatch):
    launched = {}
    page = gr.Blocks()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setattr(gr.Blocks, "launch", lambda self, **options: launched.update(options))
    server.serve(page, "one", tmp_path / "runs", [])
    assert launched["state_session_capacity"] == 1_000
