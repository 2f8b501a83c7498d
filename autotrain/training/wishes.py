"""Signals to a trainer as wishes: SIGTERM stop with a checkpoint, SIGUSR1 save now, SIGUSR2 stop training and keep.

Light to import: a trainer listens before it loads anything else.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autotrain.task import Wishes


SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class Stopped(BaseException):
    """The training was asked to stop; what was saved before is complete.

    Not an Exception: it may be raised anywhere, and a library that goes on after its own errors must not swallow it.
    """


def hold_back() -> None:
    """Until `listen` the system keeps signals back: by default each of them would end the process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def listen(wishes: Wishes) -> None:
    """Note signals as wishes from now on. While `stepping` is false, SIGTERM raises Stopped at once.

    Only the main thread may call this.
    """

    def stop(*_: object) -> None:
        wishes.stop = True
        if not wishes.stepping:
            raise Stopped

    def save(*_: object) -> None:
        wishes.save = True

    def finish(*_: object) -> None:
        wishes.finish = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, save)
    signal.signal(signal.SIGUSR2, finish)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def listen_no_more() -> None:
    """The end of this process is decided: a signal that comes now must not change its exit status."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def stop_if_wished(wishes: Wishes) -> None:
    """Raise Stopped if a stop was wished: Python drops what a signal handler raises inside a finaliser."""
    if wishes.stop:
        raise Stopped


@contextmanager
def undisturbed(wishes: Wishes) -> Iterator[None]:
    """Within, a wish to stop is only noted: for work that looks at the wishes itself, or that is soon done."""
    wishes.stepping = True
    try:
        yield
    finally:
        wishes.stepping = False
