"""Memory of the recipes: sizes are those of the published models, and the documentation tells what is computed."""

from pathlib import Path

import pytest

from training.memory import SHAPES, memory, memory_row
from training.recipes import RECIPES
from workbench.errors import InputError

DOCS = Path(__file__).parent.parent / "docs" / "training.md"


@pytest.mark.parametrize(
    "base, parameters",
    [("Qwen/Qwen2.5-VL-3B-Instruct", 3_754_622_976), ("Qwen/Qwen2.5-VL-7B-Instruct", 8_292_166_656)],
)
def test_the_shapes_have_as_many_parameters_as_the_published_checkpoints(base, parameters):
    shape = SHAPES[base]
    assert shape.language + shape.merger + shape.tower == parameters


def test_full_fine_tuning_holds_sixteen_bytes_a_trained_weight():
    shape, found = SHAPES["Qwen/Qwen2.5-VL-3B-Instruct"], memory(RECIPES["videojudge-3b"])
    trained = shape.language + shape.merger
    assert found.gradients == 4 * trained and found.moments == 8 * trained
    assert found.weights == 4 * trained + 2 * trained + 2 * shape.tower  # with the copies that are multiplied
    assert memory(RECIPES["videojudge-3b"], gpus=4).moments == 2 * trained


def test_adapters_need_less_and_four_bits_least():
    totals = [memory(RECIPES[f"videojudge-7b{tuned}"]).total for tuned in ("", "-lora", "-qlora")]
    assert totals == sorted(totals, reverse=True)
    assert memory(RECIPES["videojudge-7b-qlora"]).total < 12e9


def test_what_is_not_known_is_refused():
    from dataclasses import replace

    with pytest.raises(InputError, match="expected one of"):
        memory(replace(RECIPES["videojudge-3b"], base="some/other"))
    with pytest.raises(InputError, match="not sharded"):
        memory(RECIPES["videojudge-3b-lora"], gpus=2)


def test_the_table_of_the_documentation_is_what_is_computed():
    rows = [
        line
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `videojudge") and line.count("|") == 8
    ]
    assert len(rows) == 10
    for row in rows:
        name, gpus = (part.strip(" `") for part in row.split("|")[1:3])
        assert row == memory_row(RECIPES[name], int(gpus))
