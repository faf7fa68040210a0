"""The report: one file that needs nothing else, every number as JSON, captions that say what a figure is of."""

import json
import re

import pytest

from analysis.__main__ import main
from analysis.definitions import anchor, read_definitions
from analysis.report_page import report_html
from analysis.sections import Section
from tests.test_analysis_commands import pairs, ratings, write
from workbench.schema import Item, Judgment, Video
from workbench.store import Run

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    groups = [ratings(video, 1 + video % 5) for video in range(20)] + [pairs(video) for video in range(18)]
    item, found = groups[0]
    groups[0] = (item, [*found, Judgment(item.id, EVIL, "pointwise@1", "scored", score=3.0)])
    run = write(folder / "run", groups)
    assert main(["report", run, "--by", "dimension", "--out", str(folder / "out")]) == 0
    numbers = json.loads((folder / "out" / "report.json").read_text(), parse_constant=pytest.fail)
    return (folder / "out" / "report.html").read_text(), numbers, run


def test_the_page_needs_nothing_else_and_has_plotly_once(report):
    page, _, _ = report
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", page)
    assert page.count("plotly.js v") == 1


def test_the_same_runs_make_the_same_files_and_leave_no_draft(tmp_path):
    words = [
        "report",
        write(tmp_path / "run", [ratings(video, 1 + video % 5) for video in range(6)]),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 0
    before = {name: (tmp_path / "out" / name).read_text() for name in ("report.html", "report.json", "sections.json")}
    assert main(words) == 0
    assert before == {name: (tmp_path / "out" / name).read_text() for name in before}
    assert not list((tmp_path / "out").glob("*.tmp")) and Run.open(tmp_path / "out").state() == "done"
    assert main([*words, "--gold", "near"]) == 0  # over the earlier one
    assert "--gold near" in Run.open(tmp_path / "out").head()["command"]


def test_without_a_folder_named_the_report_is_a_new_run(tmp_path, monkeypatch, capsys):
    run = write(tmp_path / "run", [ratings(video, 1 + video % 5) for video in range(4)])
    monkeypatch.chdir(tmp_path)
    assert main(["report", run, "--gold", "human"]) == 0
    assert main(["report", run, "--gold", "human"]) == 0  # and never over the one before
    made = sorted((tmp_path / "runs").glob("report-*/report.html"))
    assert len(made) == 2 and all(Run.open(one.parent).state() == "done" for one in made)
    assert "report.html" in capsys.readouterr().out


def test_what_judges_are_called_stays_text(report):
    page, _, _ = report
    assert "<img src=x" not in page and "&lt;img src=x" in page


def test_every_figure_has_its_caption_with_n_coverage_and_definitions(report):
    page, numbers, _ = report
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.S)
    assert len(captions) == sum(map(len, numbers["figures"].values())) == page.count('class="plotly-graph-div"')
    for caption in captions:
        assert re.search(r"n \d", caption) and "coverage" in caption, caption
        assert "interval" in caption or "Colour is the share" in caption, caption
        assert '<a href="#def-' in caption
    for target in set(re.findall(r'href="#([^"]+)"', page)):
        assert f'id="{target}"' in page, target


def test_the_sections_answer_every_question_of_the_run(report):
    _, numbers, _ = report
    assert {"people", "ratings", "errors", "spread", "preferences", "dimensions", "confidence-ratings",
            "comparison-ratings", "comparison-preferences", "scaling-ratings"} <= set(numbers["figures"])  # fmt: skip
    assert any(name.startswith("standings-near") for name in numbers["figures"])


def test_a_judge_on_a_scale_of_its_own_is_compared_by_its_order(tmp_path):
    groups = [ratings(video, 1 + video % 5) for video in range(12)]
    for item, found in groups:
        found[:] = [one for one in found if one.judge.startswith(("human", "near"))]
        found.append(Judgment(item.id, "metric:rouge_l", "metric@1", "scored", score=37.5 + 10 * found[0].score))
    assert main(["report", write(tmp_path / "run", groups), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "None of 1 differences in mae" not in page and "No judge has this figure here." not in page
    assert re.search(
        r"On scales of their own, .* in rank correlation: -?0\.\d+ \[.*\]; its interval (leaves out|holds) 0", page
    )
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    judges, difference = numbers["figures"]["comparison-ratings"]
    assert len(judges["rows"]) == 2 and len(difference["rows"]) == 1 and "spearman" in difference["title"]


def test_the_json_has_what_agree_has(report, tmp_path):
    _, numbers, run = report
    assert main(["agree", run, "--by", "dimension", "--json", str(tmp_path / "agree.json")]) == 0
    agree = json.loads((tmp_path / "agree.json").read_text())
    assert numbers["agreement"]["judges"] == agree["judges"] and "report" in numbers["command"]
    assert numbers["comparison"]["ratings"]["tests"] and numbers["no_comparison"] == ""


def test_what_calibrate_finds_is_in_the_report(report):
    page, numbers, _ = report
    judges = {name for name, one in numbers["calibration"].items() if one["ratings"]}
    (ece,) = numbers["figures"]["calibration"]  # of judges without probabilities too
    assert {row["label"] for row in ece["rows"]} == judges and any(name.startswith("warm") for name in judges)
    assert "the judge gives no probabilities or is on another scale: warm [temperature=0.0], warm" in page
    near = numbers["calibration"]["near [pointwise@1]"]["ratings"]
    assert [row["label"] for row in numbers["figures"]["readings"][0]["rows"]]
    assert {one["judge"] for one in numbers["figures"]["readings"]} == {"near [pointwise@1]", "far [pointwise@1]"}
    assert near["confidence"]["abstention"]["target"] == 0.1
    for words in ("When should it keep a rating to itself?", "near [pointwise@1], expected", "isotonic map less raw"):
        assert words in page, words


def test_a_map_is_never_shown_without_the_raw_score(report):
    page, numbers, _ = report
    drawn = numbers["figures"]["maps"]
    assert drawn and all({"raw", "isotonic map, held-out videos", "ordinal map, held-out videos"}
                         == {row["label"] for row in one["rows"]} for one in drawn)  # fmt: skip
    for one in drawn:
        mapped, raw = f"{one['judge']}, isotonic map, held-out videos", f"{one['judge']}, raw"
        assert page.index(f">{raw}<") < page.index(f">{mapped}<")


def test_every_section_has_a_place_on_the_page(report):
    from analysis.tab import FIGURES

    _, numbers, _ = report
    keys = {"standings" if key.startswith("standings-") else key for key in numbers["figures"]}
    assert keys <= set(FIGURES)


def test_judges_asked_twice_have_curves_and_others_have_none(report):
    page, numbers, _ = report
    assert {name for name, one in numbers["scaling"].items() if one["ratings"]} == {
        "warm [temperature=0.0]",
        "warm [temperature=1.0]",
    }
    assert {name for name, one in numbers["scaling"].items() if one["preferences"]} == {
        "near [pairwise@1]",
        "far [pairwise@1]",
    }  # two orders are two votes
    drawn = numbers["figures"]["scaling-ratings"]
    assert [one["figure"] for one in drawn] == ["mae", "spearman"] * 2
    assert drawn[0]["lines"][0]["samples"] == [1, 2] and "What are more samples worth? (ratings)" in page


def test_one_judge_and_one_item_make_a_report_that_says_what_there_is_not(tmp_path):
    item = Item(Video("v"), "What?", ("a",))
    lines = [Judgment(item.id, who, "p", "scored", score=3.0) for who in ("human:a", "judge")]
    assert main(["report", write(tmp_path / "run", [(item, lines)]), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "expected two; give another run" in page and "one video: no interval" in page


def test_all_ties_and_nothing_readable_make_a_report_too(tmp_path):
    pair, alone = Item(Video("v"), "Which?", ("a", "b")), Item(Video("v"), "What?", ("a",))
    lines = [Judgment(pair.id, who, "p", "scored", choice="tie") for who in ("human:a", "judge")]
    silent = [Judgment(alone.id, "human:a", "p", "scored", score=3.0), Judgment(alone.id, "judge", "q", "unparsed")]
    for name, group in (("ties", (pair, lines)), ("silent", (alone, silent))):
        assert main(["report", write(tmp_path / name, [group]), "--out", str(tmp_path / f"{name}-out")]) == 0
        assert "What are more samples worth" not in (tmp_path / f"{name}-out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("gold", "out", "said"), [("nobody", "out", "there are: human:a"), ("human", "file", "name a folder")]
)
def test_what_cannot_be_reported_is_one_line(tmp_path, capsys, gold, out, said):
    item = Item(Video("v"), "What?", ("a",))
    lines = [Judgment(item.id, who, "p", "scored", score=3.0) for who in ("human:a", "judge")]
    run = write(tmp_path / "run", [(item, lines)])
    (tmp_path / "file").touch()
    assert main(["report", run, "--gold", gold, "--out", str(tmp_path / out)]) == 2
    assert said in capsys.readouterr().err


def test_definitions_are_those_of_the_document(tmp_path):
    found = {one.heading: dict(one.rows) for one in read_definitions()}
    assert "psup" in str(found["Ratings"]).lower() and "Elo" in found["Preferences"] and "ECE" in found["Calibration"]
    assert "|mean confidence - accuracy|" in found["Calibration"]["ECE"]
    assert read_definitions(tmp_path / "none.md") == [] and anchor("Intervals and tests") == "def-intervals-and-tests"


def test_a_section_without_figures_still_stands():
    section = Section("a", "Why?", "Because.", "No such heading", "So.", ("one",), ("judge",), (("x", "1"),), ())
    page = report_html([section], "human", ["run"], "python -m analysis report run")
    assert "Why?" in page and "plotly" not in page.replace("js-plotly", "") and "<td>1</td>" in page
