"""Routes of data that was imported: list it, look at its rows, rename and delete it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from autotrain.data.store import Dataset
from autotrain.errors import DataError
from autotrain.runs.state import FINISHED, WORDS, State
from autotrain.ui.services import Services

_SOURCE = re.compile(r"^  source: ['\"]?([0-9a-f]{16})\b", re.MULTILINE)


class User(BaseModel):
    """A run that was made from a table."""

    id: str
    name: str
    state: State


class Renamed(BaseModel):
    """A new name."""

    name: str = Field(min_length=1, max_length=200)


class DatasetView(BaseModel):
    """An imported table. Its `id` is what a recipe's `data.source` may say."""

    id: str
    name: str
    rows: int
    size_bytes: int
    columns: list[str]
    created_at: float
    disk_bytes: int
    used_by: list[User] = []


LONGEST_CELL = 2_000


class RowsView(BaseModel):
    """Some rows of a table, and how many there are in all."""

    start: int
    of: int
    rows: list[dict[str, str]]


def router(services: Services) -> APIRouter:
    """Routes under `/datasets`."""
    made = APIRouter(prefix="/datasets", tags=["datasets"])

    @made.get("")
    def list_datasets() -> list[DatasetView]:
        """Imported tables, newest first."""
        users = _users(services)
        return [view(dataset, users.get(dataset.id, [])) for dataset in services.datasets.list()]

    @made.patch("/{dataset_id}")
    def rename(dataset_id: str, renamed: Renamed) -> DatasetView:
        """Give a table another name."""
        return view(services.datasets.rename(dataset_id, renamed.name.strip() or "Table"))

    @made.delete("/{dataset_id}", status_code=204)
    def delete(dataset_id: str) -> None:
        """Delete a table. One that a run still needs is kept; ended runs have their own copy of the rows."""
        waiting = [user for user in _users(services).get(dataset_id, []) if user.state not in FINISHED]
        if waiting:
            state = WORDS[waiting[0].state].lower()
            raise DataError(
                f'The run "{waiting[0].name}" still needs this table ({state}). Cancel it, or wait until it has ended.',
                code="in-use",
            )
        services.datasets.delete(dataset_id)

    @made.get("/{dataset_id}/rows")
    def rows(
        dataset_id: str, start: Annotated[int, Query(ge=0)] = 0, count: Annotated[int, Query(ge=1, le=200)] = 20
    ) -> RowsView:
        """Rows from the position `start`, counted from 0; cells beyond 2,000 characters are cut."""
        return _rows(services.datasets.get(dataset_id), start, count)

    return made


def _rows(dataset: Dataset, start: int, count: int) -> RowsView:
    rows = dataset.slice(start, count)
    cut = [{name: cell[:LONGEST_CELL] for name, cell in row.items()} for row in rows]
    return RowsView(start=start, of=dataset.profile.rows, rows=cut)


def _users(services: Services) -> dict[str, list[User]]:
    """The runs of each dataset, newest first."""
    users: dict[str, list[User]] = {}
    for run in services.store.list(limit=10_000):
        source = _SOURCE.search(run.recipe)
        if source is not None:
            users.setdefault(source[1], []).append(User(id=run.id, name=run.name, state=run.state))
    return users


def view(dataset: Dataset, users: Sequence[User] = ()) -> DatasetView:
    """An imported table for a list, with the runs that used it."""
    return DatasetView(
        id=dataset.id,
        name=dataset.name,
        rows=dataset.profile.rows,
        size_bytes=dataset.profile.size_bytes,
        columns=[column.name for column in dataset.profile.columns],
        created_at=dataset.created_at.timestamp(),
        disk_bytes=dataset.disk_bytes(),
        used_by=list(users),
    )
