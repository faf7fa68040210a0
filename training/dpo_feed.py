"""From requests to what goes through the model: features and packs, the reference's log-probabilities, held-out figures."""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from training.dpo import DpoOptions, Replies, pair_rows, preference_loss, reply_logprobs
from training.dpo_requests import Request
from training.feature_store import FeatureStore, Vision
from training.features import merged_features
from training.intervals import clustered
from training.model_card import HELD_OUT_PAIRS
from training.parallel import Team
from training.recipes import Recipe
from training.schedule import MicroPlan, Sizes, schedule
from training.sft import pack
from training.sources import LeftOut
from training.trainer import Feed, Micro
from training.tuning import Tuning
from workbench.backends.encoding import Encoded, encode_chat
from workbench.errors import InputError
from workbench.prompts import render
from workbench.schema import Video, content_id
from workbench.store import cut_broken_tail, read_lines


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

    def rows(self, request: Request) -> list[Encoded]:
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
        own = self.out / f"reference-{self.team.rank}.jsonl"
        cut_broken_tail(own)  # what a killed process left
        off = self.tuning.adapted.disable_adapter() if self.tuning.adapted is not None else nullcontext()
        objective.eval()
        with off, torch.no_grad(), own.open("a", encoding="utf-8") as file:
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
            HELD_OUT_PAIRS: {
                "accuracy": clustered(lambda rows: float((found[rows] > 0).mean()), groups)._asdict(),
                "reward margin": clustered(lambda rows: float(found[rows].mean()), groups)._asdict(),
            }
        }
