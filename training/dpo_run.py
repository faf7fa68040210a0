"""A DPO training from a folder of pairs to a judge, in one run folder like a fine-tuning's (training/finetune.py).

Beside that: RUN/reference-N.jsonl, the reference's log-probability of every reply, computed once before the first step
(with the adapter off, or by the weights as they were loaded: no second copy is kept in memory), and RUN/figures.json.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from training.adapters import Lora
from training.dpo import Replies, pair_rows, preference_loss, reply_logprobs
from training.dpo_requests import Preferences, Request, hold_out, read_preferences
from training.feature_store import FeatureStore, Vision
from training.features import merged_features
from training.intervals import clustered
from training.parallel import Team, join, lay_out
from training.recipes import Recipe
from training.run_folder import Say, follow, make_final, open_run, silent, tell_left_out
from training.schedule import MicroPlan, Sizes, schedule
from training.sft import pack
from training.sources import LeftOut
from training.trainer import Feed, Micro, Objective, Place, Plan, train
from training.tuning import Tuning, judge_writer, load_tuning
from workbench.backends.encoding import encode_chat
from workbench.backends.judge_file import JudgeFile, read_judge_file
from workbench.errors import InputError
from workbench.judge_options import prompt_record
from workbench.prompts import render
from workbench.schema import Video, content_id
from workbench.store import read_lines

STAGE = "dpo"


@dataclass(frozen=True)
class DpoOptions:
    """What DPO has beside a recipe. beta 0.1 is the paper's default; the rest is ours.

    validation: share of the videos that is held out.
    """

    beta: float = 0.1
    smoothing: float = 0.0
    validation: float = 0.1

    def __post_init__(self):
        if not self.beta > 0 or not 0 <= self.smoothing < 0.5:
            raise InputError(
                f"dpo: got beta {self.beta} and smoothing {self.smoothing}, expected beta > 0 and smoothing in [0, 0.5)."
            )


def dpo_recipe(base: str, preferences: Preferences, lora: Lora | None, **changes: Any) -> Recipe:
    """The numbers of a DPO training, ours throughout. A micro-batch is `batch` requests with all their replies."""
    recipe = Recipe(
        name="dpo-lora" if lora else "dpo", base=base, tuned="lora" if lora else "merger and language", lora=lora,
        mix={preferences.prompt.name: 1.0}, policy=preferences.policy, lr=5e-6 if lora else 5e-7, epochs=1, batch=4,
        accumulation=4, branches=1,
    )  # fmt: skip
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})


def run_dpo(
    folder: Path,
    base: str,
    out: Path,
    options: DpoOptions,
    *,
    lora: Lora | None,
    command: str = "",
    say: Say = print,
    **changes: Any,
) -> Path:
    """Train on the folder's pairs and give the folder of the judge; the same call goes on where it stopped.

    `base` is the SFT checkpoint that wrote the samples, `changes` are fields of Recipe. Raises InputError, BackendError.
    """  # fmt: skip
    preferences = read_preferences(folder)
    recipe = dpo_recipe(base, preferences, lora, **changes)
    team = join(recipe.precision)
    kept, held_out = hold_out(preferences.requests, options.validation, recipe.seed)
    marks = {name: content_id([each.mark for each in some]) for name, some in (("train", kept), ("held_out", held_out))}
    config = {
        "training": 1,
        "recipe": recipe.record(),
        "options": asdict(options),
        "data": marks,
        "processes": team.size,
    }
    say = say if team.leads else silent
    with open_run(out, config, [prompt_record(preferences.prompt)], command, team) as set_status:
        if (final := out / "final").is_dir():
            say(f"{final}: is there already")
            return final
        tuning = load_tuning(recipe, team)
        if (said := other_judge(preferences.record, tuning)) and team.leads:
            say(said)
        rows = Requests(tuning, recipe, options, out, team)
        left_out = LeftOut()
        kept, held_out = rows.prepare(kept, held_out, left_out, set_status)
        tell_left_out(out, left_out, team, say)
        writer = judge_writer(tuning, read_judge_file(tuning.source.folder) or JudgeFile(), team)
        objective = lay_out(Objective(tuning.model, rows.loss_of), tuning.blocks, team, tuning.tower)
        rows.reference(objective, [*kept, *held_out], set_status)
        feed = rows.feed(kept, held_out)
        say(f"{sum(len(each.pairs) for each in kept)} pairs of {len(kept)} requests in {feed.steps} steps")
        plan = Plan(recipe.lr, recipe.eval_every, recipe.save_every, recipe.keep, recipe.seed)
        outcome = train(objective, feed, plan, Place(STAGE, out, follow(set_status)), team, writer)
        figures = rows.figures(objective, held_out)
        if team.leads:
            (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            make_final(out, outcome, plan, feed.steps, set_status)
        team.wait()
        for mode, some in figures.items():
            for name, figure in some.items():
                say(
                    f"{mode}: {name} {figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}], n = {figure['n']}"
                )
        return final


def other_judge(record: Mapping[str, Any], tuning: Tuning) -> str:
    """A warning where the samples were written by another judge than the one that is trained."""
    wrote = (record.get("judge_settings") or {}).get("revision")
    if wrote in (None, tuning.source.revision) and not (record.get("judge_settings") or {}).get("adapter"):
        return ""
    return (
        f"note: the samples are {record['judge']}'s ({wrote}), but {tuning.source.folder.name} "
        f"({tuning.source.revision}) is trained; DPO is meant for a judge's own samples."
    )


class Ask(NamedTuple):
    """A request as the objective is asked about it: only for its log-probabilities where `alone`."""

    requests: tuple[Replies, ...]
    alone: bool = False


class Requests:
    """From requests to what goes through the model."""

    def __init__(self, tuning: Tuning, recipe: Recipe, options: DpoOptions, out: Path, team: Team):
        self.tuning, self.recipe, self.options, self.out, self.team = tuning, recipe, options, out, team
        self.merged = recipe.lora is not None
        vision = Vision(tuning.model, tuning.processor, tuning.source.revision, recipe.policy, self.merged)
        self.store = FeatureStore(out / "features", vision, recipe.features_gb)
        self.known: dict[str, list[float]] = {}

    def prepare(
        self, kept: Sequence[Request], held_out: Sequence[Request], left_out: LeftOut, set_status: Any
    ) -> tuple[list[Request], list[Request]]:
        """Encode every video once; the requests that can be trained on. Raises InputError where none is left."""
        videos: dict[str, Video] = {}
        for request in (*kept, *held_out):
            video = request.task.example.item.video
            assert video is not None
            videos[video.sha256] = video

        def on_done(done: int) -> None:
            set_status("running", phase="features", done=done, total=-(-len(videos) // self.team.size))

        with self.team.arithmetic():
            self.store.prepare(videos, self.team, on_done)
        usable = [[one for one in some if self._fits(one, left_out)] for some in (kept, held_out)]
        if not usable[0]:
            raise InputError(f"preferences: none of {len(kept)} requests can be trained on: {left_out.counts}.")
        return usable[0], usable[1]

    def _fits(self, request: Request, left_out: LeftOut) -> bool:
        problem = self.store.problems.get(request.task.video)
        if problem is None:
            longest = max(len(row) for row in self.rows(request))
            problem = f"longer than {self.recipe.max_tokens} tokens" if longest > self.recipe.max_tokens else None
        if problem is not None:
            left_out.add(request.task.example.item.id, problem)
        return problem is None

    def rows(self, request: Request) -> list[Any]:
        """The request with each of its replies, encoded as at inference."""
        task, clip = request.task, self.store.clips[request.task.video]
        chat = render(task.prompt, task.example.item, frames=clip.frames, order=task.order)
        return [
            encode_chat(self.tuning.processor, chat, self.tuning.rule, video=clip.inputs, reply=reply)
            for reply in request.replies
        ]

    def replies(self, request: Request) -> Replies:
        """With the reference's log-probabilities where they are known already."""
        reference = torch.tensor(self.known.get(self._key(request), []))
        return Replies(pack(self.rows(request)), self.store.source(request.task.video), request.pairs, reference)

    def _key(self, request: Request) -> str:
        about = [self.tuning.source.revision, self.recipe.policy.to_dict(), str(self.team.dtype), request.mark]
        return content_id(about)

    # -- the reference

    def reference(self, objective: torch.nn.Module, requests: Sequence[Request], set_status: Any) -> None:
        """Know what the reference thinks of every reply: from the files, else by computing and appending to them.

        Weights are as they were loaded: a checkpoint to go on from is put back later, by `train`.
        """
        self._read_reference()
        missing = [request for request in requests if self._key(request) not in self.known]
        mine = missing[self.team.rank :: self.team.size]
        rounds = -(-len(missing) // self.team.size)
        off = self.tuning.adapted.disable_adapter() if self.tuning.adapted is not None else nullcontext()
        objective.eval()
        with off, torch.no_grad(), (self.out / f"reference-{self.team.rank}.jsonl").open("a", encoding="utf-8") as file:
            for number in range(rounds):  # equally many on all processes: sharded weights are gathered by all
                request = mine[number] if number < len(mine) else missing[0]
                with self.team.arithmetic():
                    found, _ = objective(Ask((self.replies(request),), alone=True))
                if number < len(mine):
                    file.write(json.dumps({"request": self._key(request), "logprobs": found.tolist()}) + "\n")
                    file.flush()
                set_status("running", phase="reference", done=number + 1, total=rounds)
        self.team.wait()
        self._read_reference()

    def _read_reference(self) -> None:
        for path in sorted(self.out.glob("reference-*.jsonl")):
            self.known |= {line["request"]: line["logprobs"] for line in read_lines(path)}

    # -- training

    def loss_of(self, model: Any, ask: Ask) -> tuple[torch.Tensor, dict[str, float]]:
        """The preference loss of some requests, or the log-probabilities of their replies."""
        features = [self.store.tokens(one.source) for one in ask.requests]
        features = features if self.merged else merged_features(model, features)
        if ask.alone:
            return reply_logprobs(model, [one.packed for one in ask.requests], features), {}
        return preference_loss(model, ask.requests, features, self.options.beta, self.options.smoothing)

    def feed(self, kept: Sequence[Request], held_out: Sequence[Request]) -> Feed:
        """The feed of one process; a step's mean is over its pairs."""
        recipe, size = self.recipe, self.team.size
        sizes, alone = Sizes(recipe.batch, recipe.accumulation * size, 1), Sizes(recipe.batch, size, 1)
        steps = schedule([one.task for one in kept], sizes, recipe.epochs, recipe.seed, recipe.max_steps)
        rounds = schedule([one.task for one in held_out], alone, 1, recipe.seed, None)

        def mine(requests: Sequence[Request], micros: Sequence[MicroPlan]) -> list[Micro]:
            shares = micros[self.team.rank :: size]
            return [self._micro(requests, share or micros[0], bool(share)) for share in shares]

        def validation() -> Iterator[Micro]:
            return (micro for micros in rounds for micro in mine(held_out, micros))

        return Feed(len(steps), lambda step: mine(kept, steps[step]), validation if rounds else None)

    def _micro(self, requests: Sequence[Request], plan: MicroPlan, counts: bool) -> Micro:
        some = [self.replies(requests[row]) for one in plan for row in one]
        pairs, tokens = sum(len(one.pairs) for one in some), sum(len(one.packed.ids) for one in some)
        return Micro(Ask(tuple(some)), float(counts * pairs), counts * tokens, counts * pairs)

    def figures(self, objective: torch.nn.Module, held_out: Sequence[Request]) -> dict[str, Any]:
        """Accuracy and reward margin over the held-out pairs, with intervals over their videos; {} without any."""
        margins, groups = [], []
        objective.eval()
        for request in held_out:
            one = self.replies(request)
            with torch.no_grad(), self.team.arithmetic():
                policy, _ = objective(Ask((one,), alone=True))
            gain = (policy.cpu() - one.reference) * self.options.beta
            chosen, rejected = pair_rows([one])
            margins += (gain[chosen] - gain[rejected]).tolist()
            groups += [request.task.video] * len(chosen)
        if not margins:
            return {}
        found = np.array(margins)
        return {
            "held-out pairs": {
                "accuracy": clustered(lambda rows: float((found[rows] > 0).mean()), groups)._asdict(),
                "reward margin": clustered(lambda rows: float(found[rows].mean()), groups)._asdict(),
            }
        }
