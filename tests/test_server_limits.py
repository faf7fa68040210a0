"""The gate under strain, around a small application: cookies of others, drafts, how often, how many streams at once."""

import asyncio
import os
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio.route_utils import GradioMultiPartParser, MultiPartException
from starlette.datastructures import Headers

from tests.test_server_gate import ANNA, BEN, Place
from workbench.owners import owner_of
from workbench.page import server
from workbench.serving.rates import Rate, Rates
from workbench.serving.routes import API


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


def test_pages_are_rated_whoever_the_visitor_says_to_be(place):
    place.gate.site.rates = Rates({"page": Rate(3, 0.1, 2), "visit": Rate(2, 0.1, 1)}, lambda: 0.0)
    assert [place.ask("GET", "/config").status_code for _ in range(4)] == [200, 200, 200, 429]
    made_up = [place.ask("GET", "/", f"{number:040}").status_code for number in range(4)]
    assert made_up == [200, 200, 429, 429]  # six in all from one address
    assert place.ask("GET", "/", BEN, client="9.9.9.9").status_code == 200
    assert [place.ask("GET", "/", "", client="7.7.7.7").status_code for _ in range(3)] == [200, 200, 429]


def test_a_password_is_not_guessed_by_making_up_addresses(place):
    place.gate.site.rates = Rates({"login": Rate(2, 0.1, 1), "peer": Rate(5, 0.1, 1)}, lambda: 0.0)
    guesses = [place.ask("POST", "/login", f"{number:040}", {"x-forwarded-for": f"5.5.5.{number}"}, "10.0.0.9")
               for number in range(7)]  # fmt: skip
    assert [guess.status_code for guess in guesses] == [200] * 5 + [429] * 2
    assert place.ask("POST", "/login", BEN, {"x-forwarded-for": "6.6.6.6"}, "10.0.0.10").status_code == 200


def test_open_streams_are_counted_while_they_are_open(place):
    """Of one owner, and of many that one address makes up; what has ended, or broke off, is open no longer."""
    place.gate.site.most_streams = 2
    hold, behind = None, place.gate.app

    async def stream(scope, receive, send):
        if "heartbeat" in scope["path"]:
            await hold.wait()
        if scope["path"].endswith("broken"):
            raise ConnectionResetError
        await behind(scope, receive, send)

    async def listens(session, token=ANNA, client="8.8.8.8"):
        transport = httpx.ASGITransport(place.gate, client=(client, 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            sent = {"cookie": f"workbench-owner={token}"}
            return (await http.get(f"{API}/heartbeat/{session}", headers=sent)).status_code

    async def visit():
        nonlocal hold
        hold = asyncio.Event()
        first = [asyncio.create_task(listens(name)) for name in ("s1", "broken")]
        await asyncio.sleep(0.1)
        assert await listens("s3") == 429
        others = [asyncio.create_task(listens(f"o{number}", f"{number:040}")) for number in range(14)]
        await asyncio.sleep(0.1)
        assert await listens("late", BEN) == 429  # sixteen from this address
        hold.set()
        assert await listens("elsewhere", BEN, "9.9.9.9") == 200
        assert sorted(await asyncio.gather(*first, *others)) == [200] * 15 + [500]
        assert await listens("s3") == 200 and not place.gate._streams

    place.gate.app = stream
    asyncio.run(visit())


def test_the_state_of_few_pages_is_kept_in_memory(tmp_path, monkeypatch):
    launched = {}
    page = gr.Blocks()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setattr(gr.Blocks, "launch", lambda self, **options: launched.update(options))
    server.serve(page, "one", tmp_path / "runs", [])
    assert launched["state_session_capacity"] == 1_000
