"""What most commands open first: the settings and the record of the data home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autotrain.errors import DataError
from autotrain.runs.finding import find_run as find_run
from autotrain.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from autotrain.data.store import DatasetStore
    from autotrain.runs.sql import SqlStore


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
