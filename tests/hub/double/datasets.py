"""Datasets: search, description, listing and files. Nothing is published here, so there are no routes that write."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse

from tests.hub.double.access import Caller, Segment, TheHub
from tests.hub.double.refusals import Refusal, no_entry, no_repository
from tests.hub.double.repositories import describe, entry, the_file
from tests.hub.double.search import only
from tests.hub.double.storage import Repository

router = APIRouter()


def readable(owner: Segment, name: Segment, hub: TheHub, who: Caller) -> Repository:
    """The dataset, where the caller may see that it exists."""
    repository = hub.storage.datasets.get(f"{owner}/{name}")
    if repository is None or (repository.private and not (who and who.may_read(owner))):
        raise no_repository(known=who is not None)
    return repository


Readable = Annotated[Repository, Depends(readable)]


def downloadable(repository: Readable, who: Caller) -> Repository:
    """The dataset, where the caller may also read its files."""
    if repository.gated and not (who and who.may_read(repository.namespace)):
        message = f"Access to dataset {repository.id} is restricted and you are not in the authorized list."
        raise Refusal(403 if who else 401, message, "GatedRepo")
    return repository


@router.get("/api/datasets")
async def search(
    hub: TheHub,
    who: Caller,
    search: str = "",
    limit: int = 100,
    expand: Annotated[tuple[str, ...], Query()] = (),
) -> list[dict[str, Any]]:
    """Datasets whose name holds `search`, the most downloaded first."""
    found = [
        only(described(hub, repository, "main"), expand)
        for repository in hub.storage.datasets.values()
        if search.lower() in repository.id.lower()
        and not (repository.private and not (who and who.may_read(repository.namespace)))
    ]
    return sorted(found, key=lambda item: -int(item.get("downloads", 0)))[:limit]


@router.get("/api/datasets/{owner}/{name}")
async def info(repository: Readable, hub: TheHub, blobs: bool = False) -> dict[str, Any]:
    """A dataset at its newest commit."""
    return described(hub, repository, "main", sizes=blobs)


@router.get("/api/datasets/{owner}/{name}/revision/{revision}")
async def info_at(repository: Readable, revision: Segment, hub: TheHub, blobs: bool = False) -> dict[str, Any]:
    """A dataset at a revision."""
    return described(hub, repository, revision, sizes=blobs)


@router.get("/api/datasets/{owner}/{name}/refs")
async def refs(repository: Readable) -> dict[str, Any]:
    """Its branches: only the main one."""
    branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": repository.head.oid}
    return {"branches": [branch], "converts": [], "tags": []}


@router.get("/api/datasets/{owner}/{name}/tree/{revision}")
async def tree(repository: Readable, revision: Segment, recursive: bool = False) -> list[dict[str, object]]:
    """The files of a revision, and its folders."""
    return listed(repository, revision, "", recursive=recursive)


@router.get("/api/datasets/{owner}/{name}/tree/{revision}/{path:path}")
async def subtree(
    repository: Readable, revision: Segment, path: str, recursive: bool = False
) -> list[dict[str, object]]:
    """The files below a folder."""
    found = listed(repository, revision, f"{path.rstrip('/')}/", recursive=recursive)
    if not found:
        raise no_entry(path)
    return found


@router.post("/api/datasets/{owner}/{name}/paths-info/{revision}")
async def paths_info(repository: Readable, revision: Segment, request: Request) -> list[dict[str, object]]:
    """The files and folders among the paths asked for; missing ones are left out."""
    form, files = await request.form(), repository.at(revision).files
    found: list[dict[str, object]] = []
    for path in map(str, form.getlist("paths")):
        if path in files:
            found.append(entry(path, files[path]))
        elif any(name.startswith(f"{path}/") for name in files):
            found.append(folder(path))
    return found


@router.api_route("/datasets/{owner}/{name}/resolve/{revision}/{path:path}", methods=["GET", "HEAD"])
async def resolve(
    repository: Annotated[Repository, Depends(downloadable)], revision: Segment, path: str, hub: TheHub
) -> FileResponse:
    """A file's bytes, or the part of them that a Range header asks for."""
    commit = repository.at(revision)
    file = the_file(commit, path)
    headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if file.large:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
    return FileResponse(hub.storage.blob(file.sha256), headers=headers)


def described(hub: TheHub, repository: Repository, revision: str, *, sizes: bool = False) -> dict[str, Any]:
    """A dataset as the Hub describes it."""
    found = describe(hub.storage, repository, repository.at(revision), sizes=sizes)
    return {key: value for key, value in found.items() if key not in {"modelId", "library_name", "pipeline_tag"}}


def listed(repository: Repository, revision: str, below: str, *, recursive: bool) -> list[dict[str, object]]:
    """Files and folders below a folder."""
    found: dict[str, dict[str, object]] = {}
    for path, file in sorted(repository.at(revision).files.items()):
        if not path.startswith(below):
            continue
        parts = path.removeprefix(below).split("/")
        for depth in range(1, len(parts)):
            if recursive or depth == 1:
                name = below + "/".join(parts[:depth])
                found.setdefault(name, folder(name))
        if recursive or len(parts) == 1:
            found[path] = entry(path, file)
    return list(found.values())


def folder(path: str) -> dict[str, object]:
    """A folder as the tree lists it."""
    return {"type": "directory", "path": path, "size": 0, "oid": "0" * 40}
