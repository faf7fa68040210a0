"""Layers written out: the model's own logits on every architecture, when they are not taken; a batch that shrinks."""

import pytest
import torch
from test_prefix_sharing import CHECKPOINTS, chats_about, clips, judges

from workbench.backends import fused as module
from workbench.backends import sharing
from workbench.backends.cascade import Cascade
from workbench.backends.fused import fused
from workbench.backends.jobs import plan_jobs
from workbench.backends.local import load_local
from workbench.backends.resources import Clock
from workbench.schema import Sampling

__all__ = ["judges"]  # a fixture


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_architecture_of_the_suite_is_known(judges, name):
    """And its logits for a row of tokens, in steps of different lengths, are its own."""
    model = judges(name)._model
    layers = fused(model)
    assert layers is not None and fused(model) is layers
    ids = torch.tensor([[5, 9, 40, 77, 3, 8], [1, 2, 3, 4, 5, 6]])
    positions = torch.arange(6).expand(2, -1)
    with torch.inference_mode():
        whole = model(
            input_ids=ids, attention_mask=torch.ones_like(ids), position_ids=positions, use_cache=False
        ).logits
        cascade, found = Cascade([(), ()]), []
        for start, end in ((0, 3), (3, 4), (4, 6)):
            found.append(layers.logits(ids[:, start:end], positions[:, start:end], cascade, last=False))
            cascade.advance(end - start)
    torch.testing.assert_close(torch.cat(found, dim=1), whole, atol=1e-4, rtol=1e-4)


def test_it_follows_the_weights(judges):
    """Weights that change are copied again, as when a judge is asked between two steps of its training."""
    model = judges("text_checkpoint")._model
    before, weight = fused(model), model.model.layers[0].mlp.down_proj.weight
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.mul_(2)
        after = fused(model)
        assert after is not before
        torch.testing.assert_close(after._layers[0].down, weight.t())
        module.forget(model)
        assert fused(model) is not after
    finally:
        with torch.no_grad():
            weight.copy_(kept)


def test_what_keeps_its_own_code(judges, text_checkpoint, monkeypatch):
    model = judges("text_checkpoint")._model
    hook = model.model.layers[1].mlp.up_proj.register_forward_hook(lambda *given: None)
    assert module._made(model) is None
    hook.remove()
    assert module._made(model) is not None
    with monkeypatch.context() as patch:
        patch.setattr(module, "available_bytes", lambda device: 1000)
        assert module._made(model) is None  # the copies would not fit
    with monkeypatch.context() as patch:
        patch.setattr(model.model.norm, "variance_epsilon", 0.5)
        assert module._made(model) is None  # the layers' own is another one
    assert fused(load_local(str(text_checkpoint), dtype="bfloat16")._model) is None


def requests_of(judge, chats, lengths):
    """Prefilled, in the order of the plan, as `generate` would decode them together."""
    each = [(chat, Sampling(max_new_tokens=length)) for chat, length in zip(chats, lengths, strict=True)]
    jobs = plan_jobs(judge._encode_all(each))
    ((_, batch),) = judge._shared_batch(jobs, Clock(judge._model.device))
    return batch


def test_replies_that_have_ended_leave_the_batch(judges, monkeypatch):
    """The others go on as they would alone; what would follow each reply can still be asked of all."""
    judge = judges("qwen25_checkpoint")
    chats = [chat for clip in clips("qwen25_checkpoint") for chat in chats_about(clip)]
    lengths = [3, 12, 1, 5, 12, 3, 1, 2, 9, 1, 1, 4]
    judge.generate(chats[:1], Sampling(max_new_tokens=1))
    with torch.inference_mode():
        batch, sizes = requests_of(judge, chats, lengths), []
        real = batch._forward
        monkeypatch.setattr(batch, "_forward", lambda rows, at: sizes.append(len(rows)) or real(rows, at))
        replies = batch.decode(Sampling(), frozenset())
        assert sizes[0] == 8 and sizes[-1] < 4 and sizes == sorted(sizes, reverse=True)
        kept, texts = [max(0, len(reply.tokens) - 1) for reply in replies], [[8, 9]] * len(replies)
        found = batch.continuations(kept, texts)
        monkeypatch.setattr(sharing, "KEPT_SHARE", -1)  # nobody leaves
        whole = requests_of(judge, chats, lengths)
        assert [reply.tokens for reply in whole.decode(Sampling(), frozenset())] == [one.tokens for one in replies]
        assert sorted(len(reply.tokens) for reply in replies) == sorted(lengths)
        torch.testing.assert_close(found, whole.continuations(kept, texts), atol=2e-5, rtol=1e-4)
