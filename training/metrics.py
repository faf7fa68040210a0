"""RUN/metrics.jsonl: one line a step and one an evaluation, {"stage", "step", "seconds", ...}; curves are drawn from it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from training.checkpoints import Progress
from training.loop import cut_lines_after, log_line

if TYPE_CHECKING:
    from training.parallel import Team
    from training.trainer import Place

SMOOTH = 0.9  # weight of the past in the seconds a step is expected to take


class Metrics:
    """The file's one writer. Lines after the checkpoint that a run goes on from are taken out: they are made again."""

    def __init__(self, place: "Place", team: "Team", progress: Progress):
        self.place, self.team = place, team
        self.path = place.folder / "metrics.jsonl"
        self.pace: float | None = None
        if team.leads:
            place.folder.mkdir(parents=True, exist_ok=True)
            cut_lines_after(self.path, place.stage, progress.step)

    def write(self, progress: Progress, figures: Mapping[str, float], step_seconds: float | None = None) -> None:
        """One line; `step_seconds` turns tokens and examples into rates."""
        line: dict[str, Any] = {"stage": self.place.stage, "step": progress.step, "seconds": round(progress.seconds, 2)}
        for name, value in figures.items():
            if name in ("tokens", "examples") and step_seconds:
                line[f"{name}_per_second"] = round(value / step_seconds, 2)
            else:
                line[name] = value
        if step_seconds:
            self.pace = step_seconds if self.pace is None else SMOOTH * self.pace + (1 - SMOOTH) * step_seconds
        if self.team.leads:
            log_line(self.path, line)
            self.place.on_metrics(line)

    def eta(self, progress: Progress, steps: int) -> float | None:
        """Seconds that the steps left will take, at the pace of the last ones."""
        return None if self.pace is None else round(self.pace * (steps - progress.step), 1)
