"""Cases behind the numbers: what counts as wrong, filters, labels by people, and the queue as training data."""

from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.case_texts import CaseTexts, read_case
from analysis.cases import EVERYTHING, Filters, check_filters, kinds, passes, passing, read_cases
from analysis.failures import export_queue, label_of
from analysis.labelling import keep_label, labelled_by, make_label, shown_order
from analysis.tab_failures import video_of
from tests.clips import Clip
from training.recipes import DataOptions
from training.sources import LeftOut, read_folders
from workbench.errors import InputError, StoreError
from workbench.owners import ask_for_owners
from workbench.schema import Item, Judgment, Video
from workbench.serving.files import MARKS, FileOwners
from workbench.store import Run
from workbench.video import probe


def verdict(item, judge, order=None, sample=0, **fields):
    status = "scored" if {"score", "choice", "ranking"} & set(fields) else "unparsed"
    settings = {"order": order} if order else {}
    return Judgment(item.id, judge, "p@1", status, settings=settings, sample=sample, **fields)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    Clip().write(path)
    return Video(probe(path).sha256, str(path))


@pytest.fixture
def run(tmp_path, clip):
    """Four items: a judge far too kind, a judge without a verdict, a pair that flips, and one that nobody labelled."""
    kind, none, new = (Item(clip, "What?", (text,), tags={"instruction_kind": about})
                       for text, about in (("a b c", "colour"), ("a b c d e f", "count"), ("never seen", "count")))  # fmt: skip
    pair = Item(clip, "Which?", ("one", "two"))
    lines = [
        verdict(kind, "human:a", score=1.0), verdict(kind, "human:b", score=2.0), verdict(kind, "near", score=2.0),
        verdict(kind, "far", score=5.0), verdict(none, "human:a", score=4.0), verdict(none, "near", score=3.0),
        verdict(none, "far"), verdict(kind, "metric:rouge_l", score=55.0), verdict(none, "metric:rouge_l", score=70.0),
        verdict(new, "near", score=4.0), verdict(new, "far", score=4.0),
        verdict(pair, "human:a", [0, 1], choice="A"), verdict(pair, "near", [0, 1], choice="A"),
        verdict(pair, "near", [1, 0], choice="B"), verdict(pair, "far", [0, 1], choice="B"),
        verdict(pair, "far", [1, 0], choice="B"),
    ]  # fmt: skip
    made = Run.create(tmp_path / "run", config={})
    with made.writing():
        made.add_items([kind, none, new, pair])
        for line in lines:
            made.append(line)
    return made.folder, {"kind": kind, "none": none, "new": new, "pair": pair}


@pytest.mark.parametrize(("filters", "names"), [
    (EVERYTHING, {"kind", "none", "new", "pair"}),
    (Filters(direction="over"), {"kind"}),
    (Filters(direction="over", judge="near"), {"kind"}),
    (Filters(direction="over", judge="near", size=1.0), set()),
    (Filters(direction="under"), {"none"}),
    (Filters(size=3.5), {"kind"}),
    (Filters(direction="wrong choice"), {"pair"}),
    (Filters(direction="wrong choice", judge="far"), {"pair"}),
    (Filters(direction="flips"), {"pair"}),
    (Filters(direction="flips", judge="far"), set()),
    (Filters(direction="no verdict"), {"none"}),
    (Filters(rating=2), {"kind"}),
    (Filters(rating=4), {"none"}),
    (Filters(kind="count"), {"none", "new"}),
    (Filters(kind="pairwise"), {"pair"}),
    (Filters(shortest=4), {"none"}),
    (Filters(longest=2), {"new", "pair"}),
    (Filters(spread=3.0), {"kind"}),
    (Filters(spread=1.0), {"kind", "pair"}),
])  # fmt: skip
def test_filters_find_what_they_say(run, filters, names):
    folder, items = run
    found = passing(read_cases([folder]), filters)
    assert {name for name, item in items.items() if item.id in {case.item for case in found}} == names


def test_the_worst_comes_first_and_another_scale_is_no_error(run):
    folder, items = run
    cases = passing(read_cases([folder]))
    assert cases[0].item == items["kind"].id and cases[0].gold == 1.5 and cases[0].spread == 3.0
    metric = next(stand for stand in cases[0].stands if stand.judge.startswith("metric"))
    assert metric.error is None and not metric.comparable
    assert kinds(cases) == ["colour", "count", "pairwise", "pointwise"]


def test_without_gold_the_judges_alone_make_cases(run):
    folder, items = run
    cases = {case.item: case for case in read_cases([folder], "")}
    assert cases[items["new"].id].gold is None
    assert "human:a" in {stand.judge for stand in cases[items["kind"].id].stands}


@pytest.mark.parametrize("filters", [Filters(judge="nobody"), Filters(kind="nothing")])
def test_an_unknown_filter_names_what_there_is(run, filters):
    with pytest.raises(InputError, match="these runs have"):
        check_filters(filters, read_cases([run[0]]))


def test_a_case_opens_with_everything_said_about_it(run):
    folder, items = run
    texts = read_case([folder], items["pair"].id)
    assert texts.item.responses == ("one", "two") and len(texts.judgments) == 5
    with pytest.raises(InputError, match="none of these runs"):
        read_case([folder], "0" * 16)


def test_rankings_are_cases_too(clip, tmp_path):
    item, other = Item(clip, "Rank", ("one", "two", "three")), Item(clip, "Rank these", ("one", "two", "three"))
    lines = [verdict(item, f"human:{who}", ranking=said)
             for who, said in (("a", (0, 1, 2)), ("b", (0, 2, 1)), ("c", (1, 0, 2)))]  # fmt: skip
    lines += [verdict(item, "near", [0, 1, 2], ranking=(0, 1, 2)), verdict(item, "near", [2, 1, 0], ranking=(0, 1, 2)),
              verdict(item, "far", [0, 1, 2], ranking=(2, 1, 0)), verdict(item, "far", [2, 1, 0], ranking=(1, 2, 0)),
              verdict(other, "near")]  # fmt: skip
    made = Run.create(tmp_path / "ranked", config={})
    with made.writing():
        made.add_items([item, other])
        for line in lines:
            made.append(line)
    case, silent = read_cases([made.folder])
    assert case.gold == "A > B > C" and case.spread == 1 and silent.stands[0].said is None
    near, far = case.stands
    assert (near.said, near.wrong, near.flips) == ("A > B > C", False, False)
    assert (far.said, far.wrong, far.flips) == ("C > B > A", True, True)
    assert passes(case, Filters(direction="wrong choice", judge="far"))
    label = label_of(CaseTexts(item, tuple(lines[1:3])))
    assert label.judge == "human:together" and label.ranking == (0, 1, 2) and label.choice is None
    blind = make_label(item, "anna", ranking=[2, 0, 1])
    assert blind.ranking == (2, 0, 1) and blind.settings["order"] == list(shown_order(item, "anna"))
    labels = str(tmp_path / "labels")
    assert (
        main(
            [
                "label",
                str(made.folder),
                "--item",
                item.id,
                "--name",
                "ben",
                "--ranking",
                "c > a > b",
                "--labels",
                labels,
            ]
        )
        == 0
    )
    assert labelled_by(Path(labels), "ben")[item.id].ranking == (2, 0, 1)
    for said in (None, [0, 1], [0, 1, 1]):
        with pytest.raises(InputError, match="all 3 responses, the best first"):
            make_label(item, "anna", ranking=said)


# -- labels


def test_labels_are_human_judgments_that_are_kept_and_found_again(run, tmp_path):
    folder, items = run
    labels = tmp_path / "labels"
    assert labelled_by(labels, "anna") == {}
    keep_label(labels, items["new"], make_label(items["new"], "anna", score=2, reason="It is not there."))
    keep_label(labels, items["new"], make_label(items["new"], "anna", score=3))
    keep_label(labels, items["pair"], make_label(items["pair"], "anna", choice="B"))
    found = labelled_by(labels, "anna")
    assert found[items["new"].id].score == 3.0 and found[items["pair"].id].choice == "B"
    assert found[items["new"].id].settings == {"blind": True, "scale": [1, 5]}
    assert labelled_by(labels, "ben") == {} and Run.open(labels).state() == "done"
    case = next(case for case in read_cases([folder, labels]) if case.item == items["new"].id)
    assert case.gold == 3.0 and {stand.error for stand in case.stands} == {1.0}


def test_everybody_sees_a_pair_in_an_order_of_their_own(run):
    item = run[1]["pair"]
    orders = [shown_order(item, f"person{number}") for number in range(30)]
    assert set(orders) == {(0, 1), (1, 0)} and shown_order(item, "anna") == shown_order(item, " anna ")
    assert make_label(item, "anna", choice="A").settings["order"] == list(shown_order(item, "anna"))


@pytest.mark.parametrize(("name", "item", "fields", "said"), [
    ("", "new", {"score": 3}, "name"), ("a b", "new", {"score": 3}, "name"), ("anna", "new", {"score": 6}, "1 to 5"),
    ("anna", "new", {}, "1 to 5"), ("anna", "pair", {"score": 3}, "A, B or tie"),
])  # fmt: skip
def test_labels_that_are_none_are_refused(run, name, item, fields, said):
    with pytest.raises(InputError, match=said):
        make_label(run[1][item], name, **fields)


def test_a_run_of_judges_is_no_place_for_labels(run):
    folder, items = run
    with pytest.raises(StoreError, match="no place for labels"):
        keep_label(folder, items["new"], make_label(items["new"], "anna", score=3))


# -- the queue


@pytest.mark.parametrize(("given", "judge", "said"), [
    ([], None, None),
    ([("a", 4, "seen")], "human:a", 4),
    ([("a", 4, ""), ("b", 4, "seen"), ("c", 5, "")], "human:b", 4),
    ([("a", 1, ""), ("b", 3, "")], "human:together", 2),
    ([("a", "A", ""), ("b", "B", "")], "human:together", "tie"),
    ([("a", "A", ""), ("b", "B", ""), ("c", "B", "why")], "human:c", "B"),
])  # fmt: skip
def test_an_item_teaches_one_verdict(run, given, judge, said):
    item = run[1]["new"]
    lines = []
    for who, what, why in given:
        said_by = {"choice": what} if isinstance(what, str) else {"score": float(what)}
        lines.append(verdict(item, f"human:{who}", reasoning=why or None, **said_by))
    label = label_of(CaseTexts(item, (*lines, verdict(item, "far", score=5.0))))
    assert (label and label.judge) == judge and (label and (label.choice or label.score)) == said


def test_what_people_label_in_place_counts_beside_a_gold_that_is_none(run):
    item = run[1]["new"]
    target, imported = verdict(item, "target", score=2.0), verdict(item, "human:b", score=1.0)
    placed = make_label(item, "anna", score=5)
    assert label_of(CaseTexts(item, (target, imported)), "target") == target
    assert label_of(CaseTexts(item, (target, imported, placed)), "target") == placed
    assert label_of(CaseTexts(item, (imported, placed)), "human:b") == imported  # one person asked for by name


def test_the_queue_is_data_that_training_reads(run, tmp_path, capsys):
    folder, items = run
    out = tmp_path / "queue"
    assert main(["failures", str(folder), "--kind", "pointwise", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "3 of 4 cases" in shown and "2 with a label" in shown and "1 have no label yet" in shown
    left_out = LeftOut()
    rows = read_folders([out], DataOptions(), left_out)
    assert {row.item.id for row in rows} == {items["kind"].id, items["none"].id} and not left_out.lines
    assert {row.target.score for row in rows} == {2.0, 4.0}


def test_what_cannot_be_exported_is_said(run, tmp_path):
    with pytest.raises(InputError, match="no case passes"):
        export_queue([run[0]], [], tmp_path / "queue")


def test_the_page_shows_a_video_to_who_may_have_it_alone(clip, tmp_path):
    item = Item(clip, "What?", ("a",))
    assert video_of(item, tmp_path)[0]  # one user has all
    ask_for_owners(lambda: "anna")
    try:
        assert video_of(item, tmp_path) == (None, video_of(item, tmp_path)[1])
        assert "none of your uploads" in video_of(item, tmp_path)[1]
        FileOwners(Path(clip.path).parent, (), tmp_path / MARKS).give("anna", clip.path)
        assert video_of(item, tmp_path)[0]
    finally:
        ask_for_owners(lambda: None)


def test_a_video_that_cannot_be_shown_is_named_as_text(tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.mp4"
    path.write_bytes(b"no video")
    told = video_of(Item(Video("0" * 64, str(path)), "What?", ("a",)), tmp_path)[1]
    assert "cannot be shown" in told and "<img" not in told


def test_a_label_is_given_on_the_command_line_too(run, tmp_path):
    folder, items = run
    labels = tmp_path / "labels"
    words = ["label", str(folder), "--item", items["pair"].id, "--name", "ben", "--labels", str(labels)]
    assert main([*words, "--choice", "tie"]) == 0
    assert labelled_by(labels, "ben")[items["pair"].id].choice == "tie"
    assert main([*words, "--score", "3"]) == 2
