"""The benchmark at a tiny shape: its keys, its arithmetic, and that plain and shared replies are the same."""

import json

import pytest

from workbench.__main__ import main, parser
from workbench.backends.local import load_local
from workbench.benchmark import shape as shapes
from workbench.benchmark.arithmetic import Counter, add
from workbench.benchmark.command import bench
from workbench.benchmark.shape import Shape, text_of
from workbench.errors import InputError

TINY = Shape(
    frames=4, instruction_tokens=20, response_tokens=20, responses=2, temperatures=(0.0, 1.0), samples=3, reply_tokens=4,
    scored=2, long_reply_tokens=6, sweep=(2, 4), rounds=1, equal_responses=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def report(qwen25_checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "new" / "bench.json"
    said = []
    found = bench(str(qwen25_checkpoint), TINY, str(out), said.append)
    return found, "\n".join(said), out


def test_what_is_written(report):
    found, said, out = report
    written = json.loads(out.read_text())
    assert written["shape"] == found["shape"] | {"temperatures": [0.0, 1.0], "sweep": [2, 4]}
    for key in ("shared_prefix_ratio", "samples_ratio", "score_only_ratio", "sweep_ratio"):
        assert written[key] > 0 and f"| `{key}`" in said
    first = written["measured"][0]
    assert first["limit"] == first["details"]["judgments"] == 4 and first["details"]["video_tokens"] == 2 * 32
    assert {"encode_seconds", "vision_seconds", "prefill_seconds", "generate_seconds"} <= set(
        first["details"]["stage_seconds"]
    )
    assert written["peak_memory_bytes"]["samples_ratio"] > 0 and 0 < written["share_of_matrix_rate"] < 1
    assert written["measured"][3]["limit"] == 1.5
    assert "Medians of 1 round in which the contenders take turns" in said


def test_replies_are_the_plain_ones(report):
    greedy, half = report[0]["measured"][0]["details"]["greedy"], report[0]["bfloat16"]
    assert greedy["equal_tokens"] == greedy["tokens"] == 4 * greedy["replies"] > 0
    assert half["dtype"] == "bfloat16" and half["verdicts"] == 3 and half["tokens"] == 12
    assert 0 <= half["equal_verdicts"] <= 3 and 0 <= half["equal_tokens"] <= 12


def test_operations(qwen25_checkpoint):
    model = load_local(str(qwen25_checkpoint))._model
    count, text = Counter(model), model.config.get_text_config()
    layer = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128
    assert count.token == pytest.approx(2 * 2 * layer, rel=0.02)  # norms and biases apart
    assert count.logits == 2 * 64 * text.vocab_size
    # 10 tokens behind 100: each sees 105 on average, in 2 layers of 4 heads of 16, once for scores and once for values.
    assert count.prefill(10, 100).prefill == 10 * count.token + 2 * 2 * 2 * 4 * 16 * 10 * 105 + count.logits
    both = add(count.prefill(10), count.decode(3, 10).times(2), count.vision(8))
    assert both.total == both.vision + both.prefill + both.decode and both.vision == 16 * count.vision_weights


def test_texts_are_as_long_as_asked(qwen25_checkpoint):
    tokenizer = load_local(str(qwen25_checkpoint))._tokenizer
    texts = [text_of(tokenizer, 60, seed) for seed in range(3)]
    assert len(set(texts)) == 3
    assert all(60 <= len(tokenizer(text)["input_ids"]) <= 66 for text in texts)


def test_a_model_of_an_unknown_name(capsys):
    assert main(["bench", "--model", "random:gpt"]) == 2
    assert "random:gpt" in capsys.readouterr().err
    with pytest.raises(InputError, match="rounds"):
        Shape(rounds=0)


def test_options(monkeypatch):
    args = parser().parse_args(["bench", "--frames", "8", "--temperatures", "0,0.5", "--samples", "3", "--rounds", "2"])
    assert (
        args.rounds == 2 and args.frames == 8 and args.temperatures == (0.0, 0.5) and args.model == shapes.DEFAULT_MODEL
    )
    asked = []
    monkeypatch.setattr("workbench.benchmark.command.bench", lambda *given: asked.append(given))
    assert main(["bench", "--responses", "2", "--out", "x.json"]) == 0
    assert asked == [(shapes.DEFAULT_MODEL, Shape(responses=2), "x.json")]
