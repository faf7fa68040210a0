"""BERTScore (arXiv 1904.09675): how well the tokens of two texts match in a language model's hidden states."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.backends.metric import Metric
from workbench.errors import BackendError, InputError

if TYPE_CHECKING:
    import torch

ROBERTA = "roberta-large"
ROBERTA_LAYER = 17  # the layer that agrees best with people, by the authors' table
LONGEST = 512  # tokens; longer texts are cut, as the reference implementation does


def bertscore(model: str = ROBERTA, layer: int = ROBERTA_LAYER) -> Metric:
    """F1 of greedy token matching at hidden layer `layer` of `model` (Hub id or folder), times 100, never below 0.

    As the reference implementation without idf weights and without rescaling. Raises InputError for a layer that the
    model lacks, BackendError when its weights cannot be loaded.
    """
    tokenizer, encoder = _load(model)
    layers = encoder.config.num_hidden_layers
    if not (isinstance(layer, int) and 0 <= layer <= layers):
        raise InputError(f"layer: got {layer!r}, expected 0 to {layers} for {model}.")

    def score(response: str, reference: str) -> float:
        response_states, reference_states = (_states(tokenizer, encoder, text, layer) for text in (response, reference))
        return round(100 * max(_greedy_f1(response_states, reference_states), 0.0), 4)

    revision = getattr(encoder.config, "_commit_hash", None)
    return Metric(
        "bertscore", score, {"model": model, "layer": layer, "revision": revision, "idf": False, "rescaled": False}
    )


def _load(model: str) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(
            model, use_safetensors=True
        ).eval().float()
    except (OSError, ValueError) as error:
        raise BackendError(
            f"metric:bertscore could not load the model {model!r}: {str(error).splitlines()[0]} Go online once, "
            "or give the option model=<folder> with an encoder such as roberta-large in it."
        ) from error


def _states(tokenizer: Any, encoder: Any, text: str, layer: int) -> Mapping[str, "torch.Tensor"]:
    """Unit vectors [tokens, width] of a text, and which of them are tokens of the text itself [tokens] (1.0 or 0.0)."""
    import torch

    tokens = tokenizer(
        text.strip(), truncation=True, max_length=LONGEST, return_special_tokens_mask=True, return_tensors="pt"
    )
    special = tokens.pop("special_tokens_mask")[0]
    with torch.inference_mode():
        states = encoder(**tokens, output_hidden_states=True).hidden_states[layer][0]
    return {"vectors": torch.nn.functional.normalize(states, dim=-1), "own": 1.0 - special.float()}


def _greedy_f1(response: Mapping[str, "torch.Tensor"], reference: Mapping[str, "torch.Tensor"]) -> float:
    """Each token is matched with its nearest in the other text, which may be a boundary token; boundary tokens
    themselves weigh nothing."""
    near = response["vectors"] @ reference["vectors"].T
    precision = _weighted(near.max(dim=1).values, response["own"])
    recall = _weighted(near.max(dim=0).values, reference["own"])
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _weighted(values: "torch.Tensor", weights: "torch.Tensor") -> float:
    total = weights.sum().item()
    return (values * weights).sum().item() / total if total else 0.0
