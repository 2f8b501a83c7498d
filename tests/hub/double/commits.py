"""Changing a repository: how each file is to be sent, and the commit that makes the change real."""

from __future__ import annotations

import base64
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from tests.hub.double.access import Segment, SignedIn, TheHub, Writable
from tests.hub.double.refusals import Refusal, no_entry
from tests.hub.double.storage import LARGE_FILES, Storage, StoredFile

router = APIRouter()


class Planned(BaseModel):
    """A file the client means to send, with its first bytes."""

    path: str
    size: int
    sample: str = ""

    def large(self) -> bool:
        """Whether it goes beside git: by suffix, by size, or because it is not text."""
        suffix = self.path.lower().endswith(LARGE_FILES)
        return suffix or self.size > 10_000_000 or b"\0" in base64.b64decode(self.sample)


class Plan(BaseModel):
    """The body of the question how to send files."""

    files: list[Planned]


class Header(BaseModel):
    """What a commit says about itself."""

    summary: str
    description: str = ""
    parentCommit: str | None = None


class Line(BaseModel):
    """One line of a commit: a header, a file with its content, a large file by name, or a deletion."""

    key: Literal["header", "file", "lfsFile", "deletedFile", "deletedFolder"]
    value: dict[str, Any]


@router.post("/api/models/{owner}/{name}/preupload/{revision}")
async def plan(repository: Writable, revision: Segment, wanted: Plan) -> dict[str, object]:
    """How to send each file, and the name of what is there already."""
    present = repository.at(revision).files
    return {
        "files": [
            {
                "path": file.path,
                "uploadMode": "lfs" if file.large() else "regular",
                "shouldIgnore": False,
                "oid": present[file.path].etag if file.path in present else None,
            }
            for file in wanted.files
        ]
    }


@router.post("/api/models/{owner}/{name}/commit/{revision}")
async def commit(
    repository: Writable, revision: Segment, request: Request, hub: TheHub, who: SignedIn
) -> dict[str, object]:
    """One commit, all or nothing."""
    first, *changes = [Line.model_validate_json(line) for line in (await request.body()).splitlines() if line]
    header = Header.model_validate(first.value)
    if header.parentCommit not in (None, repository.at(revision).oid):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(repository.head.files)
    for change in changes:
        apply(hub.storage, files, change)
    made = hub.storage.commit(repository, files, header.summary, who.name, header.description)
    address = f"{request.base_url}{repository.id}/commit/{made.oid}"
    return {"success": True, "commitOid": made.oid, "commitUrl": address, "hookOutput": ""}


def apply(storage: Storage, files: dict[str, StoredFile], change: Line) -> None:
    """Change `files` as one line of a commit says."""
    path = str(change.value["path"])
    if not path or path.startswith("/") or ".." in path.split("/"):
        raise Refusal(400, f"Invalid path {path!r}")
    match change.key:
        case "file":
            files[path] = storage.keep(base64.b64decode(change.value["content"]), large=False)
        case "lfsFile":
            sha256 = str(change.value["oid"])
            if not storage.blob(sha256).is_file():
                raise Refusal(400, f"LFS pointer pointed to a file that does not exist: {sha256}")
            files[path] = storage.describe(sha256, large=True)
        case "deletedFile":
            if files.pop(path, None) is None:
                raise no_entry(path)
        case "deletedFolder":
            for inside in [known for known in files if known.startswith(path.rstrip("/") + "/")]:
                del files[inside]
        case "header":
            raise Refusal(400, "A commit has one header")
