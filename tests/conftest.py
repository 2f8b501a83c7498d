"""Fixtures that every room may use: settings on a data home of its own, and a real record in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything imports torch. Toys are computed in no time: a second thread, here or in a process that a test starts,
# only waits. A trainer under a supervisor takes every core whatever is said here; its threads wait without spinning,
# for the other worker's tests need the cores too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from autotrain.runs.sql import SqlStore, open_store
from autotrain.settings import Settings
from tests.postgres import database_url, postgres

__all__ = ["database_url", "postgres"]


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> Settings:
    """Settings whose data home is a fresh folder."""
    made = Settings(home=tmp_path / "home", redis_url=None, database_url=database_url)
    made.prepare_home()
    return made


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlStore]:
    """A real record in the data home."""
    opened = open_store(settings.database)
    yield opened
    opened.close()
