"""The evaluating process: `python -m autotrain.evaluator`, one question on standard input, the report as its answer."""

from __future__ import annotations

import ctypes
import signal
import sys
from pathlib import Path
from typing import Any

from autotrain.asking import Progress, answer_with
from autotrain.errors import ModelError
from autotrain.events import AnyEvent
from autotrain.report import Training
from autotrain.task import Attempt, Device, Finished
from autotrain.tasks import TASKS

PR_SET_PDEATHSIG = 1
LOADED = 5
"""Of a hundred: the share of the way that loading is."""


class Told:
    """A sink that passes on how far the evaluation is, and nothing else."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell

    def emit(self, event: AnyEvent) -> None:
        if event.kind == "phase" and event.name == "evaluate":
            self._tell(LOADED + round((100 - LOADED) * (event.fraction or 0.0)), 100)


def evaluate(asked: dict[str, Any], tell: Progress) -> dict[str, Any]:
    """The report of the adapter of the question on its rows. Raises AutotrainError."""
    task, folder = TASKS[asked["task"]], Path(asked["folder"])
    training = Training.model_validate(asked["training"]) if asked["training"] else None
    tell(0, 100)
    attempt = Attempt(
        model=Path(asked["model"]),
        model_name=asked["model_name"],
        data=folder / "data",
        columns=asked["columns"],
        params=task.params_class.model_validate(asked["params"]),
        workdir=folder,
        artifact=folder / "adapter",
        resume_from=None,
        sink=Told(tell),
        device=Device(asked["device"], asked["threads"]),
        judged=Finished(Path(asked["artifact"]), training),
    )
    try:
        return task.train(attempt).report.model_dump(mode="json")
    except (MemoryError, RuntimeError) as error:
        # torch says so in its own exceptions, on the CPU in a plain RuntimeError
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
            raise ModelError(
                f"The evaluation ran out of memory on {asked['device']}. Close other programs, or evaluate on the "
                "processor (in a terminal with --device cpu).",
                code="out-of-memory",
            ) from error
        raise


def die_with_asker() -> None:
    """End this process when the one that asked is gone: an evaluation may take hours, and nobody would hear of it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    die_with_asker()
    answer_with(evaluate)
