"""Putting a Space on the Hub: made private unless asked otherwise, its variables set, its files in one commit."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from spaces_config.assemble import SpaceFile, size_words
from spaces_config.card import TAGS, Settings
from spaces_config.hardware import FREE, flavour
from workbench.backends.presets import PRESETS
from workbench.errors import InputError
from workbench.hub import NO_TOKEN, PushError, telling_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KEPT = (".gitattributes",)  # of what is in the Space and not in a build
SECRET = "HF_TOKEN"


class Pushed(NamedTuple):
    """Where a Space is now."""

    url: str
    commit: str
    private: bool


def secrets_needed(settings: Settings) -> dict[str, str]:
    """Secret -> what the Space needs it for. They are set on its settings page: none passes through here."""
    if not settings.results:
        return {}
    return {SECRET: f"a token that may write to {settings.results}"}


def push_space(
    repo: str, settings: Settings, files: Sequence[SpaceFile], *, private: bool = True, hardware_asked: bool = False,
    say: Callable[[str], None] = print,
) -> Pushed:  # fmt: skip
    """Upload a built Space. The token is the one of the environment or the Hub login.

    Args:
        private: who may see a Space that is made by this push; one that is there must be so already.
        hardware_asked: a Space that is there changes its machine only where somebody named one.

    Raises InputError for a name that something else has, PushError where the Hub refuses or cannot be reached.
    """
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if token is None:
        raise InputError(NO_TOKEN)
    api = HfApi(token=token)
    with telling_errors(repo, token):
        there = _files_there(api, repo, private)
        if there is None:
            _make(api, repo, settings, private)
            say(f"made {repo}, {'private' if private else 'public'}, on {settings.hardware}")
        say(f"uploading {size_words(list(files))}")
        commit = api.create_commit(
            repo, _operations(files, there or []), commit_message="Build of the workbench", repo_type="space"
        )
        _check_arrived(api, repo, files)
        if there is not None:
            for name, value in settings.variables.items():
                api.add_space_variable(repo, name, value)
            if hardware_asked:
                api.request_space_hardware(repo, flavour(settings.hardware))
                say(f"asked for {settings.hardware}")
    return Pushed(f"{api.endpoint}/spaces/{repo}", commit.oid, private)


def _make(api: "HfApi", repo: str, settings: Settings, private: bool) -> None:
    variables = [{"key": name, "value": value} for name, value in settings.variables.items()]
    api.create_repo(
        repo, repo_type="space", space_sdk="gradio", private=private, space_hardware=flavour(settings.hardware),
        space_variables=variables,
    )  # fmt: skip


def _files_there(api: "HfApi", repo: str, private: bool) -> list[str] | None:
    """The files of a Space of ours that is there already; None where there is none."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = api.space_info(repo)
    except RepositoryNotFoundError:
        return None
    if bool(found.private) != private:
        now, fix = ("private", "leave --public out") if found.private else ("public", "say --public")
        raise InputError(f"--repo: {repo} is there and {now}; {fix}, or change it on its settings page.")
    files = [each.rfilename for each in found.siblings or []]
    if set(files) - {*KEPT, "README.md"} and not _is_ours(api, repo, files):
        raise InputError(f"--repo: {repo} holds something that this command did not build; choose another name.")
    return files


def _is_ours(api: "HfApi", repo: str, files: Sequence[str]) -> bool:
    if "README.md" not in files:
        return False
    with open(api.hf_hub_download(repo, "README.md", repo_type="space"), encoding="utf-8") as card:
        return f"- {TAGS[0]}\n" in card.read().split("\n---", 1)[0]


def _operations(files: Sequence[SpaceFile], there: Sequence[str]) -> list[Any]:
    """What makes the Space hold this build and nothing else."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    new = {file.path for file in files}
    added = [CommitOperationAdd(file.path, file.content) for file in files]
    return [*added, *(CommitOperationDelete(path) for path in there if path not in new and path not in KEPT)]


def _check_arrived(api: "HfApi", repo: str, files: Sequence[SpaceFile]) -> None:
    infos = api.get_paths_info(repo, [file.path for file in files], repo_type="space")
    sizes = {info.path: getattr(info, "size", None) for info in infos}
    wrong = [file.path for file in files if sizes.get(file.path) != file.size]
    if wrong:
        raise PushError(f"{repo}: {wrong[0]} did not arrive whole; push again.")


def plan_text(repo: str, settings: Settings, files: Sequence[SpaceFile], seen: str, has_token: bool) -> str:
    """What a push would do: every file with its size, variables, secrets, hardware, and what that costs."""
    width = max(len(file.path) for file in files)
    free = "" if settings.hardware in FREE else " (billed by the hour)"
    lines = [f"would push to the Space {repo}, {seen}, on {settings.hardware}{free}: {size_words(list(files))}", ""]
    lines += [f"  {file.path:{width}}  {file.size:>11,}" for file in files]
    lines += ["", *(f"variable: {name}={value}" for name, value in settings.variables.items())]
    needed = secrets_needed(settings)
    lines += [f"secret to set on the Space's settings page: {name}, {why}" for name, why in needed.items()]
    if not needed:
        lines.append(f"secrets needed: none ({SECRET} where a checkpoint is private or gated)")
    if settings.judge in PRESETS:
        preset = PRESETS[settings.judge]
        lines.append(f"judge: {preset.model}, {2 * preset.parameters:.0f} GB of weights in bfloat16")
    lines.append("token: found" if has_token else "token: none yet; set HF_TOKEN or run `hf auth login`")
    return "\n".join(lines)
