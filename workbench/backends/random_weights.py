"""Checkpoints of real architectures with seeded random weights: for tests, benchmarks, and the first step of training.

A checkpoint made here has every file that a downloaded one has (config, safetensors, tokenizer, processors, chat
template, generation config), so it is loaded by the same calls. Its sizes are free, from a few thousand parameters to
the published ones.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from workbench.backends.reward_head import HEAD, SETTINGS, RewardKind
from workbench.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Architecture = Literal["qwen2.5-vl", "qwen3-vl", "smolvlm2", "qwen3"]

PROMPTS = Path(__file__).parent.parent / "prompts"

# The special tokens of the Qwen family, in the order of their ids.
QWEN_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
SMOLVLM_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<image>", "<global-img>",
    "<end_of_utterance>",
)  # fmt: skip

_CONTENT = (
    "{%% if message.content is string %%}{{ message.content }}{%% else %%}{%% for part in message.content %%}"
    "{%% if part.type == 'video' %%}%s{%% elif part.type == 'image' %%}%s{%% else %%}{{ part.text }}{%% endif %%}"
    "{%% endfor %%}{%% endif %%}"
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    + _CONTENT % ("<|vision_start|><|video_pad|><|vision_end|>", "<|vision_start|><|image_pad|><|vision_end|>")
    + "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message.role | capitalize }}: "
    + _CONTENT % ("<video>", "<image>")
    + "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)


@dataclass(frozen=True)
class Sizes:
    """How large a checkpoint is. The defaults make a model of a hundred thousand parameters or so."""

    vocabulary: int = 512  # byte-pair tokens, special tokens apart; fewer if the texts hold no more merges
    embeddings: int | None = None  # rows of the embedding table; None: as many as the tokenizer has tokens
    hidden: int = 64
    layers: int = 2
    heads: int = 4
    key_value_heads: int = 2
    intermediate: int = 128
    vision_hidden: int = 32
    vision_layers: int = 2
    vision_heads: int = 2
    vision_intermediate: int = 64
    patch: int | None = None  # edge of a vision patch; None: the architecture's own (14 or 16)
    image: int = 56  # edge of the square that SmolVLM resizes every frame to; the Qwen family has no such size
    context: int = 32_768  # positions
    tie_embeddings: bool = True
    initializer_range: float = 0.02  # standard deviation of the weights
    min_pixels: int = 3_136  # what the processor files allow; the workbench always passes its own
    max_pixels: int = 25_088


def make_checkpoint(
    folder: str | Path,
    architecture: Architecture,
    *,
    texts: Iterable[str] | None = None,
    seed: int = 0,
    dtype: str = "float32",
    **sizes: Any,
) -> Path:
    """Write a checkpoint of `architecture` with random weights into `folder` and return the folder.

    The tokenizer is byte-level BPE trained on `texts` (default: the workbench's own prompts) with the architecture's
    special tokens. `sizes` are fields of `Sizes`. "qwen3" is a text-only judge. Raises InputError for unknown names.
    """
    if architecture not in get_args(Architecture):
        raise InputError(f"architecture: got {architecture!r}, expected one of {', '.join(get_args(Architecture))}.")
    unknown = sorted(set(sizes) - set(Sizes.__dataclass_fields__))
    if unknown:
        raise InputError(f"{unknown[0]}: not a size; known sizes are {', '.join(Sizes.__dataclass_fields__)}.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    build = {"qwen2.5-vl": _qwen25_vl, "qwen3-vl": _qwen3_vl, "smolvlm2": _smolvlm2, "qwen3": _qwen3}[architecture]
    texts = list(texts) if texts is not None else prompt_texts()
    config, model_class, processor = build(Sizes(**sizes), texts)
    processor.save_pretrained(folder)
    _save_model(folder, config, model_class, seed, dtype)
    return folder


def make_reward_checkpoint(
    folder: str | Path, architecture: Architecture, *, kind: RewardKind = "discriminative", seed: int = 0, **sizes: Any
) -> Path:
    """A checkpoint as `make_checkpoint` makes it, with a scalar head of random weights beside it and its reward.json."""
    import torch
    from safetensors.torch import save_file

    folder = make_checkpoint(folder, architecture, seed=seed, **sizes)
    width = sizes.get("hidden", Sizes.hidden)
    weight = torch.randn(1, width, generator=torch.Generator().manual_seed(seed)) / width**0.5
    save_file({"weight": weight, "bias": torch.zeros(1)}, folder / HEAD)
    (folder / SETTINGS).write_text(json.dumps({"kind": kind, "scale": None}) + "\n", encoding="utf-8")
    return folder


def make_classifier_checkpoint(folder: str | Path, *, seed: int = 0, **sizes: Any) -> Path:
    """A text-only sequence classifier with one label and random weights: the other form of a discriminative judge."""
    from transformers import Qwen3ForSequenceClassification

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config, _, processor = _qwen3(Sizes(**sizes), prompt_texts())
    config.num_labels = 1
    processor.save_pretrained(folder)
    _save_model(folder, config, Qwen3ForSequenceClassification, seed, "float32")
    return folder


def prompt_texts() -> list[str]:
    """The workbench's prompt files as they are: the text that a judge's tokenizer must at least compress well."""
    return [path.read_text(encoding="utf-8") for path in sorted(PROMPTS.glob("*.yaml"))]


def _save_model(folder: Path, config: Any, model_class: type, seed: int, dtype: str) -> None:
    import torch
    from transformers import GenerationConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class._from_config(config, dtype=getattr(torch, dtype))
    model.save_pretrained(folder)
    text = config.get_text_config()
    stops = [text.eos_token_id] if text.eos_token_id == text.pad_token_id else [text.eos_token_id, text.pad_token_id]
    GenerationConfig(
        bos_token_id=text.bos_token_id, eos_token_id=stops, pad_token_id=text.pad_token_id
    ).save_pretrained(folder)


# -- tokenizers ------------------------------------------------------------------------------------------------------


def _train_bpe(texts: list[str], vocabulary: int, pre_tokenizer: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-level BPE: (token -> id, merges). All 256 bytes are in it, so any text can be written."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def _qwen_tokenizer(sizes: Sizes, texts: list[str], template: str) -> "PreTrainedTokenizerFast":
    from tokenizers import AddedToken
    from transformers import Qwen2Tokenizer

    pre_tokenizer = Qwen2Tokenizer()._tokenizer.pre_tokenizer
    vocab, merges = _train_bpe(texts, sizes.vocabulary, pre_tokenizer)
    # The special tokens come after the byte pairs, as in the published tokenizers.
    vocab = vocab | {token: len(vocab) + number for number, token in enumerate(QWEN_SPECIAL)}
    tokenizer = Qwen2Tokenizer(
        vocab=vocab, merges=merges, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None,
        model_max_length=sizes.context,
    )  # fmt: skip
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in QWEN_SPECIAL])
    tokenizer.chat_template = template
    return tokenizer


def _smolvlm_tokenizer(sizes: Sizes, texts: list[str]) -> "PreTrainedTokenizerFast":
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    vocab, merges = _train_bpe(texts, sizes.vocabulary, pre_tokenizer)
    backend = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    backend.pre_tokenizer, backend.decoder = pre_tokenizer, decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SMOLVLM_SPECIAL])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|im_end|>",
        model_max_length=sizes.context, chat_template=SMOLVLM_TEMPLATE,
        extra_special_tokens={
            "fake_image_token": "<fake_token_around_image>", "image_token": "<image>",
            "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>",
        },
    )  # fmt: skip
    return tokenizer


# -- architectures: each gives (config, model class, processor) ------------------------------------------------------

Built = tuple[Any, type, Any]


def _text_sizes(sizes: Sizes, tokenizer: "PreTrainedTokenizerFast") -> dict[str, Any]:
    """The fields that the text configs of all families share."""
    if sizes.hidden % sizes.heads or (sizes.hidden // sizes.heads) % 16:
        raise InputError(f"hidden: got {sizes.hidden} over {sizes.heads} heads, expected a multiple of 16 a head.")
    embeddings = sizes.embeddings or len(tokenizer)
    if embeddings < len(tokenizer):
        raise InputError(f"embeddings: got {embeddings} rows, expected at least the tokenizer's {len(tokenizer)}.")
    return {
        "vocab_size": embeddings,
        "hidden_size": sizes.hidden,
        "intermediate_size": sizes.intermediate,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.key_value_heads,
        "max_position_embeddings": sizes.context,
        "initializer_range": sizes.initializer_range,
        "tie_word_embeddings": sizes.tie_embeddings,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _qwen_vision_sizes(sizes: Sizes, patch: int) -> dict[str, Any]:
    return {
        "depth": sizes.vision_layers,
        "hidden_size": sizes.vision_hidden,
        "intermediate_size": sizes.vision_intermediate,
        "num_heads": sizes.vision_heads,
        "patch_size": patch,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": sizes.hidden,
        "initializer_range": sizes.initializer_range,
    }


def _qwen_token_ids(tokenizer: "PreTrainedTokenizerFast") -> dict[str, int]:
    names = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
    return {f"{key}_token_id": tokenizer.convert_tokens_to_ids(f"<|{name}|>") for key, name in names.items()}


def _qwen_processor(make: Callable, video_class: type, sizes: Sizes, patch: int, tokenizer: Any) -> Any:
    from transformers import Qwen2VLImageProcessor

    edges = {"shortest_edge": sizes.min_pixels, "longest_edge": sizes.max_pixels}
    shape = {"patch_size": patch, "temporal_patch_size": 2, "merge_size": 2, "size": edges}
    image, video = Qwen2VLImageProcessor(**shape), video_class(**shape, do_sample_frames=False)
    return make(image_processor=image, tokenizer=tokenizer, video_processor=video, chat_template=QWEN_TEMPLATE)


def _qwen25_vl(sizes: Sizes, texts: list[str]) -> Built:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLVideoProcessor,
    )

    patch = sizes.patch or 14
    tokenizer = _qwen_tokenizer(sizes, texts, QWEN_TEMPLATE)
    half = sizes.hidden // sizes.heads // 2
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [half // 4, half * 3 // 8, half * 3 // 8]}
    vision = _qwen_vision_sizes(sizes, patch) | {
        # As published: windows of 8x8 patches, full attention in the last layer, 2 positions a second.
        "window_size": 8 * patch,
        "fullatt_block_indexes": [sizes.vision_layers - 1],
        "tokens_per_second": 2,
    }
    config = Qwen2_5_VLConfig(
        text_config=_text_sizes(sizes, tokenizer) | {"rope_parameters": rope},
        vision_config=vision,
        tie_word_embeddings=sizes.tie_embeddings,
        **_qwen_token_ids(tokenizer),
    )
    processor = _qwen_processor(Qwen2_5_VLProcessor, Qwen2VLVideoProcessor, sizes, patch, tokenizer)
    return config, Qwen2_5_VLForConditionalGeneration, processor


def _qwen3_vl(sizes: Sizes, texts: list[str]) -> Built:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor

    patch = sizes.patch or 16
    tokenizer = _qwen_tokenizer(sizes, texts, QWEN_TEMPLATE)
    half = sizes.hidden // sizes.heads // 2
    side = half * 5 // 16
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_interleaved": True}
    rope["mrope_section"] = [half - 2 * side, side, side]
    text = _text_sizes(sizes, tokenizer) | {"head_dim": sizes.hidden // sizes.heads, "rope_parameters": rope}
    vision = _qwen_vision_sizes(sizes, patch) | {
        "deepstack_visual_indexes": [sizes.vision_layers - 1],
        "num_position_embeddings": 16 * 16,
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=sizes.tie_embeddings,
        **_qwen_token_ids(tokenizer),
    )
    processor = _qwen_processor(Qwen3VLProcessor, Qwen3VLVideoProcessor, sizes, patch, tokenizer)
    return config, Qwen3VLForConditionalGeneration, processor


def _smolvlm2(sizes: Sizes, texts: list[str]) -> Built:
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    patch, scale = sizes.patch or 14, 2
    tokenizer = _smolvlm_tokenizer(sizes, texts)
    vision = {
        "hidden_size": sizes.vision_hidden,
        "intermediate_size": sizes.vision_intermediate,
        "num_hidden_layers": sizes.vision_layers,
        "num_attention_heads": sizes.vision_heads,
        "image_size": sizes.image,
        "patch_size": patch,
        "initializer_range": sizes.initializer_range,
    }
    config = SmolVLMConfig(
        text_config=_text_sizes(sizes, tokenizer) | {"model_type": "llama"},
        vision_config=vision,
        scale_factor=scale,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        tie_word_embeddings=sizes.tie_embeddings,
        pad_token_id=tokenizer.pad_token_id,
    )
    edges = {"size": {"longest_edge": sizes.image}, "max_image_size": {"longest_edge": sizes.image}}
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(**edges, do_image_splitting=False),
        tokenizer,
        SmolVLMVideoProcessor(**edges, video_sampling={"max_frames": 64, "fps": 1, "video_size": edges["size"]}),
        image_seq_len=(sizes.image // patch // scale) ** 2,
        chat_template=SMOLVLM_TEMPLATE,
    )
    return config, SmolVLMForConditionalGeneration, processor


def _qwen3(sizes: Sizes, texts: list[str]) -> Built:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _qwen_tokenizer(sizes, texts, QWEN_TEMPLATE)
    text = _text_sizes(sizes, tokenizer) | {"head_dim": sizes.hidden // sizes.heads}
    return Qwen3Config(**text), Qwen3ForCausalLM, tokenizer
