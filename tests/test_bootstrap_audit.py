"""The audit: statistics by hand, planted biases and leaks that must show, clean data in which nothing may."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from bootstrap_sets import ALL_ACCEPTED, rated_set, texts_for
from bootstrap_world import plain_seed, write_world_folder

from bootstrap.__main__ import main
from bootstrap.acceptance import biases, funnel, matrices, yield_by_kind, yields
from bootstrap.attempts import read_sets
from bootstrap.audit import audit_sets, to_json
from bootstrap.audit_report import audit_text, write_report
from bootstrap.audit_sections import audit_sections, section_figures, section_head, section_table
from bootstrap.clustered import Estimate, clustered_mean
from bootstrap.figures import funnel_figure, funnel_info, matrix_figure, matrix_info
from bootstrap.gold_distance import gold_distance
from bootstrap.leaks import Text, probes, words_about_ratings
from bootstrap.participants import load_participants
from bootstrap.repeats import repeats
from bootstrap.runner import LoopSettings, bootstrap_run, open_run, plan_run
from bootstrap.sampling_sets import some_sets
from bootstrap.seeds import read_seeds
from bootstrap.truth import known_truth
from workbench.backends.metric import Metric, load_metric
from workbench.store import Run

BY_HAND = [  # (round, target, given)
    [(1, 4, 4), (1, 3, 4), (1, 2, 2), (1, 1, 2), (2, 3, 3), (2, 1, None), (3, 1, 1)],
    [(1, 4, 3), (1, 3, 4), (1, 2, 2), (1, 1, 1), (2, 4, 4), (2, 3, 4), (3, 3, 4)],
    [(1, 4, 4), (1, 3, 3), (1, 2, None), (1, 1, 1), (2, 2, 2)],
]


def by_hand():
    return [rated_set(number, tries=tries) for number, tries in enumerate(BY_HAND)]


# -- means with intervals


def test_means_by_hand():
    assert clustered_mean([1, 2, 6], "aab") == Estimate(3.0, *clustered_mean([1, 2, 6], "aab")[1:3], 3, 2, 0)
    assert clustered_mean([], [], 4) == Estimate(None, None, None, 0, 0, 4)
    assert clustered_mean([2, 4], "aa", 1) == Estimate(3.0, None, None, 2, 1, 1)  # one video: no interval
    assert clustered_mean([7, 7, 7], "abc") == Estimate(7.0, 7.0, 7.0, 3, 3)
    two = clustered_mean([0, 0, 0, 3], "aaab")  # a mean of draws is 0, 0.75 or 3
    assert (two.value, two.low, two.high) == (0.75, 0.0, 3.0)


def test_rows_of_one_video_widen_the_interval():
    rng = random.Random(0)
    level = {video: rng.random() for video in range(60)}
    values = [level[video] for video in level for _ in range(10)]
    by_video = clustered_mean(values, [video for video in level for _ in range(10)])
    by_row = clustered_mean(values, list(range(600)))
    assert 2.5 < (by_video.high - by_video.low) / (by_row.high - by_row.low) < 4  # root of 10 is 3.2
    deviation = np.std(list(level.values())) / 60**0.5
    assert by_video.high - by_video.low == pytest.approx(2 * 1.96 * deviation, rel=0.15)


# -- acceptance


def test_funnel_by_hand():
    found = {(one.round, one.target): (one.shown, one.accepted, one.unreadable) for one in funnel(by_hand())}
    assert found == {
        (1, 4): (3, 2, 0), (1, 3): (3, 1, 0), (1, 2): (3, 2, 1), (1, 1): (3, 2, 0),
        (2, 4): (1, 1, 0), (2, 3): (2, 1, 0), (2, 2): (1, 1, 0), (2, 1): (1, 0, 1),
        (3, 3): (1, 0, 0), (3, 1): (1, 1, 0),
    }  # fmt: skip
    unread = next(one for one in funnel(by_hand()) if (one.round, one.target) == (1, 2))
    assert (unread.acceptance.value, unread.acceptance.n, unread.acceptance.left_out) == (1.0, 2, 1)
    assert [(one.round, one.target) for one in funnel(by_hand())][:5] == [(1, 4), (1, 3), (1, 2), (1, 1), (2, 4)]


def test_matrices_by_hand():
    first, every = matrices(by_hand())
    assert first.counts == {
        4: {4: 2, 3: 1, 2: 0, 1: 0}, 3: {4: 2, 3: 1, 2: 0, 1: 0}, 2: {4: 0, 3: 0, 2: 2, 1: 0}, 1: {4: 0, 3: 0, 2: 1, 1: 2},
    }  # fmt: skip
    assert first.unreadable == {4: 0, 3: 0, 2: 1, 1: 0} and every.unreadable == {4: 0, 3: 0, 2: 1, 1: 1}
    assert (first.agreement.value, first.agreement.n, first.agreement.left_out) == (pytest.approx(7 / 11), 11, 1)
    assert sum(sum(row.values()) for row in every.counts.values()) + 2 == sum(map(len, BY_HAND))


def test_yield_by_round_by_hand():
    found = yields(by_hand(), failed=2)
    assert [(one.round, one.share.value) for one in found] == [
        (1, 0),
        (2, pytest.approx(1 / 3)),
        (3, pytest.approx(2 / 3)),
    ]
    assert all((one.share.n, one.share.left_out) == (3, 2) for one in found)
    kinds = [
        rated_set(1, tags={"instruction_kind": "count"}),
        rated_set(2, tries=[], tags={"instruction_kind": "count"}),
    ]
    assert yield_by_kind(kinds)["count"].value == 0.5 and yield_by_kind(by_hand()) == {}


def test_biases_by_hand():
    found = {one.target: one for one in biases(by_hand())}
    assert [found[target].gap.value for target in (4, 3, 2, 1)] == pytest.approx([-1 / 3, 2 / 3, 0, 1 / 3])
    assert found[2].gap.left_out == 1


def judged(gaps: dict[int, list[int]]):
    """The verdicts on an evaluator that gives, for each target, these gaps in turn, over forty videos."""
    sets = [rated_set(n, tries=[(1, t, t + own[n % len(own)]) for t, own in gaps.items()]) for n in range(40)]
    return {one.target: one.verdict for one in biases(sets)}


@pytest.mark.parametrize(
    ("gaps", "biased"),
    [
        ({4: [0], 3: [0], 2: [0], 1: [0]}, {}),
        ({4: [0], 3: [1], 2: [0], 1: [0]}, {3: "too high"}),
        ({4: [0], 3: [1, 0, 1, 0], 2: [0], 1: [0]}, {3: "too high"}),
        ({4: [0], 3: [0], 2: [-1, 0], 1: [0]}, {2: "too low"}),
        ({4: [0, -1], 3: [1, -1], 2: [-1, 1], 1: [1, 0]}, {}),  # noise, which at the ends points inwards
        ({4: [-1], 3: [0], 2: [0], 1: [0]}, {4: "too low"}),
        ({4: [0], 3: [0], 2: [0], 1: [2, 1]}, {1: "too high"}),
    ],
)
def test_a_bias_shows_and_noise_does_not(gaps, biased):
    assert {target: verdict for target, verdict in judged(gaps).items() if verdict != "none seen"} == biased


# -- the world's participants


def world_run(folder: Path, evaluator: str) -> Run:
    write_world_folder(folder / "world", scenes=40)
    both = load_participants("world:miss=0.2", evaluator)
    plan = plan_run(both["generator"], both["evaluator"], LoopSettings(rounds=3))
    run = open_run(folder / "run", plan)
    with run.writing():
        bootstrap_run(run, read_seeds(folder / "world").seeds, plan)
    return run


@pytest.fixture(scope="module")
def biased(tmp_path_factory) -> Run:
    return world_run(tmp_path_factory.mktemp("biased"), "world:noise=0.05,bias@3=+1")


@pytest.fixture(scope="module")
def fair(tmp_path_factory) -> Run:
    return world_run(tmp_path_factory.mktemp("fair"), "world:noise=0.05")


def test_an_evaluator_biased_at_3_shows_there(biased):
    sets = read_sets(biased)
    found = {one.target: one for one in biases(sets)}
    assert found[3].verdict == "too high" and found[3].gap.value > 0.4
    assert max(found.values(), key=lambda one: one.gap.value or 0).target == 3
    truth = {one.target: one for one in known_truth(sets).evaluator}
    assert truth[3].gap.value == pytest.approx(0.95, abs=0.06)
    assert {target for target, one in truth.items() if one.verdict != "none seen"} == {3}
    labels = known_truth(sets).labels
    assert labels[4].value < 0.85 < labels[2].value  # what truly is a 3 was accepted as a 4


def test_an_evaluator_without_bias_shows_none(fair):
    sets = read_sets(fair)
    assert {one.verdict for one in known_truth(sets).evaluator} == {"none seen"}
    assert {one.target: one.verdict for one in biases(sets)}[3] == "none seen"
    assert min(share.value for share in known_truth(sets).labels.values()) > 0.9


def test_the_worlds_own_responses_fall_towards_the_gold_and_do_not_leak(fair):
    sets = read_sets(fair)
    for name in ("bleu", "rouge_l"):
        distance = gold_distance(sets, load_metric(name).metric)
        assert distance.falls and distance.by_rating[4].value > distance.by_rating[1].value + 10
    found = [one for one in probes(sets) if one.verdict != "too few videos"]
    assert {one.sees for one in found} == {"length", "vocabulary", "position"} and len(found) >= 9
    assert not [one for one in found if one.verdict == "leaks" and one.rows != "text-visible"]


# -- distance to the gold


def shared_words(response: str, reference: str) -> float:
    return float(len(set(response.split()) & set(reference.split())))


SHARED = Metric("shared words", shared_words, {})


def with_shared(number: int, shared: dict[int, int]):
    """A set whose response for a rating shares so many words with the gold."""
    words = [f"w{place}" for place in range(10)]
    texts = {5: " ".join(words)} | {
        rating: " ".join([*words[:count], f"x{number}r{rating}"]) for rating, count in shared.items()
    }
    return rated_set(number, texts=texts)


def test_distance_to_the_gold_by_hand():
    sets = [with_shared(1, {4: 9, 3: 6, 2: 4, 1: 0}), with_shared(2, {4: 7, 3: 6, 2: 2, 1: 0}), rated_set(3, tries=[])]
    found = gold_distance(sets, SHARED)
    assert [found.by_rating[rating].value for rating in (4, 3, 2, 1)] == [8, 6, 3, 0]
    assert [found.steps[step].value for step in ((4, 3), (3, 2), (2, 1))] == [2, 3, 3]
    assert all(one.left_out == 1 and one.n == 2 for one in found.by_rating.values())
    assert found.falls and found.surely
    unsure = gold_distance([with_shared(1, {4: 9, 3: 4, 2: 3, 1: 0}), with_shared(2, {4: 4, 3: 5, 2: 2, 1: 0})], SHARED)
    assert unsure.falls and not unsure.surely
    assert gold_distance([with_shared(1, {4: 3, 3: 6, 2: 4, 1: 0})], SHARED).falls is False
    assert gold_distance([], SHARED).falls is None


# -- leaks


def written(number: int, words_by_rating=None, length_by_rating=None, positions=(0, 1, 2, 3)):
    """A set of responses of random words, with extra words or another length by rating."""
    rng = random.Random(number)
    texts = {}
    for rating in (5, 4, 3, 2, 1):
        length = (length_by_rating or {}).get(rating, 12)
        words = [f"word{rng.randrange(80)}" for _ in range(length)] + [(words_by_rating or {}).get(rating, "then")]
        rng.shuffle(words)
        texts[rating] = " ".join(words)
    return rated_set(number, texts=texts, positions=positions)


def verdicts(sets) -> dict[tuple[str, str], str]:
    return {(one.sees, one.tells): one.verdict for one in probes(sets) if one.rows == "all"}


def test_nothing_leaks_from_random_words():
    rng = random.Random(1)
    sets = [written(number, positions=rng.sample(range(4), 4)) for number in range(200)]
    assert set(verdicts(sets).values()) == {"does not leak"}


def test_length_that_tells_the_rating_leaks():
    found = verdicts([written(number, length_by_rating={5: 20, 4: 17, 3: 14, 2: 11, 1: 8}) for number in range(60)])
    assert found["length", "rating"] == found["length", "better of two"] == "leaks"
    assert found["vocabulary", "rating"] != "leaks"  # words are taken without their number


def test_words_that_tell_the_rating_leak():
    found = verdicts([written(number, words_by_rating={2: "some", 1: "none"}) for number in range(60)])
    assert found["vocabulary", "rating"] == found["vocabulary", "better of two"] == "leaks"
    assert found["length", "rating"] != "leaks"


def test_positions_that_tell_the_target_leak():
    assert verdicts([written(number, positions=(3, 2, 1, 0)) for number in range(60)])["position", "rating"] == "leaks"


def test_few_videos_are_not_probed():
    sets = [rated_set(number, f"video {number % 19}") for number in range(60)]
    assert set(verdicts(sets).values()) == {"too few videos"}
    assert probes([])[0].accuracy == Estimate(None, None, None, 0, 0, 0)


def test_text_visible_flaws_are_reported_apart():
    sets = [rated_set(n, texts=None, tags={"video_dependent": "no" if n % 3 == 0 else "yes"}) for n in range(90)]
    found = {one.rows: one.accuracy for one in probes(sets) if (one.sees, one.tells) == ("length", "rating")}
    assert [(name, one.n, one.left_out) for name, one in found.items()] == [
        ("all", 450, 0), ("video-dependent", 300, 30), ("text-visible", 150, 60),
    ]  # fmt: skip


def texts(*rows: tuple[str, int, str]) -> list[Text]:
    return [Text("Question?", response, rating, video) for response, rating, video in rows]


def test_words_about_ratings_by_hand():
    found = words_about_ratings(
        texts(
            ("This flawed answer is a rating_2.", 2, "a"), ("He is overrated.", 2, "b"), ("She scores a goal.", 5, "a")
        )
    )
    assert found.by_rating[2].value == 0.5 and found.by_rating[5].value == 1.0 and found.by_rating[1].n == 0
    assert found.found == {"flawed": 1, "rating_2": 1, "scores": 1}


def test_repeats_by_hand():
    long = " ".join(f"w{place}" for place in range(40))
    first = texts((long, 5, "a"), (f"{long} more", 4, "a"), ("c", 3, "a"), ("d d", 2, "a"), ("off topic", 1, "a"))
    second = texts(("p", 5, "b"), ("q", 4, "b"), ("r", 3, "b"), ("s", 2, "b"), ("Off topic!", 1, "b"))
    found = repeats(first + second)
    assert found.within[5, 4].value == 0.5 and found.within[3, 2].value == 0
    assert found.across.value == 0.1 and found.same_rating.value == 1.0
    swapped = texts(("red meets blue", 5, "a"), ("blue meets red", 4, "a"), ("c", 3, "a"), ("d", 2, "a"), ("e", 1, "a"))
    assert repeats(swapped).within[5, 4].value == 0  # another order is a difference
    assert repeats([]).across.n == 0


def test_a_large_run_is_sampled_the_same_way_whatever_its_order():
    sets = [rated_set(number) for number in range(30)]
    one, other = some_sets(sets, 10), some_sets(sets[::-1], 10)
    assert one == other and len(one[0]) == 10 and one[1] == 20


# -- figures and report


@pytest.mark.parametrize("count", [0, 1, 30])
def test_figures_and_text_of_none_one_and_many(count, tmp_path):
    audit = audit_sets([rated_set(number) for number in range(count)], [SHARED], failed=1)
    sections = audit_sections(audit)
    figures = list(section_figures(sections))
    assert len(figures) == 6
    sentences = [figure.layout.annotations[0].text for figure in figures if not figure.data]
    assert (len(sentences) > 3) == (count == 0) and all(sentence.endswith(".") for sentence in sentences)
    for section in sections:
        assert section.reading.endswith(".") and all(len(row) == len(section.columns) for row in section.rows)
        shown = section_head(section) + section_table(section)
        assert section.title in shown and shown.count("<tr>") == (len(section.rows) + 1 if section.rows else 0)
    paths = write_report(tmp_path / "report", audit)
    assert json.loads(paths[0].read_text())["complete"] == count
    assert "<script" in paths[2].read_text() or count == 0
    assert f"{count} complete sets of {count} seeds" in audit_text(audit)


def test_infos_hold_what_the_figures_show():
    info = funnel_info(funnel(by_hand()))
    assert info.labels[:2] == ("round 1, target 4", "round 1, target 3")
    assert (info.accepted[2], info.rejected[2], info.unreadable[2]) == (2, 0, 1)
    assert [trace.name for trace in funnel_figure(info).data] == ["accepted", "rejected", "not rated readably"]
    table = matrix_info(matrices(by_hand())[0])
    assert table.given == ("4", "3", "2", "1", "unreadable") and table.counts[2] == (0, 0, 2, 0, 1)
    assert table.shares[2] == pytest.approx((0, 0, 2 / 3, 0, 1 / 3))
    assert matrix_figure(table).data[0].z[2][4] == pytest.approx(1 / 3)


def test_json_has_text_for_keys_and_no_tuples():
    found = to_json({(4, 3): Estimate(1.0, None, None, 1, 1), 5: (1, 2)})
    assert found["4-3"]["value"] == 1.0 and found["5"] == [1, 2]
    json.dumps(found, allow_nan=False)


def test_the_command_prints_text_or_json_and_writes_a_report(biased, tmp_path, capsys, monkeypatch):
    assert main(["audit", str(biased.folder), "--out", str(tmp_path / "report")]) == 0
    shown = capsys.readouterr().out
    assert "BIASED AT 3: too high" in shown
    assert "rouge_l to the gold response" in shown and "95 % interval" in shown
    told = json.loads((tmp_path / "report/audit.json").read_text())
    assert told["biases"][1]["verdict"] == "too high" and {"n", "left_out", "low", "high"} <= set(
        told["yields"][0]["share"]
    )
    audit = audit_sets([rated_set(1)], [])
    monkeypatch.setattr("bootstrap.dataset_commands.audit_run", lambda run, metrics: audit)
    assert main(["audit", str(biased.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == to_json(audit)


def test_a_run_that_is_none_of_bootstrapping_is_refused(tmp_path, capsys):
    Run.create(tmp_path / "run", config={})
    assert main(["audit", str(tmp_path / "run")]) == 2
    assert "not of bootstrapping" in capsys.readouterr().err
    assert main(["audit", str(tmp_path / "none")]) == 2


def test_seeds_of_no_world_have_no_truth_and_of_another_make_a_reason(tmp_path):
    assert known_truth([rated_set(1)]) is None and plain_seed(1).video is not None
    (tmp_path / "world.json").write_text('{"rule": "world@0", "world": {}}')
    other = [rated_set(number, folder=str(tmp_path / "clips"), tags={"scene": "a-1"}) for number in range(2)]
    audit = audit_sets(other, [])
    assert audit.truth is None and "world@0" in audit.truth_problem and "world@0" in audit_text(audit)


def test_sets_by_hand_are_as_the_loop_makes_them():
    one = rated_set(1)
    assert one.complete and Counter(a.target for a in one.attempts) == Counter(dict.fromkeys((4, 3, 2, 1), 1))
    assert one.accepted[4].responses[0] == texts_for(1)[4] and len(ALL_ACCEPTED) == 4
