"""Packs: the loss and gradients of separate rows, in every family, at a fraction of the operations."""

import argparse
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training.benchmark import bench, table
from training.benchmark_steps import load_subject, packed_step, plain_step, with_target
from training.branches import Cascade, Layout, branch_attention, joined, spans, use_branch_attention
from training.commands_bench import add_verbs
from training.features import FAMILIES, merged_features, modality, tower_features, vision_features
from training.operations import Work, count_operations, count_work
from training.sft import Packed, pack, target_loss, target_losses
from workbench.backends.base import Chat
from workbench.backends.encoding import collate, encode_chat, video_inputs
from workbench.backends.positions import rope_rule
from workbench.errors import InputError
from workbench.video.frames import Frames

WITH_VIDEO = ["qwen25_checkpoint", "qwen3_checkpoint", "smolvlm_checkpoint"]
EVERY = [*WITH_VIDEO, "text_checkpoint"]
QUESTION = "What does the person do? Rate the response.\n"
RESPONSES = ("He cooks an egg.", "A dog runs over the wide green field.", "Nothing.")
REPLIES = ("<score>4</score>", "<thinking>There is no dog at all.</thinking><score>1</score>", "<score>2</score>")


class Subject(SimpleNamespace):
    """A model in training, its processor, and rows of two videos."""

    def rows(self, seed, count=3):
        frames = self.frames(seed)
        inputs = video_inputs(self.processor, frames) if frames else None
        return [
            encode_chat(
                self.processor, Chat("You judge.", frames, QUESTION + response), self.rule, video=inputs, reply=reply
            )
            for response, reply in list(zip(RESPONSES, REPLIES, strict=True))[:count]
        ]

    def frames(self, seed):
        if self.name == "text_checkpoint":
            return None
        height, width = (112, 168) if self.name == "qwen25_checkpoint" else (64, 128)  # Qwen2.5-VL: several windows
        images = np.random.default_rng(seed).integers(0, 256, (4, height, width, 3), dtype=np.uint8)
        return Frames(images, (0.0, 1.0, 2.0, 3.0), (0, 1, 2, 3), "pyav", "0" * 64, 4.0, 4)

    def gradients(self):
        found = {name: each.grad for name, each in self.model.named_parameters() if each.grad is not None}
        self.model.zero_grad()
        return {name: grad.clone() for name, grad in found.items()}


@pytest.fixture
def subject(request):
    return loaded(request, request.param)


def loaded(request, name):
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor

    folder = request.getfixturevalue(name)
    kind = AutoModelForCausalLM if name == "text_checkpoint" else AutoModelForImageTextToText
    model = kind.from_pretrained(folder).train()
    return Subject(
        name=name, model=model, processor=AutoProcessor.from_pretrained(folder), rule=rope_rule(model.config)
    )


each_family = pytest.mark.parametrize("subject", EVERY, indirect=True)
each_with_video = pytest.mark.parametrize("subject", WITH_VIDEO, indirect=True)


def library_loss(model, rows):
    """The mean over all targets by transformers' own forward, a row at a time, the tower run for each."""
    total, count = 0.0, 0
    for row in rows:
        batch = collate([row], 0)
        if modality(model) != "video":
            batch.pop("mm_token_type_ids")
        targets = int((row.labels != -100).sum())
        total, count = total + model(**batch, use_cache=False).loss * targets, count + targets
    return total / count


def features_of(subject, rows):
    return vision_features(subject.model, [rows[0].vision])[0] if rows[0].vision else torch.zeros(0)


def assert_equal_training(subject, rows, packs, features):
    wanted = library_loss(subject.model, rows)
    wanted.backward()
    reference = subject.gradients()
    loss, _ = target_loss(subject.model, packs, features)
    loss.backward()
    found = subject.gradients()
    assert abs(loss.item() - wanted.item()) < 1e-4 * abs(wanted.item())
    assert found.keys() == reference.keys()
    # A bias of keys moves no attention: its gradient is rounding alone.
    floor = 1e-7 * max(grad.norm() for grad in reference.values())
    for name, grad in reference.items():
        assert (found[name] - grad).norm() <= 1e-4 * grad.norm() + floor, name


@each_family
def test_a_pack_has_the_loss_and_gradients_of_the_librarys_forward_row_by_row(subject):
    rows = subject.rows(0)
    assert_equal_training(subject, rows, [pack(rows)], [features_of(subject, rows)])


@each_family
def test_gradient_checkpointing_changes_nothing(subject):
    rows, calls = subject.rows(0), []
    features = [features_of(subject, rows)]
    text = subject.model.get_decoder()
    text.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    subject.model.activation_checkpointing_enable()
    assert_equal_training(subject, rows, [pack(rows)], features)
    assert len(calls) == 2 * (len(rows) + 1)  # each forward once more on the way back


@each_family
def test_packs_of_unequal_length_share_a_call(subject):
    first, second, alone = subject.rows(0), subject.rows(1, count=2), subject.rows(2)[1:2]
    text = encode_chat(subject.processor, Chat("", None, "Count."), subject.rule, reply="One, two.")
    packs = [pack(first), pack([text]), pack(alone), pack(second)]
    features = [features_of(subject, rows) for rows in (first, first, alone, second)]  # the second is not shown
    assert_equal_training(subject, [*first, text, *alone, *second], packs, features)


@each_with_video
def test_features_from_the_kept_tower_output_train_the_merger_alike(subject):
    videos = [subject.rows(seed, count=1)[0].vision for seed in (0, 1)]
    whole = vision_features(subject.model, videos)
    torch.cat(whole).square().sum().backward()
    reference = subject.gradients()
    towers = tower_features(subject.model, videos)
    assert not any(tower.requires_grad for tower in towers)
    merged = merged_features(subject.model, towers)
    torch.cat(merged).square().sum().backward()
    found = subject.gradients()
    for ours, theirs in zip(merged, whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert found and all(("merger" in name or "connector" in name) for name in found)
    assert {name for name in reference if "merger" in name or "connector" in name} == set(found)
    for name, grad in found.items():
        torch.testing.assert_close(grad, reference[name], rtol=1e-4, atol=1e-4 * float(grad.abs().max()))


@each_with_video
def test_training_from_kept_features_is_plain_training_with_a_frozen_tower(subject):
    mergers = ("merger", "connector")
    for name, parameter in subject.model.named_parameters():
        parameter.requires_grad_(not ("visual" in name or "vision_model" in name) or any(m in name for m in mergers))
    rows = subject.rows(0)
    features = merged_features(subject.model, tower_features(subject.model, [rows[0].vision]))
    assert_equal_training(subject, rows, [pack(rows)], features)


LAYOUTS = [
    [Layout(7)],
    [Layout(5, (3, 1, 4))],
    [Layout(0, (4, 2))],
    [Layout(6, (2, 2)), Layout(3), Layout(1, (1, 5)), Layout(0, (2, 3))],
]


@pytest.mark.parametrize("layouts", LAYOUTS, ids=str)
@pytest.mark.parametrize("attend", [Cascade.apply, lambda q, k, v, how, scaling: joined(q, k, v, how, 0.0, scaling)])
def test_attention_over_packs_is_attention_under_the_dense_mask(attend, layouts):
    length = sum(place.end - place.start for place in spans(layouts))
    generator = torch.Generator().manual_seed(0)
    states = [torch.randn(1, heads, length, 16, generator=generator, requires_grad=True) for heads in (4, 2, 2)]
    weights = torch.randn(1, 4, length, 16, generator=generator)
    output = attend(*states, layouts, 0.3)
    grads = torch.autograd.grad((output * weights).sum(), states)
    mask = torch.zeros(length, length, dtype=torch.bool)
    for start, split, _, branches in spans(layouts):
        for first, last in ((start, split), *branches):
            mask[first:last, start:split] = True
            mask[first:last, first:last] = True
    mask = mask.tril()
    dense = torch.nn.functional.scaled_dot_product_attention(*states, attn_mask=mask, scale=0.3, enable_gqa=True)
    wanted = torch.autograd.grad((dense * weights).sum(), states)
    torch.testing.assert_close(output, dense, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(grads, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attend", [Cascade.apply, lambda q, k, v, how, scaling: joined(q, k, v, how, 0.0, scaling)])
def test_half_precision_is_near_full(attend):
    generator, layouts = torch.Generator().manual_seed(0), [Layout(40, (9, 14)), Layout(12)]
    states = [torch.randn(1, 2, 75, 16, generator=generator, requires_grad=True) for _ in range(3)]
    full = attend(*states, layouts, None)
    half = attend(*(each.bfloat16() for each in states), layouts, None)
    wanted, found = (torch.autograd.grad(each.float().square().sum(), states) for each in (full, half))
    assert half.dtype == torch.bfloat16
    for ours, theirs in zip((half, *found), (full, *wanted), strict=True):
        assert (ours.float() - theirs).norm() < 0.02 * theirs.norm()


@pytest.mark.parametrize("joining", [False, True])
@each_family
def test_autocast_is_near_full_precision(subject, joining, monkeypatch):
    if joining:  # what other devices than a CPU do
        monkeypatch.setattr(
            "training.branches.Cascade.apply", lambda q, k, v, how, scale: joined(q, k, v, how, 0.0, scale)
        )
    rows = subject.rows(0)
    features = [features_of(subject, rows).detach()]
    losses = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss, _ = target_loss(subject.model, [pack(rows)], features)
        loss.backward()
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@each_family
def test_without_packs_the_model_answers_as_before(subject):
    rows = subject.rows(0)
    batch = collate(rows, 0)  # padded on the left: the mask must still be made
    if modality(subject.model) != "video":
        batch.pop("mm_token_type_ids")
    batch.pop("labels")
    with torch.no_grad():
        before = subject.model(**batch, use_cache=False).logits
        use_branch_attention(subject.model)
        after = subject.model(**batch, use_cache=False).logits
    shown = batch["attention_mask"].bool()
    assert torch.equal(before[shown], after[shown])


@each_family
def test_logits_are_made_at_targets_only_and_told_by_row(subject):
    seen = []
    subject.model.lm_head.register_forward_hook(lambda module, given, output: seen.append(output.shape))
    first, second = subject.rows(0), subject.rows(1, count=2)
    counts = [int((row.labels != -100).sum()) for row in (*first, *second)]
    features = [features_of(subject, rows) for rows in (first, second)]
    targets = target_losses(subject.model, [pack(first), pack(second)], features)
    assert [shape[:-1].numel() for shape in seen] == [sum(counts)]
    assert targets.rows.bincount().tolist() == counts
    alone = target_losses(subject.model, [pack([first[1]])], features[:1])
    torch.testing.assert_close(targets.losses[targets.rows == 1], alone.losses, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("subject", ["qwen25_checkpoint"], indirect=True)
def test_a_target_in_the_middle_of_the_reply_stays_in_its_branch(subject):
    row = subject.rows(0, count=1)[0]
    first = int((row.labels != -100).nonzero()[0])
    labels = row.labels.clone()
    labels[first + 1 : -1] = -100
    rows = [replace(row, labels=labels)] * 2
    packed = pack(rows)
    assert packed.layout == Layout(first - 1, (len(row) - first + 1,) * 2)
    assert int((packed.labels != -100).sum()) == 4


@pytest.mark.parametrize("subject", ["qwen25_checkpoint"], indirect=True)
def test_what_cannot_be_packed_is_refused_with_the_reason(subject):
    rows = subject.rows(0)
    with pytest.raises(InputError, match="without a target"):
        pack([rows[0], replace(rows[1], labels=torch.full_like(rows[1].ids, -100))])
    with pytest.raises(InputError, match="different videos"):
        pack([rows[0], subject.rows(1)[1]])
    assert pack([rows[0], subject.rows(0)[1]]).layout.branches  # equal pictures in other tensors
    with pytest.raises(InputError, match="sliding window"):
        branch_attention(None, *[torch.zeros(1, 1, 2, 4)] * 3, None, layouts=[Layout(2)], sliding_window=4)
    subject.model.config.model_type = "llava"
    with pytest.raises(InputError, match=f"'llava'.*{', '.join(FAMILIES)}"):
        target_loss(subject.model, [pack(rows)], [torch.zeros(0)])


TINY = {"hidden": 32, "layers": 2, "heads": 2, "key_value_heads": 1, "intermediate": 64, "vision_layers": 1}


@pytest.fixture(scope="module")
def tiny():
    return load_subject(None, "cpu", "float32", TINY)


def test_packing_saves_the_operations_that_the_limit_says(tiny):
    rows = [with_target(prompt, 16, number) for number, prompt in enumerate(tiny.prompts)]
    tower = tower_features(tiny.model, [tiny.inputs.tensors])[0]
    work = count_work(tiny.model, rows)
    plain = count_operations(lambda: plain_step(tiny, rows))
    packed = count_operations(lambda: packed_step(tiny, rows, tower))
    forward_and_back = 3 * work.prefix + 3 * len(rows) * work.branch
    # Attention's way back takes 5 products to its 2 forward, so a little more than three times forward.
    assert packed == pytest.approx(forward_and_back, rel=0.2)
    assert plain / packed > work.limit("packed", len(rows)) * 0.9 > 3


def test_limits_by_hand():
    work = Work(vision=2.0, prefix=3.0, branch=1.0)
    assert work.limit("packed", 5) == 5 * (2 + 9 + 3) / (9 + 15)
    assert work.limit("cached", 5) == (2 + 9 + 3) / (9 + 3)
    assert work.limit("plain", 5) == 1.0


def test_causal_attention_counts_what_its_mask_leaves():
    states = [torch.randn(1, 2, 6, 16) for _ in range(3)]
    attend = torch.nn.functional.scaled_dot_product_attention
    assert count_operations(lambda: attend(*states)) == 2 * 2 * 2 * 36 * 16
    assert count_operations(lambda: attend(*states, is_causal=True)) == 2 * 2 * 2 * 21 * 16


def test_the_benchmark_measures_all_ways_by_turns(tiny):
    said = []
    found = bench(tiny, [4], rounds=1, say=said.append)
    assert found.about["video_tokens"] == 960
    assert len(said) == 1 and "round 1 of 1" in said[0]
    length = found.lengths[0]
    assert [speed.way for speed in length.speeds] == ["plain", "cached", "packed"]
    assert length.loss_difference < 1e-4 and length.gradient_difference < 1e-4
    text = table(found)
    assert "| 4 | packed |" in text and "960 video tokens" in text


def test_the_door_refuses_no_rounds():
    parser = argparse.ArgumentParser()
    add_verbs(parser.add_subparsers())
    arguments = parser.parse_args(["bench", "--rounds", "0"])
    with pytest.raises(InputError, match="at least one"):
        arguments.run(arguments)


def test_a_row_alone_has_no_branches():
    one = torch.zeros(4, dtype=torch.int64)
    assert Packed(one, one, one.unsqueeze(0), one, torch.tensor([0, 0, 1, 1])).layout == Layout(4)
