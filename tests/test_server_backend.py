"""Judges on a server: what is sent, what comes back, and what becomes of a server that is slow, busy, broken or gone."""

import asyncio
import base64
import io
import json
import re
import socket
import threading
import time
from email.utils import formatdate

import numpy as np
import pytest
from chat_server import Answer, chat_servers, refused, said
from clips import Clip, numbered_picture, read_number
from PIL import Image

from bootstrap.participants import load_participant
from workbench.__main__ import main
from workbench.backends import check_spec, load_backend, on_accelerator, scores_only
from workbench.backends.base import Chat, Reply
from workbench.backends.presets import PRESETS
from workbench.backends.stopping import STOPPED, stoppable
from workbench.errors import BackendError, InputError
from workbench.redaction import redact
from workbench.schema import Sampling
from workbench.store import Run
from workbench.video.frames import Frames

SCORES = ("1", "2", "3", "4", "5")


@pytest.fixture
def chat_server():
    with chat_servers() as start:
        yield start


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr("workbench.backends.server_calls.FIRST_WAIT", 0.01)


def frames(count=3):
    images = np.stack([numbered_picture(7 + number, 112, 84) for number in range(count)])
    return Frames(images, tuple(map(float, range(count))), tuple(range(count)), "pyav", "ab", float(count), count)


def rate(text, **more):
    return Chat("", None, text, SCORES, "<score>", **more)


def judge(server, **options):
    return load_backend(f"server:m@{server.url}", **options)


def always(answer):
    return lambda asked, number: answer


def last_text(asked):
    content = asked["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


# -- what is sent


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_frames_go_as_pictures_in_order_then_the_text(chat_server, form):
    server, shown = chat_server(always(said("<score>4</score>"))), frames()
    backend = judge(server, frames_as=form)
    sampling = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=50, seed=3)
    (reply,) = backend.generate([Chat("Be fair.", shown, "Rate it.\u2028é", SCORES, "<score>")], sampling)
    assert (reply.text, reply.probs, reply.finished) == ("<score>4</score>", None, True)
    assert reply.usage == {"prompt_tokens": 100, "reply_tokens": 7, "generate_seconds": reply.usage["generate_seconds"]}
    (asked,) = server.asked
    system, user = asked.pop("messages")
    assert system == {"role": "system", "content": "Be fair."} and user["role"] == "user"
    *pictures, text = user["content"]
    assert text == {"type": "text", "text": "Rate it.\u2028é"}
    decoded = [decode(picture["image_url"]["url"], form) for picture in pictures]
    assert [read_number(image) for image in decoded] == [7, 8, 9]
    assert np.abs(np.stack(decoded).astype(int) - shown.images).max() <= (0 if form == "png" else 40)
    assert asked == {"model": "m", "temperature": 0.7, "top_p": 0.9, "max_tokens": 50, "seed": 3,
                     "logprobs": True, "top_logprobs": 20}  # fmt: skip
    assert backend.identity == {"backend": "server", "model": "m", "frames_as": form}


def decode(url, form):
    head, _, data = url.partition(",")
    assert head == f"data:image/{form};base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_samples_and_samplings_differ_and_free_text_wants_no_probabilities(chat_server):
    server = chat_server(always(said("text", finish_reason="length")))
    chats = [Chat("", None, "Write.", sample=sample) for sample in (0, 1, 1)]
    replies = judge(server, concurrency=1).generate(chats, [Sampling(seed=5), Sampling(seed=5), Sampling(1.0, seed=6)])
    assert [reply.finished for reply in replies] == [False] * 3
    assert [asked["seed"] for asked in server.asked] == [5, 1_000_008, 1_000_009]
    assert [asked["temperature"] for asked in server.asked] == [0.0, 0.0, 1.0]
    assert all(asked["messages"] == [{"role": "user", "content": "Write."}] for asked in server.asked)
    assert not any("logprobs" in asked for asked in server.asked)


def test_defaults_of_a_known_model_and_of_any_other(chat_server):
    server, preset = chat_server(always(said("x"))), PRESETS["videojudge-7b-rubric"]
    known = load_backend(f"server:{preset.model}@{server.url.removesuffix('/v1')}")
    assert (known.video_policy, known.declared.prompts) == (preset.video_policy, ("rubric",))
    other = judge(server, concurrency=3)
    assert (other.view, other.video_policy.frames, other.takes_at_once) == ("video", 8, 6)
    assert judge(server, view="description").view == "description"
    assert not on_accelerator(f"server:m@{server.url}") and not scores_only(f"server:m@{server.url}")


def test_many_are_in_flight_and_their_order_is_kept(chat_server):
    together = threading.Barrier(4, timeout=30)  # answers only where four are in flight at once

    def answer(asked, number):
        together.wait()
        time.sleep(0.05 * (number % 4))
        return said(last_text(asked))

    server = chat_server(answer)
    replies = judge(server, concurrency=4).generate([rate(f"no. {number}") for number in range(12)], Sampling())
    assert [reply.text for reply in replies] == [f"no. {number}" for number in range(12)]
    assert server.most_at_once == 4


def test_within_an_event_loop_as_in_a_notebook(chat_server):
    backend = judge(chat_server(always(said("fine"))))

    async def cell():
        return backend.generate([rate("a")], Sampling())

    assert asyncio.run(cell())[0].text == "fine" and backend.generate([], Sampling()) == []


# -- a server that is busy, broken, slow or gone


@pytest.mark.parametrize(
    "first",
    [refused(429, "slow down"), refused(503, "loading", retry_after="0"), refused(502, ""), Answer(breaks=True),
     Answer("half of", breaks=True)],
    ids=["429", "503", "502", "broken", "cut off"],
)  # fmt: skip
def test_what_may_pass_is_tried_again(chat_server, first):
    server = chat_server(lambda asked, number: first if number < 2 else said("at last"))
    (reply,) = judge(server).generate([rate("a")], Sampling())
    assert reply.text == "at last" and len(server.asked) == 3


@pytest.mark.parametrize(
    "wait", [lambda: "1", lambda: formatdate(time.time() + 2, usegmt=True)], ids=["number", "date"]
)
def test_a_server_that_says_how_long_to_wait_is_waited_for(chat_server, wait):
    times = []

    def answer(asked, number):
        times.append(time.monotonic())
        return said("fine") if number else refused(429, "slow down", retry_after=wait())

    (reply,) = judge(chat_server(answer)).generate([rate("a")], Sampling())
    assert reply.text == "fine" and times[1] - times[0] > 0.9


def test_a_server_that_stays_busy_or_asks_for_an_hour(chat_server):
    server = chat_server(always(refused(503, "overloaded")))
    (reply,) = judge(server, retries=2).generate([rate("a")], Sampling())
    assert (
        re.search("overloaded or not ready .HTTP 503: overloaded.*concurrency", str(reply)) and len(server.asked) == 3
    )
    server = chat_server(always(refused(429, "come back tomorrow", retry_after="3600")))
    (reply,) = judge(server).generate([rate("a")], Sampling())
    assert "come back tomorrow" in str(reply) and len(server.asked) == 1


def test_an_answer_that_takes_too_long(chat_server):
    late = threading.Event()
    server = chat_server(lambda asked, number: late.wait(60) and said("late") if number == 0 else said("in time"))
    replies = judge(server, timeout=1, concurrency=1).generate([rate("a"), rate("b")], Sampling())
    late.set()
    assert "no answer within 1 seconds" in str(replies[0]) and replies[1].text == "in time"


def test_a_server_that_is_not_there_or_goes_away(chat_server, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(BackendError, match=f"the server at {url}/v1 cannot be reached .*Start it"):
        load_backend(f"server:m@{url}")
    server = chat_server(always(Answer(breaks=True)))
    backend = judge(server, retries=3, concurrency=1)
    replies = backend.generate([rate("a"), rate("b")], Sampling())
    assert all("cannot be reached" in str(reply) for reply in replies)
    assert len(server.asked) == 5, "four tries, and one for the next: who is gone is not waited for again and again"


def test_stop_is_heard_while_a_server_thinks(chat_server):
    release, thinking = threading.Event(), threading.Event()

    def answer(asked, number):
        if number:
            thinking.set()
            release.wait(60)
        return said("done")

    server = chat_server(answer)
    backend, started = judge(server, concurrency=2), time.monotonic()
    with stoppable(backend, thinking.is_set):
        replies = backend.generate([rate(str(number)) for number in range(6)], Sampling())
    seconds = time.monotonic() - started
    release.set()
    assert seconds < 20, "it would have been a minute"
    stopped = [str(reply) for reply in replies if isinstance(reply, BackendError)]
    assert stopped == [STOPPED] * len(stopped) and len(stopped) >= 5, "which request comes first is not told"
    assert len(server.asked) <= 4, "none is sent after that"
    with stoppable(backend, lambda: True):
        assert str(backend.generate([rate("a")], Sampling())[0]) == STOPPED


# -- refusals in words


@pytest.mark.parametrize(
    "answer, sentence",
    [
        (refused(404, "The model `m` does not exist."), "does not know the model 'm'; name one that it has: a, b"),
        (refused(400, "Server is pinned to 'a'; requested 'm'."), "does not know the model 'm'"),
        (refused(400, "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens"),
         "prompt with 3 frames and a reply of up to 1024 tokens does not fit .*fewer or smaller frames"),
        (Answer({"error": {"code": 400, "message": "the request exceeds the available context size", "n_ctx": 8}}),
         "does not fit into the model's context"),
        (refused(400, "At most 1 image(s) may be provided in one prompt."), "got 3 frames, and the server takes 1"),
        (refused(400, "m is not a multimodal model"), "the model takes no pictures .*view=description"),
        (refused(500, "image input is not supported - hint: you may need to provide the mmproj"), "takes no pictures"),
        (Answer({"detail": "Not Found"}, 404), "no chat completions at http.*up to and with /v1"),
        (refused(401, "bad key"), "wants another key .HTTP 401: bad key.*WORKBENCH_SERVER_KEY"),
        (Answer("<html><h1>413 Too Large</h1></html>", 413), "too large for the server .HTTP 413: 413 Too Large.*fewer"),
        (refused(500, "CUDA error"), "refused or failed .HTTP 500: CUDA error.*does not list the model 'm'; name .*a, b"),
        (Answer("<html>Welcome!</html>"), "is no chat completion: '<html>Welcome!.*up to and with /v1"),
        (Answer({"choices": []}), "is no chat completion"),
        (Answer({"choices": [{"message": {"content": 4}}]}), "is no chat completion"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_it_is_about(chat_server, answer, sentence):
    server = chat_server(always(answer), models=("a", "b"))
    (reply,) = judge(server).generate([Chat("", frames(), "Rate.")], Sampling())
    assert isinstance(reply, BackendError) and re.search(sentence, str(reply)), str(reply)
    assert str(reply).startswith(f"server:m@{server.url}: ") and len(server.asked) == 1


def test_frames_for_a_judge_that_only_reads(chat_server):
    backend = judge(chat_server(always(said("x"))), view="description")
    assert "reads text only" in str(backend.generate([Chat("", frames(), "Rate.")], Sampling())[0])


@pytest.mark.parametrize(
    "spec, options, sentence",
    [
        ("server:m", {}, "expected <model>@<url>"),
        ("server:m@localhost:8000", {}, "expected <model>@<url>"),
        ("server:m@http://localhost:port", {}, "expected <model>@<url>"),
        ("server:m@http://ann:secret@localhost", {}, "WORKBENCH_SERVER_KEY"),
        ("server:m@http://localhost", {"concurrency": 0}, "concurrency: got 0, expected a whole number of at least 1"),
        ("server:m@http://localhost", {"timeout": "soon"}, "timeout: got 'soon'"),
        ("server:m@http://localhost", {"frames_as": "gif"}, "frames_as: got 'gif', expected jpeg or png"),
        ("server:m@http://localhost", {"view": "none"}, "view: got 'none'"),
        ("server:m@http://localhost", {"dtype": "float32"}, "it takes concurrency, timeout, retries, frames_as, view"),
    ],
)
def test_specs_and_options_that_cannot_be(spec, options, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        load_backend(spec, **options)
    assert "secret" not in str(error.value)


# -- the key


def test_the_key_of_the_environment_is_sent_and_nowhere_shown(chat_server, monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("WORKBENCH_SERVER_KEY", "k-0123456789")
    server = chat_server(always(refused(400, "got the key k-0123456789")))
    monkeypatch.chdir(tmp_path)
    code = main(["judge", "--no-video", "--instruction=q", "--response=r", f"--judge=server:m@{server.url}", "--out=r"])
    assert code == 1 and server.headers[0]["authorization"] == "Bearer k-0123456789"
    written = "".join(file.read_text() for file in (tmp_path / "r").iterdir()) + "".join(capfd.readouterr())
    assert "got the key [hidden]" in written and "0123456789" not in written
    assert redact("k-0123456789") == "[hidden]" and "0123456789" not in repr(vars(judge(server)))
    monkeypatch.setenv("WORKBENCH_SERVER_KEY", "two\nlines")
    with pytest.raises(InputError, match="spaces, line breaks") as error:
        judge(server)
    assert "two" not in str(error.value)


def test_a_server_that_wants_a_key_says_so_when_it_is_loaded(chat_server):
    server = chat_server(always(said("x")), models=refused(401, "no key"))
    with pytest.raises(BackendError, match="wants another key"):
        judge(server)


# -- what comes back


def test_a_server_that_tells_probabilities_and_one_that_refuses_to(chat_server):
    likely = [{"token": token, "logprob": np.log(share)} for token, share in {"4": 0.6, "5": 0.2, "six": 0.2}.items()]
    places = [("<score>", []), ("4", likely), ("</score>", [])]
    content = {"content": [{"token": text, "logprob": 0.0, "top_logprobs": top} for text, top in places]}
    (reply,) = judge(chat_server(always(said("<score>4</score>", logprobs=content)))).generate([rate("a")], Sampling())
    assert reply.probs["5"] == pytest.approx(0.25)
    server = chat_server(
        lambda asked, number: refused(400, "logprobs are off") if "logprobs" in asked else said("<score>2</score>")
    )
    backend = judge(server)
    replies = [backend.generate([rate(text)], Sampling())[0] for text in "ab"]
    assert [(reply.text, reply.probs) for reply in replies] == [("<score>2</score>", None)] * 2
    assert ["logprobs" in asked for asked in server.asked] == [True, False, False]


def test_thoughts_that_are_told_apart_stand_before_the_reply(chat_server):
    message = {"content": "<score>4</score>", "reasoning_content": "Is it <score>1</score>?</think>"}
    server = chat_server(always(said("", message=message)))
    (reply,) = judge(server).generate([rate("a")], Sampling())
    assert reply.text == "<think>\nIs it <score>1</score>?\n</think>\n\n<score>4</score>"


# -- as a judge of a run, and as one that writes


def test_a_run_keeps_what_failed_and_asks_for_it_again(chat_server, monkeypatch, tmp_path, capsys):
    broken = {"on": True}

    def answer(asked, number):
        fails = broken["on"] and "ball 2" in last_text(asked)
        return refused(500, "oops") if fails else said("<thinking>It shows.</thinking><score>4</score>")

    server = chat_server(answer)
    monkeypatch.chdir(tmp_path)
    Clip(frames=24).write(tmp_path / "a.mp4")
    rows = [{"video": "a.mp4", "instruction": "What?", "response": f"A ball {number}."} for number in range(4)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    spec = f"server:m@{server.url}"
    words = ["judge", "--items=t.jsonl", f"--judge={spec}", "--judge-option=concurrency=2", "--frames=4", "--out=r"]
    assert main(words) == 1
    assert {len(asked["messages"][-1]["content"]) for asked in server.asked} == {5}
    first = Run.open("r").judgments()
    assert sorted(judgment.status for judgment in first) == ["failed", "scored", "scored", "scored"]
    assert {judgment.judge for judgment in first} == {spec}
    broken["on"] = False
    assert main(words) == 0 and len(server.asked) == 5
    assert [judgment.score for judgment in Run.open("r").judgments()] == [4.0] * 4
    check_spec(spec)
    assert main(["backends"]) == 0 and "server:<model>@<url>" in capsys.readouterr().out


def test_it_writes_for_a_bootstrap_from_several_threads(chat_server):
    server = chat_server(lambda asked, number: said(f"wrote {last_text(asked)}"))
    writer = load_participant(f"server:m@{server.url}", "generator", {"concurrency": 2})
    replies = {}
    threads = [threading.Thread(target=lambda number=number: replies.update(
        {number: writer.generate([Chat("", None, f"text {number}")], Sampling(0.7))[0]})) for number in range(4)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: reply.text for number, reply in replies.items()} == {n: f"wrote text {n}" for n in range(4)}
    assert all(isinstance(reply, Reply) for reply in replies.values())
