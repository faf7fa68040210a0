"""The folder that ships: the fitted judge in half precision, what it declares in judge.json, and its model card."""

import json
from collections.abc import Mapping
from pathlib import Path

from training.presets import Preset, Stage
from workbench.backends.judge_file import JudgeFile, write_judge_file
from workbench.errors import InputError
from workbench.prompts import load_prompt

LARGEST = 16_000_000  # bytes of all files
WARNING = "A small judge that shows how the workbench works; its card counts its mistakes."
Figures = Mapping[str, Mapping[str, Mapping[str, float]]]


def ship(fitted: Path, preset: Preset, figures: Figures, out: Path) -> Path:
    """Write the checkpoint folder of a finished fit. Raises InputError where it is unfinished or grew too large."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

    source = fitted / list(preset.stages)[-1]
    if not source.exists():
        raise InputError(f"{fitted}: got no {source.name}/ in it, expected a finished fit; run python -m training fit.")
    model = AutoModelForImageTextToText.from_pretrained(source, dtype=torch.float16)
    model.save_pretrained(out)
    GenerationConfig.from_pretrained(source).save_pretrained(out)
    AutoProcessor.from_pretrained(source).save_pretrained(out)
    write_judge_file(out, judge_file(preset))
    card = model_card(preset, model.num_parameters(), figures, training_seconds(fitted / "metrics.jsonl"))
    (out / "README.md").write_text(card, encoding="utf-8")
    size = sum(path.stat().st_size for path in out.iterdir())
    if size > LARGEST:
        raise InputError(f"{out}: got {size:,} bytes, expected at most {LARGEST:,}; make the preset's sizes smaller.")
    return out


def judge_file(preset: Preset) -> JudgeFile:
    """What the judge was made for, and how it likes to be asked."""
    prompts = [load_prompt(name) for name in preset.prompts]
    return JudgeFile(
        kinds=tuple(dict.fromkeys(prompt.kind for prompt in prompts)),
        prompts=tuple(prompt.name for prompt in prompts),
        scale=(1, 5),
        domain=preset.domain,
        max_frames=max(preset.frames),
        sampling=preset.sampling,
        video_policy=preset.policy,
        opens_replies=True,
        warning=WARNING,
    )


def training_seconds(metrics: Path) -> dict[str, float]:
    """Seconds that each stage trained for, from the last line it logged."""
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    return {line["stage"]: line["seconds"] for line in lines}


def model_card(preset: Preset, parameters: int, figures: Figures, seconds: Mapping[str, float]) -> str:
    """The README of the checkpoint folder."""
    stages = [
        f"| {name} | {plan.steps} | {_seen_in_a_step(plan)} | {plan.lr} | {seconds.get(name, 0) / 60:.0f} min |"
        for name, plan in preset.stages.items()
    ]
    return CARD.format(
        parameters=f"{parameters / 1e6:.1f}",
        domain=preset.domain,
        fewest=min(preset.frames),
        frames=preset.policy.frames,
        most=max(preset.frames),
        prompts=", ".join(preset.prompts),
        recipe=" ".join(preset.world),
        stages="\n".join(stages),
        measured="\n".join(_figure_lines(figures)),
        preset=preset.name,
    )


def _seen_in_a_step(plan: Stage) -> str:
    packs = ", ".join(f"{count:g} {task}" for task, count in plan.mix.items())
    return packs or f"{plan.videos} videos"


def _figure_lines(figures: Figures) -> list[str]:
    return [
        f"| {mode} | {name} | {value['value']:.3f} | {value['low']:.3f} to {value['high']:.3f} | {value['n']} |"
        for mode, some in figures.items()
        for name, value in some.items()
    ]


CARD = """---
library_name: transformers
pipeline_tag: video-text-to-text
license: apache-2.0
tags: [video, judge, procedural-world]
---

# The judge that ships

A {parameters}-million-parameter Qwen2.5-VL (the architecture; none of its weights) that judges responses about videos.
It is here so that the workbench can be tried in full on any machine, without a GPU or a download.

**It is a small judge of a small world.** {domain} Nothing it says about people, places, film or anything else that a
camera saw has a meaning, and its good form must not be taken for knowledge. The figures below count its mistakes.

## What it was trained for

- Prompts: {prompts}; scale 1 to 5; reference answer optional. Other prompts and scales are refused.
- {frames} frames of 112x112 pixels ({fewest} to {most} were seen in training), uniform in time, of clips of 2 to 8 seconds.
- English of the world's own few hundred words. Other words are read byte by byte and mean nothing to it.

## How it was trained

From random weights, on scenes of the procedural world (`python -m bootstrap world {recipe}`), by
`python -m training fit --preset {preset}`:

| stage | steps | packs a step | peak learning rate | time |
|---|---|---|---|---|
{stages}

1. *reading*: without a video, the language model learns to list what a response claims, and to tell equal from unequal.
2. *dense*: the vision tower learns what lies under each token, told by the language model's own embeddings of the words
   (colour, shape, size, texture, background), and where things are and how they move.
3. *looking*: the language model learns to say what is seen of each fact, of when and for how long a thing is in view, and of
   what differs between two.
4. *judge*: (item, judgment) rows, rendered by the functions that inference uses, loss on the target only, the drills going
   on beside them. The rationale names each stated fact in a fixed order (seen, said, correct or wrong), then gives the score.
   Some tokens weigh five times: "correct" and "wrong", the first of a reply, and those of its conclusions (off topic or not,
   broken grammar, how many facts are wrong, which response is better). Responses with flaws in their text, and questions about
   times and about two objects, come up two or three times as often as others. Some responses have a sentence about nothing
   beside the others, and a few requests no video. Replies are begun for it with their form's first tag (`opens_replies` in
   judge.json).

The times are of two processor cores.

Every scene is seen as it is, mirrored, upside down and backwards. Some heads start as ones that match and copy; beside the
words a second loss tells twelve of them where to look (`training/gaze.py`), and a third tells the video tokens what to know
(`training/traces.py`). In a share of the rationales some facts are misread, and the verdict follows what is written.

## How well it does

On scenes, wordings and combinations of flaws that were kept out of training and used for no choice, at temperature 0
unless said otherwise, by `python -m training evaluate`. Intervals are 95 % bootstrap intervals over videos; ratings and
choices are compared where the reply was well-formed; n counts replies, and a pair in both orders is two.

| mode | figure | value | 95 % interval | n |
|---|---|---|---|---|
{measured}

*Longer* stands for the world's setting `full`: clips of up to two minutes, up to four objects, drifting cameras. *Shifted* stands
for shapes, colours and motions it has never seen: there it knows next to nothing, in as good a form as ever.

"Without the video" is the control: the same items with nothing to look at, on flaws that only the video can show. A
judge that really looks does far worse there.

## Limits

- What it sees least well, in ratings on validation scenes: for how long a thing is in view (wrong in 15 of 29), the shape of a
  second object (19 of 110), when something comes or goes (24 of 155), the count (16 of 152).
- Natural videos: not at all. Long clips, moving cameras, unseen shapes and colours: not trained.
- Rankings, other scales, several criteria, rubrics or guides of your own: not trained.
- Pairs without reasoning: it has no room to compare, and goes by the place of the response. Ask for reasons.
- Of 51 responses with broken grammar, on validation scenes, it called 35 broken, and of 934 others none.
- Text inside a response can still mislead it; it was trained on no attack.
- Its prompts in other words it often answers in no form at all; of its audit, docs/audit.md tells more.
"""
