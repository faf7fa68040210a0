"""Floating-point operations of a judgment, and what the machine can do of them: how far from the limit we are."""

from typing import Any, NamedTuple


class Work(NamedTuple):
    """Operations by stage."""

    vision: float
    prefill: float
    decode: float

    @property
    def total(self) -> float:
        return sum(self)

    def times(self, count: int) -> "Work":
        return Work(*(count * part for part in self))


class Counter:
    """Operations of one model: two for each weight and token, and attention's own."""

    def __init__(self, model: Any):
        text = model.config.get_text_config()
        head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        tower = getattr(getattr(model, "model", None), "visual", None)
        embedding = model.get_input_embeddings().weight.numel()
        self.logits = 2 * text.hidden_size * text.vocab_size
        self.vision_weights = sum(weight.numel() for weight in tower.parameters()) if tower is not None else 0
        tied = getattr(text, "tie_word_embeddings", False) or getattr(model.config, "tie_word_embeddings", False)
        language = model.num_parameters() - self.vision_weights - embedding * (1 if tied else 2)
        self.token = 2 * language
        self.pair = 4 * text.num_hidden_layers * text.num_attention_heads * head

    def vision(self, patches: int) -> Work:
        """The tower's weights; its attention within windows is little beside them."""
        return Work(2 * self.vision_weights * patches, 0, 0)

    def prefill(self, tokens: int, before: int = 0) -> Work:
        """Of `tokens` behind `before` others."""
        return Work(0, tokens * self.token + self.pair * tokens * (before + tokens / 2) + self.logits, 0)

    def decode(self, tokens: int, before: int) -> Work:
        return Work(0, 0, tokens * (self.token + self.logits) + self.pair * tokens * (before + tokens / 2))


def add(*works: Work) -> Work:
    """The sum by stage."""
    return Work(*map(sum, zip(*works, strict=True)))


def matrix_rate(model: Any) -> float:
    """Operations a second of a large matrix product here, in the model's dtype: the arithmetic limit."""
    import torch

    from workbench.benchmark.contenders import timed

    edge = 4096 if model.device.type == "cuda" else 1024
    left, right = (torch.randn(edge, edge, device=model.device).to(model.dtype) for _ in range(2))
    seconds = [timed(lambda: left @ right, model.device).seconds for _ in range(7)]
    return 2 * edge**3 / min(seconds)
