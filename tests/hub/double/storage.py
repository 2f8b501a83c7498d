"""Repositories in memory, their bytes in a folder: content-addressed blobs and one line of commits each."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.hub.double.refusals import Refusal

LARGE_FILES = (".safetensors", ".bin", ".pt", ".gguf", ".onnx", ".arrow", ".parquet", ".npy", ".pkl", ".zip", ".model")
"""Suffixes that the Hub keeps as large files from the first commit on."""


@dataclass(frozen=True)
class StoredFile:
    """One file of a commit. `oid` is git's name of it, `sha256` that of its bytes."""

    size: int
    sha256: str
    oid: str
    large: bool

    @property
    def etag(self) -> str:
        """What the client compares a local copy with."""
        return self.sha256 if self.large else self.oid


@dataclass(frozen=True)
class Commit:
    """A state of a repository."""

    oid: str
    title: str
    description: str
    author: str
    at: str
    files: Mapping[str, StoredFile]


@dataclass
class Repository:
    """A model repository with one branch, `main`; `commits` is oldest first."""

    id: str
    private: bool
    commits: list[Commit]
    created_at: str
    gated: str | bool = False
    downloads: int = 0
    likes: int = 0
    parameters: int | None = None

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    def at(self, revision: str) -> Commit:
        """The commit of a revision: `main` or a commit's name."""
        if revision == "main":
            return self.head
        for commit in self.commits:
            if commit.oid == revision:
                return commit
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")


@dataclass
class Storage:
    """All repositories of a double."""

    folder: Path
    repositories: dict[str, Repository] = field(default_factory=dict)
    datasets: dict[str, Repository] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def blob(self, sha256: str) -> Path:
        """Where these bytes lie, if they do."""
        return self.folder / sha256

    def keep(self, content: bytes, *, large: bool) -> StoredFile:
        """Store bytes; storing them twice stores them once."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.blob(sha256).write_bytes(content)
        return self.describe(sha256, large=large)

    async def receive(self, chunks: AsyncIterator[bytes]) -> str:
        """Store bytes as they arrive; returns their SHA-256."""
        digest, aside = hashlib.sha256(), self.folder / f"incoming-{secrets.token_hex(8)}"
        with aside.open("wb") as file:
            async for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        aside.replace(self.blob(digest.hexdigest()))
        return digest.hexdigest()

    def describe(self, sha256: str, *, large: bool) -> StoredFile:
        """A stored blob as a file of a commit: a large file's git object is its pointer."""
        size = self.blob(sha256).stat().st_size
        if large:
            content = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        else:
            content = self.blob(sha256).read_bytes()
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return StoredFile(size, sha256, oid, large)

    def create(self, repository_id: str, *, private: bool, author: str, dataset: bool = False) -> Repository:
        """A new repository, of a model or a dataset, with the Hub's first commit."""
        rules = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE_FILES)
        repository = Repository(repository_id, private, [], now())
        (self.datasets if dataset else self.repositories)[repository_id] = repository
        self.commit(repository, {".gitattributes": self.keep(rules.encode(), large=False)}, "initial commit", author)
        return repository

    def commit(
        self,
        repository: Repository,
        files: Mapping[str, StoredFile],
        title: str,
        author: str,
        description: str = "",
    ) -> Commit:
        """Add a commit in which the repository holds exactly these files."""
        seed = json.dumps([repository.id, len(repository.commits), title, sorted(files), secrets.token_hex(4)])
        commit = Commit(hashlib.sha1(seed.encode()).hexdigest(), title, description, author, now(), dict(files))
        repository.commits.append(commit)
        return commit

    def text(self, repository: Repository, path: str) -> str:
        """A file of the newest commit, as text; empty when there is none."""
        file = repository.head.files.get(path)
        return self.blob(file.sha256).read_text("utf-8") if file else ""


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
