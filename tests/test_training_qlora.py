"""QLoRA: adapters on 4-bit weights have the gradients of the weights that the bits stand for, on a CPU too."""

import subprocess
import sys

import pytest
import torch

from tests.finetune_data import make_dataset
from tests.test_training_finetune import ALONE, MIX, ROOT, SMALL, lines_of
from training.recipes import DataOptions, load_recipe
from workbench.backends.random_weights import make_checkpoint

bitsandbytes = pytest.importorskip("bitsandbytes")
TOKENS = torch.tensor([[5, 9, 3, 7, 11, 2, 8, 4]])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A checkpoint whose layers are wide enough for bitsandbytes to pack."""
    sizes = {"hidden": 128, "intermediate": 256, "vision_hidden": 128, "vision_intermediate": 256}
    return make_checkpoint(tmp_path_factory.mktemp("base"), "qwen2.5-vl", initializer_range=0.1, **sizes)


def tuning(base, name):
    """The adapted model of a recipe, its adapter no longer without effect."""
    from training.tuning import load_tuning

    adapted = load_tuning(load_recipe(name, base=str(base)), ALONE).adapted
    torch.manual_seed(3)
    for path, parameter in adapted.named_parameters():
        if "lora_B" in path:
            torch.nn.init.normal_(parameter, std=0.1)
    return adapted


def test_gradients_are_those_of_the_weights_that_the_bits_stand_for(base):
    packed, whole = tuning(base, "videojudge-3b-qlora"), tuning(base, "videojudge-3b-lora")
    changed = 0.0
    for path, module in packed.named_modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            weight = whole.get_submodule(path).weight
            stands_for = bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            changed = max(changed, float((weight.data - stands_for).abs().max()))
            weight.data = stands_for
    assert changed > 0.01  # they really are in four bits
    losses = []
    for model in (packed, whole):
        model.eval()
        with torch.no_grad():
            model(input_ids=TOKENS)  # as a validation between two steps does
        model.train()
        loss = model(input_ids=TOKENS, labels=TOKENS).loss
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    gradients = [
        {path: each.grad for path, each in model.named_parameters() if each.requires_grad} for model in (packed, whole)
    ]
    assert gradients[0].keys() == gradients[1].keys() and gradients[0]
    for path, gradient in gradients[0].items():
        assert (gradient - gradients[1][path]).norm() <= 1e-4 * gradients[1][path].norm(), path


def test_a_4_bit_adapter_is_trained_and_works_in_a_fresh_process(base, tmp_path):
    from training.finetune import finetune, read_data

    changes = {"mix": MIX, **SMALL, "save_every": 2, "eval_every": 2, "epochs": 3, "max_steps": 6}
    recipe = load_recipe("videojudge-3b-qlora", base=str(base), **changes)
    data = read_data([make_dataset(tmp_path / "data", train=2, validation=1)], recipe, DataOptions())
    final = finetune(recipe, DataOptions(), data, tmp_path / "run", say=lambda line: None)
    losses = lines_of(final.parent)
    assert losses[-1] < losses[0] and len(lines_of(final.parent, "validation_loss")) == 3
    code = (
        "from workbench.backends import load_backend; import sys; "
        "judge = load_backend(sys.argv[1], quantization='4bit', dtype='bfloat16'); "
        "print(judge.identity['quantization'], judge.report['adapter_largest_logit_change'])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, f"hf:{base}+{final}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    kind, change = shown.stdout.split()[-2:]
    assert kind == "4bit" and float(change) > 0
