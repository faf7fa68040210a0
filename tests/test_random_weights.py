"""Random-weights checkpoints have all files of real ones and are the same for the same seed."""

import hashlib

import pytest

from workbench.backends.random_weights import QWEN_SPECIAL, make_checkpoint
from workbench.errors import InputError


def digest(folder):
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("architecture", ["qwen2.5-vl", "qwen3-vl", "smolvlm2"])
def test_auto_classes_load_it_complete(architecture, tmp_path):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = make_checkpoint(tmp_path, architecture)
    processor = AutoProcessor.from_pretrained(folder)
    _, report = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    messages = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "Is it blue?"}]}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text.count(processor.video_token) == 1 and "Is it blue?" in text
    ids = processor.tokenizer(text)["input_ids"]
    assert processor.tokenizer.decode(ids) == text


def test_qwen_prompt_format_is_the_published_one(tmp_path):
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(make_checkpoint(tmp_path, "qwen2.5-vl"))
    messages = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "hi"}]}]
    assert processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False) == (
        "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>hi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert all(len(processor.tokenizer(token)["input_ids"]) == 1 for token in QWEN_SPECIAL)


def test_seed_decides_the_weights(tmp_path):
    one, same, other = (make_checkpoint(tmp_path / str(n), "qwen3", seed=seed) for n, seed in enumerate([1, 1, 2]))
    assert digest(one) == digest(same) != digest(other)


def test_tokenizer_learns_the_texts_and_writes_any_byte(tmp_path):
    from transformers import AutoTokenizer

    folder = make_checkpoint(tmp_path, "qwen3", texts=["rectangle rectangle rectangle"] * 20, vocabulary=300)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer("rectangle")["input_ids"]) == 1
    assert tokenizer.decode(tokenizer("日本 🎬 é")["input_ids"]) == "日本 🎬 é"


def test_sizes_reach_the_model(tmp_path):
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(
        make_checkpoint(tmp_path, "qwen2.5-vl", hidden=128, layers=3, vision_layers=1, embeddings=1000)
    )
    assert config.text_config.hidden_size == config.vision_config.out_hidden_size == 128
    assert config.text_config.num_hidden_layers == 3 and config.vision_config.depth == 1
    assert config.text_config.vocab_size == 1000


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"architecture": "bert"}, "expected one of qwen2.5-vl"),
        ({"architecture": "qwen3", "depth": 3}, "depth: not a size"),
        ({"architecture": "qwen3", "hidden": 100}, "multiple of 16"),
        ({"architecture": "qwen3", "embeddings": 5}, "at least the tokenizer's"),
    ],
)
def test_what_it_refuses(arguments, message, tmp_path):
    with pytest.raises(InputError, match=message):
        make_checkpoint(tmp_path, **arguments)
