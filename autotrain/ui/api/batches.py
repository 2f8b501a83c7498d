"""Routes of batches: a table in, the same table with predictions out, with progress in between."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from autotrain.ui.predictions import Batch, BatchState, Predictions
from autotrain.ui.services import Services
from autotrain.ui.uploads import received


class BatchView(BaseModel):
    """A batch and how far it came."""

    id: str
    name: str
    state: BatchState
    done: int
    total: int
    reason: str | None
    notes: list[str]
    roles: list[str]
    columns: list[str]


class Columns(BaseModel):
    """Which column plays each role."""

    columns: dict[str, str]


def router(services: Services, predictions: Predictions) -> APIRouter:
    """Routes under `/runs/{run_id}/batches`."""
    made = APIRouter(prefix="/runs/{run_id}/batches", tags=["batches"])

    @made.post("", status_code=202)
    async def start(
        run_id: str, request: Request, name: Annotated[str, Query(min_length=1, max_length=200)]
    ) -> BatchView:
        """Classify a table: the request's body is the file itself, `name` its name."""
        await run_in_threadpool(services.store.get, run_id)
        async with received(request, services.settings, name) as path:
            return _view(await run_in_threadpool(predictions.start, run_id, path, name))

    @made.get("/{batch_id}")
    def look(run_id: str, batch_id: str) -> BatchView:
        """How far a batch came."""
        services.store.get(run_id)
        return _view(predictions.batch(run_id, batch_id))

    @made.post("/{batch_id}")
    def go_on(run_id: str, batch_id: str, columns: Columns) -> BatchView:
        """Say which column plays which role, where the state is `needs columns`."""
        services.store.get(run_id)
        return _view(predictions.go_on(run_id, batch_id, columns.columns))

    @made.get("/{batch_id}/file", response_class=FileResponse)
    def download(run_id: str, batch_id: str) -> FileResponse:
        """The table with predictions."""
        services.store.get(run_id)
        batch = predictions.batch(run_id, batch_id)
        if batch.state != "done":
            raise HTTPException(409, "The predictions are not ready yet.")
        return FileResponse(batch.output, filename=f"{Path(batch.name).stem}-predicted.csv", media_type="text/csv")

    return made


def _view(batch: Batch) -> BatchView:
    fields = {name: getattr(batch, name) for name in ("id", "name", "state", "done", "reason", "notes", "columns")}
    return BatchView(**fields, roles=list(batch.roles), total=batch.table.rows.num_rows)
