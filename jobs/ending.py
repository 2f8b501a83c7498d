"""What becomes of a run when its trainer ends. Pure: facts in, state and reason out."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from autotrain.events import Failure
from autotrain.redaction import redact
from autotrain.runs.state import State
from autotrain.runs.store import ATTEMPTS_WITHOUT_PROGRESS
from autotrain.training.hardware import memory

STOPPED = 75
"""The trainer's exit code after it stopped on request and kept a checkpoint (EX_TEMPFAIL)."""

FULL_DISK = frozenset({"disk", "disk-full"})
"""Codes of failures for want of space: the trainer's, and the download's."""

LOG_LINES = 3
"""Of a crash the last lines say most; more would not be a sentence."""


@dataclass(frozen=True)
class Facts:
    """What is known when a trainer has ended.

    `asked` is whether it was told to stop, `shutting_down` whether because this worker ends. `attempts` counts attempts
    without a new checkpoint, this one included; `log` is the end of the trainer's log. `starved` is whether the kernel
    killed for want of memory meanwhile, `halved` whether half of the batch was tried, `held` the bytes last held.
    """

    code: int
    state: State
    asked: bool
    shutting_down: bool
    attempts: int
    failure: Failure | None = None
    log: str = ""
    starved: bool = False
    halved: bool = False
    held: int | None = None


@dataclass(frozen=True)
class Ending:
    """Where the run goes, and why: a sentence for people, a code for programs; whether with half of the batch."""

    state: State
    reason: str | None = None
    code: str | None = None
    halve: bool = False


def ending(facts: Facts) -> Ending:
    """Where the run goes from here."""
    if facts.code == 0:
        return Ending("succeeded")
    if facts.state == "cancelling":
        return Ending("cancelled", "Cancelled.", "cancelled")
    if facts.failure is not None and facts.code > 0 and facts.code != STOPPED:
        if facts.failure.halve:
            after: State = "paused" if facts.state == "pausing" else "queued"
            return Ending(after, redact(facts.failure.reason), facts.failure.code, halve=True)
        return broken_off(facts.failure.reason, facts.failure.code)
    if facts.code == STOPPED or (facts.asked and facts.code < 0):
        return _stopped(facts)
    if facts.code == -signal.SIGKILL:
        return _starved(facts) if facts.starved else _killed(facts)
    return Ending("failed", _crash_sentence(facts), "crashed")


def broken_off(reason: str, code: str) -> Ending:
    """Where a run goes that could not go on. With a full disk nothing is wrong with the run itself: it waits."""
    return Ending("paused" if code in FULL_DISK else "failed", redact(reason), code)


def _stopped(facts: Facts) -> Ending:
    if facts.state == "pausing":
        return Ending("paused", "Paused.", "paused")
    if facts.shutting_down:
        return Ending("queued", "The worker was stopped; the run goes on when it is back.", "shutdown")
    if facts.attempts >= ATTEMPTS_WITHOUT_PROGRESS:
        return Ending("failed", f"The trainer was stopped {facts.attempts} times from outside.", "interrupted")
    return Ending("queued", "The trainer was stopped from outside; the run goes on by itself.", "interrupted")


def _killed(facts: Facts) -> Ending:
    if facts.attempts >= ATTEMPTS_WITHOUT_PROGRESS:
        return Ending(
            "failed",
            f"The trainer was killed {facts.attempts} times in a row before it could keep a new checkpoint. "
            "This is most often a lack of memory: choose a smaller batch, shorter texts or a smaller model.",
            "killed",
        )
    return Ending(
        "queued",
        "The trainer was killed, most often for lack of memory; the run goes on from its last checkpoint.",
        "killed",
    )


def _starved(facts: Facts) -> Ending:
    total = memory()[0]
    held = f", when it held {facts.held / 1e9:.2f} GB" if facts.held else ""
    said = f"The kernel killed the trainer for want of memory{held}; the machine has {total / 1e9:.2f} GB."
    if not facts.halved:
        return Ending("queued", f"{said} The training goes on with half as many rows at once.", "oom", halve=True)
    remedy = "Half the batch did not fit either: choose a smaller batch, shorter texts or a smaller model."
    return Ending("failed", f"{said} {remedy}", "oom")


def _crash_sentence(facts: Facts) -> str:
    how = f"with code {facts.code}" if facts.code > 0 else f"on signal {_signal_name(-facts.code)}"
    lines = [line.strip() for line in facts.log.splitlines() if line.strip()][-LOG_LINES:]
    said = f" Its last words: {redact(' / '.join(lines))}" if lines else " It left no message."
    return f"The trainer ended unexpectedly {how}.{said}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
