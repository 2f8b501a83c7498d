"""Receives a file as a request's body: streamed to disk, within the size limit, gone when it is no longer needed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request

from autotrain.data.read import check_size, plain_errors
from autotrain.settings import Settings

LONGEST_STEM = 50
"""Characters: with four bytes for each, and a suffix, still a name that every file system takes."""


@asynccontextmanager
async def received(request: Request, settings: Settings, name: str) -> AsyncIterator[Path]:
    """The request's body as a file in the data home, called `name` as far as a file can be.

    Raises:
        DataError: the file is over the size limit, or the disk is full.
    """
    with plain_errors(name), tempfile.TemporaryDirectory(dir=settings.root, prefix=".upload-") as folder:
        path = Path(folder) / file_name(name)
        size = 0
        with path.open("wb") as file:
            # Read to the end whatever its size: a browser that is still sending does not hear an answer.
            async for chunk in request.stream():
                size += len(chunk)
                if size <= settings.max_upload_bytes:
                    file.write(chunk)
        check_size(name, size, settings)
        yield path


def file_name(name: str) -> str:
    """A name from elsewhere as one of a file here: no folders, nothing hidden, nothing too long."""
    given = Path(re.sub(r"[^\w.() -]", "_", name).lstrip(".") or "upload")
    return f"{given.stem[:LONGEST_STEM]}{given.suffix[:10]}"
