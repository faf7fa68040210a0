"""Real judging on random-weights checkpoints: batches equal singles, steps equal whole prompts, failures are values."""

import gc
import json
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from test_encoding import frames

from workbench.backends.base import Chat, Declared, Reply
from workbench.backends.encoding import encode_chat, encode_chats
from workbench.backends.local import load_local
from workbench.backends.stopping import STOPPED, stoppable
from workbench.errors import BackendError
from workbench.schema import Sampling, VideoPolicy

CHECKPOINTS = ["qwen25_checkpoint", "qwen3_checkpoint", "smolvlm_checkpoint", "text_checkpoint"]
GREEDY = Sampling(max_new_tokens=12)
HOT = Sampling(temperature=1.0, max_new_tokens=12, seed=3)


@pytest.fixture(scope="module")
def judges(request):
    """Checkpoint fixture name -> loaded judge, each loaded once."""
    loaded = {}

    def judge(name):
        if name not in loaded:
            loaded[name] = load_local(str(request.getfixturevalue(name)))
        return loaded[name]

    return judge


def chats_for(name, texts=("a", "Rate this longer answer:\nno, it was blue", "b c d"), **options):
    size = (64, 128) if name == "qwen3_checkpoint" else (56, 112)
    clips = [frames(4, *size, seed=1), frames(3, *size, seed=2)] if name != "text_checkpoint" else [None]
    return [Chat("You judge.", clips[n % len(clips)], text, **options) for n, text in enumerate(texts)]


def whole_logits(judge, chat, reply_tokens):
    """Logits [n, vocabulary] before each reply token and after the last, by one forward without any cache."""
    encoded = encode_chats(judge._processor, [chat], judge._rule)
    ids = torch.cat([encoded["input_ids"], torch.tensor([reply_tokens], dtype=torch.long)], dim=1)
    positions = encoded["position_ids"]
    new = positions.max() + 1 + torch.arange(len(reply_tokens))
    positions = torch.cat([positions, new.expand(*positions.shape[:-1], -1)], dim=-1)
    inputs = {name: value for name, value in encoded.items() if name not in ("mm_token_type_ids",)}
    inputs |= {"input_ids": ids, "position_ids": positions, "attention_mask": torch.ones_like(ids)}
    with torch.inference_mode():
        return judge._model(**inputs).logits[0, encoded["input_ids"].shape[1] - 1 :]


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("sampling", [GREEDY, HOT], ids=["greedy", "hot"])
def test_batch_equals_single(judges, name, sampling):
    judge, chats = judges(name), chats_for(name)
    together = judge.generate(chats, sampling)
    alone = [judge.generate([chat], sampling)[0] for chat in chats]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert len({reply.text for reply in together}) == len(chats)
    for reply, one in zip(together, alone, strict=True):
        for counted in ("prompt_tokens", "video_tokens", "reply_tokens"):
            assert reply.usage[counted] == one.usage[counted]


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("sampling", [GREEDY, HOT], ids=["greedy", "hot"])
def test_a_reply_that_is_begun_goes_on_from_there(judges, name, sampling, request, tmp_path):
    """It reads what a judge reads that has written the beginning itself, and tells the same probabilities."""
    from workbench.backends.judge_file import JudgeFile, write_judge_file

    folder = shutil.copytree(request.getfixturevalue(name), tmp_path / "judge")
    write_judge_file(folder, JudgeFile(opens_replies=True))
    judge = load_local(str(folder))
    chats = chats_for(name, opening="<answer>", slot="<answer>", menu=("A", "B"))
    begun = judge._tokenizer("<answer")["input_ids"]
    for chat, reply in zip(chats, judge.generate(chats, sampling), strict=True):
        assert reply.text.startswith("<answer")
        if sampling is GREEDY:
            logits = whole_logits(judge, chat, begun)
            first = int(logits[-1].argmax())
            assert reply.text.startswith(judge._tokenizer.decode([*begun, first], skip_special_tokens=True))
    plain = judge.generate([replace(chat, opening="") for chat in chats], sampling)
    assert [one.text for one in plain] == [one.text for one in judges(name).generate(chats, sampling)]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_whole_prompt_logits_equal_step_by_step(judges, name):
    """The trap: positions of generated tokens must go on where the prompt's end."""
    from workbench.backends.decoding import Batch, Request, prefill, to_model, vision_features
    from workbench.backends.sampling import draws_for

    judge = judges(name)
    chats = chats_for(name)
    with torch.inference_mode():
        requests, tokens = [], [[5, 9, 40, 77], [11, 3, 3, 60], [70, 71, 72, 73]]
        for chat in chats:
            encoded = encode_chat(judge._processor, chat, judge._rule)
            vision = vision_features(judge._model, to_model(judge._model, encoded.vision)) if encoded.vision else {}
            requests.append(Request(prefill(judge._model, encoded, vision), draws_for(0, 0, b""), 4))
        batch = Batch(judge._model, requests)
        steps = [torch.cat([request.prefix.logits for request in requests])]
        for column in zip(*tokens, strict=True):
            for row, token in zip(batch.written, column, strict=True):
                row.append(token)
            steps.append(batch._forward([[token] for token in column], batch.starts + len(steps) - 1)[:, -1])
        # Again from the middle of each reply, after all of it was decoded: other words from token 2 on.
        again = batch.continuations([2, 2, 2], [[8, 9], [8], []])
    for row, chat in enumerate(chats):
        whole = whole_logits(judge, chat, tokens[row])
        stepped = torch.stack([logits[row] for logits in steps])
        assert whole.abs().max() > 0.5
        torch.testing.assert_close(stepped, whole, atol=2e-5, rtol=1e-4)
        branch = [[8, 9], [8], []][row]
        other = whole_logits(judge, chat, tokens[row][:2] + branch)[2:]
        torch.testing.assert_close(again[row, : len(branch) + 1], other, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_greedy_is_the_whole_prompt_s_argmax(judges, name):
    judge, chat = judges(name), chats_for(name)[1]
    tokens = []
    for _ in range(6):
        tokens.append(int(whole_logits(judge, chat, tokens)[-1].argmax()))
    stops = judge._stops()
    expected = tokens[: next((n for n, token in enumerate(tokens) if token in stops), len(tokens))]
    reply = judge.generate([chat], replace(GREEDY, max_new_tokens=6))[0]
    assert reply.text == judge._tokenizer.decode(expected, skip_special_tokens=True)


def test_library_generation_gives_the_same_where_its_positions_do(judges, qwen25_checkpoint):
    """Ours against transformers' own generate, on a clip whose time does not outgrow its space (conventions agree)."""
    judge = judges("qwen25_checkpoint")
    chat = Chat("You judge.", frames(2, 56, 112, seed=1), "How good?")
    batch = encode_chats(judge._processor, [chat], judge._rule)
    positions = batch.pop("position_ids")
    with torch.inference_mode():
        theirs = judge._model.generate(
            **batch, max_new_tokens=10, do_sample=False, second_per_grid_ts=torch.tensor([2.0])
        )
    ours = judge.generate([chat], replace(GREEDY, max_new_tokens=10))[0]
    new = theirs[0, positions.shape[-1] :]
    assert ours.text == judge._tokenizer.decode(new, skip_special_tokens=True)


def test_seeds_and_sample_indices(judges):
    judge = judges("qwen25_checkpoint")
    chat = chats_for("qwen25_checkpoint")[0]
    samples = [replace(chat, sample=number) for number in range(4)]
    first = [reply.text for reply in judge.generate(samples, HOT)]
    assert len(set(first)) == 4
    backwards = [reply.text for reply in judge.generate(samples[::-1], HOT)]
    assert backwards == first[::-1]
    assert [reply.text for reply in judge.generate(samples, replace(HOT, seed=4))] != first
    assert len({reply.text for reply in judge.generate(samples, GREEDY)}) == 1


@pytest.mark.parametrize("temperature, top_p", [(1e-6, 1.0), (5.0, 1.0), (5.0, 1e-9), (1.0, 0.5)])
def test_temperature_extremes(judges, temperature, top_p):
    judge, chats = judges("qwen25_checkpoint"), chats_for("qwen25_checkpoint")
    sampling = replace(HOT, temperature=temperature, top_p=top_p)
    replies = judge.generate(chats, sampling)
    assert all(isinstance(reply, Reply) for reply in replies)
    if temperature == 1e-6 or top_p == 1e-9:
        assert [reply.text for reply in replies] == [reply.text for reply in judge.generate(chats, GREEDY)]


def test_each_beginning_is_prefilled_once_and_each_video_encoded_once(judges, monkeypatch):
    from workbench.backends import decoding, sharing

    judge = judges("qwen25_checkpoint")
    calls = []
    for module, name in ((sharing, "prefill"), (sharing, "_extend"), (decoding, "vision_features")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, real=real, name=name: calls.append(name) or real(*args))
    clip = frames(6, 56, 112)
    chats = [Chat("", clip, text, sample=sample) for text in ("a", "b") for sample in range(3)]
    judge.generate(chats, HOT)
    assert calls == ["vision_features", "prefill", "_extend"]  # the video and all before the texts part; both rests
    judge.generate(chats, HOT)
    assert calls[3:] == ["prefill", "_extend"]  # the video is still known


def test_what_the_usage_holds_and_finished(judges):
    judge, chat = judges("qwen25_checkpoint"), chats_for("qwen25_checkpoint")[0]
    reply = judge.generate([chat], replace(GREEDY, max_new_tokens=1))[0]
    assert reply.usage["reply_tokens"] == 1 and not reply.finished
    assert reply.usage["video_tokens"] == 2 * 2 * 4
    assert reply.usage["prompt_tokens"] == len(encode_chat(judge._processor, chat, judge._rule))
    assert {"encode_seconds", "vision_seconds", "prefill_seconds", "generate_seconds"} <= set(reply.usage)
    first = int(whole_logits(judge, chat, [])[-1].argmax())
    judge._model.generation_config.eos_token_id = first
    try:
        stopped = judge.generate([chat], GREEDY)[0]
    finally:
        judge._model.generation_config.eos_token_id = [judge._tokenizer.eos_token_id]
    assert stopped.text == "" and stopped.finished and stopped.usage["reply_tokens"] == 0


def test_a_judge_told_to_stop_stops_at_the_next_token(judges, monkeypatch):
    judge, chats = judges("qwen25_checkpoint"), chats_for("qwen25_checkpoint")
    forwards, asked = [], iter([False] * 4)  # before the batch, then at three tokens
    forward = judge._model.forward
    monkeypatch.setattr(judge._model, "forward", lambda **inputs: forwards.append(1) or forward(**inputs))
    with stoppable(judge, lambda: next(asked, True)):
        assert [str(reply) for reply in judge.generate(chats, Sampling(max_new_tokens=200))] == [STOPPED] * len(chats)
        assert [str(reply) for reply in judge.generate(chats, GREEDY)] == [STOPPED] * len(chats)  # not even begun
    assert len(forwards) <= len(chats) + 3  # one a prompt, one a token
    assert isinstance(judge.generate(chats[:1], GREEDY)[0], Reply)


def test_hidden_generation_settings_of_a_checkpoint_do_not_apply(qwen25_checkpoint, tmp_path, judges):
    """Published generation configs hold repetition penalties and the like; the record says none, so none is applied."""
    folder = shutil.copytree(qwen25_checkpoint, tmp_path / "judge")
    settings = json.loads((folder / "generation_config.json").read_text())
    settings |= {"repetition_penalty": 1.9, "do_sample": True, "temperature": 0.9, "top_k": 2}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    chats = chats_for("qwen25_checkpoint")
    expected = [reply.text for reply in judges("qwen25_checkpoint").generate(chats, GREEDY)]
    assert [reply.text for reply in load_local(str(folder)).generate(chats, GREEDY)] == expected


def test_threads_take_turns_and_the_model_s_own_position_state_has_no_part(judges, monkeypatch):
    judge, chats = judges("qwen25_checkpoint"), chats_for("qwen25_checkpoint")
    expected = [reply.text for reply in judge.generate(chats, HOT)]
    stale = torch.tensor([[1000]])
    monkeypatch.setattr(judge._model.model, "rope_deltas", stale)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda chat: judge.generate([chat], HOT)[0].text, chats * 3))
    assert results == expected * 3
    assert judge._model.model.rope_deltas is stale


def test_a_small_model_on_the_processor_computes_on_one_thread(judges, monkeypatch):
    from workbench.backends import sharing

    judge, chats = judges("qwen25_checkpoint"), chats_for("qwen25_checkpoint")
    real, threads = sharing.prefill, []
    monkeypatch.setattr(sharing, "prefill", lambda *args: threads.append(torch.get_num_threads()) or real(*args))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        judge.generate(chats, GREEDY)
        assert threads and set(threads) == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# -- failures that are the backend's own


def test_failures_are_values_for_the_chat_concerned(judges):
    judge = judges("qwen25_checkpoint")
    good = chats_for("qwen25_checkpoint")[0]
    off_grid = Chat("", frames(2, 60, 60), "x")
    results = judge.generate([good, off_grid, good], GREEDY)
    assert results[0].text == results[2].text
    assert isinstance(results[1], BackendError) and "multiples of 28" in str(results[1])


def test_prompts_past_the_context_say_how_long_they_are(tmp_path):
    from workbench.backends.random_weights import make_checkpoint

    judge = load_local(str(make_checkpoint(tmp_path, "qwen2.5-vl", context=200)))
    fits, long = Chat("", frames(2, 56, 56), "x"), Chat("", frames(2, 56, 56), "long text " * 100)
    reply, error = judge.generate([fits, long], replace(GREEDY, max_new_tokens=1000))
    tokens = len(encode_chat(judge._processor, long, judge._rule))
    assert f"{tokens} tokens, 4 of them video" in str(error) and "takes 200" in str(error)
    # What fits is cut at the context's end, and says so.
    assert reply.usage["prompt_tokens"] + reply.usage["reply_tokens"] <= 200
    assert reply.finished == (reply.usage["prompt_tokens"] + reply.usage["reply_tokens"] < 200)


def test_out_of_memory_halves_the_batch_and_goes_on(judges, monkeypatch):
    from workbench.backends import sharing

    judge = judges("qwen25_checkpoint")
    chats = chats_for("qwen25_checkpoint", texts=[f"text {n}" for n in range(5)])
    expected = [reply.text for reply in judge.generate(chats, GREEDY)]
    real, sizes = sharing.SharedBatch, []

    def small_memory(model, requests):
        sizes.append(len(requests))
        if len(requests) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return real(model, requests)

    monkeypatch.setattr(sharing, "SharedBatch", small_memory)
    monkeypatch.setattr(judge, "batch_size", 8)
    limit = 2
    assert [reply.text for reply in judge.generate(chats, GREEDY)] == expected
    assert sizes[0] == 5 and judge.batch_size == 2
    limit = 0
    errors = judge.generate(chats[:2], GREEDY)
    assert all("4 frames of 112x56" in str(error) or "3 frames of" in str(error) for error in errors)


def test_programming_errors_stay_tracebacks(judges, monkeypatch):
    from workbench.backends import sharing

    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(sharing, "prefill", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        judges("qwen25_checkpoint").generate(chats_for("qwen25_checkpoint"), GREEDY)


def test_numbers_that_are_not_finite_are_no_verdict(tmp_path, qwen25_checkpoint):
    judge = load_local(str(qwen25_checkpoint))
    with torch.no_grad():
        judge._model.model.language_model.norm.weight.fill_(float("nan"))
    (error,) = judge.generate(chats_for("qwen25_checkpoint")[:1], GREEDY)
    assert isinstance(error, BackendError) and "not finite in float32" in str(error)


def test_a_text_judge_refuses_frames(judges):
    (error,) = judges("text_checkpoint").generate([Chat("", frames(2, 56, 56), "x")], GREEDY)
    assert isinstance(error, BackendError) and "description" in str(error)


# -- what a judge says of itself


def test_defaults_and_views(judges):
    views = {name: judges(name).view for name in CHECKPOINTS}
    assert views == dict.fromkeys(CHECKPOINTS[:3], "video") | {"text_checkpoint": "description"}
    assert judges("qwen25_checkpoint").video_policy.size_multiple == 28
    assert judges("qwen3_checkpoint").video_policy.size_multiple == 32
    assert judges("smolvlm_checkpoint").video_policy.max_pixels == 56 * 56
    assert judges("qwen25_checkpoint").declared == Declared()


def test_identity_is_content_and_survives_a_move(qwen25_checkpoint, tmp_path, judges):
    judge = judges("qwen25_checkpoint")
    moved = load_local(str(shutil.copytree(qwen25_checkpoint, tmp_path / "elsewhere")))
    assert moved.identity == judge.identity
    json.dumps(judge.identity)
    assert judge.identity["revision"].startswith("sha256:") and judge.identity["dtype"] == "float32"
    assert judge.identity["positions"]["after_video"] == "largest"
    assert judge.report["parameters"] > 100_000 and judge.report["device"] == "cpu"
    assert judge.report["attention"] == "sdpa" and judge.report["missing_keys"] == []


def test_position_convention_is_a_recorded_setting(qwen25_checkpoint, judges):
    spatial = load_local(str(qwen25_checkpoint), after_video="spatial")
    assert spatial.identity["positions"]["after_video"] == "spatial"
    chats = [Chat("", frames(8, 56, 56), "Rate the answer: it was red")]
    ours = judges("qwen25_checkpoint")
    assert not torch.equal(
        encode_chat(spatial._processor, chats[0], spatial._rule).positions,
        encode_chat(ours._processor, chats[0], ours._rule).positions,
    )


def test_judge_file_declares(qwen25_checkpoint, tmp_path):
    from workbench.backends.judge_file import JudgeFile, write_judge_file

    folder = shutil.copytree(qwen25_checkpoint, tmp_path / "judge")
    policy, sampling = VideoPolicy(frames=6, max_pixels=112 * 112), Sampling(max_new_tokens=200)
    written = JudgeFile(
        ("pointwise",), ("pointwise",), (1, 5), "procedural clips", 8, sampling, policy, "first rough one"
    )
    write_judge_file(folder, written)
    judge = load_local(str(folder))
    assert judge.declared == Declared(("pointwise",), ("pointwise",), (1, 5), "procedural clips", 8)
    assert (judge.sampling, judge.video_policy, judge.warning) == (sampling, policy, "first rough one")


@pytest.mark.parametrize(
    "text, message",
    [('{"kind": ["pointwise"]}', "unknown field 'kind'"), ("[1", "cannot be read"), ('{"scale": [5, 1]}', "scale")],
)
def test_judge_file_that_is_none_is_refused(qwen25_checkpoint, tmp_path, text, message):
    folder = shutil.copytree(qwen25_checkpoint, tmp_path / "judge")
    (folder / "judge.json").write_text(text)
    with pytest.raises(BackendError, match=message):
        load_local(str(folder))


def test_closing_frees_the_model(qwen25_checkpoint):
    judge = load_local(str(qwen25_checkpoint))
    judge.generate(chats_for("qwen25_checkpoint"), GREEDY)
    weights = weakref.ref(judge._model.lm_head.weight)
    judge.close()
    gc.collect()
    assert weights() is None
    with pytest.raises(BackendError, match="closed"):
        judge.generate(chats_for("qwen25_checkpoint"), GREEDY)
