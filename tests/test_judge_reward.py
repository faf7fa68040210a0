"""A judge as TRL's reward function: which number for which completion, None for no verdict, columns, conversations."""

import inspect

import pytest

from tests.clips import Clip
from workbench.errors import InputError
from workbench.reward import completion_text, instruction_text, judge_reward

RULES = """
rules:
  - contains: gibberish
    reply: no verdict at all
  - contains: broken
    fail: out of memory
  - contains: circle
    reply: <thinking>Seen.</thinking><score>5</score>
    probs: {"5": 0.75, "4": 0.25}
  - contains: on the table
    reply: <thinking>The reference says so.</thinking><score>3</score>
  - reply: <thinking>No.</thinking><score>2</score>
"""
QUESTION = {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "What moves?"}]}
ASKED = [{"role": "system", "content": "Be brief."}, QUESTION]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return str(Clip(frames=12).write(tmp_path_factory.mktemp("clips") / "clip.mp4"))


@pytest.fixture
def reward(tmp_path):
    (tmp_path / "judge.yaml").write_text(RULES)
    return judge_reward(f"scripted:{tmp_path / 'judge.yaml'}")


def test_its_signature_is_what_trl_calls(reward):
    parameters = inspect.signature(reward).parameters
    assert list(parameters) == ["prompts", "completions", "columns"]
    assert parameters["columns"].kind is inspect.Parameter.VAR_KEYWORD
    assert reward.__name__.startswith("judge_scripted:")
    assert not inspect.iscoroutinefunction(reward.__call__)


def test_each_completion_gets_its_rating_and_none_where_there_is_no_verdict(reward, clip):
    told = {}
    with pytest.warns(RuntimeWarning, match="out of memory"):
        rewards = reward(
            prompts=["What moves?"] * 6,
            completions=["A circle.", "A square.", "gibberish", "broken", "  ", "A circle."],
            completion_ids=[[1]] * 6,
            video=[clip] * 6,
            log_metric=told.__setitem__,
            trainer_state=object(),
        )
    assert rewards == [pytest.approx(4.75), 2.0, None, None, None, pytest.approx(4.75)]
    assert told == {f"{reward.__name__}/without_verdict": 0.5}


def test_conversations_and_lists_of_one_are_read(reward, clip):
    answer = [{"role": "assistant", "content": "It stands there."}]
    assert reward([ASKED], [answer], video=[[clip]]) == [2.0]
    assert instruction_text(ASKED) == "What moves?"
    assert instruction_text("What moves?") == "What moves?"
    assert completion_text([{"role": "assistant", "content": [{"type": "text", "text": "A circle."}]}]) == "A circle."
    assert completion_text([]) == ""


def test_a_reference_is_shown_only_where_it_is_wanted(reward, clip, tmp_path):
    row = {"prompts": ["Where?"], "completions": ["Here."], "video": [clip], "reference": ["on the table"]}
    assert reward(**row) == [2.0]
    assert judge_reward(f"scripted:{tmp_path / 'judge.yaml'}", reference=True)(**row) == [3.0]


@pytest.mark.parametrize(("rows", "said"), [
    ({"prompts": ["a"], "completions": ["b"]}, "video: the data set has no such column"),
    ({"prompts": ["a"], "completions": ["b"], "video": ["/nowhere.mp4"]}, "/nowhere.mp4 cannot be read"),
    ({"prompts": ["a"], "completions": ["b"], "video": [3]}, "expected a path"),
    ({"prompts": ["a"], "completions": []}, "got 0 for 1 prompts"),
    ({"prompts": [[{"role": "system", "content": "x"}]], "completions": ["b"], "video": ["/x"]}, "without a message by the user"),
])  # fmt: skip
def test_what_cannot_be_judged_is_told(reward, rows, said):
    with pytest.raises(InputError, match=said):
        reward(**rows)


def test_prompts_that_rate_no_single_response_are_refused():
    with pytest.raises(InputError, match="which is for pairwise judging"):
        judge_reward("embedded", prompt="pairwise")


def test_the_judge_that_ships_tells_a_true_answer_from_a_false_one():
    from workbench.page.examples import load_examples

    example = next(one for one in load_examples() if one.mode == "pointwise" and len(set(one.ratings)) > 1)
    reward = judge_reward("embedded")
    answers = [example.responses[0], example.responses[-1]]
    rewards = reward([example.instruction] * 2, answers, video=[example.video] * 2)
    assert all(1 <= one <= 5 for one in rewards) and rewards[0] > rewards[-1]
