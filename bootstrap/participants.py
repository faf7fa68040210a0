"""From a spec to a generator, evaluator or describer: any judge of the workbench, or one that knows the world."""

from bootstrap.chats import Role
from workbench.backends import load_backend
from workbench.backends.base import Backend
from workbench.errors import InputError


def load_participants(generator: str, evaluator: str) -> dict[Role, Backend]:
    """Generator and evaluator of two specs. A model that plays both parts is loaded once."""
    loaded = load_participant(generator, "generator")
    if generator.strip() == evaluator.strip() and not is_world(evaluator):
        return {"generator": loaded, "evaluator": loaded}
    return {"generator": loaded, "evaluator": load_participant(evaluator, "evaluator")}


def load_participant(spec: str, role: Role) -> Backend:
    """The participant of a spec: "world", "world:miss=0.2", or what `workbench.backends.load_backend` takes.

    Raises InputError for a spec that names none, and for a metric, which writes nothing.
    """
    spec = spec.strip()
    if is_world(spec):
        from bootstrap.world_participants import load_world_evaluator, load_world_generator

        return load_world_generator(spec) if role == "generator" else load_world_evaluator(spec)
    if spec.startswith("metric:"):
        raise InputError(f"{role}: got {spec!r}, which only computes scores; expected a model that writes, or world.")
    return load_backend(spec)


def is_world(spec: str) -> bool:
    """Whether the spec is of a participant that knows the procedural world."""
    return spec.strip().partition(":")[0] == "world"
