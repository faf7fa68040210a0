"""What is known of a judge before it is loaded: what it was made for, its own frames, and where it will run."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from workbench.backends import EMBEDDED, check_allowed, list_backends, scores_only, split_adapter
from workbench.backends.base import Declared
from workbench.backends.judge_file import JudgeFile, read_judge_file
from workbench.backends.presets import PRESETS, Preset, preset_for
from workbench.batch import policy_for
from workbench.errors import BackendError, InputError
from workbench.judge import check_declared, check_scores_only
from workbench.page.form import MODES, JudgeForm, frames_of, prompt_options
from workbench.page.gpu_there import has_gpu
from workbench.prompts import load_prompt
from workbench.schema import DEFAULT_FRAMES, VideoPolicy

OWN = "A judge of your own: a Hub id as hf:owner/name, with +adapter if wanted, or the folder of a checkpoint."


class KnownJudge(NamedTuple):
    """What a spec tells without loading anything. `policy` is None where only loading tells."""

    declared: Declared = Declared()
    policy: VideoPolicy | None = None
    preset: Preset | None = None
    score_only: str = ""  # what is known of its verdicts without a reply
    problem: str = ""  # its judge.json cannot be read

    @property
    def frames(self) -> int:
        """How many frames the form starts from; 0 leaves them to the judge."""
        return (self.policy.frames or 0) if self.policy else 0


def known_judge(spec: str) -> KnownJudge:
    """What is known of a judge: from the preset's entry, or the judge.json of a folder or of its adapter's."""
    spec = spec.strip()
    try:
        check_allowed(spec)  # before anything of this machine's disk is looked at
    except InputError as error:
        return KnownJudge(problem=str(error))
    if preset := PRESETS.get(spec) or preset_for(spec.removeprefix("hf:")):
        return KnownJudge(preset.declared, preset.video_policy, preset)
    if spec.startswith("scripted:"):
        return KnownJudge(policy=VideoPolicy(frames=DEFAULT_FRAMES))
    try:
        file = _judge_file(spec)
    except BackendError as error:
        return KnownJudge(problem=str(error))
    return KnownJudge(file.declared, file.video_policy, score_only=file.score_only) if file else KnownJudge()


def _judge_file(spec: str) -> JudgeFile | None:
    """The adapter's judge.json, else the checkpoint's, as loading would read them; None for what is not on this disk."""
    if spec == "embedded":
        return read_judge_file(EMBEDDED)
    try:
        model, adapter = split_adapter(spec.removeprefix("hf:"))
    except InputError:
        return None
    folders = [Path(name).expanduser() for name in (adapter, model) if name and "\0" not in name]
    files = (read_judge_file(folder) for folder in folders if os.path.isdir(folder))
    return next(filter(None, files), None)


def about_judge(spec: str) -> str:
    """What a judge is, can do and lacks here, in a few sentences; how to name others when it is none of the listed."""
    known = known_judge(spec)
    row = next((row for row in list_backends() if _is_of(spec.strip(), row.spec)), None)
    said = [f"{row.what[:1].upper()}{row.what[1:].rstrip('.')}." if row else OWN]
    if row and row.missing:
        said.append(f"It cannot be loaded here: {row.missing}.")
    said += [known.problem, *_abilities(known.declared)]
    if not spec.startswith(("metric:", "scripted:", "server:")):
        said.append(_where(known.preset))
    return " ".join(filter(None, said))


def about_judges(specs: Sequence[str]) -> str:
    """What one judge is, as `about_judge` says it; of several, what is wrong with them and what all were made for."""
    if len(specs) < 2:
        return about_judge(next(iter(specs), ""))
    known = [known_judge(spec) for spec in specs]
    able = [name for name in MODES if all(_made_for(one.declared, name) for one in known)]
    said = f"All were made for: {_labels(able)}." if able else "No way of judging is one that all were made for."
    return " ".join([*(one.problem for one in known if one.problem), *([said] if len(able) < len(MODES) else [])])


def _is_of(spec: str, pattern: str) -> bool:
    """Whether a spec is this one, or fills in a pattern such as "scripted:<file>"."""
    prefix = pattern.partition("<")[0]
    return spec == pattern or (prefix != pattern and bool(prefix) and spec.startswith(prefix))


def _abilities(declared: Declared) -> list[str]:
    """What a judge was made for, where it says so."""
    able = [name for name in MODES if _made_for(declared, name)]
    said = [] if len(able) == len(MODES) else [f"Made for: {_labels(able) or 'none of the ways below'}."]
    if declared.scale:
        said.append("Ratings {} to {}.".format(*declared.scale))
    return said + ([f"At most {declared.max_frames} frames."] if declared.max_frames else [])


def _labels(modes: Sequence[str]) -> str:
    return "; ".join(MODES[name].label for name in modes)


def _made_for(declared: Declared, mode: str) -> bool:
    kind = load_prompt(mode).kind
    return (not declared.kinds or kind in declared.kinds) and (not declared.prompts or mode in declared.prompts)


def fitting_mode(spec: str, wanted: str = "pointwise") -> str:
    """The way of judging that is wanted, or, of those that the judge was made for, one of its kind, else the first."""
    return common_mode([spec], wanted)


def common_mode(specs: Iterable[str], wanted: str = "pointwise", among: Iterable[str] = tuple(MODES)) -> str:
    """`fitting_mode` of several judges, of the ways `among` which one is sought; the wanted one where they share none."""
    declared, kind = [known_judge(spec).declared for spec in specs], load_prompt(wanted).kind
    able = [name for name in among if all(_made_for(one, name) for one in declared)]
    if wanted in able or not able:
        return wanted
    return next((name for name in able if load_prompt(name).kind == kind), able[0])


def _where(preset: Preset | None) -> str:
    gpu = has_gpu()
    place = "Runs on this machine's GPU" if gpu else "Runs on this machine's CPU"
    if preset is None:
        return f"{place}."
    weights = preset.parameters * (2 if gpu else 4)  # bytes a parameter: bfloat16 on a GPU, float32 on a CPU
    return f"{place}; its weights take {weights:.0f} GB{'' if gpu else ', and a verdict may take minutes'}."


def frames_help(spec: str) -> str:
    """What the number of frames means to this judge."""
    policy = known_judge(spec).policy
    own = ""
    if policy and policy.fps:
        own = f": {policy.fps:g} a second, at most {policy.max_frames}"
    return f"How many the judge sees, spread evenly in time. 0: the judge's own way{own}."


def refusal(form: JudgeForm) -> str:
    """Why the chosen judge would refuse what the form asks for, before anything is loaded; "" when it would not."""
    try:
        check_allowed(form.judge or "")
        able = not (form.judge or "").strip() or scores_only(form.judge)  # refuses what is no judge
        if form.score_only:
            check_scores_only(form.judge.strip(), able)
    except InputError as error:
        return str(error)
    known = known_judge(form.judge or "")
    try:
        prompt = load_prompt(form.mode, **prompt_options(form))
    except InputError:  # said when the verdict is asked for; half-typed criteria are no reason to interrupt
        return ""
    policy = policy_for(known.policy or VideoPolicy(frames=1), frames_of(form))
    try:
        check_declared(form.judge.strip(), known.declared, prompt, policy, "none" if form.text_only else "video")
    except InputError as error:
        return str(error)
    return ""


def refusals(forms: Iterable[JudgeForm]) -> list[str]:
    """Why the judges of several forms would refuse them, each reason once."""
    return list(dict.fromkeys(filter(None, map(refusal, forms))))
