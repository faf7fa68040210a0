"""The arrows of the house: who may import whom, and what importing a room must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("workbench", "bootstrap", "training", "analysis", "spaces_config")
MAY_IMPORT = {
    "workbench": {"workbench"},
    "bootstrap": {"workbench", "bootstrap"},
    "training": {"workbench", "training"},
    "analysis": {"workbench", "analysis"},
    "spaces_config": {"workbench", "spaces_config"},
}
PAGE = {"app.py", *(f"{room}/tab.py" for room in ("workbench", "bootstrap", "training", "analysis"))}
PAGE |= {
    "workbench/runs_tab.py",
    "bootstrap/tab_panels.py",
    "bootstrap/tab_audit.py",
    "bootstrap/tab_browse.py",
    "bootstrap/tab_world.py",
    "training/tab_panels.py",
    "analysis/sensitivity_tab.py",
    "analysis/sensitivity_panels.py",
    "analysis/tab_api.py",
    "analysis/tab_audit.py",
    "analysis/tab_compare.py",
    "analysis/tab_compare_panels.py",
    "analysis/tab_failures.py",
    "analysis/tab_labels.py",
    "analysis/tab_report.py",
    "analysis/tab_sections.py",
}
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Every module a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_what_the_arrows_allow(path):
    room = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imported(path)} & {*ROOMS, "app", "tests"}
    assert ours <= MAY_IMPORT[room]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_gradio_is_imported_only_by_the_page(path):
    relative = path.relative_to(ROOT).as_posix()
    if relative not in PAGE and not relative.startswith("workbench/page/"):
        assert "gradio" not in {name.split(".")[0] for name in imported(path)}


LIGHT = [*ROOMS, "workbench.__main__", "workbench.judge", "workbench.store", "workbench.video", "workbench.backends"]


@pytest.mark.parametrize("module", LIGHT)
def test_importing_a_room_loads_no_heavy_library(module):
    code = f"import {module}, sys; print(sorted({{'torch', 'transformers', 'gradio'}} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
