"""Imports under way: how far each is, and a way to stop it. The page that asked for one chose its key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import BaseModel, Field

from autotrain.data.glance import Glance
from autotrain.errors import DataError


class ImportProgress(BaseModel):
    """How far an import is, and its first rows once they are known. `fraction` is None while the size is unknown."""

    fraction: float | None = Field(None, ge=0, le=1)
    first: Glance | None = None


class Imports:
    """What is being imported by this process, by key. All of it may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, ImportProgress] = {}
        self._stopped: set[str] = set()

    @contextmanager
    def following(self, key: str | None) -> Iterator[Callable[[int, int], None]]:
        """What an import calls with bytes done and bytes in all.

        It raises DataError, which ends the import, once somebody has cancelled it.
        """
        if key is not None:
            self._told[key] = ImportProgress()

        def tell(done: int, total: int) -> None:
            if key is None:
                return
            if key in self._stopped:
                raise DataError("The import was cancelled. Nothing of it is kept.", code="cancelled")
            fraction = min(1.0, done / total) if total > 0 else None
            with self._lock:
                self._told[key] = self._told[key].model_copy(update={"fraction": fraction})

        try:
            yield tell
        finally:
            with self._lock:
                self._told.pop(key or "", None)
                self._stopped.discard(key or "")

    def progress(self, key: str) -> ImportProgress | None:
        """How far it is; None when nothing with this key is under way."""
        return self._told.get(key)

    def show(self, key: str | None, first: Glance | None) -> None:
        """Its first rows; nothing happens when it has ended."""
        with self._lock:
            if key in self._told and first is not None:
                self._told[key] = self._told[key].model_copy(update={"first": first})

    def cancel(self, key: str) -> None:
        """Stop it at its next sign of life; nothing happens when it has ended."""
        with self._lock:
            if key in self._told:
                self._stopped.add(key)
