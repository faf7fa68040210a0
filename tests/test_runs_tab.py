"""The Runs tab and its command: which runs are listed, what is said of each, stopping, resuming, judging a table."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootstrap.seeds import read_seeds
from tests.test_jobs import RUN, wait_for
from workbench import jobs, runs_tab
from workbench.__main__ import main
from workbench.errors import InputError
from workbench.job_record import FOLDER_VARIABLE, change_record
from workbench.jobs import start
from workbench.owners import ask_for_owners
from workbench.page.run_rows import EMPTY, run_detail, runs_list
from workbench.page.table_panel import read_table_form
from workbench.permissions import EXAMPLES
from workbench.run_folders import resume_job
from workbench.run_list import named_run, visible_runs
from workbench.run_progress import what_resume_does
from workbench.schema import Item, Video
from workbench.serving.files import MARKS, FileOwners
from workbench.store import Run
from workbench.table_form import TableForm, shown_command, start_table
from workbench.tables import open_table

SCRIPT = "rules:\n  - where: {instruction: bad}\n    fail: out of memory\n  - reply: <thinking>ok</thinking><score>4</score>\n"


@pytest.fixture(autouse=True)
def one_reader(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_QUEUE", str(tmp_path / "line"))
    yield
    ask_for_owners(lambda: None)


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def made(runs, name, state="done", command="python -m workbench judge --items=t.csv", **status):
    """A run folder as a finished run leaves it."""
    run = Run.create(runs / name, config={}, command=command)
    run.set_status(state, **status)
    return run.folder


def table(tmp_path, *instructions):
    (tmp_path / "judge.yaml").write_text(SCRIPT)
    rows = "".join(f"{text},it moves\n" for text in instructions)
    (tmp_path / "answers.csv").write_text(f"instruction,response\n{rows}")
    return TableForm(path=str(tmp_path / "answers.csv"), judge=f"scripted:{tmp_path / 'judge.yaml'}", text_only=True)


# -- which runs


def test_runs_at_work_come_first_and_verdicts_of_the_page_are_none(runs):
    for number in range(4):
        folder = made(runs, f"old{number}", done=number, total=4)
        for path in folder.iterdir():
            os.utime(path, (1000 + number, 1000 + number))
    made(runs, "page-20260101-000000-abcd")
    (runs / ".uploads").mkdir()
    (runs / "notes").mkdir()
    Run.create(runs / "imported", config={"imported": "x"})  # never worked on
    (runs / "old1" / "push").mkdir()
    change_record(runs / "old1" / "push", command="python -m training push x --repo=a/b", returncode=0)
    start(["-c", RUN, str(runs / "now"), "sleep"], runs / "now")
    wait_for(runs / "now", "running")
    found = visible_runs(runs, past=3)
    assert [job.folder.name for job in found.running] == ["now"] and found.waiting == []
    assert [job.folder.relative_to(runs).as_posix() for job in found.past] == ["old1/push", "old3", "old2"]
    assert found.older == 2
    html = runs_list(found, runs, "old3")
    assert html.index('data-run="now"') < html.index('data-run="old3" aria-pressed="true"') and "push" in html
    jobs.stop(runs / "now")
    assert visible_runs(runs / "nowhere").all == [] and runs_list(visible_runs(runs / "nowhere"), runs, None) == ""


def test_each_reader_sees_their_own_runs(runs):
    ask_for_owners(lambda: "anna")
    made(runs, "hers")
    ask_for_owners(lambda: "ben")
    made(runs, "his")
    assert [job.folder.name for job in visible_runs(runs).all] == ["his"]
    with pytest.raises(InputError, match="no run 'hers' of yours"):
        named_run(runs, "hers")
    assert "no run" in runs_tab.act(jobs.stop, runs, "hers")
    with pytest.raises(InputError, match="upload it"):
        start_table(TableForm(path="/etc/passwd", text_only=True), runs)


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "x/push", "/etc", "nowhere"])
def test_a_name_leads_to_no_other_folder(runs, name):
    made(runs, "x")
    with pytest.raises(InputError, match="run"):
        named_run(runs, name)


# -- what is said of one


def test_a_run_says_how_far_it_is_shows_its_log_and_its_command_and_nothing_runs_in_the_page(runs):
    evil = "<script>alert(1)</script>"
    folder = made(runs, "one", state="stopped", done=10, total=40, last_error=evil,
                  command=f"python -m workbench judge --items='{evil}.csv'")  # fmt: skip
    (folder / "log.txt").write_text(f"{evil}\nlast line\n")
    html = run_detail(jobs.find(folder), runs)
    for part in ("10 of 40 verdicts", "last line", "python", "--items=", 'href="?run=one"', "Copy", "Judging"):
        assert part in html
    assert "<script>" not in html
    assert what_resume_does(jobs.find(folder)) == "Resume"


def test_a_run_that_is_done_may_ask_again_for_what_failed(runs):
    folder = made(runs, "one")
    (folder / "summary.json").write_text(json.dumps({"by_status": {"scored": 3, "failed": 2}}))
    assert what_resume_does(jobs.find(folder)) == "Ask the 2 that failed again"
    (folder / "summary.json").write_text("[")
    assert what_resume_does(jobs.find(folder)) == ""
    assert what_resume_does(jobs.find(made(runs, "mine", command="ls", state="failed"))) == ""


# -- a table


def test_a_table_is_judged_by_the_command_line_s_own_command_and_resumed(runs, tmp_path):
    form = table(tmp_path, "What moves?", "bad")
    job = start_table(form, runs)
    done = wait_for(job.folder, "done")
    words = done.command
    assert words.startswith(f"python -m workbench judge --items={tmp_path / 'answers.csv'} --judge=scripted:")
    assert done.record["returncode"] == 1 and what_resume_does(done) == "Ask the 1 that failed again"
    resume_job(job.folder)
    deadline = time.monotonic() + 60
    while jobs.find(job.folder).alive and time.monotonic() < deadline:
        time.sleep(0.05)
    lines = (job.folder / "judgments.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["scored", "failed", "failed"]
    with pytest.raises(InputError, match="no command is known"):
        resume_job(made(runs, "mine", command="rm -r /"))


def test_an_upload_is_kept_in_its_run(runs, tmp_path):
    upload = tmp_path / "uploads" / "abc" / "answers.csv"
    upload.parent.mkdir(parents=True)
    form = table(tmp_path, "What moves?")
    (tmp_path / "answers.csv").rename(upload)
    form = TableForm(upload=str(upload), judge=form.judge, text_only=True, name="mine")
    assert "--items=runs/mine/table-answers.csv" in shown_command(form, runs.relative_to(tmp_path))
    job = start_table(form, runs)
    with pytest.raises(InputError, match="'mine' is there already"):
        start_table(form, runs)
    upload.unlink()
    assert wait_for(job.folder, "done").folder.name == "mine" and len(Run.open(job.folder).judgments()) == 1


def test_on_a_page_of_several_people_a_table_opens_no_file_of_the_machine(runs, tmp_path, monkeypatch):
    form, secret = table(tmp_path, "a"), tmp_path / "secret.mp4"
    monkeypatch.setenv("WORKBENCH_JUDGES", form.judge)
    secret.write_bytes(b"somebody's video")
    upload = tmp_path / "answers.csv"
    upload.write_text(f"video,instruction,response\n{secret},What moves?,it moves\n")
    ask_for_owners(lambda: "anna")
    job = start_table(TableForm(upload=str(upload), judge=form.judge, text_only=True, name="hers"), runs)
    ask_for_owners(lambda: None)
    wait_for(job.folder, "done")
    (item,) = Run.open(job.folder).items().values()
    assert item.video is None and "--column=video=" in job.command
    # another command of theirs that reads the table which the run has kept
    monkeypatch.setenv(FOLDER_VARIABLE, str(job.folder.resolve()))
    rows = {name: next(open_table(place).rows) for name, place in
            {"theirs": job.folder / "table-answers.csv", "example": _naming(tmp_path, EXAMPLES / "turn.mp4")}.items()}  # fmt: skip
    assert "expected an upload or a run of your own" in rows["theirs"].reason
    assert rows["example"].video.path.endswith("turn.mp4")
    (tmp_path / "items.jsonl").write_text(json.dumps(
        Item(Video("0" * 64, str(secret)), "q", ("a",), tags={"rating": "5"}).to_dict()) + "\n")  # fmt: skip
    with pytest.raises(InputError, match="no upload or run of your own"):
        read_seeds(tmp_path)
    FileOwners(tmp_path, (), runs / MARKS).give("anna", str(secret))
    assert len(read_seeds(tmp_path).seeds) == 1
    assert next(open_table(upload).rows).video.path == str(secret)
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert next(open_table(upload).rows).video.path == str(secret)


def test_a_demo_judges_the_first_rows_of_a_table(runs, monkeypatch):
    form = TableForm(upload="t.csv", text_only=True)
    assert "--limit" not in shown_command(form, runs)
    monkeypatch.setenv("WORKBENCH_DEMO", "1")
    assert "--limit" not in shown_command(form, runs)  # a command line's
    ask_for_owners(lambda: "anna")
    for asked, given in ((0, 100), (5, 5), (100_000, 100)):
        assert f"--limit={given} " in shown_command(replace(form, limit=asked), runs) + " "
    assert shown_command(replace(form, canaries=200), runs).endswith("--canaries=10")


def _naming(tmp_path, video):
    path = tmp_path / "naming.csv"
    path.write_text(f"video,instruction,response\n{video},What moves?,it moves\n")
    return path


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"path": "  "}, "Almost there: give a table"),
        ({"judge": ""}, "Almost there: choose a judge"),
        ({"judge": "gpt-9"}, "no judge and no folder"),
        ({"path": "nowhere.csv"}, "is not there"),
        ({"path": "."}, "a folder without a run"),
        ({"path": __file__}, "expected a file that ends in .csv"),
        ({"videos": "nowhere"}, "is no folder"),
        ({"name": "../x"}, "expected letters"),
    ],
)
def test_what_cannot_be_started_is_said_at_once(runs, tmp_path, changed, said):
    form = TableForm(**{**vars(table(tmp_path, "a")), "text_only": False, **changed})
    with pytest.raises(InputError, match=said):
        start_table(form, runs)
    assert not runs.exists()


def test_a_form_is_read_field_by_field():
    form = read_table_form(None, "t.csv", None, "embedded", "ranking", True, 3.0, None, 2)
    assert form == TableForm(path="t.csv", mode="ranking", text_only=True, limit=3, canaries=2)
    assert shown_command(form, Path("runs")).endswith("--limit=3 --canaries=2")


# -- the page's handlers, without a browser


def test_looking_again_leaves_alone_what_is_shown(runs):
    made(runs, "one", done=1, total=2)
    panel = SimpleNamespace(**{name: name for name in runs_tab.RunsPanel._fields})
    first = runs_tab.look(panel, runs, None, 20, None)
    assert first["chosen"] == "one" and "1 of 2" in first["detail"] and first["timer"].active is False
    again = runs_tab.look(panel, runs, "one", 20, first["seen"])
    assert "detail" not in again and "rows" not in again
    gone = runs_tab.look(panel, runs, "gone", 20, None)
    assert "there is no run" in gone["detail"] and gone["stop"]["visible"] is False
    none = runs_tab.look(panel, runs / "nowhere", None, 20, None)
    assert none["detail"] == EMPTY and none["form"].open is True and none["timer"].active is False


def test_the_address_of_the_page_may_name_a_run(runs):
    tabs, name = runs_tab.linked_run(runs, SimpleNamespace(query_params={"run": "one/push"}))
    assert (tabs.selected, name) == ("runs", "one/push")


# -- the command


def test_the_command_lists_starts_stops_and_resumes(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    form = table(tmp_path, "What moves?")
    assert main(["runs"]) == 0 and "no runs in runs" in capsys.readouterr().out
    items = ["--items", form.path, "--judge", form.judge, "--no-video"]
    command = ["runs", "start", "--", "python", "-m", "workbench", "judge", *items, "--out", "runs/mine"]
    assert main(command) == 0
    wait_for(runs / "mine", "done")
    capsys.readouterr()
    assert main(["runs", "list"]) == 0 and "done · mine · judging · 1 of 1 verdicts" in capsys.readouterr().out
    assert main(["runs", "log", "mine"]) == 0 and "1 scored" in capsys.readouterr().out
    assert main(["runs", "stop", "mine"]) == 0 and "done" in capsys.readouterr().out
    assert main(["runs", "queue", "--places", "2"]) == 0 and "2 at a time" in capsys.readouterr().out
    assert main(["runs", "start", "--", "rm", "-r", "x"]) == 2
    assert "expected one of our commands" in capsys.readouterr().err
    assert main(["runs", "stop", "nowhere"]) == 2
