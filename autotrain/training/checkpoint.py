"""Checkpoints that are whole or not there: a directory is one only when COMPLETE lies in it, written last."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autotrain.errors import TrainingError
from autotrain.models.weights import Floats
from autotrain.report import Ended
from autotrain.runs.folder import RunFolder

COMPLETE = "COMPLETE"
PREFIX = "step-"
MOMENT = "moment.json"
KEPT = 2
"""Complete checkpoints kept in one attempt: the newest, and one in case the disk damaged it."""

LITTLE_DISK_BYTES = 20_000_000
"""With less than this left, a write that failed is taken for a full disk, whatever the library called it."""

BYTES_BESIDES = 5_000_000
"""For what lies beside the weights: states of the schedule and the random numbers, the story, a tokenizer."""


@dataclass(frozen=True)
class Moment:
    """What a resume needs besides what the loop itself keeps.

    `rows` is how many an update has, on however many devices; `losses` are each process's, summed over the steps since
    `logged_at`, the last point on the curve, and the next point is the mean of them. `seconds` is how long the training
    had taken; `ended` says why it was over, if it was. `told` are sums since then of what else stands on curves.
    `precision` is what was computed in, which a resume must not find out anew.
    """

    rows: int
    losses: list[float]
    logged_at: int
    seconds: float = 0.0
    ended: Ended = "planned"
    told: dict[str, float] = field(default_factory=dict)
    precision: Floats | None = None

    def write(self, folder: Path) -> None:
        """Write it into a checkpoint."""
        (folder / MOMENT).write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Moment:
        """Read it from a checkpoint."""
        return cls(**json.loads((folder / MOMENT).read_text("utf-8")))

    def loss(self, rank: int, size: int) -> float:
        """The share of this process; other processes than were stopped get the mean."""
        return self.losses[rank] if len(self.losses) == size else sum(self.losses) / len(self.losses)


def require_space(folder: Path, tensor_bytes: int) -> None:
    """Raise TrainingError when a checkpoint of this size does not fit on the disk any more."""
    needed, free = tensor_bytes + BYTES_BESIDES, shutil.disk_usage(folder).free
    if free < needed:
        raise TrainingError(
            f"The disk that holds {folder} is full: {free / 1e6:.0f} MB are free and the next checkpoint needs "
            f"{needed / 1e6:.0f} MB. Free some space, then press Resume: the training goes on from its last "
            "checkpoint.",
            code="disk",
        )


@contextmanager
def aside(folder: Path) -> Iterator[None]:
    """Fill this folder within; what fails deletes it, and a failure for want of space is an OSError that says so."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    except BaseException as error:
        full = isinstance(error, Exception) and shutil.disk_usage(folder.parent).free < LITTLE_DISK_BYTES
        shutil.rmtree(folder, ignore_errors=True)
        if full and not isinstance(error, OSError):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


@contextmanager
def building(folder: Path, step: int) -> Iterator[Path]:
    """A folder to fill beside the checkpoint's place; on leaving it becomes `step-<n>` with COMPLETE in it.

    What fails or is killed in between leaves only a hidden folder, which the next start discards.
    """
    hidden, final = unfinished(folder, step), folder / f"{PREFIX}{step}"
    with aside(hidden):
        hidden.mkdir(parents=True)
        yield hidden
        for path in hidden.rglob("*"):
            flush(path)
    shutil.rmtree(final, ignore_errors=True)
    hidden.rename(final)
    (final / COMPLETE).touch()
    for path in (final / COMPLETE, final, folder):
        flush(path)


def unfinished(folder: Path, step: int) -> Path:
    """Where `building` builds."""
    return folder / f".{PREFIX}{step}"


def complete(folder: Path) -> list[Path]:
    """The complete checkpoints of one attempt, oldest first."""
    found = [path for path in folder.glob(f"{PREFIX}*") if (path / COMPLETE).exists() and step_of(path) >= 0]
    return sorted(found, key=step_of)


def discard_torn(folder: Path) -> None:
    """Delete what an interrupted save left behind."""
    for path in [*folder.glob(f".{PREFIX}*"), *folder.glob(f"{PREFIX}*")]:
        if not (path / COMPLETE).exists():
            shutil.rmtree(path, ignore_errors=True)


def prune(folder: Path, kept: int = KEPT) -> None:
    """Delete all but the newest `kept` complete checkpoints. COMPLETE goes first, so that none is ever half there."""
    for path in complete(folder)[:-kept]:
        (path / COMPLETE).unlink()
        shutil.rmtree(path, ignore_errors=True)


def last_complete(run: RunFolder) -> Path | None:
    """The checkpoint to go on from: the complete one with the highest step over all attempts, the newest if equal."""
    found = [path for attempt in run.attempts() for path in complete(attempt.checkpoints)]
    return max(found, key=lambda path: (step_of(path), path.stat().st_mtime), default=None)


def flush(path: Path) -> None:
    """Wait until a file's or a folder's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def step_of(path: Path) -> int:
    """The step a checkpoint was made after, by its name; -1 when it has another."""
    number = path.name.removeprefix(PREFIX)
    return int(number) if number.isdigit() else -1
