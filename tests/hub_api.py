"""What the stand-in of the Hub answers: one method an address of the Hub's HTTP API, as huggingface_hub 2.x asks it."""

import base64
import hashlib
import json
import re
import time
from typing import NamedTuple
from urllib.parse import unquote

import yaml
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.hub_repos import ATTRIBUTES, Blobs, Entry, Files, Kind, Repo, file_row, listing, upload_mode

KINDS: dict[str, Kind] = {"models": "model", "datasets": "dataset", "spaces": "space"}


class Account(NamedTuple):
    """Whom a token belongs to, and what it may do."""

    name: str
    orgs: tuple[str, ...]
    role: str  # "write" or "read"


class Denied(Exception):
    """An answer of the Hub that is an error: status, X-Error-Code, message."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code = status, code


class Answers:
    """The addresses, over what a Hub keeps."""

    blobs: Blobs
    url: str
    cdn: str
    accounts: dict[str, Account]
    repos: dict[tuple[Kind, str], Repo]

    # -- who asks, and for what

    def account(self, request: Request) -> Account | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given and given not in self.accounts:
            raise Denied(401, "", "Invalid credentials in Authorization header")
        return self.accounts.get(given)

    def writer(self, request: Request, owner: str) -> Account:
        account = self.account(request)
        if account is None:
            raise Denied(401, "", "Invalid username or password.")
        if account.role != "write" or owner not in (account.name, *account.orgs):
            raise Denied(403, "", f'You don\'t have the rights to create or change a model under "{owner}"')
        return account

    def repo(self, request: Request, write: bool = False) -> Repo:
        """The repository of the address, if the one who asks may see it. A private one is as good as missing."""
        part = request.path_params
        kind = KINDS.get(part.get("kinds", "models"), "model")
        repo = self.repos.get((kind, f"{part['owner']}/{part['name'].removesuffix('.git')}"))
        account = self.account(request)
        mine = account is not None and part["owner"] in (account.name, *account.orgs)
        if repo is None or (repo.private and not mine):
            raise Denied(404 if account else 401, "RepoNotFound", "Repository not found")
        if write:
            self.writer(request, repo.owner)
        return repo

    def files(self, request: Request, repo: Repo) -> tuple[str, Files]:
        """Commit hash and listing of the revision in the address."""
        revision = unquote(request.path_params.get("revision", "main"))
        commit = repo.commit_of(revision)
        if commit is None:
            raise Denied(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repo.commits[commit]

    # -- accounts and repositories

    async def whoami(self, request: Request) -> Response:
        account = self.account(request)
        if account is None:
            raise Denied(401, "", "Invalid username or password.")
        key = {"displayName": "stand-in", "role": account.role}
        orgs = [{"type": "org", "name": name, "roleInOrg": "write"} for name in account.orgs]
        own = {"type": "user", "id": account.name, "name": account.name, "fullname": account.name, "orgs": orgs}
        return JSONResponse(own | {"auth": {"type": "access_token", "accessToken": key}})

    async def create(self, request: Request) -> Response:
        asked = await request.json()
        account = self.account(request)
        owner = asked.get("organization") or (account.name if account else "")
        self.writer(request, owner)
        kind, repo_id = asked.get("type") or "model", f"{owner}/{asked['name']}"
        private = asked.get("private", False) or asked.get("visibility") == "private"
        address = f"{self.url}/{'' if kind == 'model' else kind + 's/'}{repo_id}"
        if (kind, repo_id) in self.repos:
            taken = {"error": f"You already created this {kind} repo", "url": address}
            return JSONResponse(taken, 409, {"X-Error-Message": taken["error"]})
        self.repos[kind, repo_id] = repo = Repo(kind, repo_id, private, asked.get("sdk"))
        repo.hardware = asked.get("hardware") or repo.hardware
        repo.secrets = {each["key"]: each["value"] for each in asked.get("secrets", [])}
        repo.variables = {each["key"]: each["value"] for each in asked.get("variables", [])}
        repo.commit("main", {".gitattributes": self.blobs.keep(ATTRIBUTES)}, "initial commit")
        return JSONResponse({"url": address, "name": repo_id, "id": repo_id})

    async def delete(self, request: Request) -> Response:
        asked = await request.json()
        account = self.account(request)
        owner = asked.get("organization") or (account.name if account else "")
        self.writer(request, owner)
        if self.repos.pop((asked.get("type") or "model", f"{owner}/{asked['name']}"), None) is None:
            raise Denied(404, "RepoNotFound", "Repository not found")
        return JSONResponse({})

    async def settings(self, request: Request) -> Response:
        repo, asked = self.repo(request, write=True), await request.json()
        repo.private = asked.get("private", asked.get("visibility", "private") == "private")
        return JSONResponse({"private": repo.private})

    async def info(self, request: Request) -> Response:
        repo = self.repo(request)
        commit, files = self.files(request, repo)
        own = {"id": repo.id, "_id": repo.id, "modelId": repo.id, "author": repo.owner, "sha": commit, "tags": []}
        own |= {"private": repo.private, "gated": False, "disabled": False, "downloads": 0, "likes": 0}
        return JSONResponse(own | {"sdk": repo.sdk, "siblings": [{"rfilename": path} for path in sorted(files)]})

    # -- reading

    async def tree(self, request: Request) -> Response:
        _, files = self.files(request, self.repo(request))
        folder = unquote(request.path_params.get("path", "")).strip("/")
        rows = listing(files, folder, request.query_params.get("recursive", "").lower() in ("1", "true"))
        if folder and not rows:
            raise Denied(404, "EntryNotFound", f"{folder} does not exist")
        return JSONResponse(rows)

    async def paths_info(self, request: Request) -> Response:
        _, files = self.files(request, self.repo(request))
        body = await request.body()
        as_json = "json" in request.headers.get("content-type", "")
        asked = json.loads(body)["paths"] if as_json else (await request.form()).getlist("paths")
        return JSONResponse([file_row(path, files[path]) for path in asked if path in files])

    async def refs(self, request: Request) -> Response:
        repo = self.repo(request)
        rows = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": oid} for name, oid in repo.branches.items()]
        return JSONResponse({"branches": rows, "converts": [], "tags": []})

    async def branch(self, request: Request) -> Response:
        repo, name = self.repo(request, write=True), unquote(request.path_params["branch"])
        if name in repo.branches:
            raise Denied(409, "", "Reference already exists")
        repo.branches[name] = repo.branches["main"]
        return JSONResponse({})

    async def resolve(self, request: Request) -> Response:
        commit, files = self.files(request, self.repo(request))
        path = unquote(request.path_params["path"])
        headers = {"X-Repo-Commit": commit}
        if path not in files:
            missing = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            return JSONResponse({"error": "Entry not found"}, 404, headers | missing)
        entry = files[path]
        if not entry.lfs:
            return FileResponse(self.blobs.path(entry.sha256), headers=headers | {"ETag": f'"{entry.etag}"'})
        linked = {"X-Linked-Size": str(entry.size), "X-Linked-ETag": f'"{entry.sha256}"'}
        return RedirectResponse(f"{self.cdn}/-/blobs/{entry.sha256}?{_sign(entry.sha256)}", 302, headers | linked)

    async def download(self, request: Request) -> Response:
        """The storage behind the Hub: it knows signed addresses and nobody's token."""
        sha256 = request.path_params["sha256"]
        if request.url.query != _sign(sha256):
            raise Denied(403, "", "The signature does not match")
        return FileResponse(self.blobs.path(sha256), headers={"ETag": f'"{sha256}"'})

    # -- writing

    async def preupload(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        _, files = self.files(request, repo)
        rows = []
        for each in (await request.json())["files"]:
            mode = upload_mode(each["path"], each["size"], base64.b64decode(each["sample"]))
            old = files.get(each["path"])
            rows.append({"path": each["path"], "uploadMode": mode, "shouldIgnore": False})
            rows[-1]["oid"] = old.etag if old else None
        return JSONResponse({"files": rows})

    async def lfs_batch(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        objects = []
        for each in (await request.json())["objects"]:
            oid, row = each["oid"], {"oid": each["oid"], "size": each["size"]}
            if oid not in repo.uploaded:
                storage = f"{self.cdn}/-/blobs/{oid}?{_sign(oid)}"
                verify = f"{self.url}/-/verify/{repo.kind}s/{repo.id}"
                row["actions"] = {"upload": {"href": storage}, "verify": {"href": verify}}
            objects.append(row)
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def upload(self, request: Request) -> Response:
        """Bytes into the storage; kept only once all have come and their hash is right."""
        sha256, digest = request.path_params["sha256"], hashlib.sha256()
        if request.url.query != _sign(sha256):
            raise Denied(403, "", "The signature does not match")
        part = self.blobs.path(f"{sha256}.{time.monotonic_ns()}.part")
        with part.open("wb") as file:
            async for chunk in request.stream():
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != sha256:
            raise Denied(400, "", "the bytes do not have the hash of the address")
        part.rename(self.blobs.path(sha256))
        return Response(status_code=200)

    async def verify(self, request: Request) -> Response:
        repo, asked = self.repo(request, write=True), await request.json()
        blob = self.blobs.path(asked["oid"])
        if not blob.exists() or blob.stat().st_size != asked["size"]:
            raise Denied(404, "", "the object was not uploaded")
        repo.uploaded[asked["oid"]] = asked["size"]
        return JSONResponse({})

    async def commit(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        parent, files = self.files(request, repo)
        files, message = dict(files), ""
        for line in (await request.body()).splitlines():
            key, value = (parsed := json.loads(line))["key"], parsed["value"]
            if key == "header":
                message = value["summary"]
                if value.get("parentCommit", parent) != parent:
                    raise Denied(412, "", "A commit has happened since. Please refresh and try again.")
            else:
                self._apply(repo, files, key, value)
        oid = repo.commit(unquote(request.path_params["revision"]), files, message)
        return JSONResponse({"success": True, "commitOid": oid, "commitUrl": f"{self.url}/{repo.id}/commit/{oid}"})

    def _apply(self, repo: Repo, files: dict[str, Entry], key: str, value: dict) -> None:
        """One line of a commit, as in _commit_api.py of huggingface_hub."""
        path = value["path"]
        if key == "file":
            files[path] = self.blobs.keep(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in repo.uploaded:
                raise Denied(400, "", f"{path}: LFS pointer to an object that was not uploaded")
            files[path] = self.blobs.large(value["oid"], repo.uploaded[value["oid"]])
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise Denied(404, "EntryNotFound", "A file with this name doesn't exist")
        elif key == "deletedFolder":
            for each in [each for each in files if each.startswith(path.rstrip("/") + "/")]:
                del files[each]

    async def validate_yaml(self, request: Request) -> Response:
        front = re.match(r"---\n(.*?)\n---\n", (await request.json())["content"], re.DOTALL)
        if front is None:
            return JSONResponse(
                {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]}
            )
        try:
            wrong = [] if isinstance(yaml.safe_load(front[1]), dict) else [{"message": "expected a mapping"}]
        except yaml.YAMLError as error:
            wrong = [{"message": str(error)}]
        return JSONResponse({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    # -- Spaces

    async def runtime(self, request: Request) -> Response:
        repo = self.repo(request)
        if request.method == "POST" and request.url.path.endswith("/hardware"):
            self.writer(request, repo.owner)
            repo.hardware = (await request.json())["flavor"]
        hardware = {"current": repo.hardware, "requested": repo.hardware}
        return JSONResponse({"stage": "RUNNING", "hardware": hardware, "gcTimeout": 172800, "sdk": repo.sdk})

    async def named_values(self, request: Request) -> Response:
        """Secrets can be written, never read; variables both."""
        repo = self.repo(request, write=True)
        values = repo.secrets if request.path_params["which"] == "secrets" else repo.variables
        if request.method == "POST":
            asked = await request.json()
            values[asked["key"]] = asked["value"]
        elif request.method == "DELETE":
            values.pop((await request.json())["key"], None)
        shown = {} if values is repo.secrets else {name: {"value": value} for name, value in values.items()}
        return JSONResponse(shown)

    def routes(self) -> list[Route]:
        api, repo = "/api/{kinds}/{owner}/{name}", "{owner}/{name}/resolve/{revision}/{path:path}"
        batch, blob = "{owner}/{name}/info/lfs/objects/batch", "/-/blobs/{sha256}"
        return [
            Route("/api/whoami-v2", self.whoami),
            Route("/api/repos/create", self.create, methods=["POST"]),
            Route("/api/repos/delete", self.delete, methods=["DELETE"]),
            Route("/api/validate-yaml", self.validate_yaml, methods=["POST"]),
            Route(f"{api}/settings", self.settings, methods=["PUT"]),
            Route(f"{api}/revision/{{revision}}", self.info),
            Route(f"{api}/tree/{{revision}}", self.tree),
            Route(f"{api}/tree/{{revision}}/{{path:path}}", self.tree),
            Route(f"{api}/paths-info/{{revision}}", self.paths_info, methods=["POST"]),
            Route(f"{api}/refs", self.refs),
            Route(f"{api}/branch/{{branch}}", self.branch, methods=["POST"]),
            Route(f"{api}/preupload/{{revision}}", self.preupload, methods=["POST"]),
            Route(f"{api}/commit/{{revision}}", self.commit, methods=["POST"]),
            Route(f"{api}/runtime", self.runtime),
            Route(f"{api}/restart", self.runtime, methods=["POST"]),
            Route(f"{api}/hardware", self.runtime, methods=["POST"]),
            Route(f"{api}/{{which}}", self.named_values, methods=["GET", "POST", "DELETE"]),
            Route(api, self.info),
            Route("/-/verify/{kinds}/{owner}/{name}", self.verify, methods=["POST"]),
            Route(blob, self.upload, methods=["PUT"]),
            Route(blob, self.download),
            Route(f"/{{kinds}}/{batch}", self.lfs_batch, methods=["POST"]),
            Route(f"/{batch}", self.lfs_batch, methods=["POST"]),
            Route(f"/{{kinds}}/{repo}", self.resolve),
            Route(f"/{repo}", self.resolve),
        ]


def _sign(sha256: str) -> str:
    return "Signature=" + hashlib.sha256(f"signed {sha256}".encode()).hexdigest()[:16]
