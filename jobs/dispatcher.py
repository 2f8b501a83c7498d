"""Heals and feeds: ends expired leases and sends queued runs and pending publications to the workers again."""

from __future__ import annotations

import logging
import socket
import threading

from autotrain.runs.devices import Device
from autotrain.runs.store import LEASE_SECONDS, Reconciled, RunStore
from autotrain.training.hardware import accelerators, memory
from jobs.nudge import Nudge

logger = logging.getLogger(__name__)

DISPATCHES_IN_A_LEASE = 4
EVERY_SECONDS = LEASE_SECONDS / DISPATCHES_IN_A_LEASE
"""The longest a run waits for a nudge that was lost."""

AFTER_A_LEASE_SECONDS = 0.1
"""So that the lease that is waited for is over for certain."""


def devices() -> tuple[Device, ...]:
    """What this machine offers to runs: its cards, else its processor with the machine's memory."""
    cards = tuple(Device(card.name, card.memory_total) for card in accelerators())
    return cards or (Device("cpu", memory()[0]),)


def dispatch(store: RunStore, nudge: Nudge, slots: int) -> Reconciled:
    """Reconcile once and nudge as often as runs could start at once: each nudge takes up the one whose turn it is."""
    found = store.reconcile()
    for run_id in found.expired:
        logger.warning("the owner of run %s was lost; its lease has ended", run_id)
    for run_id in found.queued[:slots]:
        nudge("run", run_id)
    for publication_id in found.publications:
        nudge("publication", publication_id)
    return found


class Dispatcher(threading.Thread):
    """Dispatches at once, then every `every` seconds and when a lease ends, whatever record and broker do meanwhile."""

    def __init__(self, store: RunStore, nudge: Nudge, slots: int, every: float = EVERY_SECONDS) -> None:
        super().__init__(daemon=True, name="dispatcher")
        self._store, self._nudge, self._slots, self._every = store, nudge, slots, every
        self._ended, self._host = threading.Event(), socket.gethostname()

    def run(self) -> None:
        """Dispatch until stopped."""
        while not self._ended.is_set():
            wait = self._every
            try:
                self._store.seen(self._host)
                found = dispatch(self._store, self._nudge, self._slots)
                wait = min(self._every, max(0.0, found.next_end) + AFTER_A_LEASE_SECONDS)
            except Exception:
                logger.exception("the record does not answer; the next try is in %.0f s", self._every)
            self._ended.wait(wait)

    def stop(self) -> None:
        """Dispatch no more."""
        self._ended.set()
