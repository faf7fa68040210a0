"""Sharing prompts: the same tokens as the plain path on every architecture, each beginning once, whatever the batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_encoding import frames
from test_local import whole_logits

from workbench.backends import EMBEDDED, decoding, encoding, partial_attention, pixels, segments, sharing, windows
from workbench.backends.base import Chat
from workbench.backends.cascade import Cascade
from workbench.backends.encoding import encode_chat, video_inputs
from workbench.backends.jobs import fitting, plan_jobs
from workbench.backends.local import load_local
from workbench.backends.prefix_tree import Prompt, depth_first, plan_prefixes, shared_length
from workbench.backends.resources import Clock
from workbench.backends.sampling import draws_for
from workbench.backends.segments import Segment
from workbench.backends.video_cache import VideoCache
from workbench.errors import BackendError
from workbench.schema import Sampling

CHECKPOINTS = ["qwen25_checkpoint", "qwen3_checkpoint", "smolvlm_checkpoint", "text_checkpoint", "embedded"]
GREEDY = Sampling(max_new_tokens=10)
INSTRUCTION = "Say what happens in the video, who does it, and in what order; then say how it ends. " * 3
RESPONSES = (
    "A dog runs over the grass and catches a ball in the end, then lies down.",
    "A dog runs over the grass. Nothing else.",
    "Two people talk. " * 12,
)


@pytest.fixture(scope="module")
def judges(request):
    """Checkpoint fixture name -> loaded judge, each loaded once."""
    loaded = {}

    def judge(name):
        if name not in loaded:
            loaded[name] = load_local(str(EMBEDDED if name == "embedded" else request.getfixturevalue(name)))
        return loaded[name]

    return judge


def clips(name, count=2):
    if name == "text_checkpoint":
        return [None] * count
    size = (64, 128) if name == "qwen3_checkpoint" else (56, 112)
    return [frames(4 + 2 * (seed % 2), *size, seed=seed) for seed in range(count)]


def chats_about(clip, samples=2, **options):
    return [
        Chat("You judge.", clip, f"{INSTRUCTION}\n{response}", sample=sample, **options)
        for response in RESPONSES
        for sample in range(samples)
    ]


def plainly(judge, chat, sampling):
    """The tokens of one reply by a prefill and a batch of its own, with a cache of its own and nothing shared."""
    with torch.inference_mode():
        encoded = encode_chat(judge._processor, chat, judge._rule)
        vision = decoding.to_model(judge._model, encoded.vision)
        prefix = decoding.prefill(judge._model, encoded, vision)
        draws = draws_for(sampling.seed, chat.sample, digest_of(chat, encoded))
        batch = decoding.Batch(judge._model, [decoding.Request(prefix, draws, sampling.max_new_tokens)])
        (reply,) = batch.decode(sampling, judge._stops())
    return judge._tokenizer.decode(reply.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def digest_of(chat, encoded):
    from workbench.backends.jobs import digest

    return digest(chat, encoded)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_same_tokens_as_the_plain_path(judges, name):
    judge = judges(name)
    chats = [chat for clip in clips(name) for chat in chats_about(clip, samples=1)]
    chats = chats if name != "text_checkpoint" else chats[:3]
    samplings = [GREEDY, replace(GREEDY, temperature=1.0, seed=5), replace(GREEDY, temperature=0.7, top_p=0.9)]
    requests = [(chat, samplings[number % 3]) for number, chat in enumerate(chats)]
    requests += [(chat, replace(GREEDY, max_new_tokens=5)) for chat in chats[:2]]
    replies = judge.generate(*zip(*requests, strict=True))
    assert judge._shares
    assert [reply.text for reply in replies] == [plainly(judge, *request) for request in requests]


def test_samples_do_not_depend_on_the_batch(judges):
    judge = judges("qwen25_checkpoint")
    chats = [chat for clip in clips("qwen25_checkpoint") for chat in chats_about(clip, samples=3)]
    hot = Sampling(temperature=1.0, max_new_tokens=8, seed=2)
    together = [reply.text for reply in judge.generate(chats, hot)]
    assert len(set(together)) == len(chats)
    order = np.random.default_rng(0).permutation(len(chats))
    shuffled = [reply.text for reply in judge.generate([chats[place] for place in order], hot)]
    assert shuffled == [together[place] for place in order]
    judge.batch_size, before = 4, judge.batch_size
    try:
        assert [reply.text for reply in judge.generate(chats, hot)] == together
    finally:
        judge.batch_size = before


# -- the plan


def plan(*prompts, video_end=0):
    prompts = [Prompt(list(ids), video, video_end) for ids, video in prompts]
    leaves = plan_prefixes(prompts)
    return leaves, [[(node.start, node.end) for node in leaf.path] for leaf in leaves]


def test_nested_beginnings():
    video, ask = list(range(100)), list(range(500, 640))
    a, b = [*video, *ask, 1, 1], [*video, *ask, 2]
    c = [*video, 9, 9]
    leaves, spans = plan((a, "v"), (c, "v"), (b, "v"), (a, "v"))
    assert spans[0] == [(0, 100), (100, 240), (240, 242)] == spans[3] and leaves[0] is leaves[3]
    assert spans[1] == [(0, 100), (100, 102)]
    assert spans[2] == [(0, 100), (100, 240), (240, 241)] and leaves[2].parent is leaves[0].parent
    assert depth_first(leaves) == [0, 3, 2, 1]


def test_a_prompt_that_another_goes_on_from_ends_at_the_shared_node():
    _, spans = plan((range(50), "v"), (range(60), "v"))
    assert spans == [[(0, 50)], [(0, 50), (50, 60)]]


def test_what_is_not_shared():
    ids = list(range(80))
    _, spans = plan((ids, "v"), ([*ids, 1], "w"))
    assert spans == [[(0, 80)], [(0, 81)]]  # another video
    _, spans = plan(([*ids, 1], "v"), ([*ids, 2], "v"), video_end=81)
    assert spans == [[(0, 81)], [(0, 81)]]  # they part before the video ends
    _, spans = plan((ids, "v"), ([*ids[:9], 1], "v"))
    assert spans == [[(0, 80)], [(0, 10)]]  # too short to pay


def test_shared_length():
    assert shared_length([1, 2, 3], [1, 2, 4, 5]) == 2
    assert shared_length([], [1]) == 0 and shared_length([1, 2], [1, 2]) == 2 and shared_length([2], [1]) == 0


# -- attention in parts


@pytest.mark.parametrize("new", [1, 3])
@pytest.mark.parametrize("heads", [(4, 2), (3, 3)])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("regular", [False, True])
def test_attention_in_parts_is_attention(monkeypatch, new, heads, chunked, regular):
    """Paths of equal or unequal depth and length, against softmax over everything a sequence may see, at once."""
    monkeypatch.setattr(segments, "LARGE", 20)
    if chunked:
        monkeypatch.setattr(partial_attention, "MOST_SCORES", 200)
    asking, answering = heads
    make = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(*shape, generator=make, dtype=torch.float64).float()

    def segment(length):
        return Segment((drawn(answering, length, 8),), (drawn(answering, length, 8),))

    video, other, ask, one, two = (segment(length) for length in (40, 33, 25, 3, 7))
    paths = [(video, ask, one), (video, ask, one), (video, ask, two), (video,), (other, two), (other,)]
    if regular:
        paths = [(video, ask, part) for part in (one, two, segment(5)) for _ in range(2)]
    together = Cascade(paths)
    own = [[], []]
    for _ in range(2):  # the second time there are own tokens already
        query, key, value = drawn(6, asking, new, 8), drawn(6, answering, new, 8), drawn(6, answering, new, 8)
        own[0].append(key), own[1].append(value)
        found = together.attend(0, query, key, value, 0.3)
        together.advance(new)
        for row, path in enumerate(paths):
            keys = torch.cat([*(part.keys[0] for part in path), *(states[row] for states in own[0])], dim=1)
            values = torch.cat([*(part.values[0] for part in path), *(states[row] for states in own[1])], dim=1)
            seen = torch.ones(new, keys.shape[1], dtype=torch.bool).tril(keys.shape[1] - new)
            expected = torch.nn.functional.scaled_dot_product_attention(
                query[row], keys, values, attn_mask=seen, scale=0.3, enable_gqa=True
            )
            torch.testing.assert_close(found[row], expected.transpose(0, 1), atol=2e-6, rtol=1e-5)


def test_a_model_that_takes_no_notice_is_found_out():
    with pytest.raises(RuntimeError, match="without the cascade"):
        Cascade([()]).advance(1)


def test_segments_are_stored_once(judges):
    """All sequences of a prompt read one store: nothing of the prompt's size is made for each of them."""
    judge = judges("qwen25_checkpoint")
    chats = chats_about(clips("qwen25_checkpoint")[0], samples=10)
    with torch.inference_mode():
        judge.generate(chats[:1], GREEDY)
        jobs = plan_jobs(
            [job._replace(number=n) for n, job in enumerate(judge._encode_all([(c, GREEDY) for c in chats]))]
        )
        assert len({job.node.path[0] for job in jobs}) == 1
        ((_, batch),) = judge._shared_batch(jobs, Clock(judge._model.device))
    band = batch.cascade._bands[0]
    assert len(band) == 1 and band[0].keys[0].data_ptr() == jobs[0].node.path[0].segment.keys[0].data_ptr()


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_logits_step_by_step_equal_the_whole_prompt_s(judges, name):
    judge = judges(name)
    chat = chats_about(clips(name)[0])[0]
    judge.generate([chat], GREEDY)
    model, tokens = judge._model, [5, 9, 40, 77]
    with torch.inference_mode():
        encoded = encode_chat(judge._processor, chat, judge._rule)
        end = len(encoded) - 9
        vision = decoding.vision_features(model, decoding.to_model(model, encoded.vision)) if encoded.vision else {}
        root = sharing.prefill_root(model, encoded, end, vision)
        branch = sharing.Branch((root.segment,), encoded.ids[end:], encoded.positions[:, end:])
        short = sharing.Branch((root.segment,), encoded.ids[end:-4], encoded.positions[:, end:-4])
        below, _ = sharing.prefill_branches(model, [branch, short])
        prefix = sharing.shared_prefix([root, below], encoded)
        batch = sharing.SharedBatch(model, [decoding.Request(prefix, draws_for(0, 0, b""), 4)])
        steps = [prefix.logits]
        for token in tokens:
            batch.written[0].append(token)
            steps.append(batch._forward([[token]], batch.starts + len(steps) - 1)[:, -1])
        again = [batch.continuations([kept], [[8, 9]])[0] for kept in (0, 2)]
    whole = whole_logits(judge, chat, tokens)
    tolerance = {"atol": 1e-4 if name == "embedded" else 2e-5, "rtol": 1e-4}
    torch.testing.assert_close(torch.cat(steps), whole, **tolerance)
    torch.testing.assert_close(again[0], whole_logits(judge, chat, [8, 9]), **tolerance)
    torch.testing.assert_close(again[1], whole_logits(judge, chat, [5, 9, 8, 9])[2:], **tolerance)


# -- memory


def test_micro_batches_fit_the_free_memory(judges, monkeypatch):
    from workbench.backends import jobs

    judge = judges("qwen25_checkpoint")
    chats = chats_about(clips("qwen25_checkpoint")[0], samples=4)
    judge.generate(chats[:1], GREEDY)
    planned = plan_jobs(judge._encode_all([(chat, GREEDY) for chat in chats]))
    sizes = []
    for free in (0, 1 << 21, 1 << 22, 1 << 34):
        monkeypatch.setattr(jobs, "available_bytes", lambda device, free=free: free)
        sizes.append(fitting(planned, 100, judge._model))
    assert sizes[0] == 1 and sizes[-1] == len(chats) and sizes == sorted(sizes)
    assert fitting(planned, 5, judge._model) == 5


def test_running_out_of_memory_halves_the_batch_and_forgets_what_can_be_made_again(judges, monkeypatch):
    judge = judges("qwen25_checkpoint")
    chats = [chat for clip in clips("qwen25_checkpoint") for chat in chats_about(clip)]
    expected = [reply.text for reply in judge.generate(chats, GREEDY)]
    real, failures = sharing.prefill_branches, iter([True, True, False, True])

    def short_of_memory(*given):
        if next(failures, False):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return real(*given)

    monkeypatch.setattr(sharing, "prefill_branches", short_of_memory)
    monkeypatch.setattr(judge, "batch_size", 12)
    assert [reply.text for reply in judge.generate(chats, GREEDY)] == expected
    assert judge.batch_size == 2


def test_the_video_cache_is_bounded_and_goes_by_content(judges, monkeypatch):
    judge = judges("qwen25_checkpoint")
    made = []
    monkeypatch.setattr(
        "workbench.backends.video_cache.video_inputs", lambda *given: made.append(1) or video_inputs(*given)
    )
    cache = VideoCache(judge._model, judge._processor, limit=20_000)
    one, other = frames(4, 56, 112, seed=1), frames(4, 56, 112, seed=2)
    with torch.inference_mode():
        first = cache.features(one)
        assert cache.features(frames(4, 56, 112, seed=1)) is first and len(made) == 1
        assert cache.features(other) is not first
        for seed in range(3, 9):
            cache.features(frames(4, 56, 112, seed=seed))
            assert cache.bytes <= 20_000
        count = len(made)
        again = cache.features(one)
    assert len(made) == count + 1
    encoder = again["mm_encoder_outputs"]["video"].pooler_output
    assert torch.equal(encoder[0], first["mm_encoder_outputs"]["video"].pooler_output[0])


# -- vision


@pytest.mark.parametrize("name", ["qwen25_checkpoint", "qwen3_checkpoint"])
@pytest.mark.parametrize("count", [1, 4, 5])
def test_patches_are_the_library_s(judges, monkeypatch, name, count):
    processor = judges(name)._processor
    clip = frames(count, *((112, 84) if name == "qwen25_checkpoint" else (64, 96)))
    ours = video_inputs(processor, clip)
    monkeypatch.setattr(encoding, "makes_patches", lambda _: False)
    theirs = video_inputs(processor, clip)
    assert pixels.makes_patches(processor.video_processor)
    assert ours.placeholder == theirs.placeholder and ours.seconds_per_grid == theirs.seconds_per_grid
    assert ours.tensors.keys() == theirs.tensors.keys()
    for key, tensor in theirs.tensors.items():
        torch.testing.assert_close(ours.tensors[key], tensor, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["qwen25_checkpoint", "qwen3_checkpoint"])
def test_windows_at_once_are_windows_one_by_one(request, name):
    judge = load_local(str(request.getfixturevalue(name)))
    size = (140, 196) if name == "qwen25_checkpoint" else (96, 160)  # windows of several lengths
    tensors = decoding.to_model(judge._model, video_inputs(judge._processor, frames(6, *size)).tensors)
    with torch.inference_mode():
        one_by_one = judge._model.get_video_features(**tensors, return_dict=True).pooler_output
        assert windows.install(judge._model) == windows.NAME
        at_once = judge._model.get_video_features(**tensors, return_dict=True).pooler_output
    assert all(torch.equal(one, other) for one, other in zip(one_by_one, at_once, strict=True))


# -- verdicts without a reply


def label_tokens(judge, menu):
    """What all replies begin with, and how each goes on, as tokens."""
    whole = [judge._tokenizer(f"<score>{label}</score>")["input_ids"] for label in menu]
    shared = min(shared_length(whole[0], other) for other in whole[1:])
    return whole[0][:shared], [tokens[shared:] for tokens in whole]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_score_only_is_the_slot_right_at_the_beginning(judges, name):
    judge = judges(name)
    menu = ("1", "2", "3", "4", "5")
    chats = [
        replace(chat, score_only=True) for chat in chats_about(clips(name)[0], samples=1, menu=menu, slot="<score>")
    ]
    replies = judge.generate([*chats, replace(chats[0], score_only=False)], GREEDY)
    before, rest = label_tokens(judge, menu)
    tokens = [one[0] for one in rest]
    assert len(set(tokens)) == 5
    for chat, reply in zip(chats, replies, strict=False):
        expected = whole_logits(judge, chat, before)[-1][tokens].softmax(dim=-1)
        assert list(reply.probs.values()) == pytest.approx(expected.tolist(), rel=1e-3)
        best = max(reply.probs, key=reply.probs.get)
        assert reply.text == f"<score>{best}</score>" and reply.usage["reply_tokens"] == 0 and reply.finished
    assert not replies[-1].text.startswith("<score>")  # that one is written, be it only its end


def test_score_only_with_labels_that_begin_alike(judges):
    judge = judges("text_checkpoint")
    menu = tuple(str(number) for number in range(11))
    (reply,) = judge.generate([Chat("s", None, "Rate it.", menu, "<score>", score_only=True)], GREEDY)
    (before, rest), scores = label_tokens(judge, menu), []
    for tokens in rest:
        logs = whole_logits(judge, Chat("s", None, "Rate it."), before + tokens).log_softmax(dim=-1)
        scores.append(sum(logs[len(before) + place, token] for place, token in enumerate(tokens)))
    expected = torch.stack(scores).softmax(dim=-1)
    assert list(reply.probs.values()) == pytest.approx(expected.tolist(), rel=1e-3)


def test_score_only_needs_a_menu(judges):
    (error,) = judges("text_checkpoint").generate([Chat("s", None, "Rank them.", score_only=True)], GREEDY)
    assert isinstance(error, BackendError) and "one choice from a menu" in str(error)
