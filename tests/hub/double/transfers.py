"""Bytes in and out: large files by the LFS protocol, and downloads of any file, whole or in part."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel

from tests.hub.double.access import Downloadable, Segment, TheHub, caller, readable, signed_in, writable
from tests.hub.double.refusals import Refusal
from tests.hub.double.repositories import the_file

router = APIRouter()


class Object(BaseModel):
    """A large file by name and size."""

    oid: str
    size: int


class Batch(BaseModel):
    """The body of the question where to send large files."""

    operation: str
    objects: list[Object]


@router.post("/{owner}/{name}.git/info/lfs/objects/batch")
async def batch(owner: Segment, name: Segment, wanted: Batch, request: Request, hub: TheHub) -> JSONResponse:
    """Where to send each large file; no place for those that are here already."""
    who = caller(request, hub)
    writable(readable(owner, name, hub, who), signed_in(who))
    objects: list[dict[str, Any]] = []
    for item in wanted.objects:
        described: dict[str, Any] = {"oid": item.oid, "size": item.size}
        if not hub.storage.blob(item.oid).is_file():
            address = f"{request.base_url}large-files/{item.oid}?signature={hub.signature(item.oid)}"
            described["actions"] = {"upload": {"href": address, "header": {}}}
        objects.append(described)
    body = {"transfer": "basic", "objects": objects}
    return JSONResponse(body, media_type="application/vnd.git-lfs+json")


@router.put("/large-files/{oid}")
async def receive(oid: str, signature: str, request: Request, hub: TheHub) -> Response:
    """A large file. The address is signed; the client sends no token here."""
    if signature != hub.signature(oid):
        raise Refusal(403, "SignatureDoesNotMatch")
    if await hub.storage.receive(request.stream()) != oid:
        raise Refusal(400, "The SHA-256 of the body does not match its name")
    return Response(headers={"ETag": f'"{oid}"'})


@router.api_route("/{owner}/{name}/resolve/{revision}/{path:path}", methods=["GET", "HEAD"])
async def resolve(repository: Downloadable, revision: Segment, path: str, hub: TheHub) -> FileResponse:
    """A file's bytes, or the part of them that a Range header asks for."""
    commit = repository.at(revision)
    file = the_file(commit, path)
    headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if file.large:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
    return FileResponse(hub.storage.blob(file.sha256), headers=headers)
