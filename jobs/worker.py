"""The worker process: takes ids from the queue and does what the record says about them. `python -m jobs.worker`"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from celery import Celery, shared_task, signals

from autotrain.errors import AutotrainError
from autotrain.recipe import loads
from autotrain.redaction import RedactingFilter
from autotrain.runs.sql import open_store
from autotrain.runs.store import RunStore
from autotrain.settings import Settings, load_settings
from jobs import publisher
from jobs.app import PUBLISH, RUN_ATTEMPT, make_app
from jobs.dispatcher import Dispatcher, devices, dispatch
from jobs.fetch import fetcher
from jobs.launchers.local import sweep
from jobs.nudge import Nudge, nudge
from jobs.supervisor import Seams, supervise

logger = logging.getLogger(__name__)

BESIDE_TRAINING = 2
"""Pool processes beyond the device slots, so that publishing does not wait behind training."""

_stopping = multiprocessing.get_context("fork").Event()
"""Set in the parent when the worker is told to end, seen by its pool processes: the signal reaches only the parent."""


@dataclass(frozen=True)
class Place:
    """What a pool process works with; opened after the fork, since database connections do not survive one."""

    settings: Settings
    store: RunStore
    nudge: Nudge
    host: str
    slots: int


@lru_cache(maxsize=1)
def place() -> Place:
    """This process's own."""
    settings = load_settings()
    return Place(settings, open_store(settings.database), nudge(settings), socket.gethostname(), len(devices(settings)))


@shared_task(name=RUN_ATTEMPT)
def run_attempt(run_id: str) -> None:
    """Take the run if it waits and a device is free, bring it to its end, then look for the next one."""
    here = place()
    fence = here.store.claim(run_id, f"{here.host}:{os.getpid()}", host=here.host)
    if fence is None:
        return
    seams = Seams(fetch=fetcher(here.store, here.settings), stopping=_stopping.is_set)
    if supervise(run_id, fence, here.store, here.settings, seams) == "succeeded":
        _request_publication(run_id, here.store)
    if not _stopping.is_set():
        dispatch(here.store, here.nudge, here.slots)


@shared_task(name=PUBLISH)
def publish(publication_id: str) -> None:
    """Take the publication if it waits, and bring it to its link or its reason."""
    here = place()
    publisher.publish(publication_id, here.store, here.settings)


def _request_publication(run_id: str, store: RunStore) -> None:
    """A recipe may name where its adapter goes; the dispatch after the run sends it there."""
    try:
        target = loads(store.get(run_id).recipe, run_id).publish
        if target is not None:
            store.request_publication(run_id, target.repository, private=target.private)
    except AutotrainError as error:
        logger.warning("run %s is not published by itself: %s", run_id, error)


def prepare(settings: Settings) -> RunStore:
    """Before anything else: no trainer of a dead worker lives, and the record knows this machine's devices."""
    sweep(settings.runs)
    store = open_store(settings.database)
    store.register_slots(socket.gethostname(), devices(settings))
    return store


def main() -> None:
    """Work until told to end; trainers then keep a checkpoint, and their runs go back to the queue."""
    _log_plainly()
    try:
        settings = load_settings()
        settings.prepare_home()
        store = prepare(settings)
    except AutotrainError as error:
        sys.exit(error.message)
    app = make_app(settings)
    slots = len(devices(settings))
    dispatcher = Dispatcher(store, nudge(settings), slots)
    _listen(dispatcher)
    app.worker_main(_arguments(app, slots + BESIDE_TRAINING))


def _arguments(_app: Celery, concurrency: int) -> list[str]:
    quiet = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat", "--quiet"]
    return ["--quiet", "worker", "--pool", "prefork", "--concurrency", str(concurrency), *quiet[:-1]]


def _listen(dispatcher: Dispatcher) -> None:
    """Celery's moments: `weak=False` because it would otherwise forget these closures."""

    def ready(**_: Any) -> None:
        dispatcher.start()

    def shutting_down(**_: Any) -> None:
        _stopping.set()
        dispatcher.stop()

    def child_begins(**_: Any) -> None:
        # A service manager signals the whole group. The parent says when to end; the trainer must stop first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(shutting_down, weak=False)
    signals.worker_process_init.connect(child_begins, weak=False)


def _log_plainly() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RedactingFilter())
    for noisy in ("celery", "kombu", "amqp", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    # As `__main__` the jobs would be registered under another module than the one Celery's pool imports.
    from jobs.worker import main as run

    run()
