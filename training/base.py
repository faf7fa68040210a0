"""Stage 0: an untrained checkpoint, with a tokenizer in which the fixed lines of the prompts are one token each."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from training.presets import Preset
from workbench.backends.random_weights import QWEN_SPECIAL, make_checkpoint

MATCHING, COPYING = 1.5, 0.5  # how sharply a head that is made to match attends, and how loudly one copies
SHORTEST_LINE = 12  # characters; a shorter line costs few tokens anyway


def fixed_lines(renderings: Iterable[Sequence[str]]) -> list[str]:
    """The lines that stay when instruction and responses change, longest first.

    `renderings` holds, for each prompt, its text for several items that differ in every field.
    """
    lines: set[str] = set()
    for texts in renderings:
        common = set.intersection(*(set(text.split("\n")) for text in texts))
        lines |= {line for line in common if len(line) >= SHORTEST_LINE}
    return sorted(lines, key=lambda line: (-len(line), line))


def make_base(folder: Path, preset: Preset, texts: Sequence[str], fixed: Sequence[str]) -> Path:
    """Write the untrained checkpoint of a preset, its byte-pair tokenizer learned on `texts`.

    Each fixed line becomes one token. These are no special tokens: they decode to their text, and a prompt whose
    wording changed is read piece by piece instead.
    """
    from tokenizers import AddedToken
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    make_checkpoint(
        folder,
        "qwen2.5-vl",
        texts=_without(texts, fixed),
        seed=preset.seed,
        embeddings=preset.sizes["vocabulary"] + len(QWEN_SPECIAL) + len(fixed),
        **preset.sizes,
    )
    config = AutoConfig.from_pretrained(folder)
    config.text_config.rope_parameters["rope_theta"] = preset.rope_theta
    config.save_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    match_and_copy(model.model.language_model.layers, preset.seed)
    model.save_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.add_tokens([AddedToken(line, normalized=False, special=False) for line in fixed])
    processor.save_pretrained(folder)
    return folder


def match_and_copy(layers: Iterable[Any], seed: int) -> None:
    """Start some heads of each layer as what a judge needs most: heads that find like by like, and copy what they see.

    Of the first key-value group, queries ask as keys answer; of the first two, the output projection undoes the value
    projection. From noise, both are found only after long plateaus. (Mimetic initialization: Trockman & Kolter 2023,
    arXiv 2305.09828.)
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers:
            heads = layer.self_attn
            size, width = heads.head_dim, heads.q_proj.in_features
            groups = heads.k_proj.out_features // size
            for group in range(min(2, groups)):
                mine = slice(group * size, (group + 1) * size)
                asking = heads.q_proj.out_features // groups
                queries = slice(group * asking, (group + 1) * asking)
                if group == 0:
                    heads.k_proj.weight[mine] = MATCHING * torch.randn(size, width, generator=generator) / width**0.5
                    heads.q_proj.weight[queries] = heads.k_proj.weight[mine].repeat(asking // size, 1)
                heads.v_proj.weight[mine] = torch.randn(size, width, generator=generator) / width**0.5
                heads.o_proj.weight[:, queries] = COPYING * heads.v_proj.weight[mine].T.repeat(1, asking // size)


def _without(texts: Iterable[str], fixed: Sequence[str]) -> list[str]:
    """The texts without the fixed lines, so that no merge is spent on pieces of them."""
    if not fixed:
        return list(texts)
    pattern = re.compile("|".join(re.escape(line) for line in fixed))
    return [pattern.sub("\n", text) for text in texts]
