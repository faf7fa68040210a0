"""What a fine-tuning does where something is amiss: a loss that is no number, a stop at an evaluation, no validation."""

import json
import math
import os
import signal

import pytest
import torch

from tests.test_training_finetune import ALONE, lines_of, toy
from training.checkpoints import load_checkpoint, saved_steps, trainable
from training.parallel import Team
from training.run_folder import open_run, tell_left_out
from training.sources import LeftOut
from training.trainer import Feed, Micro, Objective, Place, Plan, train
from workbench.errors import InputError, StoreError


class One(torch.nn.Module):
    """A model of one number."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))


# -- a loss or a gradient that is no number


def breaking(folder, loss_of, team=ALONE, steps=10):
    """Train one number on steps 0, 1, ...; saves every second step and keeps one checkpoint."""
    feed = Feed(steps, lambda step: [Micro(step, 1.0)])
    plan = Plan(lr=0.1, eval_every=100, save_every=2, keep=1, seed=0)
    return train(Objective(One(), loss_of), feed, plan, Place("toy", folder), team, lambda part: None)


def loss_that_breaks(model, step):
    return (model.weight.sum() - 1) ** 2 * (math.nan if step == 5 else 1.0), {}


def gradient_that_breaks(model, step):
    """Finite, but with a slope that is not: the root's at 0."""
    broken = (model.weight * 0).abs().sqrt().sum() if step == 5 else 0.0
    return ((model.weight - 1) ** 2).sum() + broken, {}


@pytest.mark.parametrize("loss_of", [loss_that_breaks, gradient_that_breaks])
def test_a_step_that_is_no_number_ends_the_training_and_keeps_what_there_is(tmp_path, loss_of):
    with pytest.raises(InputError, match=r"step 6: .*last checkpoint is .*step-4\..*lower --lr"):
        breaking(tmp_path, loss_of)
    assert saved_steps(tmp_path / "checkpoints") == [4] and len(lines_of(tmp_path)) == 5
    module = Objective(One(), loss_of)
    load_checkpoint(tmp_path / "checkpoints", module, torch.optim.AdamW(trainable(module).values()))
    assert torch.isfinite(module.model.weight).all()


def test_a_first_step_that_is_no_number_says_that_there_is_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="step 1: .*no checkpoint yet"):
        breaking(tmp_path, lambda model, step: (model.weight.sum() * math.inf, {}))
    assert not (tmp_path / "checkpoints").exists()


def test_all_processes_end_where_the_gradient_of_one_is_no_number(tmp_path):
    class Beside(Team):
        """One of two processes; the other has the same numbers, but a gradient that is none."""

        def sum(self, values):
            other = [*values[:-1], 1.0] if len(values) == 2 else values  # the loss, and whether the norm is none
            return [own + others for own, others in zip(values, other, strict=True)]

    with pytest.raises(InputError, match="step 1: "):
        breaking(tmp_path, lambda model, step: ((model.weight - 1).sum() ** 2, {}), Beside(*ALONE))


# -- a stop at an evaluation


def test_an_evaluation_that_a_stop_came_before_is_made_when_the_run_goes_on(tmp_path):
    plan = Plan(lr=0.1, eval_every=3, save_every=100, keep=2, seed=0)
    whole = toy(tmp_path / "whole", validation=[0.5], plan=plan)

    def interrupt(progress, steps, eta):
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        toy(tmp_path / "stopped", validation=[0.5], plan=plan, on_step=interrupt)
    assert saved_steps(tmp_path / "stopped" / "checkpoints")[-1] == 6
    assert len(lines_of(tmp_path / "stopped", "validation_loss")) == 1
    outcome = toy(tmp_path / "stopped", validation=[0.5], plan=plan)
    for name in ("validation_loss", "loss", "step"):
        assert lines_of(tmp_path / "stopped", name) == lines_of(tmp_path / "whole", name)
    assert outcome.progress._replace(seconds=0) == whole.progress._replace(seconds=0)


def test_a_stop_at_the_last_step_leaves_its_evaluation_to_the_next_start_once(tmp_path):
    def interrupt(progress, steps, eta):
        if progress.step == 9:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        toy(tmp_path, validation=[0.5], on_step=interrupt)
    for _ in range(2):
        outcome = toy(tmp_path, validation=[0.5])
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "validation_loss" in line] == [2, 4, 6, 8, 10]
    assert not outcome.progress.unmeasured and outcome.stopped == ""


# -- the run folder


def config(**recipe):
    return {"training": 1, "recipe": {"name": "r", "lr": 0.1, "policy": {"frames": 2}, **recipe}, "data": {"rows": 3}}


def test_settings_that_differ_are_named_and_no_others(tmp_path):
    with open_run(tmp_path, config(), [], "", ALONE):
        pass
    with open_run(tmp_path, config(), [], "", ALONE):  # the same settings go on
        pass
    other = config(lr=0.2, policy={"frames": 4}, extra=1)
    with pytest.raises(StoreError) as told, open_run(tmp_path, other, [], "", ALONE):
        pass
    assert (
        "settings: recipe.lr was 0.1, now 0.2; recipe.policy.frames was 2, now 4; recipe.extra was 'absent', now 1. Use"
        in str(told.value)
    )
    many = config(**{f"n{number}": number for number in range(9)})
    with pytest.raises(StoreError, match="and 4 more. Use the same"), open_run(tmp_path, many, [], "", ALONE):
        pass


def test_what_was_left_out_of_either_set_is_said_and_written(tmp_path):
    left_out, told = LeftOut(), []
    left_out.add("a", "no rubric", prompt="rubric")
    left_out.validation.add("b", "video not found: x.mp4")
    left_out.add_not_drawn("pointwise", 8, 10, "share 0.2 of the rows")
    tell_left_out(tmp_path, left_out, ALONE, told.append)
    assert told[:3] == [
        "left out: 1 rows, no rubric",
        "left out: 8 of 10 rows of 'pointwise', not drawn: share 0.2 of the rows",
        "left out of validation: 1 rows, video not found",
    ]
    lines = [json.loads(line) for line in (tmp_path / "left_out.jsonl").read_text().splitlines()]
    assert [line.get("set", "train") for line in lines] == ["train", "validation", "train"]
