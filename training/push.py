"""Put a planned judge on the Hub: one commit, private unless asked otherwise, the token never shown or kept.

Everything goes up before the one commit that makes it visible, so a repository never holds half a judge. After an
interruption the same call goes on: what the Hub has already is not sent again.
"""

from collections.abc import Callable
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, NamedTuple

from training.push_plan import CARD, KEPT, Plan
from workbench.backends.judge_file import NAME as JUDGE_FILE
from workbench.errors import InputError
from workbench.hub import NO_TOKEN, PushError, telling_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

OURS = "videojudge"  # the tag by which a card says that this workbench wrote it


class Pushed(NamedTuple):
    """Where a judge is now."""

    url: str
    commit: str
    private: bool


def push(
    plan: Plan, *, private: bool = True, revision: str | None = None, say: Callable[[str], None] = print
) -> Pushed:
    """Upload a plan. The token is the one of the environment or the Hub login.

    Args:
        private: who may see a repository that is made by this push; one that is there must be so already.
        revision: branch to push to, made where it is not there; None is main.

    Raises InputError for a repository that holds something else or is seen by others than asked for, PushError where
    the Hub refuses or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token

    token = get_token()
    if token is None:
        raise InputError(NO_TOKEN)
    api = HfApi(token=token)
    with telling_errors(plan.repo, token):
        user = api.whoami(cache=True)["name"]
        found = _repository(api, plan.repo)
        if found is None:
            api.create_repo(plan.repo, private=private, exist_ok=False)
            say(f"made {plan.repo}, {'private' if private else 'public'}, as {user}")
        else:
            _check_repository(api, plan.repo, found, private)
        if revision is not None:
            api.create_branch(plan.repo, branch=revision, exist_ok=True)
        there = api.list_repo_files(plan.repo, revision=revision)
        new = {file.path for file in plan.files}
        operations: list[Any] = [CommitOperationAdd(file.path, file.content) for file in plan.files]
        operations += [CommitOperationDelete(path) for path in there if path not in new and _of_a_judge(path)]
        say(f"uploading {len(plan.files)} files, {plan.size / 1e6:,.1f} MB; interrupted, the same command goes on")
        done = api.create_commit(
            plan.repo, operations, commit_message=f"Push {plan.checkpoint.name}", revision=revision
        )
        _check_arrived(api, plan, revision)
    return Pushed(f"{api.endpoint}/{plan.repo}", done.oid, private)


def _repository(api: "HfApi", repo: str) -> "ModelInfo | None":
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.model_info(repo)
    except RepositoryNotFoundError:
        return None


def _check_repository(api: "HfApi", repo: str, found: "ModelInfo", private: bool) -> None:
    """Refuse to write over someone's other work, and to show what was to be private."""
    if bool(found.private) != private:
        now, asked = ("private", "--public") if found.private else ("public", "private, the default")
        fix = "leave --public out" if found.private else "say --public"
        raise InputError(
            f"repo: {repo} is there and {now}, and you asked for {asked}; {fix}, or change it on its settings page."
        )
    files = {each.rfilename for each in found.siblings or []}
    if files - {".gitattributes"} and not _ours(api, repo, files):
        raise InputError(
            f"repo: the name {repo} is taken by something that this workbench did not push ({len(files)} files, without a "
            f"judge.json and its card); choose another name."
        )


def _ours(api: "HfApi", repo: str, files: set[str]) -> bool:
    if JUDGE_FILE in files:
        return True
    if CARD not in files:
        return False
    with open(api.hf_hub_download(repo, CARD), encoding="utf-8") as card:
        return OURS in card.read().split("\n---", 1)[0]


def _of_a_judge(path: str) -> bool:
    """Whether a file in the repository is one that an earlier push put there: a stale shard, a former processor file."""
    return path in (CARD, JUDGE_FILE) or any(fnmatch(path, pattern) for pattern in KEPT)


def _check_arrived(api: "HfApi", plan: Plan, revision: str | None) -> None:
    infos = api.get_paths_info(plan.repo, [file.path for file in plan.files], revision=revision)
    sizes = {info.path: getattr(info, "size", None) for info in infos}
    wrong = [file.path for file in plan.files if sizes.get(file.path) != file.size]
    if wrong:
        raise PushError(f"{plan.repo}: {wrong[0]} did not arrive whole; push again.")
