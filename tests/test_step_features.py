"""Features of pairs of frames: made once for all frame counts that have them, and the tower's own numbers."""

from dataclasses import replace

import pytest
import torch
from test_encoding import frames
from test_prefix_sharing import judges

from workbench.backends import video_cache
from workbench.backends.step_features import works_by_steps
from workbench.backends.video_cache import VideoCache

__all__ = ["judges"]  # a fixture


def part_of(clip, *numbers):
    """Some frames of a clip, as another sampling of it gives them."""
    return replace(
        clip,
        images=clip.images[list(numbers)],
        seconds=tuple(clip.seconds[number] for number in numbers),
        indices=tuple(clip.indices[number] for number in numbers),
    )


def tensors_of(features):
    found = features["mm_encoder_outputs"]["video"]
    return [found.pooler_output[0], *(layer[0] for layer in getattr(found, "deepstack_features", None) or ())]


@pytest.mark.parametrize("name", ["qwen25_checkpoint", "qwen3_checkpoint"])
def test_pairs_that_were_seen_are_not_looked_at_again(judges, monkeypatch, name):
    judge = judges(name)
    whole = frames(8, *((56, 112) if name == "qwen25_checkpoint" else (64, 128)))
    few, more, odd = part_of(whole, 2, 3), part_of(whole, 0, 1, 2, 3, 6, 7), part_of(whole, 4, 5, 6)
    ran, real = [], video_cache.only_steps
    monkeypatch.setattr(video_cache, "only_steps", lambda *given: ran.append(given[1]) or real(*given))
    cache = VideoCache(judge._model, judge._processor)
    with torch.inference_mode():
        for clip in (few, more, odd, whole, part_of(whole, 6, 7, 2, 3)):
            alone = VideoCache(judge._model, judge._processor).features(clip)
            shared = cache.features(clip)
            for found, expected in zip(tensors_of(shared), tensors_of(alone), strict=True):
                torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert ran == [[0, 2]]  # of `more`; `odd` shares nothing that is held, of `whole` and the last all is known


def test_what_is_forgotten_is_made_again(judges):
    judge = judges("qwen25_checkpoint")
    whole = frames(4, 56, 112)
    cache = VideoCache(judge._model, judge._processor, limit=1)  # holds one thing at a time
    with torch.inference_mode():
        cache.features(part_of(whole, 0, 1))
        cache.features(frames(2, 56, 112, seed=9))
        assert len(cache._steps) == 1
        expected = VideoCache(judge._model, judge._processor).features(whole)
        assert torch.equal(tensors_of(cache.features(whole))[0], tensors_of(expected)[0])
        cache.clear()
    assert not cache._steps


def test_other_architectures_do_without(judges):
    assert works_by_steps(judges("qwen25_checkpoint")._model)
    assert not works_by_steps(judges("smolvlm_checkpoint")._model) and not works_by_steps(
        judges("text_checkpoint")._model
    )
