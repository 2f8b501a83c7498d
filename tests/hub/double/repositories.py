"""Accounts and repositories: who am I, create, describe, change settings, list files."""

from __future__ import annotations

import json
import re
from typing import Any, Literal
from urllib.parse import unquote

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tests.hub.double.access import Readable, Segment, SignedIn, TheHub, Writable
from tests.hub.double.refusals import Refusal, no_entry
from tests.hub.double.storage import Commit, Repository, Storage, StoredFile

router = APIRouter()


class NewRepository(BaseModel):
    """The body of `create_repo`."""

    name: str
    organization: str | None = None
    visibility: Literal["public", "private"] | None = None
    type: Literal["model"] = "model"


class RepositorySettings(BaseModel):
    """The body of `update_repo_settings`."""

    visibility: Literal["public", "private"] | None = None
    gated: Literal["auto", "manual", False] | None = None


class Metadata(BaseModel):
    """The body of the check of a card's YAML."""

    content: str
    repoType: str


@router.get("/api/agent-harnesses")
async def agent_harnesses() -> dict[str, object]:
    """Asked once by every client, for its user agent."""
    return {"standardEnvVars": [], "harnesses": {}}


@router.get("/api/whoami-v2")
async def whoami(who: SignedIn) -> dict[str, object]:
    """The caller, organisations and what the token may do."""
    return who.whoami()


@router.post("/api/validate-yaml")
async def validate_yaml(metadata: Metadata) -> JSONResponse:
    """Whether a card's metadata parses and names a known kind of evaluation result."""
    try:
        yaml.safe_load(front_matter(metadata.content))
    except yaml.YAMLError as error:
        return JSONResponse({"error": "Invalid metadata", "errors": [{"message": str(error)}], "warnings": []}, 400)
    return JSONResponse({"errors": [], "warnings": []})


@router.post("/api/repos/create")
async def create(new: NewRepository, request: Request, hub: TheHub, who: SignedIn) -> dict[str, str]:
    """Make a repository; 409 says it is there, 403 that the namespace is someone else's."""
    namespace = new.organization or who.name
    repository_id = f"{namespace}/{new.name}"
    if not who.may_write(namespace):
        raise Refusal(403, f'You don\'t have the rights to create a model under the namespace "{namespace}"')
    if not re.fullmatch(r"[\w.-]{1,96}", new.name):
        raise Refusal(400, "Invalid repo name")
    answer = {"url": f"{request.base_url}{repository_id}", "name": repository_id, "id": repository_id}
    if repository_id in hub.storage.repositories:
        raise Refusal(409, "You already created this model repo", body=answer)
    hub.storage.create(repository_id, private=new.visibility == "private", author=who.name)
    return answer


@router.get("/api/models/{owner}/{name}")
async def info(repository: Readable, hub: TheHub, blobs: bool = False) -> dict[str, Any]:
    """A repository at its newest commit."""
    return describe(hub.storage, repository, repository.head, sizes=blobs)


@router.get("/api/models/{owner}/{name}/revision/{revision}")
async def info_at(repository: Readable, revision: Segment, hub: TheHub, blobs: bool = False) -> dict[str, Any]:
    """A repository at a revision."""
    return describe(hub.storage, repository, repository.at(revision), sizes=blobs)


@router.get("/api/models/{name}")
async def info_without_namespace(name: str) -> None:
    """Names without a namespace are old canonical models; the double has none."""
    raise Refusal(404, f"Repository {name} not found", "RepoNotFound")


@router.put("/api/models/{owner}/{name}/settings")
async def change(repository: Writable, settings: RepositorySettings) -> dict[str, object]:
    """Change who may see it."""
    if settings.visibility is not None:
        repository.private = settings.visibility == "private"
    if settings.gated is not None:
        repository.gated = settings.gated
    return {"private": repository.private, "gated": repository.gated}


@router.get("/api/models/{owner}/{name}/auth-check/write")
async def may_write(repository: Writable) -> dict[str, object]:
    """Nothing, when the caller may write."""
    return {}


@router.get("/api/models/{owner}/{name}/tree/{revision}")
async def tree(repository: Readable, revision: Segment, recursive: bool = False) -> list[dict[str, object]]:
    """All files of a revision; folders are left out, the client needs none."""
    files = sorted(repository.at(revision).files.items())
    return [entry(path, file) for path, file in files if recursive or "/" not in path]


@router.post("/api/models/{owner}/{name}/paths-info/{revision}")
async def paths_info(repository: Readable, revision: Segment, request: Request) -> list[dict[str, object]]:
    """The files among the paths asked for; missing ones are left out."""
    form, files = await request.form(), repository.at(revision).files
    paths = [str(path) for path in form.getlist("paths")]
    return [entry(path, files[path]) for path in paths if path in files]


@router.get("/api/models/{owner}/{name}/commits/{revision}")
async def commits(repository: Readable, revision: Segment) -> list[dict[str, object]]:
    """The history, newest first."""
    repository.at(revision)
    return [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.description,
            "date": commit.at,
            "authors": [{"user": commit.author}],
        }
        for commit in reversed(repository.commits)
    ]


def the_file(commit: Commit, path: str) -> StoredFile:
    """A file of a commit, by its quoted path."""
    file = commit.files.get(unquote(path))
    if file is None:
        raise no_entry(path)
    return file


def front_matter(text: str) -> str:
    """The YAML at the top of a card; empty when there is none."""
    found = re.match(r"---\r?\n(.*?)\r?\n?---(\s|$)", text, re.DOTALL)
    return found[1] if found else ""


def card(storage: Storage, repository: Repository) -> dict[str, Any]:
    """The metadata of the repository's card."""
    parsed = yaml.safe_load(front_matter(storage.text(repository, "README.md")))
    return parsed if isinstance(parsed, dict) else {}


def entry(path: str, file: StoredFile) -> dict[str, object]:
    """A file as the tree lists it."""
    listed: dict[str, object] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
    if file.large:
        listed["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
    return listed


def describe(storage: Storage, repository: Repository, commit: Commit, *, sizes: bool = False) -> dict[str, Any]:
    """A repository as the Hub describes it."""
    metadata = card(storage, repository)
    library = metadata.get("library_name")
    described: dict[str, Any] = {
        "_id": repository.id,
        "id": repository.id,
        "modelId": repository.id,
        "author": repository.namespace,
        "sha": commit.oid,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "lastModified": commit.at,
        "createdAt": repository.created_at,
        "downloads": repository.downloads,
        "likes": repository.likes,
        "library_name": library,
        "pipeline_tag": metadata.get("pipeline_tag"),
        "tags": tags(metadata),
        "cardData": metadata,
        "siblings": [sibling(path, file, sizes=sizes) for path, file in sorted(commit.files.items())],
    }
    config = storage.text(repository, "config.json")
    if config:
        described["config"] = json.loads(config)
    if repository.parameters is not None:
        described["safetensors"] = {"parameters": {"F32": repository.parameters}, "total": repository.parameters}
    return described


def tags(metadata: dict[str, Any]) -> list[str]:
    """The tags the Hub derives from a card."""
    found = [*many(metadata.get("tags")), *many(metadata.get("library_name")), *many(metadata.get("pipeline_tag"))]
    for key in ("license", "base_model"):
        found += [f"{key}:{value}" for value in many(metadata.get(key))]
    found += [f"dataset:{value}" for value in many(metadata.get("datasets"))]
    return list(dict.fromkeys([*found, *many(metadata.get("language"))]))


def many(value: object) -> list[str]:
    """A card's value, which may be one or several, as a list."""
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def sibling(path: str, file: StoredFile, *, sizes: bool) -> dict[str, object]:
    """A file as a repository's description lists it."""
    if not sizes:
        return {"rfilename": path}
    listed: dict[str, object] = {"rfilename": path, "size": file.size, "blobId": file.oid}
    if file.large:
        listed["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": 134}
    return listed
