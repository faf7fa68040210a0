"""The verb `memory` of `python -m training`: what a recipe needs of each GPU, computed before anything is loaded."""

import argparse
from typing import Any

from training.memory import memory, memory_row
from training.recipes import RECIPES, load_recipe


def add_verbs(verbs: Any) -> None:
    """The parser of the verb."""
    needs = verbs.add_parser("memory", help="memory that a recipe of `fit` needs on each GPU, computed")
    needs.add_argument("--preset", default="videojudge-3b", help=f"one of {', '.join(RECIPES)}")
    needs.add_argument("--gpus", type=int, default=1, metavar="N", help="that share the weights (FSDP2)")
    needs.add_argument("--batch", type=int, metavar="N", help="rows a micro-batch")
    needs.add_argument("--branches", type=int, metavar="N", help="rows of one video in one packed sequence")
    needs.set_defaults(run=_memory)


def _memory(arguments: argparse.Namespace) -> int:
    recipe = load_recipe(arguments.preset, batch=arguments.batch, branches=arguments.branches)
    found = memory(recipe, arguments.gpus)
    print("GB on each GPU: weights, gradients, moments, activations, all")
    print(memory_row(recipe, arguments.gpus))
    print(f"{found.total / 1e9:.1f} GB and what the allocator and the kernels take; computed, not measured")
    return 0
