"""Receives files as a request's body: streamed to disk, within the size limit, gone when it is no longer needed."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request, UploadFile
from starlette.requests import ClientDisconnect

from autotrain.data.read import check_size, plain_errors
from autotrain.errors import DataError
from autotrain.settings import UPLOAD, Settings


@asynccontextmanager
async def received(request: Request, settings: Settings, name: str) -> AsyncIterator[Path]:
    """The request's body as a file in the data home; its name keeps only the suffix of `name`.

    Raises:
        DataError: the file is over the size limit, or the disk is full.
    """
    with plain_errors(name), tempfile.TemporaryDirectory(dir=settings.root, prefix=UPLOAD) as folder:
        path = Path(folder) / f"upload{Path(name).suffix[:10]}"
        size = 0
        with path.open("wb") as file:
            try:
                # Read to the end whatever its size: a browser that is still sending does not hear an answer.
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= settings.max_upload_bytes:
                        file.write(chunk)
            except ClientDisconnect as error:
                raise DataError("The upload ended before the file did.", code="cancelled") from error
        check_size(name, size, settings)
        yield path


@asynccontextmanager
async def all_received(files: Sequence[UploadFile], settings: Settings) -> AsyncIterator[list[tuple[str, Path]]]:
    """The files of a form in the data home, with the names they were sent under.

    Raises:
        DataError: together they are over the size limit, or the disk is full.
    """
    with plain_errors("The files"), tempfile.TemporaryDirectory(dir=settings.root, prefix=UPLOAD) as folder:
        kept: list[tuple[str, Path]] = []
        size = 0
        for number, file in enumerate(files):
            path = Path(folder) / f"{number}"
            with path.open("wb") as target:
                while chunk := await file.read(1 << 20):
                    size += len(chunk)
                    check_size("What was dropped", size, settings)
                    target.write(chunk)
            kept.append((file.filename or f"file {number + 1}", path))
        yield kept
