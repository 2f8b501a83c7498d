"""Fixtures that every room may use: settings on a data home of its own, and a real record in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.runs.sql import SqlStore, open_store
from autotrain.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose data home is a fresh folder."""
    made = Settings(home=tmp_path / "home", redis_url=None, database_url=None)
    made.prepare_home()
    return made


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlStore]:
    """A real record in the data home."""
    opened = open_store(settings.database)
    yield opened
    opened.close()
