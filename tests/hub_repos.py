"""What the stand-in of the Hub keeps: repositories with branches and commits in memory, blobs in a folder, by content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["model", "dataset", "space"]
LFS_BYTES = 10_000_000  # larger files are never kept in git
LFS_SUFFIXES = {".safetensors", ".bin", ".pt", ".parquet", ".mp4", ".webm", ".zip", ".gz", ".png", ".model"}
ATTRIBUTES = b"".join(b"*%s filter=lfs diff=lfs merge=lfs -text\n" % each.encode() for each in sorted(LFS_SUFFIXES))


class Entry(NamedTuple):
    """One file of a commit: its bytes in blobs/<sha256>, its git oid, and whether it is kept by LFS."""

    sha256: str
    size: int
    git_oid: str
    lfs: bool

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_oid


Files = Mapping[str, Entry]


@dataclass
class Repo:
    """A repository: `branches` name commits, `commits` are whole listings, `uploaded` the LFS objects it was given."""

    kind: Kind
    id: str
    private: bool
    sdk: str | None = None
    hardware: str = "cpu-basic"  # of a Space
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Files] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    uploaded: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    def commit_of(self, revision: str) -> str | None:
        """The commit that a branch or a commit hash stands for; None if there is none."""
        return self.branches.get(revision, revision if revision in self.commits else None)

    def commit(self, branch: str, files: Files, message: str) -> str:
        """Put a new commit with this listing on the branch; its hash."""
        seed = f"{self.id} {self.branches.get(branch)} {len(self.commits)} {sorted(files.items())} {message}"
        oid = hashlib.sha1(seed.encode()).hexdigest()
        self.branches[branch], self.commits[oid], self.messages[oid] = oid, dict(files), message
        return oid


class Blobs:
    """Bytes by their sha256, in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def keep(self, content: bytes) -> Entry:
        """Keep a file of git itself."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.path(sha256).write_bytes(content)
        return Entry(sha256, len(content), _git_oid(content), lfs=False)

    def large(self, sha256: str, size: int) -> Entry:
        """The entry of an LFS object that was uploaded: git keeps a pointer to it."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return Entry(sha256, size, _git_oid(pointer.encode()), lfs=True)


def _git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def upload_mode(path: str, size: int, sample: bytes) -> Literal["lfs", "regular"]:
    """As the Hub decides: by size, by the suffixes of .gitattributes, and what is binary goes to LFS as well."""
    return "lfs" if size > LFS_BYTES or Path(path).suffix in LFS_SUFFIXES or b"\0" in sample else "regular"


def listing(files: Files, folder: str, recursive: bool) -> list[dict]:
    """What `tree` answers: files and folders under `folder`, its own level only unless recursive."""
    prefix = f"{folder}/" if folder else ""
    inside = {path: entry for path, entry in files.items() if path.startswith(prefix)}
    folders = {path[: len(prefix) + at] for path in inside for at in _slashes(path[len(prefix) :])}
    rows = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
    rows += [file_row(path, entry) for path, entry in sorted(inside.items())]
    return [row for row in rows if recursive or "/" not in row["path"][len(prefix) :]]


def _slashes(path: str) -> list[int]:
    return [at for at, letter in enumerate(path) if letter == "/"]


def file_row(path: str, entry: Entry) -> dict:
    row = {"type": "file", "path": path, "oid": entry.git_oid, "size": entry.size}
    return row | ({"lfs": {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}} if entry.lfs else {})
