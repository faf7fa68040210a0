"""A decoder's layers written out for few tokens at a time: transformers' sums in a third of the operations.

Decoding 15 short replies on a CPU is thousands of small operations a token, and products with weights that MKL packs
anew each time. Here queries, keys and values come from one product, as do the MLP's two halves; the weights are kept
as those products read them fastest, with the norm before them multiplied in. Only for float32 on a CPU, where the
copies fit; only for models whose layers are known by their parts, and whose own logits a few tokens reproduce.
"""

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from workbench.backends.cascade import Cascade
from workbench.backends.resources import available_bytes

if TYPE_CHECKING:
    import torch

MOST_SHARE = 0.25  # of the free memory that the copies may take
PROBE = (3, 7, 2, 5, 11, 13)  # token ids, by which a model's own logits are compared
CLOSE = 1e-4  # of the largest logit: more than sums in another order make, less than any other formula
LAYER = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
MLP = {"gate_proj", "up_proj", "down_proj"}

_known: "WeakKeyDictionary[Any, tuple[tuple, Fused | None]]" = WeakKeyDictionary()


class Layer(NamedTuple):
    """Weights of one layer, [inputs, outputs]."""

    qkv: "torch.Tensor"
    qkv_bias: "torch.Tensor | None"
    head_norm: "torch.Tensor | None"  # [query and key heads, size], of architectures that normalise each head
    out: "torch.Tensor"
    gate_up: "torch.Tensor"
    down: "torch.Tensor"
    index: int
    heads: int
    key_heads: int
    size: int
    scaling: float


class Fused:
    """The language model of one checkpoint, as `logits` needs it."""

    def __init__(self, text: Any, head: Any):
        self._embed, self._rotary = text.embed_tokens.weight, text.rotary_emb
        self._epsilon = text.norm.variance_epsilon
        self._layers = [_layer(layer) for layer in text.layers]
        self._norm, self._head = text.norm.weight, head.weight

    def logits(self, ids: "torch.Tensor", positions: "torch.Tensor", cascade: Cascade, last: bool) -> "torch.Tensor":
        """Logits [b, n, vocabulary], or of the `last` token alone [b, 1, vocabulary], of ids [b, n].

        `positions` are as the model's forward takes them. The cascade holds the new tokens' keys and values.
        """
        import torch

        states = torch.nn.functional.embedding(ids, self._embed)
        cos, sin = (angle.unsqueeze(2) for angle in self._rotary(states, positions))
        half = sin.shape[-1] // 2
        sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
        shape, flat = states.shape[:2], states.flatten(0, 1)
        for layer in self._layers:
            flat = self._attended(layer, flat, shape, (cos, sin), cascade)
            gate, up = (_normed(flat, self._epsilon) @ layer.gate_up).chunk(2, dim=-1)
            flat = torch.addmm(flat, torch.nn.functional.silu(gate).mul_(up), layer.down)
        kept = flat.view(*shape, -1)
        normed = _normed(kept[:, -1:] if last else kept, self._epsilon)
        return torch.nn.functional.linear(normed.mul_(self._norm), self._head)

    def _attended(
        self, layer: Layer, flat: "torch.Tensor", shape: tuple[int, int], angles: tuple, cascade: Cascade
    ) -> "torch.Tensor":
        import torch

        normed = _normed(flat, self._epsilon)
        qkv = normed @ layer.qkv if layer.qkv_bias is None else torch.addmm(layer.qkv_bias, normed, layer.qkv)
        qkv = qkv.view(*shape, -1, layer.size)
        turned, value = qkv.split([layer.heads + layer.key_heads, layer.key_heads], dim=2)
        if layer.head_norm is not None:
            turned = _normed(turned, self._epsilon).mul_(layer.head_norm)
        cos, sin = angles
        turned = torch.addcmul(turned * cos, turned.roll(layer.size // 2, -1), sin)
        query, key = turned.split([layer.heads, layer.key_heads], dim=2)
        found = cascade.attend(layer.index, *(states.transpose(1, 2) for states in (query, key, value)), layer.scaling)
        return torch.addmm(flat, found.reshape(len(flat), -1), layer.out)


def fused(model: Any) -> Fused | None:
    """The model's layers in this form, made once and again when its weights change; None where it keeps its own code."""
    state = tuple((weight.data_ptr(), _version(weight)) for weight in model.parameters())
    known = _known.get(model)
    if known is None or known[0] != state:
        known = _known[model] = (state, _made(model))
    return known[1]


def forget(model: Any) -> None:
    """Give the copies' memory back; they are made again when they are needed."""
    _known.pop(model, None)


def _made(model: Any) -> Fused | None:
    text, head = _text_model(model), model.get_output_embeddings()
    if text is None or not _is_plain(head) or not _is_known(text) or not _fits(text):
        return None
    made = Fused(text, head)
    return made if _equals(made, model) else None


def _version(weight: "torch.Tensor") -> int:
    return 0 if weight.is_inference() else weight._version


def _text_model(model: Any) -> Any:
    parts = ("embed_tokens", "layers", "norm", "rotary_emb")
    found = [module for module in model.modules() if all(hasattr(module, part) for part in parts)]
    return found[0] if len(found) == 1 else None


def _is_plain(linear: Any) -> bool:
    """A matrix and nothing else: no adapter, no quantisation, no bias."""
    import torch

    return type(linear) is torch.nn.Linear and linear.bias is None


def _is_known(text: Any) -> bool:
    import torch

    weights = [*text.parameters()]
    hooked = any(
        module._forward_hooks or module._forward_pre_hooks or hasattr(module, "_hf_hook") for module in text.modules()
    )
    plain = all(weight.dtype == torch.float32 and weight.device.type == "cpu" for weight in weights)
    return plain and not hooked and hasattr(text.norm, "variance_epsilon") and all(map(_is_known_layer, text.layers))


def _is_known_layer(layer: Any) -> bool:
    import torch

    if {name for name, _ in layer.named_children()} != LAYER:
        return False
    attention, mlp = layer.self_attn, layer.mlp
    inner = {name for name, _ in attention.named_children()}
    linears = [getattr(attention, name) for name in ATTENTION & inner]
    return (
        inner in (ATTENTION, ATTENTION | {"q_norm", "k_norm"})
        and all(type(one) is torch.nn.Linear for one in linears)
        and attention.o_proj.bias is None
        and {name for name, _ in mlp.named_children()} - {"act_fn"} == MLP
        and all(_is_plain(getattr(mlp, name)) for name in MLP)
        and "silu" in type(mlp.act_fn).__name__.lower()
    )


def _fits(text: Any) -> bool:
    copied = sum(weight.nbytes for weight in text.layers.parameters())
    return copied < MOST_SHARE * available_bytes(text.embed_tokens.weight.device)


def _layer(layer: Any) -> Layer:
    import torch

    attention, mlp, size = layer.self_attn, layer.mlp, layer.self_attn.head_dim
    inputs = [attention.q_proj, attention.k_proj, attention.v_proj]
    heads, key_heads = (one.out_features // size for one in inputs[:2])
    norms = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    biases = [one.bias for one in inputs]
    return Layer(
        qkv=_transposed([one.weight for one in inputs], layer.input_layernorm.weight),
        qkv_bias=None if biases[0] is None else torch.cat(biases),
        head_norm=None
        if norms[0] is None
        else torch.cat([norms[0].weight.expand(heads, -1), norms[1].weight.expand(key_heads, -1)]),
        out=_transposed([attention.o_proj.weight]),
        gate_up=_transposed([mlp.gate_proj.weight, mlp.up_proj.weight], layer.post_attention_layernorm.weight),
        down=_transposed([mlp.down_proj.weight]),
        index=attention.layer_idx,
        heads=heads,
        key_heads=key_heads,
        size=size,
        scaling=attention.scaling,
    )


def _transposed(weights: "list[torch.Tensor]", norm: "torch.Tensor | None" = None) -> "torch.Tensor":
    """[inputs, outputs of all], the weight of the norm before it multiplied in."""
    import torch

    whole = torch.cat(list(weights))
    return (whole if norm is None else whole * norm).t().contiguous()


def _normed(states: "torch.Tensor", epsilon: float) -> "torch.Tensor":
    """Root mean square 1 along the last dimension; the weight is elsewhere."""
    import torch

    length = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
    return states * length.square_().div_(states.shape[-1]).add_(epsilon).rsqrt_()


def _equals(made: Fused, model: Any) -> bool:
    """Whether a few tokens have the model's own logits."""
    import torch

    from workbench.backends.positions import rope_rule

    ids = torch.tensor([PROBE])
    positions = torch.arange(len(PROBE)).unsqueeze(0)
    if rope_rule(model.config) is not None:
        positions = positions.expand(3, 1, -1)
    with torch.inference_mode():
        found = made.logits(ids, positions, Cascade([()]), last=False)
        own = model(input_ids=ids, attention_mask=torch.ones_like(ids), position_ids=positions, use_cache=False).logits
    return bool((found - own).abs().max() <= CLOSE * own.abs().max())
