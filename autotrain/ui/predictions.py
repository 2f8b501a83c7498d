"""Answers of finished runs: one input at a time, or a whole table in the background. Holds no state of a run."""

from __future__ import annotations

import logging
import shutil
import threading
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa

from autotrain.adapters import FinishedAdapter, finished_adapter
from autotrain.answers import PLAINLY, AnyAnswer, Asking
from autotrain.data.read import import_table
from autotrain.data.writing import TABLE_FILE
from autotrain.errors import AutotrainError, DataError
from autotrain.predictor import PredictorPool, predict_file
from autotrain.predictor.file import choose_columns
from autotrain.runs.store import RunStore
from autotrain.settings import Settings
from autotrain.table import Table

log = logging.getLogger(__name__)

BatchState = Literal["needs columns", "working", "done", "failed"]

LOOK_SECONDS = 1.0
"""Between two looks for a run that begins; its trainer loads libraries for longer than that before it loads a model."""

MOST_BATCHES = 20
"""Finished tables kept for download; the oldest go first."""


@dataclass
class Batch:
    """A table on its way through an adapter."""

    id: str
    run_id: str
    name: str
    folder: Path
    table: Table
    roles: tuple[str, ...]
    state: BatchState = "working"
    done: int = 0
    reason: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The columns of the user's file."""
        return [column.name for column in self.table.profile.columns]

    @property
    def output(self) -> Path:
        """The table with predictions; there when the state is `done`."""
        return self.folder / "predictions.csv"

    def progressed(self, done: int, _: int) -> None:
        """Called with the rows done."""
        self.done = done


class Predictions:
    """Asks adapters in processes of their own. Batches live as long as the web process: they can be made again."""

    def __init__(self, settings: Settings, store: RunStore, pool: PredictorPool | None = None) -> None:
        self._settings, self._store = settings, store
        self._pool = pool or PredictorPool()
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._root = settings.root / "batches"
        shutil.rmtree(self._root, ignore_errors=True)  # those of an earlier web process, which nobody can ask for
        self._closed = threading.Event()
        threading.Thread(target=self._make_room, name="playground-room", daemon=True).start()

    def answer(self, run_id: str, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[AnyAnswer]:
        """An answer to each input. Raises ModelError, DataError, UnknownRun."""
        finished = self.finished(run_id)
        roles = tuple(finished.inputs)
        for number, item in enumerate(inputs, 1):
            if set(item) not in (set(roles), set(finished.rows)):
                raise DataError(f"Input {number} must have exactly {', '.join(roles)}.", code="wrong-input")
        return self._pool.predict(finished.artifact, finished.model, inputs, asking)

    def start(self, run_id: str, path: Path, name: str) -> Batch:
        """Read a table and start on it, or ask for columns when they cannot be guessed. Raises DataError."""
        trained = self.finished(run_id).rows
        batch_id = uuid.uuid4().hex[:12]
        folder = self._root / batch_id
        folder.mkdir(parents=True)
        try:
            profile = import_table(path, folder, self._settings, name=name)
            rows = pa.ipc.open_file(pa.memory_map(str(folder / TABLE_FILE))).read_all()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        batch = Batch(batch_id, run_id, name, folder, Table(profile, rows), tuple(trained))
        self._keep(batch)
        try:
            self._go(batch, choose_columns(batch.columns, trained))
        except DataError:
            batch.state = "needs columns"
        return batch

    def go_on(self, run_id: str, batch_id: str, columns: Mapping[str, str]) -> Batch:
        """Start a batch that needed to know its columns. Raises DataError."""
        batch = self.batch(run_id, batch_id)
        if set(columns) != set(batch.roles) or not set(columns.values()) <= set(batch.columns):
            raise DataError(f"Choose a column of {batch.name} for {', '.join(batch.roles)}.", code="no-such-column")
        if batch.state == "needs columns":
            self._go(batch, columns)
        return batch

    def batch(self, run_id: str, batch_id: str) -> Batch:
        """A batch of this run. Raises DataError."""
        found = self._batches.get(batch_id)
        if found is None or found.run_id != run_id:
            raise DataError("This file is no longer here. Send it again.", code="no-such-batch")
        return found

    def forget(self, run_id: str) -> None:
        """Forget everything about a run that is deleted."""
        with self._lock:
            for batch in [batch for batch in self._batches.values() if batch.run_id == run_id]:
                shutil.rmtree(self._batches.pop(batch.id).folder, ignore_errors=True)

    def close(self) -> None:
        """End the answering processes."""
        self._closed.set()
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._pool.close()

    def _make_room(self) -> None:
        """A run that begins gets the memory of adapters that nobody is asking just now."""
        while not self._closed.wait(LOOK_SECONDS):
            try:
                if self._pool.running and self._store.list(states={"starting"}, limit=1):
                    self._pool.release()
            except Exception:  # the record may be away for a while; the trainings mind that, and not this
                log.warning("the record could not be asked for runs that begin", exc_info=True)

    def _go(self, batch: Batch, columns: Mapping[str, str]) -> None:
        batch.state = "working"
        self._worker.submit(self._work, batch, dict(columns))

    def _work(self, batch: Batch, columns: Mapping[str, str]) -> None:
        try:
            finished = self.finished(batch.run_id)
            adapter = self._pool.open(finished.artifact, finished.model)
            known = finished.expected if finished.expected in batch.columns else None
            result = predict_file(adapter, batch.table, columns, batch.output, label=known, progress=batch.progressed)
            batch.notes = result.sentences()
            batch.state = "done"
        except AutotrainError as error:
            batch.reason, batch.state = error.message, "failed"
        except Exception as error:
            batch.reason, batch.state = f"This did not work ({type(error).__name__}: {error}). Try again.", "failed"

    def _keep(self, batch: Batch) -> None:
        with self._lock:
            self._batches[batch.id] = batch
            settled = [one for one in self._batches.values() if one.state != "working"]
            for old in settled[: max(0, len(self._batches) - MOST_BATCHES)]:
                shutil.rmtree(self._batches.pop(old.id).folder, ignore_errors=True)

    def finished(self, run_id: str) -> FinishedAdapter:
        """The adapter of a run. Raises ModelError, UnknownRun."""
        return finished_adapter(self._store.get(run_id), self._settings)
