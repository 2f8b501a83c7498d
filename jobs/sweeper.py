"""Frees disk space at a calm pace: now and then prunes checkpoints by policy and deletes what was left half done."""

from __future__ import annotations

import logging
import threading

from autotrain.retention.sweeping import sweep
from autotrain.runs.store import RunStore
from autotrain.settings import Settings

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
"""Policies count in days. In a thread of its own, because deleting gigabytes must not keep runs waiting."""


class Sweeper(threading.Thread):
    """Sweeps at once and then every `every` seconds. Several workers may do so at the same moment."""

    def __init__(self, settings: Settings, store: RunStore, every: float = EVERY_SECONDS) -> None:
        super().__init__(daemon=True, name="sweeper")
        self._settings, self._store, self._every = settings, store, every
        self._ended = threading.Event()

    def run(self) -> None:
        """Sweep until stopped."""
        while not self._ended.is_set():
            try:
                freed = sweep(self._settings, self._store, stopping=self._ended.is_set)
                if freed:
                    total = sum(one.size_bytes for one in freed) / 1e6
                    logger.info("checkpoints of %s runs were let go: %.1f MB freed", len(freed), total)
            except Exception:
                logger.exception("the data home could not be swept; the next try is in %.0f s", self._every)
            self._ended.wait(self._every)

    def stop(self) -> None:
        """Sweep no more, after the run that is being swept."""
        self._ended.set()
