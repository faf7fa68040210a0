"""The world's generator and evaluator: their rates, their biases, and what a biased evaluator does to the data."""

import json
from collections import Counter

import pytest
from bootstrap_world import plain_seed, write_world_folder

from bootstrap.__main__ import main
from bootstrap.attempts import read_sets
from bootstrap.chats import TARGETS, Mismatch, evaluate_chat, generate_chat, load_templates, regenerate_chat
from bootstrap.json_replies import Rating, read_ratings, read_responses
from bootstrap.loop import LoopSettings
from bootstrap.participants import load_participant, load_participants
from bootstrap.runner import bootstrap_run, open_run, plan_run
from bootstrap.seeds import read_seeds
from bootstrap.world_participants import load_world_evaluator, load_world_generator
from bootstrap.world_truth import repertoire, true_rating
from workbench.backends.base import Declared
from workbench.errors import BackendError, InputError
from workbench.schema import Sampling
from workbench.store import Run

TEMPLATES = load_templates()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return read_seeds(write_world_folder(tmp_path_factory.mktemp("worlds") / "world", 60)).seeds


def generated(generator, seed, round=1, run_seed=0):
    (reply,) = generator.generate([generate_chat(TEMPLATES["generate"], seed, round)], Sampling(seed=run_seed))
    return read_responses(reply.text, TARGETS).values


def rated(evaluator, seed, texts, round=1):
    (reply,) = evaluator.generate([evaluate_chat(TEMPLATES["evaluate"], seed, texts, round)], Sampling())
    return read_ratings(reply.text, len(texts))


def test_the_repertoire_holds_responses_of_every_rating_none_of_them_the_gold(seeds):
    for seed in seeds[:20]:
        found = repertoire(seed)
        assert all(len(found.by_rating[target]) > 1 for target in TARGETS)
        assert seed.reference not in found.ratings and true_rating(seed, seed.reference) == 5
        assert true_rating(seed, "Nothing of the sort.") is None


def test_the_worlds_own_command_makes_folders_that_the_participants_know(tmp_path):
    """The real folder, with its clips: every seed's scene is made again from it, and the loop runs on it."""
    world = ["world", "--out", str(tmp_path / "world"), "--scenes", "2", "--split", "test", "--setting", "core"]
    assert main([*world, "--seconds-min", "1", "--seconds-max", "1.5"]) == 0
    source = f"items={tmp_path / 'world' / 'items.jsonl'}"
    assert main(["seeds", "--source", source, "--out", str(tmp_path / "seeds")]) == 0
    both = ["--generator", "world", "--evaluator", "world"]
    assert main(["run", "--seeds", str(tmp_path / "seeds"), *both, "--out", str(tmp_path / "run")]) == 0
    sets = read_sets(Run.open(tmp_path / "run"))
    assert sets and all(one.complete and one.seed.video.sha256 for one in sets)


@pytest.mark.parametrize("miss", [0.0, 0.3])
def test_the_generator_misses_at_the_set_rate(seeds, miss):
    generator = load_world_generator(f"world:miss={miss}")
    pairs = [(t, true_rating(seed, text)) for seed in seeds for t, text in generated(generator, seed).items()]
    assert len(pairs) == 4 * len(seeds)
    missed = [abs(target - true) for target, true in pairs if target != true]
    assert set(missed) <= {1}
    expected = miss * len(pairs)
    assert abs(len(missed) - expected) <= 4 * (expected * (1 - miss)) ** 0.5  # four standard deviations


def test_what_is_drawn_depends_on_seed_round_and_item_alone(seeds):
    generator = load_world_generator("world:miss=0.5")
    chats = [generate_chat(TEMPLATES["generate"], seed, 1) for seed in seeds[:6]]
    together = [reply.text for reply in generator.generate(chats, Sampling(seed=1))]
    alone = [generator.generate([chat], Sampling(seed=1))[0].text for chat in reversed(chats)][::-1]
    assert together == alone
    assert generated(generator, seeds[0]) != generated(generator, seeds[0], round=2)
    assert generated(generator, seeds[0]) != generated(generator, seeds[0], run_seed=2)


@pytest.mark.parametrize(("given", "true"), [(4, 2), (2, 4), (1, 4)])
def test_the_generator_moves_by_the_gap_it_is_told(seeds, given, true):
    """A response that truly is a 3, written for 3 and rated `given`, is replaced by one that truly is a `true`."""
    generator = load_world_generator("world")
    for seed in seeds[:10]:
        text = repertoire(seed).by_rating[3][0]
        mismatches = [Mismatch(3, text, Rating(given, None))]
        (reply,) = generator.generate([regenerate_chat(TEMPLATES["regenerate"], seed, mismatches, 2)], Sampling())
        assert true_rating(seed, json.loads(reply.text)["rating_3"]) == true


def test_a_perfect_evaluator_tells_the_truth(seeds):
    evaluator = load_world_evaluator("world")
    for seed in seeds[:20]:
        texts = [repertoire(seed).by_rating[target][0] for target in TARGETS]
        assert [one.score for one in rated(evaluator, seed, texts).values.values()] == list(TARGETS)


def verdicts(evaluator, seeds, rating) -> Counter:
    texts = [(seed, text) for seed in seeds for text in repertoire(seed).by_rating[rating]]
    return Counter(rated(evaluator, seed, [text], n).values[1].score for n, (seed, text) in enumerate(texts))


def test_noise_is_the_share_of_verdicts_one_off(seeds):
    evaluator = load_world_evaluator("world:noise=0.25")
    for rating in TARGETS:
        found = verdicts(evaluator, seeds, rating)
        assert set(found) <= {rating - 1, rating, rating + 1}
        assert 0.75 * found.total() == pytest.approx(found[rating], abs=4 * (0.1875 * found.total()) ** 0.5)


def test_bias_moves_one_rating_and_leaves_the_others(seeds):
    evaluator = load_world_evaluator("world:bias@3=+1,bias@2=0.5")
    assert set(verdicts(evaluator, seeds, 3)) == {4}
    assert set(verdicts(evaluator, seeds, 4)) == {4} and set(verdicts(evaluator, seeds, 1)) == {1}
    twos = verdicts(evaluator, seeds, 2)
    assert set(twos) == {2, 3} and twos[3] / twos.total() == pytest.approx(0.5, abs=0.1)
    assert set(verdicts(load_world_evaluator("world:bias@3=-1.5"), seeds, 3)) == {1, 2}


def test_a_response_that_is_none_of_the_worlds_gets_no_rating(seeds):
    found = rated(
        load_world_evaluator("world"), seeds[0], ["Nothing of the sort.", repertoire(seeds[0]).by_rating[2][0]]
    )
    assert found.values[2].score == 2 and "None" in found.problems[1]


def test_seeds_from_elsewhere_fail_as_a_value():
    (reply,) = load_world_generator("world").generate(
        [generate_chat(TEMPLATES["generate"], plain_seed(), 1)], Sampling()
    )
    assert isinstance(reply, BackendError) and "not from the procedural world" in str(reply)


def test_folders_of_another_world_are_refused(tmp_path):
    folder = write_world_folder(tmp_path / "world", 1)
    record = json.loads((folder / "world.json").read_text())
    (folder / "world.json").write_text(json.dumps({**record, "rule": "world@0"}))
    with pytest.raises(InputError, match="world@0"):
        repertoire(read_seeds(folder).seeds[0])


@pytest.mark.parametrize(
    ("role", "spec", "told"),
    [
        ("generator", "world:noise=0.1", "expected some of miss=<0 to 1>"),
        ("generator", "world:miss=2", "expected 0 to 1"),
        ("generator", "world:miss", "expected some of"),
        ("generator", "world:miss@3=0.1", "expected some of"),
        ("evaluator", "world:bias=1", "bias@<rating>=<shift>"),
        ("evaluator", "world:bias@6=1", "expected some of"),
        ("evaluator", "world:bias@3=x", "expected some of"),
        ("evaluator", "world:bias@3=1,bias@3=2", "twice"),
        ("evaluator", "metric:bleu", "a model that writes"),
        ("generator", "metric:bleu", "a model that writes"),
        ("evaluator", "nobody", "Known are"),
    ],
)
def test_specs_that_cannot_be_are_refused(role, spec, told):
    with pytest.raises(InputError, match=told):
        load_participant(spec, role)


def test_a_model_that_plays_both_parts_is_loaded_once(tmp_path):
    script = tmp_path / "script.yaml"
    script.write_text("rules: [{reply: hello}]")
    both = load_participants(f"scripted:{script}", f"scripted:{script}")
    assert both["generator"] is both["evaluator"]
    world = load_participants("world", "world")
    assert world["generator"] is not world["evaluator"]


def test_options_reach_the_loader_or_are_refused():
    with pytest.raises(InputError, match="got the option 'dtype', expected none"):
        load_participants("world", "world", {"evaluator": {"dtype": "bfloat16"}})
    with pytest.raises(InputError, match="got the option 'nothing'"):
        load_participants("embedded", "world", {"generator": {"nothing": "1"}})


def test_a_checkpoint_made_for_judging_only_is_refused(tmp_path, monkeypatch):
    script = tmp_path / "script.yaml"
    script.write_text("rules: [{reply: hello}]")
    judge = load_participant(f"scripted:{script}", "generator")
    judge.declared = Declared(kinds=("pointwise",))
    monkeypatch.setattr("bootstrap.participants.load_backend", lambda spec: judge)
    with pytest.raises(InputError, match="made for pointwise judging only"):
        load_participant(f"scripted:{script}", "generator")


# -- what comes of it


def sets_of(folder, seeds, generator, evaluator, **settings):
    both = load_participants(generator, evaluator)
    run = open_run(folder, plan_run(both["generator"], both["evaluator"], LoopSettings(**settings)))
    with run.writing():
        bootstrap_run(
            run, seeds, plan_run(both["generator"], both["evaluator"], LoopSettings(**settings)), concurrency=4
        )
    return read_sets(run)


def test_refinement_raises_the_yield_over_a_single_pass(tmp_path, seeds):
    once = sets_of(tmp_path / "once", seeds, "world:miss=0.2", "world", rounds=1)
    thrice = sets_of(tmp_path / "thrice", seeds, "world:miss=0.2", "world", rounds=3)
    single = sum(one.complete for one in once) / len(seeds)
    assert single == pytest.approx(0.8**4, abs=0.15)
    assert sum(one.complete for one in thrice) / len(seeds) > single + 0.3
    assert all(true_rating(one.seed, i.responses[0]) == r for one in thrice for r, i in one.accepted.items())


def test_an_evaluator_biased_at_3_shows_in_the_matrix_and_spoils_the_rating_above(tmp_path, seeds):
    sets = sets_of(tmp_path / "run", seeds, "world:miss=0.2", "world:bias@3=+1", rounds=3)
    first = Counter((one.target, one.rating) for each in sets for one in each.attempts if one.round == 1)
    kept = {target: first[target, target] / len(sets) for target in TARGETS}
    assert kept[3] < 0.1 < 0.6 < min(kept[4], kept[2], kept[1])
    assert first[3, 4] / len(sets) > 0.6
    true = Counter(true_rating(each.seed, each.accepted[4].responses[0]) for each in sets if 4 in each.accepted)
    assert true[3] > 0  # what truly is a 3 went into the data as a 4
    assert sum(each.complete for each in sets) < 0.3 * len(sets)
