"""Signals to a trainer as wishes: SIGTERM stop with a checkpoint, SIGUSR1 save now, SIGUSR2 stop training and keep."""

from __future__ import annotations

import signal

from autotrain.task import Wishes


class Stopped(Exception):  # not an error: a person, or a worker that shuts down, asked for it
    """The training was asked to stop; what was saved before is complete."""


def listen(wishes: Wishes) -> None:
    """Note signals as wishes from now on. While no training steps run, SIGTERM raises Stopped at once.

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
