"""Tells the workers that there is something to do. Best effort: the dispatcher finds what a lost nudge was about."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from autotrain.settings import Settings
from jobs.app import JOBS, make_app

logger = logging.getLogger(__name__)

Nudge = Callable[[str, str], None]
"""Called with the kind, `run` or `publication`, and the id."""

WAITING = 1000
"""Nudges kept while the broker does not answer; the dispatcher sends whatever is beyond."""


def nudge(settings: Settings) -> Nudge:
    """A function that nudges and returns at once, whether the broker answers or not."""
    waiting: queue.Queue[tuple[str, str]] = queue.Queue(WAITING)
    app = make_app(settings)

    def send() -> None:
        while True:
            kind, ident = waiting.get()
            try:
                app.send_task(JOBS[kind], [ident], ignore_result=True)
            except Exception as error:
                logger.warning("the broker did not take a nudge for %s %s: %s", kind, ident, error)

    started = threading.Lock()

    def put(kind: str, ident: str) -> None:
        if kind not in JOBS:
            raise ValueError(f"{kind!r} is none of {', '.join(JOBS)}")
        try:
            waiting.put_nowait((kind, ident))
        except queue.Full:
            logger.warning("too many nudges wait for the broker; the dispatcher will see to %s %s", kind, ident)
        # The thread starts with the first nudge, in the process that nudges: threads do not survive a fork.
        if started.acquire(blocking=False):
            threading.Thread(target=send, daemon=True, name="nudge").start()

    return put
