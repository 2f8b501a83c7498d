"""One sweep of a data home: checkpoints by policy, and what processes that were killed left half done."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from autotrain.data.store import DatasetStore
from autotrain.models.starter import sweep_models
from autotrain.retention.checkpoints import Prunable, prune
from autotrain.retention.files import newest, remove
from autotrain.retention.policy import DAY
from autotrain.runs.store import RunStore
from autotrain.settings import BACKUP, RESTORE, UPLOAD, Settings

ABANDONED_SECONDS = DAY
"""What nothing has been written to for so long belongs to nobody: no upload, backup or restore rests for a day."""


def sweep(settings: Settings, store: RunStore, *, stopping: Callable[[], bool] = lambda: False) -> list[Prunable]:
    """Prune by policy and delete what was left half done; returns what was pruned."""
    sweep_leftovers(settings)
    return prune(settings, store, stopping=stopping)


def sweep_leftovers(settings: Settings) -> None:
    """Delete what backups, restores, uploads, imports and models being added left behind when they were killed."""
    oldest = time.time() - ABANDONED_SECONDS
    for path in (path for prefix in (BACKUP, RESTORE, UPLOAD) for path in settings.root.glob(f"{prefix}*")):
        with suppress(OSError):
            if newest(path) < oldest:
                remove(path)
    DatasetStore(settings).sweep()
    sweep_models(settings)
