"""The endpoints of a served page: the examples of docs/api.md and README.md word for word, refusals, and tools for MCP clients."""

import importlib.util
import json
import os
import re
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
import gradio_client
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from analysis.tab_api import audit_endpoint, compare_endpoint, sweep_endpoint
from tests.clips import Clip
from tests.server import serving
from workbench.backends import load_backend
from workbench.backends.presets import PRESETS
from workbench.errors import InputError
from workbench.page.api import checked_form, judge_endpoint
from workbench.page.resident import ResidentJudge
from workbench.page.server import serves_tools
from workbench.store import Run

DOCS = Path(__file__).parent.parent / "docs/api.md"
README = DOCS.parent.parent / "README.md"
OF_PAGE, OF_README = (re.findall(r"```python\n(.*?)```", file.read_text(), re.DOTALL) for file in (DOCS, README))
EXAMPLES = [*OF_PAGE, *(text for text in OF_README if "gradio_client" in text)]
HAS_MCP = importlib.util.find_spec("mcp") is not None
ENDPOINTS = {"/judge", "/compare", "/sweep", "/audit"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    Clip(frames=12).write(folder / "clip.mp4")
    if HAS_MCP:
        os.environ["WORKBENCH_MCP"] = "1"
    try:
        with serving(folder) as (address, judge):
            yield folder, address, judge
    finally:
        os.environ.pop("WORKBENCH_MCP", None)


@pytest.fixture(scope="module")
def client(served):
    return Client(served[1], verbose=False, httpx_kwargs={"timeout": 120})


def test_the_examples_of_the_docs_run(served, monkeypatch, capsys):
    folder, address, judge = served

    class Told(Client):
        """The documented client, at this page's address and with a judge that answers at once."""

        def __init__(self, url):
            super().__init__(address, verbose=False, httpx_kwargs={"timeout": 120})

        def predict(self, *, api_name, **given):
            own = {"judges": [judge, "human:nobody"]} if api_name == "/compare" else {"judge": judge}
            return super().predict(**{**given, **own}, api_name=api_name)

    monkeypatch.setattr(gradio_client, "Client", Told)
    monkeypatch.chdir(folder)
    names: dict = {}
    answers = []
    for text in EXAMPLES:
        if "hf.space" not in text:
            exec(text, names)  # noqa: S102 - our own documentation
            answers.append(names["answer"])
    first, pair, compared, swept, audited, of_readme = answers
    assert [one["score"] for one in first["judgments"]] == [4.0, 4.0]
    assert first["judgments"][0]["judge"] == judge
    assert [one["score"] for one in of_readme["judgments"]] == [4.0]
    assert pair["outcome"] == "inconsistent", "this judge prefers whatever stands first"
    assert compared["sides"][0]["judgments"][0]["score"] == 4.0
    assert "has not labelled" in compared["sides"][1]["problem"]
    assert [cell["cell"]["frames"] for cell in swept["cells"]] == [4, 4, 8, 8]
    assert all(cell["state"] == "measured" and cell["complete"] for cell in swept["cells"])
    assert audited["judges"][judge]["statuses"] == {"scored": len(Run.open(audited["run_folder"]).judgments())}
    assert {"looking", "position"} == set(audited["judges"][judge]["probes"])
    shown = capsys.readouterr().out
    assert "inconsistent" in shown and "has not labelled" in shown


def test_the_endpoints_have_types_and_say_what_each_value_is(client):
    told = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(told) == ENDPOINTS
    types = {each["parameter_name"]: each["python_type"]["type"] for each in told["/sweep"]["parameters"]}
    assert types["instruction"] == "str" and types["samples"] == "int"
    assert "list" in types["temperatures"] and "float" in types["temperatures"]
    assert [each["parameter_has_default"] for each in told["/judge"]["parameters"]][:3] == [False, False, True]


@pytest.mark.parametrize(("endpoint", "arguments", "said"), [
    ("/compare", {"judges": ["embedded"]}, "choose two judges or more"),
    ("/compare", {"judges": "embedded"}, "expected a list of names"),
    ("/sweep", {"temperatures": ["hot"]}, "temperatures: got .'hot'., expected a list of numbers"),
    ("/sweep", {"frames": [4.5]}, "expected a list of whole numbers"),
    ("/sweep", {"samples": 300}, "gives at most 400"),
    ("/sweep", {"mode": "ranking", "responses": ["a", "b", "c"]}, "a sweep is of scores or of pairs"),
    ("/sweep", {"judge": "nobody"}, "which is no judge"),
    ("/audit", {"probes": ["vibes"]}, "expected some of looking, position"),
    ("/audit", {"instruction": " "}, "write the instruction"),
])  # fmt: skip
def test_what_they_refuse(client, served, endpoint, arguments, said):
    video = handle_file(str(served[0] / "clip.mp4"))
    with pytest.raises(AppError, match=said):
        client.predict(**{"instruction": "What?", "responses": ["a"], "video": video, **arguments}, api_name=endpoint)


RUBRIC_JUDGE = "videojudge-7b-rubric"


class RubricJudge(ResidentJudge):
    """A scripted judge in the place of the preset that was trained on rubrics only."""

    def __init__(self, folder):
        reply = "<rubric>5: right</rubric><thinking>So.</thinking><score>4</score>"
        (folder / "rubric.yaml").write_text(f"rules:\n  - reply: '{reply}'\n")
        self.only = load_backend(f"scripted:{folder / 'rubric.yaml'}")
        self.only.declared = PRESETS[RUBRIC_JUDGE].declared

    @contextmanager
    def judge(self, spec, *_):
        yield self.only


@pytest.mark.parametrize(("make", "more"), [
    (judge_endpoint, {}), (compare_endpoint, {"judges": [RUBRIC_JUDGE, "embedded"]}),
    (sweep_endpoint, {"temperatures": [0.0], "frames": [2]}), (audit_endpoint, {"probes": ["responses"]}),
])  # fmt: skip
def test_a_served_judge_of_rubrics_writes_one_where_the_call_names_no_mode(tmp_path, monkeypatch, make, more):
    monkeypatch.setenv("WORKBENCH_JUDGE", RUBRIC_JUDGE)
    monkeypatch.setattr("workbench.page.served_judge.has_gpu", lambda: True)
    monkeypatch.setattr("workbench.page.api._uploaded", str)
    clip = Clip(frames=4, size=(64, 48)).write(tmp_path / "clip.mp4")
    answer = make(RubricJudge(tmp_path), tmp_path / "runs")("What?", ["It moves."], video=clip, **more)
    asked = [one for folder in (tmp_path / "runs").iterdir() for one in Run.open(folder).judgments()]
    assert {one.prompt.partition("@")[0] for one in asked} == {"rubric"}
    assert {one.status for one in asked} == {"scored"}
    assert make is compare_endpoint or "--mode=rubric" in answer["command"].replace("--mode rubric", "--mode=rubric")


@pytest.mark.parametrize(("judge", "mode"), [("embedded", "pointwise"), (RUBRIC_JUDGE, "rubric")])
def test_a_mode_left_out_is_one_that_the_judge_knows(judge, mode):
    assert checked_form(None, "What?", ["a"], "", judge).mode == mode
    assert checked_form(None, "What?", ["a"], "pairwise", judge).mode == "pairwise", "what is asked for is not changed"
    with pytest.raises(gr.Error, match="mode"):
        checked_form(None, "What?", ["a"], ["pointwise"], judge)


def test_the_one_user_of_a_page_may_name_a_file_of_their_machine(served, client):
    path, judge = str(served[0] / "clip.mp4"), served[2]
    answer = client.predict(
        instruction="What?", responses=["a"], video_path=path, judge=judge, frames=2, api_name="/judge"
    )
    assert answer["item"]["video"]["file"] == path
    with pytest.raises(AppError, match="nowhere.mp4"):
        client.predict(instruction="What?", responses=["a"], video_path="/nowhere.mp4", judge=judge, api_name="/judge")


@pytest.mark.skipif(not HAS_MCP, reason='the package mcp is not installed: pip install "gradio[mcp]"')
def test_the_endpoints_are_tools_for_mcp_clients(served):
    folder, address, judge = served
    with urllib.request.urlopen(f"{address}/gradio_api/mcp/schema") as answer:
        tools = {tool["name"].removeprefix("VideoJudge_workbench_"): tool for tool in json.load(answer)}
    assert set(tools) == {name[1:] for name in ENDPOINTS}
    fields = tools["judge"]["inputSchema"]["properties"]
    assert {"instruction", "responses", "mode", "video_path"} <= set(fields)
    assert "What was asked about the video" in json.dumps(fields["instruction"])
    answer = mcp_call(
        address,
        tools["judge"]["name"],
        {"instruction": "What?", "responses": ["a"], "judge": judge, "video_path": str(folder / "clip.mp4")},
    )
    assert '"score": 4.0' in answer.replace("'", '"')


def mcp_call(address: str, tool: str, arguments: dict) -> str:
    """What a tool answers a client that speaks the protocol, as text."""
    import asyncio

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def ask() -> str:
        async with (
            streamablehttp_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool(tool, arguments)
            return "\n".join(part.text for part in result.content if part.type == "text")

    return asyncio.run(ask())


def test_tools_are_for_a_page_of_one_user(monkeypatch):
    monkeypatch.delenv("WORKBENCH_MCP", raising=False)
    assert serves_tools("one") is False
    monkeypatch.setenv("WORKBENCH_MCP", "1")
    with pytest.raises(InputError, match="for the one user of a page"):
        serves_tools("many")
    monkeypatch.setattr("workbench.page.server.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"gradio\[mcp\]"):
        serves_tools("one")
