"""The worker process: takes ids from the queue and does what the record says about them. `python -m jobs.worker`"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import warnings
from functools import cached_property
from typing import Any

from celery import signals
from celery.platforms import SecurityWarning

from autotrain.errors import AutotrainError
from autotrain.logs import log_to
from autotrain.retention.checkpoints import recover
from autotrain.runs.clock import clock
from autotrain.runs.sql import open_store
from autotrain.runs.store import RunStore
from autotrain.settings import Settings, load_settings
from autotrain.training.hardware import memory
from jobs import publisher
from jobs.app import PUBLISH, RUN_ATTEMPT, make_app
from jobs.dispatcher import DISPATCHES_IN_A_LEASE, Dispatcher, devices, dispatch
from jobs.fetch import fetcher
from jobs.launchers import Launcher
from jobs.launchers.local import LocalLauncher, sweep
from jobs.lease import Pace
from jobs.nudge import Nudge, nudge
from jobs.supervisor import Seams, supervise
from jobs.sweeper import Sweeper

logger = logging.getLogger(__name__)

BESIDE_TRAINING = 2
"""Pool processes beyond the runs at once, so that publishing does not wait behind training."""

_stopping = multiprocessing.get_context("fork").Event()
"""Set in the parent when the worker is told to end, seen by its pool processes: the signal reaches only the parent."""


class Worker:
    """The two jobs of a pool process, and what they work with."""

    def __init__(self, settings: Settings, launcher: Launcher) -> None:
        self.settings, self.launcher = settings, launcher
        self.host, self.pace = socket.gethostname(), Pace.of(settings)

    @cached_property
    def store(self) -> RunStore:
        """The record; opened after the fork, since database connections do not survive one."""
        return open_store(self.settings.database)

    @cached_property
    def nudge(self) -> Nudge:
        """This process's own way to the queue."""
        return nudge(self.settings)

    def run_attempt(self, run_id: str) -> None:
        """Take the run whose turn it is, bring it to its end, then look for the next one.

        `run_id` only says that something waits: a message that comes late or twice takes nobody's turn.
        """
        since, me = clock(), f"{self.host}:{os.getpid()}"
        taken = self.store.claim_next(me, host=self.host, lease=self.pace.lease, free=memory()[1])
        if taken is None:
            logger.debug("a message for run %s, and it is no run's turn", run_id)
            return
        run_id, fence = taken
        seams = Seams(fetcher(self.store, self.settings), self.launcher, _stopping.is_set, pace=self.pace)
        supervise(run_id, fence, since, self.store, self.settings, seams)
        if not _stopping.is_set():
            dispatch(self.store, self.nudge, self.settings.slots)

    def publish(self, publication_id: str) -> None:
        """Take the publication if it waits, and bring it to its link or its reason."""
        publisher.publish(publication_id, self.store, self.settings)


def prepare(settings: Settings) -> RunStore:
    """Before anything else: no trainer of a dead worker lives, no checkpoint is half pruned, this machine's devices are
    known to the record."""
    sweep(settings.runs)
    store = open_store(settings.database)
    recover(settings, store)
    store.register_devices(socket.gethostname(), devices(), slots=settings.slots)
    return store


def main(launcher: Launcher | None = None) -> None:
    """Work until told to end; trainers then keep a checkpoint, and their runs go back to the queue."""
    try:
        settings = load_settings()
        _log(settings)
        settings.prepare_home()
        store = prepare(settings)
    except AutotrainError as error:
        sys.exit(error.message)
    app = make_app(settings)
    worker = Worker(settings, launcher or LocalLauncher())
    app.task(worker.run_attempt, name=RUN_ATTEMPT)
    app.task(worker.publish, name=PUBLISH)
    dispatcher = Dispatcher(store, nudge(settings), settings.slots, every=worker.pace.lease / DISPATCHES_IN_A_LEASE)
    _listen(dispatcher, Sweeper(settings, store))
    quiet = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(
        ["--quiet", "worker", "--pool", "prefork", "--concurrency", str(settings.slots + BESIDE_TRAINING), *quiet]
    )


def _listen(dispatcher: Dispatcher, sweeper: Sweeper) -> None:
    """Celery's moments: `weak=False` because it would otherwise forget these closures."""

    def ready(**_: Any) -> None:
        dispatcher.start()
        sweeper.start()

    def shutting_down(**_: Any) -> None:
        _stopping.set()
        dispatcher.stop()
        sweeper.stop()

    def child_begins(**_: Any) -> None:
        # A service manager signals the whole group. The parent says when to end; the trainer must stop first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(shutting_down, weak=False)
    signals.worker_process_init.connect(child_begins, weak=False)


def _log(settings: Settings) -> None:
    log_to(sys.stdout, settings.log)
    warnings.simplefilter("ignore", SecurityWarning)  # containers run as root; messages are JSON, never pickles
    for noisy in ("celery", "kombu", "amqp", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
