"""200 requests about 30 videos in one call, all mixed: each reply is what it is alone, within the memory there is."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from test_encoding import frames
from test_prefix_sharing import INSTRUCTION, judges, plainly

from workbench.backends import jobs, sharing
from workbench.backends.base import Chat, Reply
from workbench.schema import Sampling

__all__ = ["judges"]  # a fixture
pytestmark = pytest.mark.slow


def mixed_requests(count: int = 200) -> tuple[list[Chat], list[Sampling]]:
    """Every video, prompt, temperature and length mixed; some requests have no video."""
    draw = np.random.default_rng(7)
    videos = [frames(int(draw.integers(1, 9)), 56, 28 * int(draw.integers(1, 6)), seed=seed) for seed in range(30)]
    chats, samplings = [], []
    for number in range(count):
        response = " ".join(draw.choice(["red", "blue", "moves", "a dog", "stops,", "then"], draw.integers(1, 60)))
        head = INSTRUCTION if number % 3 else "Rate it."
        video = None if number % 17 == 0 else videos[draw.integers(30)]
        chats.append(Chat("You judge." if number % 2 else "", video, f"{head}\n{response}", sample=number % 4))
        samplings.append(
            Sampling(float(draw.choice([0.0, 0.5, 1.0])), max_new_tokens=int(draw.integers(1, 24)), seed=1)
        )
    return chats, samplings


def storages(batch: sharing.SharedBatch) -> Iterator[torch.UntypedStorage]:
    """Where the keys and values of a batch lie: of its prompts, and of what its replies have so far."""
    for request in batch.requests:
        for segment in request.prefix.cache:
            yield from (states.untyped_storage() for states in (*segment.keys, *segment.values))
    for _, cascade in [*batch.left, (batch.rows, batch.cascade)]:
        for store in (cascade._keys, cascade._values):
            yield from (states.untyped_storage() for states in store.values())


@pytest.mark.parametrize("free", [1 << 34, 24 << 20], ids=["plenty", "24 MiB"])
def test_two_hundred_mixed_requests_of_thirty_videos_in_one_call(judges, monkeypatch, free):
    judge = judges("qwen25_checkpoint")
    chats, samplings = mixed_requests()
    most, sizes, real = [], [], sharing.SharedBatch._forward

    def watched(batch, rows, position):
        found = real(batch, rows, position)
        most.append(sum({one.data_ptr(): one.nbytes() for one in storages(batch)}.values()))
        sizes.append(len(batch.requests))
        return found

    monkeypatch.setattr(sharing.SharedBatch, "_forward", watched)
    monkeypatch.setattr(jobs, "available_bytes", lambda device: free)
    monkeypatch.setattr(judge, "batch_size", 256)
    replies = judge.generate(chats, samplings)
    assert all(isinstance(reply, Reply) for reply in replies)
    assert max(most) <= free and (max(sizes) == 200 if free > 1 << 30 else max(sizes) < 200)
    for place in range(0, 200, 10):
        assert replies[place].text == plainly(judge, chats[place], samplings[place])


def test_running_out_in_the_middle_goes_on_with_half_as_many(judges, monkeypatch):
    judge = judges("qwen25_checkpoint")
    chats, samplings = mixed_requests(40)
    expected = [reply.text for reply in judge.generate(chats, samplings)]
    real, sizes = sharing.SharedBatch._forward, []

    def short_of_memory(batch, rows, position):
        sizes.append(len(batch.requests))
        if len(batch.requests) > 12:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return real(batch, rows, position)

    monkeypatch.setattr(sharing.SharedBatch, "_forward", short_of_memory)
    monkeypatch.setattr(judge, "batch_size", 40)
    assert [reply.text for reply in judge.generate(chats, samplings)] == expected
    assert list(dict.fromkeys(sizes)) == [40, 20, 10]
