"""From a spec to a generator, evaluator or describer: any judge of the workbench, or one that knows the world."""

from collections.abc import Mapping
from typing import Any

from bootstrap.chats import Role
from workbench.backends import load_backend
from workbench.backends.base import Backend
from workbench.errors import InputError


def load_participants(
    generator: str, evaluator: str, options: Mapping[Role, Mapping[str, Any]] | None = None
) -> dict[Role, Backend]:
    """Generator and evaluator of two specs, with options for their loaders. A model that plays both is loaded once."""
    options = options or {}
    mine, others = options.get("generator", {}), options.get("evaluator", {})
    loaded = load_participant(generator, "generator", mine)
    if generator.strip() == evaluator.strip() and mine == others and not _is_world(evaluator):
        return {"generator": loaded, "evaluator": loaded}
    return {"generator": loaded, "evaluator": load_participant(evaluator, "evaluator", others)}


def load_participant(spec: str, role: Role, options: Mapping[str, Any] | None = None) -> Backend:
    """The participant of a spec: "world", "world:miss=0.2", or what `workbench.backends.load_backend` takes.

    Raises InputError for a spec that names none, for a metric, which writes nothing, and for a checkpoint that says it
    was made for judging only.
    """
    spec = spec.strip()
    if _is_world(spec):
        from bootstrap.world_participants import load_world_evaluator, load_world_generator

        if options:
            raise InputError(f"{spec}: got the option {next(iter(options))!r}, expected none beside those in the spec.")
        return load_world_generator(spec) if role == "generator" else load_world_evaluator(spec)
    return load_writer(spec, options)


def load_writer(spec: str, options: Mapping[str, Any] | None = None) -> Backend:
    """A judge of the workbench that writes whatever it is asked for. Raises InputError as `load_participant` does."""
    if spec.startswith("metric:"):
        raise InputError(f"{spec}: it only computes scores; expected a model that writes.")
    backend = load_backend(spec, **(options or {}))
    if made_for := backend.declared.prompts or backend.declared.kinds:
        backend.close()
        raise InputError(f"{spec}: it was made for {', '.join(made_for)} judging only; expected a model that writes.")
    return backend


def _is_world(spec: str) -> bool:
    return spec.strip().partition(":")[0] == "world"
