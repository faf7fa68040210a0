"""What the language model should know at each video token, layer by layer: a loss beside that of the words, for training alone.

Where heads should look is told by training/gaze.py; this tells what they should find there. The vision tower of the
family knows no time, and what moves how, or how many things there are, shows only over several frames. So at the video
tokens of some layers, thrown-away heads tell the moment, the motion of the object, and how many objects were seen so far:
all of it can be known from the tokens up to there. At the words of a response whose claims are listed, one tells
whether they are turned around: asked of the whole response alone, that is not found in thousands of rows. (Deep
supervision: Lee et al. 2015, arXiv 1409.5185.)
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from training.dense import IGNORE
from training.gaze import Scene
from training.sft import Packed

MOMENTS = 16  # pairs of frames that are told apart; later ones count as the last
MOST_OBJECTS = 4
LAYERS = {"moment": 2, "motion": 2, "so_far": 4, "turned": 2}  # whose input is asked


class Traces(nn.Module):
    """Linear heads on the inputs of some layers of a language model; it keeps what the last forward pass gave them."""

    def __init__(self, layers: Sequence[nn.Module], hidden: int, motions: Sequence[str]):
        super().__init__()
        self.motions = list(motions)
        counts = {"moment": MOMENTS, "motion": len(motions), "so_far": MOST_OBJECTS + 1, "turned": 2}
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden, count) for name, count in counts.items() if LAYERS[name] < len(layers)}
        )
        self.inputs: dict[int, torch.Tensor] = {}
        for layer in {LAYERS[name] for name in self.heads}:
            layers[layer].register_forward_pre_hook(self._keep(layer), with_kwargs=True)

    def _keep(self, layer: int):
        def hook(module, args, kwargs):
            self.inputs[layer] = args[0] if args else kwargs["hidden_states"]

        return hook

    def loss(
        self, packs: Sequence[Packed], scenes: Sequence[Scene | None], turned: Sequence[torch.Tensor | None]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Sum of the heads' cross-entropies at the tokens of the packs just run, and the share each tells right.

        `turned` holds, of the packs that tell, which words are turned around (`training.gaze.turned_words`).
        """
        total, figures = torch.zeros(()), {}
        wanted = [self._labels(*each) for each in zip(packs, scenes, turned, strict=True)]
        for name, head in self.heads.items():
            labels = torch.cat([each[name] for each in wanted])
            known = labels != IGNORE
            if not known.any():
                continue
            inputs = self.inputs[LAYERS[name]][0]
            told, right = head(inputs[known.to(inputs.device)].float()), labels[known].to(inputs.device)
            total = total + functional.cross_entropy(told, right)
            figures[f"trace_{name}"] = (told.argmax(-1) == right).float().mean().item()
        return total, figures

    def _labels(self, pack: Packed, scene: Scene | None, turned: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """The class at each token of a pack, int64 [n] a head."""
        labels = {name: torch.full((len(pack.ids),), IGNORE) for name in self.heads}
        if scene is not None:
            of_video = trace_labels(scene, self.motions)
            for name in labels.keys() & of_video.keys():
                labels[name][pack.types != 0] = of_video[name]
        return labels if turned is None else {**labels, "turned": turned}


def trace_labels(scene: Scene, motions: Sequence[str]) -> dict[str, torch.Tensor]:
    """Class at each merged token of a video, int64 [tokens] a head; -100 where none applies.

    `moment` counts pairs of frames; `motion` is what the token's object does then; `so_far` is how many objects have been
    seen up to and with this token.
    """
    moments = (scene.seconds[1:] > scene.seconds[:-1]).long().cumsum(0)
    owner = scene.owners
    so_far = torch.zeros(len(owner), dtype=torch.long)
    motion = torch.full((len(owner),), IGNORE)
    for number, thing in enumerate(scene.facts["objects"]):
        mine = owner == number
        so_far += mine.long().cummax(0).values
        for segment in thing["segments"]:
            then = mine & (scene.seconds >= segment["start"]) & (scene.seconds <= segment["end"])
            motion[then] = motions.index(segment["motion"])
    return {
        "moment": torch.cat([torch.zeros(1, dtype=torch.long), moments]).clamp(max=MOMENTS - 1),
        "motion": motion,
        "so_far": so_far.clamp(max=MOST_OBJECTS),
    }
