"""The workbench as a web page: which tabs there are, in which order, and how the page is served.

python app.py [--host 127.0.0.1] [--port 7860] [--runs runs]
"""

import argparse
import os
from pathlib import Path

import gradio as gr

from analysis import sensitivity_tab
from analysis import tab as meta_eval_tab
from analysis import tab_compare as compare_tab
from bootstrap import tab as bootstrap_tab
from training import tab as training_tab
from workbench import tab as judge_tab
from workbench.page.resident import ResidentJudge
from workbench.page.theme import launch_look
from workbench.page.upload import UPLOAD_LIMITS

TITLE = "VideoJudge workbench"
SENTENCE = "Is this answer about a video any good? Ask a judge, and see what it saw and why."
HEADER = f'<div class="vj-head"><h1>{TITLE}</h1><p>{SENTENCE}</p></div>'


def build(runs: Path) -> gr.Blocks:
    """The page with all its tabs; verdicts are written under `runs`."""
    resident = ResidentJudge()  # one for all tabs
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(HEADER)
        with gr.Tabs() as tabs:
            with gr.Tab("Judge", id="judge"):
                judge = judge_tab.build(runs, resident)
            with gr.Tab("Compare", id="compare") as tab:
                compare_tab.build(runs, tab, resident)
            with gr.Tab("Sensitivity", id="sensitivity") as tab:
                sensitivity_tab.build(runs, tab, judge)
            with gr.Tab("Bootstrap", id="bootstrap") as tab:
                bootstrap_tab.build(runs, tab)
            with gr.Tab("Meta-eval", id="meta-eval") as tab:
                meta_eval_tab.build(runs, tab)
            if not is_demo():
                with gr.Tab("Train", id="train") as tab:
                    training_tab.build(runs, tab, training_tab.JudgeTab(tabs, "judge", judge.judge))
    return page


def is_demo() -> bool:
    """Whether the page is a public demo, where nobody may train or push: VIDEOJUDGE_DEMO=1."""
    return os.environ.get("VIDEOJUDGE_DEMO", "") not in ("", "0")


def main(argv: list[str] | None = None) -> int:
    """Serve the page until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 for every network (default: this machine only)",
    )
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder for the run folders of verdicts (default: runs)"
    )
    options = parser.parse_args(argv)
    build(options.runs).queue(default_concurrency_limit=4).launch(
        server_name=options.host,
        server_port=options.port,
        max_file_size=UPLOAD_LIMITS.bytes,
        allowed_paths=judge_tab.served_folders(),
        strict_cors=True,
        show_error=True,
        enable_monitoring=False,
        share=False,
        footer_links=["api"],
        **launch_look(),
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
