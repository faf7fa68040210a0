"""The gate under strain, around a small application: cookies of others, drafts, how often, how many streams at once."""

import pytest

from tests.test_server_gate import ANNA, BEN, Place
from workbench.owners import owner_of


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize(
    "cookies",
    ["{ours}", 'a=b; {ours}; "c"=d', "x{{y=1; {ours}", "no cookie; {ours}", "a=\xff; {ours}", "a,b=c;{ours}", "{ours}; x{{y=1",
     'a="; {ours}', "workbench-owner=short; {ours}", "not-workbench-owner=x; {ours}"],
)  # fmt: skip
def test_whatever_other_cookies_a_browser_has_it_keeps_its_own(place, cookies):
    sent = {"cookie": cookies.format(ours=f"workbench-owner={ANNA}").encode("latin-1")}
    answer = place.ask("GET", "/", "", sent)
    assert place.behind.seen[-1][1] == owner_of(ANNA) and "set-cookie" not in answer.headers


def test_another_cookies_value_is_not_taken_for_it(place):
    for cookies in (f"x-workbench-owner={ANNA}", f'a="workbench-owner={ANNA}"', f"workbench-owner={ANNA}x y"):
        assert "set-cookie" in place.ask("GET", "/", "", {"cookie": cookies}).headers
    assert owner_of(ANNA) not in [seen[1] for seen in place.behind.seen]
