"""A real worker whose real trainers keep records of their lives: `python -m tests.faults.worker`."""

from __future__ import annotations

import sys

from autotrain.runs.folder import AttemptFolder, RunFolder
from jobs.launchers.local import LocalLauncher
from jobs.worker import main


def command(run: RunFolder, attempt: AttemptFolder) -> list[str]:
    """The trainer that keeps a record of its life."""
    return [
        *(sys.executable, "-m", "tests.faults.trainer"),
        *(str(run.path), "--attempt", str(attempt.fence), "--lease-pipe"),
    ]


if __name__ == "__main__":
    main(LocalLauncher(command))
