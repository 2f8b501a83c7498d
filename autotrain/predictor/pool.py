"""A few answering processes at most, shared by everyone who asks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autotrain.answers import PLAINLY, AnyAnswer, Asking
from autotrain.predictor.process import AdapterProcess


@dataclass
class _Seat:
    process: AdapterProcess
    users: int = field(default=0)


class PredictorPool:
    """Keeps the adapters asked last and ends the others, so that memory holds at most `max_open` models.

    Several adapters may be asked at once from any thread; where all seats are taken by running questions, the next
    question waits for one to end.
    """

    def __init__(
        self,
        max_open: int = 1,
        *,
        idle_seconds: float = 300,
        program: Sequence[str] = (sys.executable, "-m", "autotrain.predictor"),
    ) -> None:
        self._max_open, self._idle_seconds, self._program = max_open, idle_seconds, program
        self._seats: dict[tuple[Path, Path], _Seat] = {}  # the one asked longest ago comes first
        self._changed = threading.Condition()

    def open(self, artifact: Path, model: Path) -> PooledAdapter:
        """An adapter to ask. Costs nothing until it is asked."""
        return PooledAdapter(self, artifact, model)

    def predict(
        self, artifact: Path, model: Path, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY
    ) -> list[AnyAnswer]:
        """As `AdapterProcess.predict`. Raises DataError, ModelError."""
        seat = self._take((artifact, model))
        try:
            return seat.process.predict(inputs, asking)
        finally:
            with self._changed:
                seat.users -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """End every process, each after the question that it is answering."""
        with self._changed:
            seats = list(self._seats.values())
            self._seats.clear()
            self._changed.notify_all()
        for seat in seats:
            seat.process.close()

    def release(self) -> None:
        """End the processes that nobody is asking now, so that their memory is free; the next question starts anew."""
        with self._changed:
            for key in [key for key, seat in self._seats.items() if not seat.users]:
                self._seats.pop(key).process.close()

    @property
    def running(self) -> list[Path]:
        """Adapters whose process is held now."""
        with self._changed:
            return [artifact for (artifact, _), seat in self._seats.items() if seat.process.running]

    def _take(self, key: tuple[Path, Path]) -> _Seat:
        with self._changed:
            while key not in self._seats and len(self._seats) >= self._max_open:
                idle = next((other for other, seat in self._seats.items() if not seat.users), None)
                if idle is None:
                    self._changed.wait()
                else:
                    # Nobody is asking it, so that closing does not wait; memory is free before the next one loads.
                    self._seats.pop(idle).process.close()
            seat = self._seats.pop(key, None) or _Seat(
                AdapterProcess(*key, idle_seconds=self._idle_seconds, program=self._program)
            )
            seat.users += 1
            self._seats[key] = seat
            return seat


@dataclass(frozen=True)
class PooledAdapter:
    """An adapter in a pool; a `Predictor`."""

    pool: PredictorPool
    artifact: Path
    model: Path

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[AnyAnswer]:
        """As `AdapterProcess.predict`. Raises DataError, ModelError."""
        return self.pool.predict(self.artifact, self.model, inputs, asking)
