"""Measures how fast the page feels: first useful paint, and the verdict on an example by the judge that ships.

    python -m docs.paint [--times 5]

Useful is the form with its button and examples, in a browser that has nothing of the page yet ("first visit") or has been
there ("next visit"). The peer is a page of one Gradio text field, served and opened the same way in the same run: the
ratio is what our page adds. A verdict is timed from the click until it is seen; its ratio is to the seconds that the judge itself
was at work. Medians, with the fastest and the slowest. Measure on a machine that does nothing else.
Needs playwright and a Chromium (named by CHROMIUM, or on the PATH).
"""

import argparse
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browsing import CHROMIUM, MISSING
from tests.server import serving, wait_for

SIZE = {"width": 1280, "height": 940}
PATIENCE = 600_000  # milliseconds: the judge is loaded first
USEFUL, PEER_USEFUL = "#vj-judge:not([disabled])", "textarea"
PEER = """
import sys, gradio as gr
with gr.Blocks(analytics_enabled=False) as page:
    gr.Textbox(label="Instruction")
page.launch(server_port=int(sys.argv[1]), quiet=True)
"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@contextmanager
def peer_page(folder: Path) -> Iterator[str]:
    """The address of a page of one text field."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "peer.log"
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-c", PEER, str(port)], stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def visits(browser: Browser, address: str, useful: str, times: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds to the first paint and to a useful one of first visits, and to a useful one of next visits."""
    painted, first, following = [], [], []
    for _ in range(times):
        context = browser.new_context(viewport=SIZE)  # a browser that was never there
        page = context.new_page()
        first.append(_until(page, lambda page=page: page.goto(address), useful))
        painted.append(page.evaluate(PAINTED) or first[-1])
        following.append(_until(page, lambda page=page: page.goto(address), useful))
        context.close()
    return painted, first, following


def _until(page: Page, act: Callable[[], object], selector: str) -> float:
    """Milliseconds from an act until something is seen."""
    page.set_default_timeout(PATIENCE)
    started = time.perf_counter()
    act()
    page.wait_for_selector(selector)
    return 1000 * (time.perf_counter() - started)


def verdicts(browser: Browser, address: str, times: int) -> tuple[float, list[float], list[float]]:
    """Milliseconds from the click to the verdict: of the first verdict, which loads the judge, and of others; and the milliseconds
    that the judge says it was at work for these."""
    page = browser.new_page(viewport=SIZE)
    page.goto(address)
    page.set_default_timeout(PATIENCE)
    page.wait_for_selector(USEFUL)
    page.locator(".vj-examples button").first.click()
    page.wait_for_selector("#vj-player video")
    first, others, at_work = 0.0, [], []
    for number in range(times + 1):
        page.wait_for_selector(USEFUL)
        page.evaluate(
            "document.querySelector('.vj-by')?.setAttribute('data-old', '')"
        )  # names its run: never drawn alike
        taken = _until(page, lambda: page.click("#vj-judge"), ".vj-by:not([data-old])")
        first = first or taken
        if number:
            others.append(taken)
            at_work.append(1000 * float(re.search(r"in ([\d.]+) s", page.inner_text(".vj-by"))[1]))
    page.close()
    return first, others, at_work


def line(name: str, values: list[float], beside: list[float] | None = None, what: str = "") -> str:
    """A figure with its range, and its ratio to another measured in the same run."""
    told = f"{name:<34}{median(values):8.0f} ms   {min(values):.0f} to {max(values):.0f}"
    return told + (f"   {median(values) / max(median(beside), 1):.2f} x {what}" if beside else "")


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="visits and verdicts (default: %(default)s)")
    times = parser.parse_args(argv).times
    if MISSING:
        print(f"cannot measure: {MISSING}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as text, sync_playwright() as engine:
        folder, browser = Path(text), engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with peer_page(folder) as address:
            _, peer, peer_next = visits(browser, address, PEER_USEFUL, times)
        with serving(folder) as (address, _):
            painted, first, following = visits(browser, address, USEFUL, times)
            print(line("first paint", painted))
            print(line("first visit: useful", first, peer, "a page of one text field"))
            print(line("next visit: useful", following, peer_next, "a page of one text field"))
            loading, others, at_work = verdicts(browser, address, times)
            print(line("first verdict, the judge loaded", [loading]))
            print(line("next verdicts on an example", others, at_work, "the judge's own seconds"))
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
