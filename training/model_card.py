"""The model card: README.md of a pushed judge, written from what its run recorded. What is not known is said to be so."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from training.lineage import Lineage, Stage
from training.provenance import SCRATCH
from training.runs import Figures
from workbench.backends.judge_file import JudgeFile

WITHOUT_VIDEO = ", without the video"  # ends the name of the mode that evaluate measures with nothing to look at
UNKNOWN = "Not recorded."
MANY = 60  # settings listed one by one
HELD_OUT_PAIRS, QUALITY_LEVELS = "held-out pairs", "quality levels"  # modes of figures that evaluate does not make
EVALUATE = (
    "On data kept out of training, by `python -m training evaluate`; 95 % bootstrap intervals over videos. Ratings and "
    "choices are compared where the reply was well-formed; n counts replies, and a pair in both orders is two."
)
MEASURED_BY = {
    HELD_OUT_PAIRS: "At the end of training, by `python -m training dpo`, on pairs of replies about held-out videos; 95 % "
    "bootstrap intervals over videos, n counts pairs. Accuracy is the share of pairs whose chosen reply gained on the "
    "rejected one: it tells that the training took hold, not how good the verdicts are.",
    QUALITY_LEVELS: "By `python -m training quality-levels`: Spearman's correlation of its level scores with the true ones; "
    "95 % bootstrap intervals over clips, n counts clips whose reply had a level.",
}
ABSOLUTE = re.compile(r"^(?:--[\w-]+=)?(?:~|/|[A-Za-z]:\\)")


class CardFacts(NamedTuple):
    """What a card is written from. `head` is the run's run.json, `data` its counts; all may be empty.

    `lineage` leads back to what others published; the stages in it end with the training that made this checkpoint.
    """

    repo: str
    adapter: bool
    parameters: int
    declared: JudgeFile | None
    architecture: str
    lineage: Lineage
    head: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    data: Mapping[str, Any]
    figures: Figures

    @property
    def base(self) -> str | None:
        return self.lineage.root.name


def write_card(facts: CardFacts) -> str:
    """The text of README.md, front matter first."""
    parts = [_front_matter, _summary, _purpose, _data, _training, _measured, _reliance, _limits, _licence, _use]
    return "\n\n".join(part(facts) for part in parts) + "\n"


def _front_matter(facts: CardFacts) -> str:
    licence = facts.lineage.licence
    front: dict[str, Any] = {
        "library_name": "peft" if facts.adapter else "transformers",
        "pipeline_tag": "video-text-to-text",
        "license": licence.id or "other",
        "license_name": licence.name if licence.id else "unknown",
        "license_link": licence.link,
        "base_model": facts.base if _on_hub(facts.base) else None,
        "base_model_relation": ("adapter" if facts.adapter else "finetune") if _on_hub(facts.base) else None,
        "tags": ["video", "llm-as-a-judge", "videojudge"],
    }
    return f"---\n{yaml.safe_dump({name: v for name, v in front.items() if v}, sort_keys=False)}---"


def _on_hub(base: str | None) -> bool:
    return base is not None and "/" in base


def _summary(facts: CardFacts) -> str:
    made_of = {None: "Its base is not recorded", SCRATCH: "Trained from random weights"}
    origin = made_of.get(facts.base, f"Trained from {_code(facts.base)}")
    if (trainings := len(facts.lineage.stages)) > 1:
        origin += f", in {trainings} trainings, one on the other"
    size = f"{facts.parameters / 1e6:,.1f} million parameters"
    what = f"a {facts.architecture} adapter, {size}" if facts.adapter else f"a {facts.architecture}, {size}"
    return (
        f"# {facts.repo.split('/')[1]}\n\nA judge of answers about videos: it reads a video, an instruction and one or more "
        f"responses, reasons, and rates or compares them. It is {what}. {origin}. Made with the VideoJudge workbench."
    )


def _purpose(facts: CardFacts) -> str:
    judge = facts.declared
    if judge is None:
        return (
            "## What it was trained for\n\nNot stated: there is no judge.json. The workbench lets it judge by every prompt; "
            "which of them it was trained for, and with which frames, is not known."
        )
    policy = judge.video_policy
    lines = [
        ("prompts", ", ".join(judge.prompts) or "any"),
        ("kinds", ", ".join(judge.kinds) or "any"),
        ("scale", f"{judge.scale[0]} to {judge.scale[1]}" if judge.scale else "any"),
        ("frames", _frames(policy) if policy else "not stated"),
        ("temperature", judge.sampling.temperature if judge.sampling else "not stated"),
        ("domain", judge.domain or "not stated"),
    ]
    warning = f"\n\n**{judge.warning}**" if judge.warning else ""
    return f"## What it was trained for\n\n{_table(('', ''), lines)}\n\nOther requests are refused.{warning}"


def _frames(policy: Any) -> str:
    rate = f"{policy.fps:g} a second" if policy.fps else f"{policy.frames}, uniform in time"
    most = f", at most {policy.max_frames}" if policy.max_frames else ""
    return f"{rate}{most}; {policy.min_pixels:,} to {policy.max_pixels:,} pixels each"


def _data(facts: CardFacts) -> str:
    rows = _counts(facts.data)
    parts = ["## Data", _table(("", ""), rows) if rows else UNKNOWN]
    for stage in _stages_before(facts):
        parts += [
            f"Before that, of {_code(stage.name)}:",
            _table(("", ""), _counts(stage.data)) if stage.data else UNKNOWN,
        ]
    return "\n\n".join(parts)


def _counts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _plain(value)) for name, value in _flat(data)]


def _stages_before(facts: CardFacts) -> Sequence[Stage]:
    """The trainings that this one was built on, the last one first."""
    return facts.lineage.stages[-2::-1]


def _training(facts: CardFacts) -> str:
    head, parts, own = facts.head, ["## How it was trained"], []
    if _stages_before(facts):
        rows = [(_code(stage.name), stage.tuned) for stage in facts.lineage.stages]
        parts += [_table(("training, one on the other", "what was trained"), rows), "The last of them:"]
    if head.get("command"):
        own.append(f"```\n{_portable(head['command'])}\n```")
    told = {name: value for name, value in head.get("config", {}).items() if name not in ("data", "training")}
    settings = [(name, _plain(value)) for name, value in _flat(told) if value is not None]
    if settings:
        own.append(_table(("setting", "value"), settings[:MANY]))
    if facts.metrics:
        own.append(_table(("stage", "steps", "last logged", "seconds"), _stages(facts.metrics)))
    if head.get("versions"):
        own.append("Versions: " + ", ".join(f"{name} {version}" for name, version in head["versions"].items()) + ".")
    return "\n\n".join([*parts, *(own or [UNKNOWN])])


def _stages(metrics: Sequence[Mapping[str, Any]]) -> list[tuple]:
    """The last training line of each stage; the validation figures apart, where there are any."""
    last: dict[str, dict[str, Any]] = {}
    for line in metrics:
        last.setdefault(str(line.get("stage", "training")), {}).update(line)
    rows = []
    for stage, line in last.items():
        told = {k: v for k, v in line.items() if isinstance(v, float) and k not in ("seconds", "lr", "learning_rate")}
        shown = ", ".join(f"{name} {value:.4g}" for name, value in told.items())
        rows.append((stage, line.get("step", ""), shown, line.get("seconds", "")))
    return rows


def _measured(facts: CardFacts) -> str:
    rows: dict[str, list[tuple]] = {}  # by what measured them
    for mode, some in facts.figures.items():
        rows.setdefault(MEASURED_BY.get(mode, EVALUATE), []).extend(
            (mode, name, f"{each['value']:.3f}", f"{each['low']:.3f} to {each['high']:.3f}", each["n"])
            for name, each in some.items()
        )
    parts = [
        f"{how}\n\n{_table(('mode', 'figure', 'value', '95 % interval', 'n'), some)}" for how, some in rows.items()
    ]
    if not has_verdict_figures(facts.figures):
        parts.append(
            "Not measured: how far its verdicts agree with known ones. `python -m training evaluate` does it, on a world "
            "it has not seen."
        )
    return "\n\n".join(["## How well it does", *parts])


def has_verdict_figures(figures: Figures) -> bool:
    """Whether something tells how good its verdicts are; what a preference training says of its own pairs does not."""
    return any(mode != HELD_OUT_PAIRS for mode in figures)


def _reliance(facts: CardFacts) -> str:
    title = "## Does it look?"
    pairs = [(mode.removesuffix(WITHOUT_VIDEO), mode) for mode in facts.figures if mode.endswith(WITHOUT_VIDEO)]
    rows = []
    for seeing, blind in pairs:
        for name in facts.figures.get(seeing, {}).keys() & {"Spearman", "accuracy"}:
            if name in facts.figures[blind]:
                shown, hidden = (facts.figures[mode][name]["value"] for mode in (seeing, blind))
                rows.append((seeing, name, f"{shown:.3f}", f"{hidden:.3f}", f"{shown - hidden:+.3f}"))
    if not rows:
        return f"{title}\n\nNot measured: nobody has compared its verdicts with those it gives without the video."
    table = _table(("mode", "figure", "with the video", "without", "difference"), rows)
    return f"{title}\n\nA judge that really looks does far worse with nothing to look at.\n\n{table}"


def _limits(facts: CardFacts) -> str:
    judge = facts.declared
    lines = [
        judge.domain if judge and judge.domain else "Its domain is not recorded: try it on your own videos first.",
        "Its verdicts are a model's, with errors as counted above; where nothing was measured, nothing is known of them.",
        "Text inside a response can mislead it. Judge pairs in both orders.",
    ]
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _licence(facts: CardFacts) -> str:
    licence = facts.lineage.licence
    if licence.id is None:
        known = f"that of {_code(facts.base)}" if facts.base else "that of its base, which is not recorded"
        return f"## Licence\n\nNot known here. Weights carry the licence of what they were trained from: {known}. Read it first."
    called = f"{licence.name} ({licence.link})" if licence.name and licence.link else licence.name or licence.id
    whose = (
        "It was trained from random weights." if facts.base == SCRATCH else f"That of its base, {_code(facts.base)}."
    )
    return f"## Licence\n\n{called}. {whose} The data may be under terms of its own."


def _use(facts: CardFacts) -> str:
    spec = f"hf:{facts.base}+{facts.repo}" if facts.adapter else f"hf:{facts.repo}"
    prompt = facts.declared.prompts[0] if facts.declared and facts.declared.prompts else "pointwise"
    workbench = (
        f"```\npython -m workbench judge clip.mp4 --judge {spec} --mode {prompt} \\\n"
        '    --instruction "What happens in the video?" --response "A door opens."\n```'
    )
    code = _PEFT if facts.adapter else _TRANSFORMERS
    own = code.format(repo=facts.repo, base=facts.base, frames=_frames_argument(facts.declared))
    return (
        f"## How to use it\n\nWith the workbench, which asks it as it was trained to be asked:\n\n{workbench}\n\n"
        f"With transformers alone (take the prompt from the workbench, `workbench/prompts/`):\n\n```python\n{own}```"
    )


def _frames_argument(judge: JudgeFile | None) -> str:
    policy = judge.video_policy if judge else None
    return f"fps={policy.fps:g}" if policy and policy.fps else f"num_frames={policy.frames if policy else 8}"


_TRANSFORMERS = """from transformers import AutoModelForImageTextToText, AutoProcessor

processor = AutoProcessor.from_pretrained("{repo}")
model = AutoModelForImageTextToText.from_pretrained("{repo}", device_map="auto")
chat = [{{"role": "user", "content": [{{"type": "video", "path": "clip.mp4"}}, {{"type": "text", "text": prompt}}]}}]
inputs = processor.apply_chat_template(
    chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt", {frames}
).to(model.device)
reply = model.generate(**inputs, max_new_tokens=512)
print(processor.batch_decode(reply[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0])
"""
_PEFT = _TRANSFORMERS.replace(
    'AutoProcessor.from_pretrained("{repo}")', 'AutoProcessor.from_pretrained("{base}")'
).replace(
    'AutoModelForImageTextToText.from_pretrained("{repo}", device_map="auto")',
    'AutoModelForImageTextToText.from_pretrained("{base}", device_map="auto")\nmodel.load_adapter("{repo}")',
)


# -- words


def _flat(values: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Nested settings as dotted names."""
    found = []
    for name, value in values.items():
        inner = isinstance(value, Mapping) and value
        found += _flat(value, f"{above}{name}.") if inner else [(f"{above}{name}", value)]
    return found


def _plain(value: Any) -> str:
    """A setting as a table shows it; of a path of this machine only the last part."""
    if isinstance(value, str):
        return _last_part(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _portable(command: str) -> str:
    return shlex.join(_last_part(word) for word in shlex.split(command))


def _last_part(word: str) -> str:
    if not ABSOLUTE.match(word):
        return word
    option, _, path = word.rpartition("=")
    return (f"{option}=" if option else "") + re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _code(name: str | None) -> str:
    return f"`{name}`"


def _table(head: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
