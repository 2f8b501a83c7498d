"""Routes that import data: a file, several, a web address, another sheet; how far each is, and its end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Annotated

from fastapi import APIRouter, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from autotrain.data.glance import HEAD_BYTES, Glance, glance, glance_inside
from autotrain.data.remote import is_url
from autotrain.errors import DataError
from autotrain.ui.api.datasets import DatasetView, view
from autotrain.ui.imports import ImportProgress
from autotrain.ui.services import Services
from autotrain.ui.uploads import all_received, received

Name = Annotated[str, Query(min_length=1, max_length=200)]


class Place(BaseModel):
    """A web address, or one of a cloud store."""

    url: str = Field(min_length=1, max_length=2000)


class Sheet(BaseModel):
    """A sheet of a workbook."""

    sheet: str = Field(min_length=1, max_length=200)


Key = Annotated[str | None, Query(min_length=8, max_length=64, pattern=r"^[\w-]+$")]
"""What the asking page calls an import, to ask how far it is and to cancel it."""


_LARGE = 1_000_000
"""Bytes below which an import takes no longer than its first rows."""


def _look_inside(key: str | None, path: Path, name: str, services: Services) -> None:
    """Find the first rows beside the import that begins now."""

    def look() -> None:
        with suppress(OSError):  # the import may have ended, and the file be gone
            services.imports.show(key, glance_inside(path, name, services.settings))

    if key is not None and path.stat().st_size > _LARGE:
        Thread(target=look, daemon=True).start()


def router(services: Services) -> APIRouter:
    """Routes under `/datasets`."""
    made = APIRouter(prefix="/datasets", tags=["datasets"])

    @made.post("", status_code=201)
    async def upload(request: Request, name: Name, key: Key = None) -> DatasetView:
        """Import a table: the request's body is the file itself, `name` its name."""
        async with received(request, services.settings, name) as path:
            with services.imports.following(key) as progress:
                _look_inside(key, path, name, services)
                return view(await run_in_threadpool(services.datasets.add, path, name, progress))

    @made.post("/glance")
    async def first_rows(request: Request, name: Name) -> Glance | None:
        """The first rows of a table of which the body is the beginning, at most 256 kB; null where it does not tell."""
        head = b""
        async for chunk in request.stream():
            head += chunk[: HEAD_BYTES - len(head)]
        return await run_in_threadpool(glance, head, name, services.settings)

    @made.get("/imports/{key}")
    def how_far(key: str) -> ImportProgress | None:
        """How far an import is; null when none with this key is under way."""
        return services.imports.progress(key)

    @made.delete("/imports/{key}", status_code=204)
    def cancel(key: str) -> None:
        """Cancel an import; the request that started it answers that it was."""
        services.imports.cancel(key)

    @made.post("/{dataset_id}/sheet", status_code=201)
    def other_sheet(dataset_id: str, wanted: Sheet) -> DatasetView:
        """Another sheet of the workbook that a table was made from, as a table of its own."""
        return view(services.datasets.choose_sheet(dataset_id, wanted.sheet))

    @made.post("/several", status_code=201)
    async def upload_several(files: list[UploadFile], key: Key = None) -> DatasetView:
        """Import several files as one table; train, validation and test are known by their names."""
        async with all_received(files, services.settings) as paths:
            with services.imports.following(key) as progress:
                return view(await run_in_threadpool(services.datasets.add_several, paths, progress))

    @made.post("/url", status_code=201)
    def from_url(place: Place, key: Key = None) -> DatasetView:
        """Import what a web address or a cloud store holds; private addresses are refused."""
        url = place.url.strip()
        if not is_url(url):
            raise DataError(f"{url[:100]} is no address. Write it whole, such as https://…", code="unknown-address")
        with services.imports.following(key) as progress:
            return view(services.datasets.add_url(url, progress))

    return made
