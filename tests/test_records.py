"""Columns of judgments: what makes two judgments the same judge's."""

import pytest

from analysis.records import labels, records_of
from workbench.schema import Judgment


def judgment(item, **settings):
    return Judgment(item, "judge", "pointwise@1", "scored", score=3.0, settings=settings)


@pytest.mark.parametrize(("settings", "names"), [
    ([{"order": [0]}, {"order": [1]}], ["judge"]),
    # a bootstrap run says with each rating which request it answers
    ([{"seed": "a", "target": 1, "round": 1, "position": 0}, {"seed": "b", "target": 4, "round": 2, "position": 3}], ["judge"]),
    ([{"sampling": {"seed": 1}}, {"sampling": {"seed": 2}}], ["judge [seed=1]", "judge [seed=2]"]),
    ([{"view": "video"}, {"view": "none"}], ['judge [view="video"]', 'judge [view="none"]']),
])  # fmt: skip
def test_settings_of_one_request_make_no_other_judge(settings, names):
    assert labels(records_of({}, [judgment(str(n), **one) for n, one in enumerate(settings)])) == names
