"""The list of models: search, filters, order and pages."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from tests.hub.double.access import Caller, TheHub
from tests.hub.double.repositories import describe

router = APIRouter()

Order = Literal["downloads", "likes", "lastModified", "createdAt", "trendingScore"]


@router.get("/api/models")
async def models(
    request: Request,
    response: Response,
    hub: TheHub,
    who: Caller,
    search: str = "",
    pipeline_tag: str | None = None,
    filter: Annotated[tuple[str, ...], Query()] = (),
    sort: Order = "likes",
    limit: int | None = None,
    expand: Annotated[tuple[str, ...], Query()] = (),
    cursor: int = 0,
) -> list[dict[str, Any]]:
    """Models that match everything asked for; the next page is named in the `Link` header."""
    found = []
    for repository in hub.storage.repositories.values():
        if repository.private and not (who and who.may_read(repository.namespace)):
            continue
        listed = describe(hub.storage, repository, repository.head)
        if search.lower() not in repository.id.lower() or pipeline_tag not in (None, listed["pipeline_tag"]):
            continue
        if set(filter) <= {*listed["tags"], *({"safetensors"} if repository.parameters else ())}:
            found.append(only(listed, expand))
    key = "likes" if sort == "trendingScore" else sort
    found.sort(key=lambda item: (item.get(key, 0), item["id"]), reverse=True)
    end = cursor + min(limit or hub.page_size, hub.page_size)
    if end < len(found):
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<{request.base_url}api/models?{urlencode([*query, ("cursor", end)])}>; rel="next"'
    return found[cursor:end]


def only(listed: dict[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """What the caller asked to have in the list; everything when nothing was named."""
    if not wanted:
        return listed
    return {key: value for key, value in listed.items() if key in {"_id", "id", "modelId", *wanted}}
