"""The gate by itself, around a small application: owners, files, sessions, rates, what is posted. No gradio, no network."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from workbench.errors import InputError, VideoError
from workbench.owners import SCOPE_KEY, owner_of
from workbench.serving.files import FileOwners
from workbench.serving.gate import Gate, Site
from workbench.serving.kinds import check_kind
from workbench.serving.posted import check_files, files_in, read_posted
from workbench.serving.rates import Rate, Rates
from workbench.serving.routes import API, route_of

VIDEO = b"\x00\x00\x00\x18ftypmp42 and so on"
ANNA, BEN = "anna" * 10, "ben-" * 10


class Behind:
    """What the gate stands before: answers as gradio does, and notes what reached it."""

    def __init__(self, uploads: Path):
        self.uploads, self.seen, self.answer = uploads, [], {"ok": True}

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.seen.append((scope["path"], scope.get(SCOPE_KEY), body))
        answer = self.answer
        if scope["path"] == f"{API}/upload":
            file = self.uploads / f"{len(self.seen):064x}" / "clip.mp4"
            file.parent.mkdir(parents=True)
            file.write_bytes(body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0])
            answer = [str(file)]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


class Place:
    """A gate, what is behind it, and those who ask."""

    def __init__(self, folder: Path, **site):
        self.uploads, self.served = folder / "uploads", folder / "examples"
        self.uploads.mkdir()
        self.served.mkdir()
        (self.served / "example.mp4").write_bytes(VIDEO)
        self.behind = Behind(self.uploads)
        files = FileOwners(self.uploads, (self.served,), folder / "marks")
        self.gate = Gate(self.behind, Site(**{"one_user": False, "files": files, "upload_bytes": 1000, **site}))

    def ask(self, method: str, path: str, token: str = ANNA, headers=None, client="8.8.8.8", **more) -> httpx.Response:
        async def asked():
            transport = httpx.ASGITransport(self.gate, client=(client, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                given = {**({"cookie": f"workbench-owner={token}"} if token else {}), **(headers or {})}
                return await http.request(method, path, headers=given, **more)

        return asyncio.run(asked())

    def upload(self, token: str = ANNA, content: bytes = VIDEO) -> httpx.Response:
        return self.ask("POST", f"{API}/upload", token, files={"files": ("clip.mp4", content)})

    def join(self, token: str = ANNA, session: str = "s1", **more) -> httpx.Response:
        return self.ask("POST", f"{API}/queue/join", token, json={"session_hash": session, "data": [], **more})


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/", "page"), ("HEAD", "/", "page"), ("GET", "/config", "page"), ("GET", "/assets/index.js", "asset"),
        ("GET", f"{API}/file=/a/b c.mp4", "file"), ("GET", f"{API}/file//a/b.mp4", "file"), ("POST", f"{API}/upload", "upload"),
        ("POST", f"{API}/queue/join", "event"), ("POST", f"{API}/queue/join/", "event"), ("POST", f"{API}/run/predict", "event"),
        ("POST", f"{API}/call/judge", "event"), ("POST", f"{API}/call/v2/judge", "event"), ("POST", f"{API}/cancel", "event"),
        ("GET", f"{API}/call/judge/0a1b", "listen"), ("GET", f"{API}/heartbeat/s1", "listen"), ("POST", "/login", "login"),
        ("GET", f"{API}/deep_link", None), ("GET", f"{API}/proxy=https://x.hf.space/", None), ("GET", "/monitoring/k", None),
        ("GET", f"{API}/dev/reload", None), ("POST", f"{API}/component_server", None), ("POST", f"{API}/stream/e", None),
        ("POST", f"{API}/vibe-edit", None), ("POST", f"{API}/process_recording", None), ("GET", f"{API}/mcp/other", None),
        ("GET", "/docs", None), ("PUT", "/", None), ("GET", f"/x{API}/file=/a", None), ("GET", "/assets/../../x", None),
        ("GET", f"{API}/run-history/records", None), ("GET", f"{API}/profiling/traces", None), ("OPTIONS", "/", None),
    ],
)  # fmt: skip
def test_only_the_addresses_of_the_page_are_answered(method, path, kind):
    found = route_of(method, path)
    assert (found.kind if found else None) == kind


def test_a_browser_gets_a_cookie_once_and_is_known_by_it(place):
    first = place.ask("GET", "/", token="")
    cookie = first.headers["set-cookie"]
    assert (
        "HttpOnly" in cookie
        and "SameSite=Lax" in cookie
        and "object-src 'none'" in first.headers["content-security-policy"]
    )
    token = cookie.split(";")[0].partition("=")[2]
    assert "set-cookie" not in place.ask("GET", "/", token).headers
    assert place.behind.seen[0][1] == place.behind.seen[1][1] == owner_of(token)
    within_a_frame = place.ask("GET", "/", token="", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert "SameSite=None; Secure; Partitioned" in within_a_frame


def test_a_look_whether_the_page_is_there_makes_no_page(place):
    assert place.ask("HEAD", "/", "").status_code == 200 and not place.behind.seen


def test_a_cookie_that_is_none_of_ours_is_replaced(place):
    for token in ("short", "../../x" * 9, "a" * 200):
        assert "set-cookie" in place.ask("GET", "/", token).headers


def test_programs_name_themselves_in_a_header(place):
    place.ask("GET", "/", token="", headers={"x-workbench-owner": BEN})
    assert place.behind.seen[-1][1] == owner_of(BEN)


def test_an_upload_is_its_owners_until_somebody_else_has_it_too(place):
    path = place.upload().json()[0]
    for token, status in ((ANNA, 200), (BEN, 403), ("", 403)):
        assert place.ask("GET", f"{API}/file={path}", token).status_code == status
        assert place.join(token, f"s{token}", data=[{"path": path, "meta": {}}]).status_code == (
            200 if status == 200 else 400
        )
    place.behind.answer = {"event_id": "e1", "data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    place.join(BEN, "sb")  # the page hands the file out to him
    assert place.ask("GET", f"{API}/file={path}", BEN).status_code == 200


def test_what_is_named_in_texts_is_not_handed_out(place):
    path = place.upload().json()[0]
    spoken = f'{{"path": "{path}", "meta": {{"_type": "gradio.FileData"}}}}'
    place.behind.answer = {"data": [path, spoken, {"path": path}, {"path": path, "meta": {"_type": "x"}}]}
    place.join(BEN, "sb", data=[path, spoken])
    assert place.ask("GET", f"{API}/file={path}", BEN).status_code == 403


def test_ownership_outlives_the_server(place, tmp_path):
    path = place.upload().json()[0]
    place.gate = Gate(place.behind, place.gate.site)
    assert place.ask("GET", f"{API}/file={path}").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "etc/passwd", "{uploads}/../secret.txt", "{uploads}", "{uploads}/link", "{uploads}/none.mp4",
     "{served}/../secret.txt", "{served}/link", "http://127.0.0.1:1/x", "https://huggingface.co/x", "file:///etc/passwd",
     "{uploads}/%2e%2e/secret.txt", "{uploads}/a%00b", "/dev/zero", "/proc/self/environ", "~/x", "{uploads}/" + "x" * 5000],
)  # fmt: skip
def test_files_come_from_the_upload_folder_and_the_examples_alone(place, path):
    (place.uploads.parent / "secret.txt").write_text("secret")
    for folder in (place.uploads, place.served):
        (folder / "link").symlink_to(place.uploads.parent / "secret.txt")
    path = path.format(uploads=place.uploads, served=place.served)
    assert place.ask("GET", f"{API}/file={path}").status_code in (403, 404)
    assert place.join(data=[{"path": path, "meta": {"_type": "gradio.FileData"}}]).status_code == 400
    assert not [seen for seen in place.behind.seen if "file=" in seen[0] or b"path" in seen[2]]


def test_examples_are_for_all_and_served_as_checked(place):
    (place.served / "same.mp4").symlink_to(place.served / "example.mp4")
    shown = place.ask("GET", f"{API}/file={place.served / 'same.mp4'}", BEN)
    assert shown.status_code == 200 and "sandbox" in shown.headers["content-security-policy"]
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert place.behind.seen[-1][0] == f"{API}/file={place.served / 'example.mp4'}"


def test_the_address_beside_a_file_is_taken_out_and_one_in_its_place_refused(place):
    path = place.upload().json()[0]
    file = {"path": path, "url": "http://169.254.169.254/", "meta": {"_type": "gradio.FileData"}}
    assert place.join(data=[{"video": [file]}]).status_code == 200
    assert b"169.254" not in place.behind.seen[-1][2] and path.encode() in place.behind.seen[-1][2]
    for posted in ({"url": "http://169.254.169.254/"}, {"path": None, "url": "http://x/"}, {"path": ["a"]},
                   {"path": "http://x/y.mp4", "meta": {"_type": "gradio.FileData"}}):  # fmt: skip
        assert place.join(data=[posted]).status_code == 400


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"data": ' + b"[" * 80 + b"]" * 80 + b"}"]
)
def test_a_body_that_is_no_form_is_refused(place, body):
    assert place.ask("POST", f"{API}/queue/join", content=body).status_code == 400
    assert not place.behind.seen


def test_a_form_is_bounded(place):
    assert place.join(data=["x" * (5 << 20)]).status_code == 413


def test_sessions_events_and_uploads_stay_with_who_began_them(place):
    place.behind.answer = {"event_id": "e7"}
    assert place.join(ANNA, "s1").status_code == 200
    assert place.join(BEN, "s1").status_code == 403
    for method, path in (("GET", f"{API}/queue/data?session_hash=s1"), ("GET", f"{API}/heartbeat/s1"),
                         ("GET", f"{API}/call/judge/e7")):  # fmt: skip
        assert place.ask(method, path, BEN).status_code == 403
        assert place.ask(method, path, ANNA).status_code == 200
    for body in ({"session_hash": "s1", "event_id": "x"}, {"session_hash": "sb", "event_id": "e7"}):
        assert place.ask("POST", f"{API}/cancel", BEN, json=body).status_code == 403
    for name in ("../x", "", "a b", 7, {"a": 1}):
        assert place.ask("POST", f"{API}/queue/join", json={"session_hash": name, "data": []}).status_code == 400


def test_uploads_are_videos_of_a_size(place):
    assert place.upload(content=b"<script>alert(1)</script>").status_code == 415
    assert not list(place.uploads.rglob("*.mp4"))
    assert place.upload(content=VIDEO + b"x" * (3 << 20)).status_code == 413
    refused = place.ask("POST", f"{API}/upload", content=_chunks(), headers={"content-type": "multipart/form-data"})
    assert refused.status_code == 411


async def _chunks():
    yield VIDEO


def test_somebody_who_asks_too_fast_waits_and_others_do_not(place):
    place.gate.site.rates = Rates(
        {kind: Rate(3, 0.1, 2) for kind in ("event", "upload", "login", "visit")}, lambda: 0.0
    )
    assert [place.join().status_code for _ in range(4)] == [200, 200, 200, 429]
    told = place.join()
    assert told.headers["retry-after"] == "10" and "Wait 10 s" in told.json()["detail"] == told.json()["error"]
    assert [place.join(BEN, "sb").status_code for _ in range(2)] == [200, 429]  # the address has used its six
    assert place.ask("POST", f"{API}/reset", "carl" * 9, client="9.9.9.9", json={}).status_code == 200


def test_behind_a_proxy_people_are_told_apart(place):
    place.gate.site.rates = Rates(
        {kind: Rate(1, 0.1, 1) for kind in ("event", "upload", "login", "visit")}, lambda: 0.0
    )
    for number, token in enumerate((ANNA, BEN)):
        hops = {"x-forwarded-for": f"1.2.3.{number}, 10.0.0.{number}"}
        asked = [place.ask("POST", f"{API}/reset", token, hops, "10.1.1.1", json={}).status_code for _ in range(2)]
        assert asked == [200, 429]
    faked = place.ask("POST", f"{API}/reset", "carl" * 9, {"x-forwarded-for": "5.5.5.5"}, "8.8.4.4", json={})
    again = place.ask("POST", f"{API}/reset", "dora" * 9, {"x-forwarded-for": "6.6.6.6"}, "8.8.4.4", json={})
    assert (faked.status_code, again.status_code) == (200, 429)  # nobody who asks directly says who they are


def test_a_full_queue_says_so(tmp_path):
    counts = {owner_of(ANNA): 3, owner_of(BEN): 0}
    place = Place(tmp_path, waiting=lambda owner: (8, counts.get(owner, 0)), most_waiting=9, most_own=3)
    assert place.join(ANNA).status_code == 429 and "3 of your requests" in place.join(ANNA).json()["detail"]
    assert place.join(BEN, "sb").status_code == 200
    place.gate.site.most_waiting = 8
    assert "more than this page takes" in place.join(BEN, "sb").json()["detail"]
    assert place.ask("POST", f"{API}/cancel", BEN, json={"session_hash": "sb", "event_id": "e"}).status_code == 200


def test_other_sites_may_not_post(place):
    assert place.ask("POST", f"{API}/reset", json={}, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert place.ask("POST", f"{API}/reset", json={}, headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_one_user_has_all_and_is_this_machine_alone(tmp_path):
    place = Place(tmp_path, one_user=True)
    path = place.upload("").json()[0]
    assert place.ask("GET", f"{API}/file={path}", "").status_code == 200 and place.join("").status_code == 200
    assert place.join(BEN).status_code == 200 and place.behind.seen[-1][1] is None
    assert place.ask("GET", f"{API}/file=/etc/passwd").status_code == 403
    assert place.join(data=[{"path": "/etc/passwd"}]).status_code == 400
    for host, status in (
        ("localhost:7860", 200),
        ("[::1]:7860", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ):
        assert place.ask("GET", "/", headers={"host": host}).status_code == status


def test_an_answer_does_not_tell_the_secrets_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "a-very-secret-token")
    place = Place(tmp_path)
    place.behind.answer = {"error": "401 for a-very-secret-token"}
    assert place.join().json() == {"error": "401 for *******************"}


def test_web_sockets_are_closed(place):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(place.gate({"type": "websocket", "path": "/"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


# -- its parts


@pytest.mark.parametrize(
    "start",
    [
        VIDEO,
        b"\x1aE\xdf\xa3rest",
        b"RIFF\0\0\0\0AVI LIST",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
    ],
)
def test_videos_and_pictures_are_known_by_their_beginning(tmp_path, start):
    (tmp_path / "any.name").write_bytes(start)
    check_kind(tmp_path / "any.name")


@pytest.mark.parametrize(
    "start",
    [b"", b"\0", b"<svg onload=alert(1)>", b"#EXTM3U\n/etc/passwd", b"RIFF\0\0\0\0WAVE", b"%PDF-1.7", b"PK\3\4"],
)
def test_anything_else_is_not(tmp_path, start):
    (tmp_path / "clip.mp4").write_bytes(start)
    with pytest.raises(VideoError, match="clip.mp4"):
        check_kind(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    ("name", "start", "is_table"),
    [("a.csv", b"video,response\n", True), ("a.JSONL", b"{}\n", True), ("a.parquet", b"PAR1\0", True),
     ("a.csv", b"\xff\xfev\0", True),
     ("a.parquet", b"video", False), ("a.csv", b"MZ\0\0", False), ("a.csv", b"", False), ("a.html", b"video,response", False)],
)  # fmt: skip
def test_tables_are_taken_too(tmp_path, name, start, is_table):
    (tmp_path / name).write_bytes(start)
    if is_table:
        return check_kind(tmp_path / name)
    with pytest.raises(VideoError):
        check_kind(tmp_path / name)


def test_a_bucket_fills_up_again():
    now = [0.0]
    rates = Rates({"event": Rate(2, 0.5, 100)}, lambda: now[0])
    assert [rates.wait("event", "a", "x") for _ in range(3)] == [0, 0, 2]
    now[0] = 2.0
    assert [rates.wait("event", "a", "x"), rates.wait("event", "a", "x")] == [0, 2]


def test_posted_and_answered_files_are_found_at_any_depth():
    assert check_files({"a": [{"b": {"path": "/x", "url": "u"}}]}, lambda path: path.upper())
    assert not check_files(read_posted(b'{"data": ["path", 1, null]}'), lambda path: 1 / 0)
    meta = {"_type": "gradio.FileData"}
    assert list(
        files_in([{"x": [{"path": "/a", "meta": meta}]}, {"path": 3, "meta": meta}, {"path": "/b", "meta": "m"}])
    ) == ["/a"]
    with pytest.raises(InputError):
        check_files({"path": 3}, str)
