"""The workbench as a web page: which tabs there are, in which order, and how the page is served.

python app.py [--host 127.0.0.1] [--port 7860] [--runs runs] [--users one|many]
"""

import argparse
import os
from pathlib import Path

import gradio as gr

from analysis import sensitivity_tab
from analysis import tab as meta_eval_tab
from analysis import tab_compare as compare_tab
from analysis.tab_api import add_endpoints
from bootstrap import tab as bootstrap_tab
from training import tab as training_tab
from workbench import runs_tab
from workbench import tab as judge_tab
from workbench.door import answer
from workbench.jobs import have_jobs, start_what_waited
from workbench.page import zero_gpu
from workbench.page.accelerator_strip import accelerator_line
from workbench.page.head import head_notes
from workbench.page.links import wire_tabs
from workbench.page.places import hide_folders
from workbench.page.resident import ResidentJudge
from workbench.page.server import Users, ownership_note, serve, users_of
from workbench.page.theme import launch_look
from workbench.page.tour import tour_panel, wire_tour
from workbench.page.warm_up import warm_up
from workbench.permissions import is_demo
from workbench.redaction import guard_output

TITLE = "VideoJudge workbench"
SENTENCE = "Is this answer about a video any good? Ask a judge, and see what it saw and why."
TABS = ("Judge", "Compare", "Sensitivity", "Bootstrap", "Meta-eval", "Train", "Runs")
MADE_OF_JOBS = {"Sensitivity", "Bootstrap", "Train", "Runs"}
HEADER = f'<div class="vj-head"><h1>{TITLE}</h1><p>{SENTENCE}</p></div>'


def shown_tabs() -> list[str]:
    """The tabs that the page has, in their order: what is made of jobs only where there are any, no training in a demo."""
    left_out = (set() if have_jobs() else MADE_OF_JOBS) | ({"Train"} if is_demo() else set())
    return [name for name in TABS if name not in left_out]


def build(runs: Path, users: Users = "one") -> gr.Blocks:
    """The page with all its tabs; verdicts are written under `runs`. For many users it says whose runs they see."""
    resident = ResidentJudge()  # one for all tabs
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        add_endpoints(resident, runs)  # before events of the tabs, whose functions have the same names
        with gr.Row(elem_classes="vj-top"):
            gr.HTML(HEADER + ownership_note(users))
            tour_again = gr.Button("Tour", size="sm", elem_classes="vj-quiet", elem_id="vj-tour-again")
        head_notes(runs)
        shown = shown_tabs()
        tour = tour_panel(shown)
        if have_jobs():
            accelerator_line(page)
        with gr.Tabs() as tabs:
            with gr.Tab("Judge", id="judge"):
                judge = judge_tab.build(runs, resident)
            with gr.Tab("Compare", id="compare") as tab:
                compare_tab.build(runs, tab, resident)
            if "Sensitivity" in shown:
                with gr.Tab("Sensitivity", id="sensitivity") as tab:
                    sensitivity_tab.build(runs, tab, judge)
            if "Bootstrap" in shown:
                with gr.Tab("Bootstrap", id="bootstrap") as tab:
                    bootstrap_tab.build(runs, tab)
            with gr.Tab("Meta-eval", id="meta-eval") as tab:
                meta_eval_tab.build(runs, tab)
            if "Train" in shown:
                with gr.Tab("Train", id="train") as tab:
                    training_tab.build(runs, tab, training_tab.JudgeTab(tabs, "judge", judge.judge))
            if "Runs" in shown:
                with gr.Tab("Runs", id="runs") as tab:
                    runs_tab.build(runs, tab, tabs, page)
        wire_tour(tour, tabs, tour_again)
        wire_tabs(tabs)
    return page


def main(argv: list[str] | None = None) -> int:
    """Serve the page until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),  # a Space sets it
        help="address to listen on; 0.0.0.0 for every network (default: this machine only)",
    )
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder for the run folders of verdicts (default: runs)"
    )
    parser.add_argument(
        "--users",
        choices=("one", "many"),
        help="one: whoever opens the page sees every run; many: each browser its own (default: one on this machine's own "
        "address, many on others and in a demo)",
    )
    options = parser.parse_args(argv)
    guard_output()
    return answer(lambda: _serve(options), stopped="")


def _serve(options: argparse.Namespace) -> int:
    start_what_waited(options.runs)  # while nobody is asking: each keeps its owner
    zero_gpu.prepare()
    users = users_of(options.host, options.users)
    address = {"server_name": options.host, "server_port": options.port}
    if users == "many":
        hide_folders(options.runs)
    page, look = build(options.runs, users), {"footer_links": ["api"], **launch_look()}
    warm_up()
    serve(page, users, options.runs, judge_tab.served_folders(), **address, **look)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
