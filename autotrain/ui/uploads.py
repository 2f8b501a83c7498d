"""Receives a file as a request's body: streamed to disk, within the size limit, gone when it is no longer needed."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import HTTPException, Request

from autotrain.data.read import size_text
from autotrain.settings import Settings


@asynccontextmanager
async def received(request: Request, settings: Settings, name: str) -> AsyncIterator[Path]:
    """The request's body as a file in the data home; its name keeps only the suffix of `name`."""
    with tempfile.TemporaryDirectory(dir=settings.root, prefix=".upload-") as folder:
        path = Path(folder) / f"upload{Path(name).suffix[:10]}"
        size = 0
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > settings.max_upload_bytes:
                    raise HTTPException(
                        413,
                        f"{name} has more than {size_text(settings.max_upload_bytes)}, the most that is accepted. Take "
                        "a part of its rows, or raise AUTOTRAIN_MAX_UPLOAD_BYTES.",
                    )
                file.write(chunk)
        yield path
