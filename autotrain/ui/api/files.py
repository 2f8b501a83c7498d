"""Routes of a run's files and log. Only what is listed can be fetched, so no path leads out of the run's folder."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from autotrain.redaction import redact
from autotrain.runs.folder import AttemptFolder, RunFolder
from autotrain.ui.services import Services

LOG_CHUNK = 256 * 1024
"""Most bytes of log in one answer; a page asks again for the rest."""

ARCHIVE = "adapter.zip"


class FileView(BaseModel):
    """A file of a run that can be downloaded."""

    path: str
    size: int
    about: str


class LogView(BaseModel):
    """A piece of an attempt's log."""

    attempt: int
    attempts: list[int]
    text: str
    next: int = Field(description="Ask with `after` set to this for what comes next.")
    size: int


ABOUT: tuple[tuple[str, str], ...] = (
    (r"report\.json", "The evaluation: every figure on the Result page"),
    (r"recipe\.yaml", "The recipe, frozen at the start; run it again with `autotrain train`"),
    (r"adapter/.*\.safetensors", "The adapter's weights"),
    (r"adapter/README\.md", "The model card"),
    (r"adapter/.*", "Part of the adapter"),
    (r"data/profile\.json", "What is known about the data"),
    (r"data/mapping\.json", "Which column plays which role"),
    (r"attempt-\d+/trainer\.log", "What the trainer printed"),
    (r"attempt-\d+/events\.jsonl", "Every event of the attempt, one JSON object a line"),
)
"""The files people may fetch, by pattern, and what each is."""


def router(services: Services) -> APIRouter:
    """Routes under `/runs/{run_id}/files` and `/runs/{run_id}/log`."""
    made = APIRouter(prefix="/runs/{run_id}", tags=["files"])

    def folder_of(run_id: str) -> RunFolder:
        return RunFolder(services.settings.runs / services.store.get(run_id).id)

    @made.get("/files")
    def list_files(run_id: str) -> list[FileView]:
        """The files of a run, the adapter as one archive first."""
        return list(_files(folder_of(run_id)))

    @made.get("/files/{path:path}", response_class=FileResponse)
    def get_file(run_id: str, path: str) -> FileResponse:
        """One file, or `adapter.zip`: the whole adapter."""
        folder = folder_of(run_id)
        if path not in {file.path for file in _files(folder)}:
            raise HTTPException(404, f"This run has no file {path!r}. GET /api/runs/{run_id}/files lists them.")
        if path == ARCHIVE:
            archive = _archive(folder.adapter)
            task = BackgroundTask(archive.unlink)
            return FileResponse(archive, filename=f"adapter-{run_id}.zip", background=task)
        return FileResponse(folder.path / path, filename=Path(path).name)

    @made.get("/log")
    def read_log(
        run_id: str,
        after: Annotated[int | None, Query(ge=0, description="Byte to go on from; without it, the log's end.")] = None,
        attempt: Annotated[int | None, Query(ge=0, description="Without it, the newest attempt.")] = None,
    ) -> LogView:
        """A piece of the trainer's log, secrets blackened."""
        attempts = [found for found in folder_of(run_id).attempts() if found.log.is_file()]
        numbers = [found.fence for found in attempts]
        if not attempts and attempt is None:
            return LogView(attempt=0, attempts=[], text="", next=0, size=0)
        chosen = next((found for found in attempts if found.fence == attempt), attempts[-1] if attempts else None)
        if chosen is None or (attempt is not None and attempt not in numbers):
            raise HTTPException(404, f"Attempt {attempt} has no log; there are logs of {numbers or 'no attempt'}.")
        return _log(chosen, numbers, after)

    return made


def _files(folder: RunFolder) -> Iterator[FileView]:
    if folder.adapter.is_dir():
        size = sum(path.stat().st_size for path in folder.adapter.rglob("*") if path.is_file())
        yield FileView(path=ARCHIVE, size=size, about="The whole adapter as one archive")
    root = folder.path.resolve()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        about = next((text for pattern, text in ABOUT if re.fullmatch(pattern, name)), None)
        if about is not None and path.is_file() and path.resolve().is_relative_to(root):
            yield FileView(path=name, size=path.stat().st_size, about=about)


def _archive(adapter: Path) -> Path:
    # Weights do not compress, so they are stored as they are: an archive costs one copy.
    with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file, zipfile.ZipFile(file, "w") as archive:
        for path in sorted(adapter.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, Path("adapter") / path.relative_to(adapter))
    return Path(file.name)


def _log(attempt: AttemptFolder, numbers: list[int], after: int | None) -> LogView:
    size = attempt.log.stat().st_size
    start = max(0, size - LOG_CHUNK) if after is None else min(after, size)
    with attempt.log.open("rb") as file:
        file.seek(start)
        chunk = file.read(LOG_CHUNK)
    # A chunk ends with a whole line, so that neither a character nor a secret is cut in two.
    if len(chunk) == LOG_CHUNK and b"\n" in chunk:
        chunk = chunk[: chunk.rindex(b"\n") + 1]
    if after is None and start and b"\n" in chunk:
        cut = chunk.index(b"\n") + 1
        start, chunk = start + cut, chunk[cut:]
    text = redact(chunk.decode("utf-8", "replace"))
    return LogView(attempt=attempt.fence, attempts=numbers, text=text, next=start + len(chunk), size=size)
