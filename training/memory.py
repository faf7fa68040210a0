"""What a recipe needs of a GPU's memory, computed from the sizes of its model: before anything is loaded.

Weights, gradients and moments follow exactly from the sizes. Activations are counted, with checkpointing: the input of
every layer, one layer computed anew, and the logits of the targets. What the allocator and kernels take comes on top.
No GPU was measured for this.
"""

from math import ceil
from typing import NamedTuple

from training.recipes import Recipe
from workbench.errors import InputError

FOUR_BITS = 0.5 + 4 / 64  # bytes a weight: 4 bits, and a float32 for every 64 (nf4)


class Shape(NamedTuple):
    """Sizes of a Qwen2.5-VL, as its config.json has them."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int
    vocabulary: int
    tied: bool
    vision_hidden: int = 1280
    vision_layers: int = 32
    vision_intermediate: int = 3420
    patch_values: int = 3 * 2 * 14 * 14
    merge: int = 4  # patches a token

    @property
    def keys(self) -> int:
        return self.hidden // self.heads * self.key_value_heads

    @property
    def linear(self) -> list[tuple[int, int]]:
        """Inputs and outputs of the linear layers in one layer of the language model."""
        hidden, wide = self.hidden, self.intermediate
        return [(hidden, hidden), (hidden, self.keys), (hidden, self.keys), (hidden, hidden),
                (hidden, wide), (hidden, wide), (wide, hidden)]  # fmt: skip

    @property
    def block(self) -> int:
        """Parameters of one layer: matrices, the biases of query, key and value, two norms."""
        return sum(i * o for i, o in self.linear) + self.hidden + 2 * self.keys + 2 * self.hidden

    @property
    def embeddings(self) -> int:
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def language(self) -> int:
        return self.embeddings + self.layers * self.block + self.hidden

    @property
    def merger(self) -> int:
        wide = self.vision_hidden * self.merge
        return self.vision_hidden + wide * wide + wide + wide * self.hidden + self.hidden

    @property
    def tower(self) -> int:
        hidden, wide = self.vision_hidden, self.vision_intermediate
        attention = 4 * hidden * hidden + 4 * hidden
        block = attention + 3 * hidden * wide + 2 * wide + hidden + 2 * hidden
        return self.patch_values * hidden + self.vision_layers * block


SHAPES = {
    "Qwen/Qwen2.5-VL-3B-Instruct": Shape(2048, 36, 16, 2, 11_008, 151_936, True),
    "Qwen/Qwen2.5-VL-7B-Instruct": Shape(3584, 28, 28, 4, 18_944, 152_064, False),
}


class Rows(NamedTuple):
    """Lengths that activations are counted for, in tokens: what rows of one video share, and what each has of its own."""

    prefix: int = 1_400  # 960 of the video, the prompt and the instruction
    branch: int = 350  # a response and the reply about it
    targets: int = 200  # of the branch: the reply


ROWS = Rows()


class Memory(NamedTuple):
    """Bytes on each GPU, by what they are for."""

    weights: float
    gradients: float
    moments: float
    activations: float

    @property
    def total(self) -> float:
        return sum(self)


def memory(recipe: Recipe, gpus: int = 1, rows: Rows = ROWS) -> Memory:
    """What each of `gpus` holds; several shard by FSDP2. Raises InputError for a base whose sizes are not known here."""
    if recipe.base not in SHAPES:
        raise InputError(f"memory: got the base {recipe.base!r}, expected one of {', '.join(SHAPES)}.")
    if gpus > 1 and recipe.lora:
        raise InputError(f"memory: {recipe.name} is not sharded; every GPU holds what one does.")
    shape = SHAPES[recipe.base]
    activations = _activations(recipe, shape, rows, residual_bytes=4 if gpus == 1 else 2)
    if recipe.lora:
        adapter = recipe.lora.rank * shape.layers * sum(i + o for i, o in shape.linear)
        return Memory(_frozen(recipe, shape) + 4 * adapter, 4 * adapter, 8 * adapter, activations)
    trained = shape.language + shape.merger
    # The bfloat16 copies that matrices are multiplied in: of all weights on one GPU, of two layers and what lies
    # outside of the layers where they are gathered by turns. Gradients are float32, the frozen tower bfloat16.
    copies = 2 * trained if gpus == 1 else 2 * (2 * shape.block + shape.embeddings + shape.merger)
    return Memory(4 * trained / gpus + copies + 2 * shape.tower, 4 * trained / gpus, 8 * trained / gpus, activations)


def _frozen(recipe: Recipe, shape: Shape) -> float:
    """Bytes of the weights under an adapter: bfloat16, or matrices in 4 bits and the embeddings as they are."""
    total = shape.language + shape.merger + shape.tower
    if recipe.tuned != "qlora":
        return 2 * total
    return 2 * shape.embeddings + FOUR_BITS * (total - shape.embeddings)


def _activations(recipe: Recipe, shape: Shape, rows: Rows, residual_bytes: int) -> float:
    """With checkpointing. The last factor: logits in bfloat16 and float32, their softmax and their gradient."""
    packs = ceil(recipe.batch / min(recipe.branches, recipe.batch))
    tokens = packs * rows.prefix + recipe.batch * rows.branch
    kept = shape.layers * tokens * shape.hidden * residual_bytes
    one_layer = tokens * (4 * shape.intermediate + 8 * shape.hidden) * 2
    logits = recipe.batch * rows.targets * shape.vocabulary * (2 + 4 + 4 + 4)
    return kept + max(one_layer, logits)


def memory_row(recipe: Recipe, gpus: int = 1) -> str:
    """One line of the table in docs/training.md, in GB of 10^9 bytes a GPU."""
    found = memory(recipe, gpus)
    figures = [f"{part / 1e9:.1f}" for part in (*found, found.total)]
    return f"| `{recipe.name}` | {gpus} | {' | '.join(figures)} |"
