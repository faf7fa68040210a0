"""The figures of an evaluation, by hand; which modes are measured, and what is kept of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.finetune_data import make_dataset
from workbench.backends.base import Declared, Reply
from workbench.errors import InputError
from workbench.replies import Verdict
from workbench.schema import Item, Judgment, Sampling, VideoPolicy


def answered(item, score, truth, video, **fields):
    from training.evaluate import Answered

    status = "unparsed" if score is None else "scored"
    judged = Judgment(item, "j", "p", status, **({"score": score} if score is not None else {}))
    return Answered(judged, Judgment(item, "target", "p", "scored", score=truth), video, fields)


def test_figures_by_hand():
    from training.evaluate import measure

    some = [answered(str(n), score, n, f"v{n}") for n, score in ((1, 1.0), (2, 3.0), (3, 2.0), (4, 4.0), (5, None))]
    figures = measure(some)
    assert figures["well-formed"].value == 0.8
    assert figures["well-formed"].n == 5
    assert figures["Spearman"].value == 0.8  # ranks 1 3 2 4 against 1 2 3 4: 1 - 6 * 2 / 60
    assert figures["MAE"].value == 0.5
    assert figures["Spearman"].n == 4
    assert figures["MAE"].low <= 0.5 <= figures["MAE"].high


def test_pairs_count_accuracy_and_flips():
    from training.evaluate import Answered, measure

    def pair(item, choice, truth, hard):
        target = Judgment(item, "target", "p", "scored", choice=truth)
        return Answered(Judgment(item, "j", "p", "scored", choice=choice), target, item, {"hard": hard})

    some = [
        pair("x", "A", "A", "no"),
        pair("x", "A", "A", "no"),
        pair("y", "A", "B", "yes"),
        pair("y", "B", "B", "yes"),
    ]
    figures = measure(some)
    assert figures["accuracy"].value == 0.75
    assert figures["accuracy, 2 against 3"].value == 0.5
    assert figures["order flips"].value == 0.5


def test_no_answers_have_no_figures():
    from training.evaluate import measure

    assert measure([]) == {}


# -- the modes, by a judge that is right where it sees the video


class Looker:
    """Rates and chooses rightly with the video, and always alike without it. `dies_after`: so many requests."""

    name, identity, view, scores_only = "looker", {}, "video", False
    sampling, video_policy = Sampling(), VideoPolicy(frames=2)

    def __init__(self, *prompts, kinds=()):
        self.declared = Declared(kinds=kinds, prompts=prompts)
        self.asked = []  # of each request: number of responses, whether there are frames, temperature
        self.dies_after = None

    def generate(self, chats, sampling):
        if self.dies_after is not None and len(self.asked) >= self.dies_after:
            raise KeyboardInterrupt
        self.asked += [(len(chat.item.responses), chat.frames is not None, sampling.temperature) for chat in chats]
        return [Reply("", verdict=self._verdict(chat)) for chat in chats]

    def _verdict(self, chat):
        if len(chat.item.responses) == 1:
            return Verdict(score=float(chat.item.tags["rating"]) if chat.frames else 3.0)
        return Verdict(choice="AB"[chat.order.index(1)] if chat.frames else "A")  # the second response is the better


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Ratings and pairs about two videos, which nobody tagged: 10 ratings, 4 pairs."""
    return make_dataset(tmp_path_factory.mktemp("plain"), train=2, validation=0) / "train"


@pytest.fixture(scope="module")
def tagged(plain, tmp_path_factory):
    """The same as a world has it: flaws that only the video shows, one object."""
    folder = Path(shutil.copytree(plain, tmp_path_factory.mktemp("tagged") / "world"))
    items = [Item.from_dict(json.loads(line)) for line in (plain / "items.jsonl").read_text().splitlines()]
    told = [replace(item, tags={**item.tags, "video_dependent": "yes", "objects": "1"}) for item in items]
    (folder / "items.jsonl").write_text("".join(json.dumps(item.to_dict()) + "\n" for item in told))
    return folder


def test_the_modes_of_a_judge_that_rates_and_compares(tagged):
    from training.evaluate import evaluate

    judge = Looker("pointwise", "rubric", "pairwise", "pairwise_reasoning")
    figures = evaluate(judge, tagged, videos=2)
    assert list(figures) == [  # the card that ships has these: no control beside that of the ratings
        "pointwise",
        "pointwise, video-dependent flaws",
        "pointwise, video-dependent flaws, without the video",
        "pointwise, temperature 1",
        "pointwise, 1 object",
        "rubric",
        "pairwise",
        "pairwise_reasoning",
        "pairwise_reasoning, 1 object",
    ]
    assert figures["pointwise"]["Spearman"].value == 1 and figures["pairwise"]["order flips"].value == 0
    assert figures["pointwise, video-dependent flaws, without the video"]["Spearman"].value == 0
    assert judge.asked.count((1, False, 0.0)) == 10 and judge.asked.count((2, False, 0.0)) == 0


@pytest.mark.parametrize("prompts, figure, blind", [
    (("rubric",), "Spearman", 0.0),
    (("pairwise", "pairwise_reasoning"), "accuracy", 0.5),
])  # fmt: skip
def test_a_judge_that_rates_by_no_plain_prompt_is_asked_without_the_video_too(tagged, prompts, figure, blind):
    from training.evaluate import evaluate
    from training.model_card import WITHOUT_VIDEO

    figures = evaluate(Looker(*prompts), tagged, videos=2)
    for name in prompts:
        seeing = f"{name}, video-dependent flaws"
        assert figures[seeing][figure].value == 1
        assert figures[seeing + WITHOUT_VIDEO][figure].value == blind


def test_a_mode_without_rows_is_said_and_left_out(plain):
    from training.evaluate import evaluate

    said = []
    figures = evaluate(Looker("pointwise", "ranking"), plain, videos=2, say=said.append)
    assert list(figures) == ["pointwise", "pointwise, temperature 1"]
    missing = [line for line in said if line.endswith("nothing to measure, for the data has no such row")]
    assert [line.partition(":")[0] for line in missing if "without" not in line] == [
        "pointwise, video-dependent flaws",
        "ranking",
        "ranking, video-dependent flaws",
    ]


@pytest.mark.parametrize("kinds, modes", [((), ["pointwise", "pairwise"]), (("pairwise",), ["pairwise"])])
def test_a_judge_that_declares_no_prompts_is_asked_by_the_plain_ones(tagged, kinds, modes):
    from training.evaluate import evaluate

    said = []
    figures = evaluate(Looker(kinds=kinds), tagged, videos=2, say=said.append)
    assert [mode for mode in figures if "," not in mode] == modes
    assert f"looker declares no prompts; it is asked by: {', '.join(modes)}" in said
    assert any(mode.endswith("without the video") for mode in figures)


def test_rows_that_fit_no_prompt_are_an_error(plain):
    from training.evaluate import evaluate

    with pytest.raises(InputError, match="got pairwise, pointwise rows, none of a kind that looker judges"):
        evaluate(Looker("ranking"), plain, videos=2)


def test_what_was_measured_is_kept_when_the_rest_is_not(tagged, tmp_path, monkeypatch, capsys):
    from training.__main__ import main

    judge = Looker("pointwise", "pairwise")
    judge.dies_after = 10  # ratings; the control is the next to be asked
    monkeypatch.setattr("workbench.backends.load_backend", lambda spec, **options: judge)
    command = ["evaluate", "looker", "--data", str(tagged), "--out"]
    assert main([*command, str(tmp_path / "figures.json")]) != 0
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert list(kept) == ["pointwise", "pointwise, video-dependent flaws"] and kept["pointwise"]["Spearman"]["n"] == 10
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]
    assert main([*command, str(tmp_path / "nowhere" / "figures.json")]) != 0
    assert "whose folder is not there" in capsys.readouterr().err and len(judge.asked) == 10
