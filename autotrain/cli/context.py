"""What most commands open first: the settings and the record of the data home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autotrain.errors import DataError
from autotrain.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from autotrain.data.store import DatasetStore
    from autotrain.runs.sql import SqlStore
    from autotrain.runs.store import Run


def open_settings() -> Settings:
    """Settings with a data home that exists. Raises SettingsError."""
    settings = load_settings()
    settings.prepare_home()
    return settings


def open_record(settings: Settings) -> SqlStore:
    """The record of the data home."""
    from autotrain.runs.sql import open_store

    return open_store(settings.database)


def open_datasets(settings: Settings) -> DatasetStore:
    """The datasets of the data home, and those of the Hub with the saved token."""
    from autotrain.hub.account import Account
    from autotrain.hub.datasets import open_datasets

    return open_datasets(settings, lambda: Account(open_record(settings), settings).token())


def console() -> Console:
    """Where people read: colours in a terminal, plain text in a pipe."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def not_written(place: Path, error: OSError) -> DataError:
    """What a file or folder that the person named refuses."""
    return DataError(
        f"{place} could not be written ({error.strerror}). Free some space or choose another place.",
        code="not-writable",
    )


def find_run(store: SqlStore, wanted: str) -> Run:
    """A run by its id, the beginning of its id, its name, or a part of its name. Raises UnknownRun."""
    from autotrain.errors import UnknownRun

    runs = store.list(limit=10_000)
    found = [run for run in runs if run.id.startswith(wanted) or run.name == wanted]
    found = found or [run for run in runs if wanted.casefold() in run.name.casefold()]
    exact = [run for run in found if run.id == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise UnknownRun(f"There is no run {wanted!r}. `autotrain runs list` shows those that exist.")
    ids = ", ".join(run.id for run in found[:5])
    raise UnknownRun(f"{wanted!r} fits {len(found)} runs ({ids}). Give more of the id.")
