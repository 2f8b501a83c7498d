"""Training and predicting from Python: the same record, supervisor and processes as the page and the worker."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autotrain import submission
from autotrain.adapters import finished_adapter
from autotrain.answers import AnyAnswer
from autotrain.errors import TrainingError
from autotrain.evaluator import evaluate_again, subject_of_folder, subject_of_run
from autotrain.events import AnyEvent, Log
from autotrain.hub.account import Account
from autotrain.hub.datasets import open_datasets
from autotrain.predictor import AdapterProcess
from autotrain.recipe import Recipe
from autotrain.report import Report
from autotrain.runs.clock import clock
from autotrain.runs.finding import find_run
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import FINISHED, OWNED, State
from autotrain.runs.store import Run
from autotrain.settings import Settings, load_settings
from autotrain.training.hardware import memory
from jobs.dispatcher import devices
from jobs.fetch import fetcher
from jobs.lease import Pace
from jobs.publisher import publish
from jobs.supervisor import Seams, supervise

WAIT_SECONDS = 1.0
"""Between two looks at a record in which every device is taken."""

UNOWNED: tuple[State, ...] = ("draft", "queued")

OnEvent = Callable[[AnyEvent], None]


@dataclass(frozen=True)
class TrainedRun:
    """A run that has ended, as the record has it, and its folder."""

    run: Run
    folder: RunFolder
    settings: Settings

    @property
    def report(self) -> Report:
        """The evaluation. Raises TrainingError, with the run's own reason, when it did not succeed."""
        if self.run.state != "succeeded":
            raise TrainingError(f"Run {self.run.name!r} is {self.run.state}: {self.run.reason or 'no reason given.'}")
        return Report.model_validate_json(self.folder.report.read_text("utf-8"))

    def evaluate(self, data: str | Path, columns: Mapping[str, str] | None = None) -> Report:
        """The evaluation of the run once more, on other rows; see `autotrain.evaluate`."""
        return evaluate(self.run, data, columns, settings=self.settings)

    def predict(self, inputs: Sequence[str] | Sequence[Mapping[str, str]]) -> list[AnyAnswer]:
        """A score for each class, for each text (or mapping of roles to texts). Raises ModelError, DataError."""
        return predict(self.run, inputs, settings=self.settings)


def train(
    recipe: Recipe,
    *,
    settings: Settings | None = None,
    name: str | None = None,
    on_event: OnEvent | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> TrainedRun:
    """Train a recipe here and now, to its end.

    The run stands in the record like any other, so the page shows it too. When every device is busy it waits. A
    repository that the recipe names is pushed to; whether that worked is in the record's publications of the run.

    Args:
        on_event: called with each event of the run, in order.
        stopping: when it turns true the trainer keeps a checkpoint and the run goes back to the queue.

    Raises:
        RecipeError, DataError, ModelError: before anything is recorded, with every problem found.
    """
    settings = settings or load_settings()
    settings.prepare_home()
    tell = on_event or (lambda _event: None)
    store = open_store(settings.database)
    try:
        run = submission.submit(recipe, settings, store, name=name, queue=False)
        ended = _to_its_end(run, store, settings, tell, stopping)
        for publication in store.publications(run.id) if ended.state == "succeeded" else ():
            tell(Log(text=f"Pushing to {publication.repository} …"))
            publish(publication.id, store, settings)
        return TrainedRun(ended, RunFolder(settings.runs / run.id), settings)
    finally:
        store.close()


def predict(
    run: Run, inputs: Sequence[str] | Sequence[Mapping[str, str]], *, settings: Settings | None = None
) -> list[AnyAnswer]:
    """Answers of a finished run's adapter, from a process of its own. Raises ModelError, DataError."""
    adapter = finished_adapter(run, settings or load_settings())
    role = next(iter(adapter.rows), "text")
    wanted = [{role: item} if isinstance(item, str) else item for item in inputs]
    with AdapterProcess(adapter.artifact, adapter.model) as process:
        return process.predict(wanted)


def evaluate(  # noqa: PLR0913  # one place for every wish; but for the first three each has a default
    what: Run | str | Path,
    data: str | Path,
    columns: Mapping[str, str] | None = None,
    *,
    model: Path | None = None,
    settings: Settings | None = None,
    with_steps: bool = True,
    device: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """The test evaluation of a finished training, once more on other rows, in a process of its own.

    Args:
        what: a run, its id or its name; or the folder of an adapter, alone or within that of its run.
        data: what a recipe may name: a file, a dataset's id, an address.
        columns: which column plays which role, where they are not named as in the training.
        model: of an adapter's folder: the base model's folder, where the one that it names is not found.
        with_steps: whether the steps of the run's recipe are done on these rows too.
        device: `cpu` or `cuda:0`; by default what this machine has.
        progress: called with the share that is done.

    Raises:
        UnknownRun, ModelError: there is no such run, or no adapter of it.
        DataError: the rows cannot be evaluated; the sentence says why.
    """
    settings = settings or load_settings()
    settings.prepare_home()
    store = open_store(settings.database)
    try:
        datasets = open_datasets(settings, Account(store, settings).token)
        folder = Path(what) if isinstance(what, (str, Path)) and Path(what).is_dir() else None
        if folder is not None:
            subject = subject_of_folder(folder, model, settings)
        else:
            subject = subject_of_run(what if isinstance(what, Run) else find_run(store, str(what)), settings)
        dataset = datasets.resolve(str(data))
        return evaluate_again(subject, dataset, columns, with_steps=with_steps, device=device, progress=progress)
    finally:
        store.close()


def _to_its_end(run: Run, store: SqlStore, settings: Settings, tell: OnEvent, stopping: Callable[[], bool]) -> Run:
    """Claim and supervise, again after a retry, until the run has ended or a stop is wished."""
    host = socket.gethostname()
    store.register_devices(host, devices(), slots=settings.slots)

    def tell_all(events: Sequence[AnyEvent]) -> None:
        for event in events:
            tell(event)

    pace = Pace.of(settings)
    seams = Seams(fetcher(store, settings), stopping=stopping, on_events=tell_all, pace=pace)
    told = False
    while (run := store.get(run.id)).state not in FINISHED and run.state != "paused" and not stopping():
        free, since = run.state not in OWNED, clock()
        fence = _claimed(run, store, pace) if free else None
        if fence is not None:
            supervise(run.id, fence, since, store, settings, seams)
            continue
        if free and not told:
            told = True
            tell(Log(text=store.queue(beside=run.id).why(run.id) or "Starts within seconds."))
        time.sleep(WAIT_SECONDS)
        store.reconcile()  # where no worker runs, nobody else frees the device of a run whose owner was killed
    return run


def _claimed(run: Run, store: SqlStore, pace: Pace) -> int | None:
    host = socket.gethostname()
    owner, free = f"{host}:{os.getpid()}", memory()[1]
    return store.claim(run.id, owner, host=host, states=UNOWNED, lease=pace.lease, free=free)
