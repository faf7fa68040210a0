"""Stage 0: an untrained checkpoint, with a tokenizer in which the fixed lines of the prompts are one token each."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.presets import Preset
from workbench.backends.random_weights import QWEN_SPECIAL, make_checkpoint

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
    from transformers import AutoConfig, AutoProcessor

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
    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.add_tokens([AddedToken(line, normalized=False, special=False) for line in fixed])
    processor.save_pretrained(folder)
    return folder


def _without(texts: Iterable[str], fixed: Sequence[str]) -> list[str]:
    """The texts without the fixed lines, so that no merge is spent on pieces of them."""
    if not fixed:
        return list(texts)
    pattern = re.compile("|".join(re.escape(line) for line in fixed))
    return [pattern.sub("\n", text) for text in texts]
