"""The Meta-eval tab and its failure explorer: choosing, measuring, blind cards that tell nothing, labels, the export."""

import re
import time
from pathlib import Path

import gradio as gr
import pytest

from analysis import tab as meta_eval
from analysis.case_card import blind_card, open_card
from analysis.case_texts import CaseTexts, read_case
from analysis.cases import Filters, read_cases
from analysis.explorer import export_now, failures_command, load_cases, neighbour, queue, run_names
from analysis.tab import with_gold
from analysis.tab_audit import audit_panel, audit_words, planned, watch
from analysis.tab_failures import explorer_panel, opened, read_filters
from analysis.tab_report import Measure, report_words, start_report, watch_report, with_reports
from analysis.tab_sections import filled, section_places
from tests.clips import Clip
from tests.test_analysis_commands import pairs, ratings, write
from workbench import jobs
from workbench.schema import Item, Judgment, Video
from workbench.video import sha256_of

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    item = Item(None, f"What {EVIL}?", (f"a {EVIL}",), tags={"row": EVIL})
    lines = [Judgment(item.id, "human:0", "label", "scored", score=1.0, reasoning=EVIL),
             Judgment(item.id, f"evil {EVIL}", "p@1", "scored", score=5.0, reasoning=EVIL, settings={"order": [0]}),
             Judgment(item.id, "silent", "p@1", "unparsed", error=EVIL, reply=EVIL)]  # fmt: skip
    groups = [ratings(video, 1 + video % 5) for video in range(10)] + [pairs(video) for video in range(10)]
    write(folder / "run", [(item, lines), *groups])
    write(folder / "page-1", [(item, lines[1:])])
    return folder, item


@pytest.fixture
def measure(runs):
    with gr.Blocks():
        parts = [
            gr.Dropdown(),
            gr.Dropdown(),
            gr.Textbox(),
            gr.Button(),
            gr.DownloadButton(),
            gr.HTML(),
            gr.HTML(),
            gr.Dropdown(),
        ]
        places = section_places(meta_eval.FIGURES, "t")
        return Measure(*parts, places, gr.HTML(), gr.State(None), gr.Dropdown(), gr.State(None), gr.Timer())


def test_the_tab_is_wired_and_has_no_public_endpoint(tmp_path):
    with gr.Blocks() as page, gr.Tabs(), gr.Tab("Meta-eval") as tab:
        meta_eval.build(tmp_path, tab)
    assert all(event["api_visibility"] == "private" for event in page.config["dependencies"])
    ids = {component["props"].get("elem_id") for component in page.config["components"]}
    assert {"vj-meta-runs", "vj-meta-start", "vj-case-save", "vj-case-export"} <= ids


def test_runs_of_judges_stand_before_single_verdicts(runs):
    assert run_names(runs[0]) == ["run", "page-1"]


def test_gold_is_whoever_is_in_the_runs(runs):
    folder, _ = runs
    update, said = with_gold(folder, ["run"], "human")
    assert update["value"] == "human" and said == "" and "near" in update["choices"]
    update, said = with_gold(folder, ["page-1"], "human")
    assert update["value"] == "" and "Nobody has labelled" in said
    assert "not a run folder" in with_gold(folder, ["none"], "human")[1]


def test_a_report_is_made_by_a_job_and_watched_to_its_sections(runs, measure):
    folder, _ = runs
    started = start_report(measure, folder, ["run"], "human", "dimension")
    name = started[measure.made]["value"]
    assert name.startswith("report-") and with_reports(folder, None)["value"] == name  # found again by who comes back
    seen, shown = None, {}
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not shown.get(measure.found):
        time.sleep(0.2)
        shown = watch_report(measure, folder, name, seen)
        seen = shown[measure.seen]
    assert jobs.find(folder / name).state == "done" and not shown[measure.timer].active
    assert shown[measure.places["ratings"].box]["visible"] and shown[measure.places["errors"].figures[0]]["visible"]
    assert shown[measure.report]["visible"] and "--by=dimension" in shown[measure.command]
    heads = [shown[place.head] for place in measure.places.values()]
    assert EVIL not in "".join(heads) + "".join(shown[place.table] for place in measure.places.values())
    page = Path(shown[measure.report]["value"]).read_text()
    assert "How far the judges can be trusted" in page and EVIL not in page
    another = filled(measure.places, shown[measure.found], "near [pairwise@1]")
    assert another[measure.places["standings"].box]["visible"]
    assert measure.found not in watch_report(measure, folder, name, seen)  # drawn once


def test_a_report_that_cannot_be_made_says_why_and_hides_the_last_one(runs, measure):
    folder, _ = runs
    name = start_report(measure, folder, ["run"], "nobody", "")[measure.made]["value"]
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and jobs.find(folder / name).alive:
        time.sleep(0.2)
    shown = watch_report(measure, folder, name, ("another", "done"))
    assert "there are" in shown[measure.message] and "vj-failed" in shown[measure.message]
    assert not any(shown[place.box]["visible"] for place in measure.places.values())


def test_without_jobs_a_report_is_made_at_once(runs, measure, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    name = start_report(measure, runs[0], ["run"], "human", "")[measure.made]["value"]
    shown = watch_report(measure, runs[0], name, None)
    assert "Measured: " in shown[measure.message] and shown[measure.found]
    assert EVIL in start_report(measure, runs[0], ["run"], EVIL, "")[measure.message].replace("&lt;", "<").replace(
        "&gt;", ">"
    )


@pytest.mark.parametrize(("names", "gold", "said"), [
    ([], "human", "choose runs"), (["run"], "", "whose verdicts are gold"), (["../x"], "human", "the name of a run"),
])  # fmt: skip
def test_what_cannot_be_measured_is_said_in_place(runs, measure, names, gold, said):
    started = start_report(measure, runs[0], names, gold, "")
    assert said in started[measure.message] and measure.made not in started


def test_the_words_of_a_report_keep_what_they_are_given(tmp_path):
    words = report_words([tmp_path / "a b"], "human:a b", " x;y ", tmp_path / "out")
    assert words[-3:] == ["--gold=human:a b", f"--out={tmp_path / 'out'}", "--by=x;y"]


# -- the explorer


def test_a_blind_card_tells_nothing_and_an_open_one_everything(runs):
    folder, item = runs
    texts = read_case([folder / "run"], item.id)
    blind = blind_card(item, (0,))
    case = next(case for case in read_cases([folder / "run"]) if case.item == item.id)
    shown = open_card(case, texts, "human")
    assert EVIL not in blind + shown
    for told in ("human", "gold", "evil", "silent", "4 too high", "vj-chip"):
        assert told not in blind, told
    for told in ("gold 1", "4 too high", "no verdict", "unparsed", "judges 0 apart"):
        assert told in shown, told


@pytest.mark.parametrize(("responses", "flagged"), [
    (("all is well",), {"response": 1}),
    (("one", "two"), {"response B": 2}),
    (("one", "two", "three"), {"response C": 3, "instruction": 4, "reference": 4, "description": 4}),
    (("one", "two"), {}),
])  # fmt: skip
def test_a_flag_on_a_suspicious_text_stands_beside_it_and_on_no_blind_card(responses, flagged):
    item = Item(None, "What?", responses)
    plain, marked = (
        Judgment(item.id, judge, "p@1", "unparsed", suspicious=found)
        for judge, found in (("human:ben", {}), ("far", {name: ["order to the judge"] for name in flagged}))
    )
    shown = open_card(None, CaseTexts(item, (plain, marked, marked)), "human")
    before = shown.split('<p class="vj-flag"')
    assert len(before) - 1 == len(flagged)
    assert all(f"This {name.split()[0]} tells the judge what to do." in shown for name in flagged)
    assert before[0].count("<h4>") == min(flagged.values(), default=len(responses) + 2)  # titles above the first flag
    assert "Suspicious" not in blind_card(item, range(len(responses)))


def test_a_blind_queue_is_in_an_order_that_tells_nothing(runs):
    cases = load_cases((runs[0] / "run",), "human")
    worst, blind = (queue(cases, Filters(), hidden, "anna") for hidden in (False, True))
    assert [case.item for case in worst] != [case.item for case in blind] and set(worst) == set(blind)
    assert blind != queue(cases, Filters(), True, "ben")
    assert load_cases((runs[0] / "run",), "human") is cases


def test_stepping_goes_round_and_passes_over_what_is_labelled(runs):
    found = queue(load_cases((runs[0] / "run",), "human"), Filters(), False, "")
    first, second, last = found[0].item, found[1].item, found[-1].item
    assert neighbour([], None, 1) is None
    assert neighbour(found, None, 0).place == 0 and neighbour(found, "gone", 1).place == 0
    assert neighbour(found, last, 1).case.item == first and neighbour(found, first, -1).case.item == last
    assert neighbour(found, first, 1, {second}).case.item == found[2].item
    assert neighbour(found, first, 0).case.item == first


def test_opening_hides_the_gold_and_offers_the_right_form(runs):
    folder, item = runs
    with gr.Blocks():
        panel = explorer_panel()
    cases = load_cases((folder / "run",), "human")
    place = neighbour(queue(cases, Filters(), True, "anna"), None, 1)
    texts = read_case([folder / "run"], place.case.item)
    shown = opened(panel, place, texts, True, True, "anna", "human", 3, folder)
    assert (
        "in an order that tells nothing · 3 labelled by you" in shown[panel.count]
        and shown[panel.current] == place.case.item
    )
    assert (
        shown[panel.score]["visible"] != shown[panel.choice]["visible"] and "What people say" not in shown[panel.card]
    )
    pair = next(one for one in queue(cases, Filters(kind="pairwise"), False, ""))
    orders = set()
    for name in map(str, range(12)):
        hidden = opened(
            panel,
            neighbour([pair], None, 1),
            read_case([folder / "run"], pair.item),
            True,
            True,
            name,
            "human",
            0,
            folder,
        )
        orders.add(
            tuple(value for _, value in (one for one in hidden[panel.choice]["choices"] if isinstance(one, tuple)))
        )
    assert orders == {("A", "B", "tie"), ("B", "A", "tie")}


def test_empty_fields_take_everything():
    assert read_filters("", "any", None, 0, "", None, None, None) == Filters()


def test_the_queue_is_exported_with_the_command_that_does_the_same(runs):
    folder, _ = runs
    filters = Filters(direction="over", size=2.0, shortest=1)
    found = queue(load_cases((folder / "run",), "human"), filters, False, "")
    queued = export_now(folder, (folder / "run",), "human", found, filters)
    assert queued.exported.items == len(found) > 0 and queued.archive.suffix == ".zip"
    assert "--direction=over" in queued.command and "--words=1.." in queued.command
    assert failures_command([folder], "human", Filters(), folder / "q").count("--") == 2


# -- the audit


@pytest.mark.slow
def test_an_audit_started_as_the_page_starts_it_is_watched_to_its_figures(tmp_path):
    """The page's own calls, without a browser: the plan, the detached run, the polls, the figures drawn once."""
    items = []
    for number in range(2):
        Clip(frames=6 + number, size=(64, 48)).write(tmp_path / f"clip{number}.mp4")
        path = tmp_path / f"clip{number}.mp4"
        items.append(Item(Video(sha256_of(path), str(path)), "What?", (f"It moves {number} times.",)))
    write(tmp_path / "runs" / "rated", [(item, []) for item in items])
    (tmp_path / "judge.yaml").write_text("rules:\n  - reply: <thinking>So.</thinking><score>3</score>\n")
    asked = (tmp_path / "runs", "rated", [f"scripted:{tmp_path / 'judge.yaml'}"], 2, ["responses"])
    extra, own = map(int, re.search(r"extra calls: (\d+) beside (\d+)", planned(*asked)).groups())
    folder = tmp_path / "runs" / "audit-1"
    jobs.start(audit_words(*asked, folder), folder)
    with gr.Blocks():
        panel = audit_panel()
    shown, deadline = None, time.monotonic() + 240
    while time.monotonic() < deadline:
        seen = watch(panel, tmp_path / "runs", "audit-1", shown)
        shown = seen.get(panel.shown, shown)
        if not seen[panel.stop]["visible"] and shown[1] == "done":
            break
        time.sleep(1)
    assert "vj-done" in seen[panel.status] and f"{extra + own} of {extra + own} requests" in seen[panel.status]
    assert "empty score" in seen[panel.text] and seen[panel.figures[0]]["visible"]
    assert panel.text not in watch(panel, tmp_path / "runs", "audit-1", shown)  # drawn once
