"""From data to a judge in stages, each with a folder of its own that appears when it is complete and is not made again.

OUT/base/       untrained checkpoint with its tokenizer
OUT/reading/    its language model lists what a response claims
OUT/dense/      its vision tower and merger know what lies under each token
OUT/looking/    its language model tells what is seen
OUT/judge/      the judge
OUT/metrics.jsonl, OUT/frames/, OUT/features/ (of the frozen tower; kept for the stages after it)
"""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

from training.base import fixed_lines, make_base
from training.data import World
from training.presets import Preset, StageName
from training.processes import rank, wait
from training.rows import COMPARE, LIST_CLAIMS, LOOK, Example
from workbench.errors import InputError
from workbench.prompts import Prompt, load_prompt, render

TOKENIZER_ROWS = 6000  # rows whose texts the tokenizer learns from


def fit(preset: Preset, data: Path, out: Path, say: Callable[[str], None], device: str = "cpu") -> Path:
    """Run the stages that are not there yet; the folder of the judge. Raises InputError for data it cannot use.

    All processes that train one model call it alike (training.processes). `device` is PyTorch's name of one.
    """
    import torch

    out.mkdir(parents=True, exist_ok=True)
    world = World(data, preset.policy, out / "frames")
    seen = cache(lambda views: replace(world, views=views))  # its rows are read once for all stages
    _once(out / "base", lambda part: None if rank() else _make_base(preset, world, part), say)
    source = out / "base"
    for number, name in enumerate(preset.stages):
        torch.manual_seed(preset.seed + number)
        start, shown = source, seen(preset.stages[name].views)
        _once(out / name, lambda part: _run_stage(name, preset, shown, start, part, device), say)  # noqa: B023
        source = out / name
    return source


def _once(folder: Path, make: Callable[[Path], None], say: Callable[[str], None]) -> None:
    """Make the folder under another name and rename it, so that its existence means it is complete."""
    if folder.exists():
        if not rank():
            say(f"{folder.name}: is there already")
        return
    part, start = folder.with_name(f"{folder.name}.part"), time.monotonic()
    part.mkdir(exist_ok=True)
    make(part)
    wait()  # all have looked for the folder by now
    if not rank():
        part.rename(folder)
        say(f"{folder.name}: made in {time.monotonic() - start:.0f} s")
    wait()


def _make_base(preset: Preset, world: World, folder: Path) -> None:
    examples = list(chain.from_iterable(world.examples.values()))
    chosen = random.Random(preset.seed).sample(examples, min(TOKENIZER_ROWS, len(examples)))
    prompts = [load_prompt(name, reference=True) for name in preset.prompts]
    fixed = fixed_lines(_renderings(prompt, examples) for prompt in prompts)
    make_base(folder, preset, [LOOK, LIST_CLAIMS, COMPARE, *chain.from_iterable(map(_texts, chosen))], fixed)


def _renderings(prompt: Prompt, examples: list[Example]) -> list[str]:
    """The prompt's system text and user text for a few items that share no line of their own."""
    fitting = [example.item for example in examples if example.item.kind == prompt.kind]
    if len(fitting) < 2:
        raise InputError(f"data: got {len(fitting)} {prompt.kind} rows, expected two or more for {prompt.name!r}.")
    spread = fitting[:: max(1, len(fitting) // 50)]
    return [f"{prompt.system.strip()}\n{render(prompt, item).text}" for item in spread]


def _texts(example: Example) -> list[str]:
    item, target = example
    parts = [item.instruction, *item.responses, item.reference, item.description, target.rubric, target.reasoning]
    tags = "<thinking></thinking>\n<score></score>\n<answer></answer>\n<rubric></rubric>"
    return [tags, *(part for part in parts if part)]


def _run_stage(name: StageName, preset: Preset, world: World, source: Path, folder: Path, device: str) -> None:
    """Load what the stage before left, train it, and save it with its processor files.

    While it trains, the state it would resume from lies in `folder`.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from training import stages
    from training.learner import Learner
    from training.loop import Place

    place = Place(name, folder.parent / "metrics.jsonl", folder / "state.pt")
    model = AutoModelForImageTextToText.from_pretrained(source).to(device).train()
    learner = Learner(model, AutoProcessor.from_pretrained(source), place)
    run = stages.run_dense if name == "dense" else stages.run_rows
    run(learner, world, preset.stages[name], preset.seed)
    if rank():
        return
    model.save_pretrained(folder)
    place.state.unlink(missing_ok=True)
    learner.processor.save_pretrained(folder)
