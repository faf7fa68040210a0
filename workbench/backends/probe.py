"""One fixed question about a moving pattern: a quick way to see that a model runs, and whether an adapter moves it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.backends.base import Chat
from workbench.backends.encoding import encode_chat, patch_multiple
from workbench.video.frames import Frames

if TYPE_CHECKING:
    import torch

    from workbench.backends.positions import RopeRule


def probe_logits(model: Any, processor: Any, rule: "RopeRule | None") -> "torch.Tensor":
    """Logits float32 [1, vocabulary] of the reply's first token; with a video where the model takes one."""
    import torch

    from workbench.backends.decoding import prefill, to_model

    takes_video = hasattr(processor, "video_processor")
    chat = Chat("", _moving_pattern(processor) if takes_video else None, "How good is the answer?")
    with torch.inference_mode():
        encoded = encode_chat(processor, chat, rule)
        return prefill(model, encoded, to_model(model, encoded.vision)).logits.float()


def _moving_pattern(processor: Any) -> Frames:
    edge = 2 * (patch_multiple(processor.video_processor) or 28)
    rows, columns = np.mgrid[0:edge, 0:edge]
    images = np.stack([(rows * 7 + columns * 3 + 90 * step) % 256 for step in range(2)]).astype(np.uint8)
    return Frames(np.repeat(images[..., None], 3, axis=-1), (0.0, 1.0), (0, 1), "pattern", "pattern", 2.0, 2)
