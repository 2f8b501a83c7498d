"""The real trainer, which also writes down when it lived, and saves as slowly as wished.

`python -m tests.faults.trainer RUN_FOLDER --attempt N --lease-pipe`, with the options of `python -m autotrain`.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from autotrain.__main__ import leave, main
from autotrain.runs.clock import clock
from autotrain.training import checkpoint
from autotrain.training.wishes import hold_back

BEAT_SECONDS = 0.02
ROW_BYTES, LIMIT_BYTES = "AUTOTRAIN_TEST_ROW_BYTES", "AUTOTRAIN_TEST_LIMIT_BYTES"
SLOW = "AUTOTRAIN_TEST_FLUSH_SECONDS"
"""Environment: how long each of the dozen files of a checkpoint takes to reach the disk."""


def live(note: Path) -> None:
    """Note again and again that this process lives; the first and the last moment are kept."""
    began = clock()
    place = os.open(note, os.O_CREAT | os.O_WRONLY, 0o644)
    while True:
        os.pwrite(place, f"{began:020.3f} {clock():020.3f}\n".encode(), 0)
        time.sleep(BEAT_SECONDS)


def hunger(row_bytes: int, limit_bytes: int) -> None:
    """Make every row of a training batch take so many bytes, within so much more address space than there is before."""
    import torch

    from autotrain.training.loop import Loop

    modest, bounded = Loop.compute_loss, threading.Event()

    def hungry(self: Loop, model: Any, inputs: dict[str, Any], *rest: Any, **options: Any) -> Any:
        if not bounded.is_set():
            bounded.set()
            limit = psutil.Process().memory_info().vms + limit_bytes
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        taken = torch.empty(row_bytes * len(inputs["labels"]) if model.training else 0, dtype=torch.uint8)
        loss = modest(self, model, inputs, *rest, **options)
        del taken
        return loss

    Loop.compute_loss = hungry  # type: ignore[method-assign]


def save_slowly(seconds: float) -> None:
    """Make every flush of a checkpoint's file take so much longer."""
    quick = checkpoint.flush

    def slow(path: Path) -> None:
        time.sleep(seconds)
        quick(path)

    checkpoint.flush = slow


if __name__ == "__main__":
    hold_back()  # before there is a second thread, which would not hear of it
    run, attempt = Path(sys.argv[1]), sys.argv[3]
    threading.Thread(target=live, args=(run / f"life-{attempt}-{os.getpid()}",), daemon=True).start()
    save_slowly(float(os.environ.get(SLOW, "0")))
    if ROW_BYTES in os.environ:
        hunger(int(os.environ[ROW_BYTES]), int(os.environ[LIMIT_BYTES]))
    leave(main())
