"""The tour and the page name the same tabs, wherever the page runs."""

import pytest

from app import TABS, build, shown_tabs
from workbench.page.tour import ELSEWHERE, where_to_go

ZERO_GPU, DEMO = {"SPACES_ZERO_GPU": "true"}, {"WORKBENCH_DEMO": "1"}
PLACES = [
    ({}, TABS),
    (DEMO, [name for name in TABS if name != "Train"]),
    (ZERO_GPU, ["Judge", "Compare", "Meta-eval"]),
    ({**ZERO_GPU, **DEMO}, ["Judge", "Compare", "Meta-eval"]),
]


@pytest.fixture
def placed(monkeypatch):
    """Puts the page into an environment."""

    def place(environment):
        for variable in ("SPACES_ZERO_GPU", "WORKBENCH_DEMO", "SPACE_ID"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)

    return place


@pytest.mark.parametrize(("environment", "names"), PLACES, ids=["own", "demo", "zero-gpu", "zero-gpu-demo"])
def test_the_tour_names_the_tabs_that_there_are(placed, environment, names):
    placed(environment)
    assert shown_tabs() == list(names)
    assert {name for name in ELSEWHERE if f"<b>{name}</b>" in where_to_go(names)} == set(names) - {"Judge"}


def test_the_page_of_a_lent_gpu_has_these_tabs_and_this_tour(placed, tmp_path):
    placed(ZERO_GPU)
    components = build(tmp_path).config["components"]
    labels = [one["props"].get("label") for one in components if one["type"] == "tabitem"]
    assert [label for label in labels if label in TABS] == shown_tabs()
    assert where_to_go(shown_tabs()) in [one["props"].get("value") for one in components]
