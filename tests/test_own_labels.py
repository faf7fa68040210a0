"""One's own labels, brought in by the page and by the command: beside a run, as a new run, and whose they are."""

import csv

import gradio as gr
import pytest

from analysis.__main__ import main
from analysis.label_upload import MOST_BYTES, LabelForm, bring_in, import_words, imported_note
from analysis.meta_evaluation import meta_evaluate
from analysis.records import read_runs
from analysis.tab_labels import imported, labels_panel, videos_wanted, with_judged
from workbench import owners
from workbench.errors import InputError
from workbench.schema import Item, Judgment, Video
from workbench.store import Run

ROWS = [(f"c{number}.mp4", f"What happens in {number}?", "A ball falls.", 1 + number % 5) for number in range(6)]


def table(path, rows, header=("video", "instruction", "response", "score", "annotator")):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def judged(folder, rows=ROWS):
    """A run of a judge that is always one off."""
    run = Run.create(folder, config={}, prompts=[], command="python -m workbench judge")
    items = [
        Item(Video(f"{n:064x}", f"/videos/{v}"), q, (a,), tags={"row": str(n)}) for n, (v, q, a, _) in enumerate(rows)
    ]
    with run.writing():
        run.add_items(items)
        for item, (*_, score) in zip(items, rows, strict=True):
            settings = {"judge": {}, "order": [0]}
            run.append(
                Judgment(item.id, "off", "pointwise@1", "scored", score=float(max(1, score - 1)), settings=settings)
            )
        run.finish()
    return {item.id for item in items}


@pytest.fixture
def labelled(tmp_path):
    return table(tmp_path / "mine.csv", [(*row, "anna") for row in ROWS])


def test_labels_beside_a_run_are_of_its_items_and_measure_its_judge(tmp_path, labelled):
    ids = judged(tmp_path / "runs" / "judged")
    found = bring_in(LabelForm(str(labelled), "judged", name="people"), tmp_path / "runs")
    assert (found.items, found.judges, found.rejected) == (6, {"human:anna": 6}, [])
    assert {one.item for one in found.run.judgments()} == ids
    measured = meta_evaluate(read_runs([tmp_path / "runs" / "judged", found.run.folder]), "human")
    assert measured.judges["off"].ratings.figures["mae"].n == 6
    assert "<strong>6 by human:anna</strong>, of 6 items" in imported_note(found, "judged")


def test_the_page_and_the_command_import_the_same(tmp_path, labelled):
    judged(tmp_path / "runs" / "judged")
    found = bring_in(LabelForm(str(labelled), "judged"), tmp_path / "runs")
    again = tmp_path / "again"
    words = import_words(labelled, again, tmp_path / "runs" / "judged", None)
    assert main(words[3:]) == 0
    assert [one.key for one in Run.open(again).judgments()] == [one.key for one in found.run.judgments()]
    alone = import_words(labelled, tmp_path / "alone", None, None)
    assert main(alone[3:]) == 0
    one = bring_in(LabelForm(str(labelled), name="new"), tmp_path / "runs")
    assert [each.key for each in Run.open(tmp_path / "alone").judgments()] == [each.key for each in one.run.judgments()]
    assert main(["import", "vatex-eval", "--data=x", "--out=y", f"--beside={again}"]) == 2


def test_rows_that_are_of_no_item_or_of_several_are_listed(tmp_path):
    same = [("a.mp4", "What?", "A ball.", 1), ("b.mp4", "What?", "A ball.", 5), ("c.mp4", "Who?", "Anna.", 3)]
    judged(tmp_path / "runs" / "judged", same)
    rows = [
        ("clips/b.mp4", "What? ", "A  ball.", 4, ""),
        ("", "What?", "A ball.", 2, ""),
        ("d.mp4", "Where?", "<b>", 2, ""),
    ]
    found = bring_in(LabelForm(str(table(tmp_path / "t.csv", rows)), "judged"), tmp_path / "runs")
    items = found.run.items()
    assert [items[one.item].video.path for one in found.run.judgments()] == ["/videos/b.mp4"]
    assert found.judges == {"human:labels": 1}
    reasons = [one.reason for one in found.rejected]
    assert "2 items of the run judged have these texts" in reasons[0] and "no item of the run judged" in reasons[1]
    assert "2 rows could not be used" in imported_note(found, "judged")
    assert len(found.run.rejected()) == 2


@pytest.mark.parametrize(("form", "said"), [
    (LabelForm(), "give a table with labels"), (LabelForm("mine.txt"), "expected a file that ends in .csv"),
    (LabelForm("mine.csv", name="labels"), "kept for what people say"), (LabelForm("mine.csv", name="../up"), "expected letters"),
    (LabelForm("mine.csv", beside="../judged"), "expected the name of a run folder"),
    (LabelForm("unlabelled.csv", name="new"), "no row can be used"), (LabelForm("mine.csv", videos="nowhere"), "no folder"),
])  # fmt: skip
def test_what_cannot_be_brought_in_is_said_and_leaves_nothing(tmp_path, labelled, form, said):
    table(tmp_path / "unlabelled.csv", [row[:3] for row in ROWS], ("video", "instruction", "response"))
    given = form._replace(upload=str(tmp_path / form.upload) if form.upload else None)
    with pytest.raises(InputError, match=said):
        bring_in(given, tmp_path / "runs")
    assert not list((tmp_path / "runs").glob("*"))


def test_labels_belong_to_who_brought_them_and_others_runs_are_not_theirs(tmp_path, labelled, monkeypatch):
    judged(tmp_path / "runs" / "judged")
    monkeypatch.setattr(owners, "_reader", lambda: "ben")
    with pytest.raises(InputError, match="of yours"):
        bring_in(LabelForm(str(labelled), "judged"), tmp_path / "runs")
    with pytest.raises(InputError, match="reads no folders of its machine"):
        bring_in(LabelForm(str(labelled), videos=str(tmp_path)), tmp_path / "runs")
    found = bring_in(LabelForm(str(labelled)), tmp_path / "runs")
    assert owners.folder_owner(found.run.folder) == "ben"
    assert not any(item.video for item in found.run.items().values()), (
        "no cell of a table leads to this machine's files"
    )
    assert "upload the same table in the Runs tab" in imported_note(found, "")
    with labelled.open("ab") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(InputError, match="expected at most 20"):
        bring_in(LabelForm(str(labelled)), tmp_path / "runs")


def test_the_fold_brings_in_and_chooses_what_is_to_be_measured(tmp_path, labelled):
    runs = tmp_path / "runs"
    with gr.Blocks():
        panel, chosen = labels_panel(), gr.Dropdown(multiselect=True)
    assert with_judged(panel, runs, "")[panel.fold].open
    judged(runs / "judged")
    shown = with_judged(panel, runs, "")
    assert shown[panel.beside]["value"] == "judged" and panel.fold not in shown
    assert not videos_wanted("judged")["visible"] and videos_wanted("")["visible"]
    done = imported(panel, chosen, runs, None, str(labelled), "judged", "", "people")
    assert done[chosen]["value"] == ["judged", "people"]
    again = imported(panel, chosen, runs, ["judged"], str(labelled), "judged", "", "people")
    assert "is there already" in again[panel.message] and chosen not in again
