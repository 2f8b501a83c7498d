"""From the Hugging Face loop to events: points, progress, checkpoints; and from wishes to the loop's controls."""

# ruff: noqa: TID253  # imported by the trainer process alone, after the loop's libraries

from __future__ import annotations

import math
import time
from typing import Any

import psutil
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from autotrain.errors import TrainingError
from autotrain.events import Metric, Phase, Progress
from autotrain.task import Attempt, Device
from autotrain.training.team import agree

REPORT_SECONDS = 0.5
"""Between two reports of progress: often enough for a bar that moves, rare enough to cost nothing."""

SPEED_MEMORY = 20.0
"""Seconds after which a stretch of training counts for a third in the running speed."""


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Emits what the loop logs and how far it is, and passes wishes on. `rows` is how many an update has."""

    def __init__(self, attempt: Attempt, rows: int) -> None:
        self._attempt, self._rows = attempt, rows
        self._sink, self._device = attempt.sink, attempt.device
        self._last_report, self._last_step, self._first_step = 0.0, 0, 0
        self._recent_seconds, self._recent_steps = 0.0, 0.0
        self._idle, self._idle_in_all = 0.0, 0.0
        self.peak_memory_bytes = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Speed is measured from here."""
        self._last_report, self._last_step = time.monotonic(), state.global_step
        self._first_step = state.global_step
        self._sink.emit(Phase(name="train", fraction=state.global_step / max(1, state.max_steps)))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Report progress now and then; see what is wished after every step."""
        now = time.monotonic()
        if now - self._last_report - self._idle >= REPORT_SECONDS or state.global_step in (1, state.max_steps):
            self._report(args, state, now)
        wished = agree(self._attempt.wishes, self._attempt.team, args.device)
        if wished.save:
            control.should_save = True
        if wished.finish:
            control.should_evaluate = control.should_save = control.should_training_stop = True
        if wished.stop:
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Points on the curves. A validation loss that is not a number ends the training here."""
        values = {name: float(value) for name, value in (logs or {}).items() if _is_point(name)}
        finite = {name: value for name, value in values.items() if math.isfinite(value)}  # JSON knows no other
        if finite:
            self._sink.emit(Metric(step=state.global_step, epoch=state.epoch or 0.0, values=finite))
        require_finite("validation loss", values.get("eval_loss", 0.0), state.global_step, args.learning_rate)

    def waited(self, seconds: float) -> None:
        """Seconds that an evaluation or a save took: they are not the speed of training."""
        self._idle += seconds
        self._idle_in_all += seconds

    def _report(self, args: TrainingArguments, state: TrainerState, now: float) -> None:
        self._count(state.global_step - self._last_step, max(now - self._last_report - self._idle, 1e-6))
        self._last_report, self._last_step, self._idle = now, state.global_step, 0.0
        memory = memory_bytes(self._device)
        self.peak_memory_bytes = max(self.peak_memory_bytes, memory)
        seconds = self._recent_seconds / self._recent_steps if self._recent_steps else None
        idle = self._idle_in_all / max(1, state.global_step - self._first_step)
        self._sink.emit(
            Progress(
                step=state.global_step,
                total_steps=state.max_steps,
                epoch=state.epoch or 0.0,
                samples_per_second=self._rows / seconds if seconds else None,
                seconds_left=(state.max_steps - state.global_step) * (seconds + idle) if seconds else None,
                memory_bytes=memory,
            )
        )

    def _count(self, steps: int, seconds: float) -> None:
        """Seconds and steps fade alike, so that their quotient is the mean over time whatever a report covers."""
        fading = math.exp(-seconds / SPEED_MEMORY)
        self._recent_seconds = fading * self._recent_seconds + seconds
        self._recent_steps = fading * self._recent_steps + steps


def require_finite(what: str, value: float, step: int, learning_rate: float) -> None:
    """Raise TrainingError with the remedy when a value that must be a number is none any more."""
    if not math.isfinite(value):
        raise TrainingError(
            f"The {what} at step {step} is {value}, which is not a number any more. Train again with a lower learning "
            f"rate: a tenth of {learning_rate:g} is {learning_rate / 10:g}.",
            code="nan",
        )


def memory_bytes(device: Device) -> int:
    """Memory of this process: allocated on the GPU, else resident."""
    if device.name.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated())
    return int(psutil.Process().memory_info().rss)


def _is_point(name: str) -> bool:
    """Whether a logged value belongs on a curve; the loop also logs its own speed and a summary."""
    if name.startswith("eval_"):
        return name not in {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second"}
    return name not in {"epoch", "total_flos"} and not name.startswith("train_")
