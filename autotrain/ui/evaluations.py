"""Finished runs judged once more, on other files or by another model: in the background, one after another."""

from __future__ import annotations

import queue
import shutil
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from autotrain.data.read import import_table
from autotrain.data.store import Dataset
from autotrain.errors import AutotrainError, DataError
from autotrain.evaluator import evaluate_again, subject_of_run
from autotrain.evaluator.rows import columns_for
from autotrain.evaluator.subject import Subject
from autotrain.judge import JudgePlaces, judge_run
from autotrain.report import Report
from autotrain.runs.store import RunStore
from autotrain.settings import Settings

EvaluationState = Literal["needs columns", "working", "done", "failed"]

MOST_KEPT = 20
"""Settled evaluations that are kept to be looked at; the oldest go first."""


@dataclass(kw_only=True)
class Judging:
    """How far something is that is judged in the background."""

    state: EvaluationState = "working"
    share: float = 0.0
    reason: str | None = None

    def progressed(self, share: float) -> None:
        """Called with the share that is done."""
        self.share = share


@dataclass(kw_only=True)
class Evaluation(Judging):
    """A file on its way through the evaluation of a run."""

    id: str
    run_id: str
    dataset: Dataset
    subject: Subject
    roles: tuple[str, ...]
    report: Report | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of the user's file."""
        return [column.name for column in self.dataset.profile.columns]


class Line:
    """Work that is done one after another by a thread that no process waits for at its end."""

    def __init__(self, name: str) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def add(self, work: Callable[[], None]) -> None:
        """Stand in line; `work` must not raise."""
        self._waiting.put(work)

    def _work(self) -> None:
        while True:
            self._waiting.get()()


class Evaluations:
    """Evaluations live as long as the web process: they can be made again. Judgements are kept with their runs."""

    def __init__(self, settings: Settings, store: RunStore) -> None:
        self._settings, self._store = settings, store
        self._kept: dict[str, Evaluation] = {}
        self._judgings: dict[str, Judging] = {}
        self._lock = threading.Lock()
        self._worker, self._judge = Line("evaluations"), Line("judgements")
        self._root = settings.root / "evaluations"
        shutil.rmtree(self._root, ignore_errors=True)  # those of an earlier web process, which nobody can ask for

    def start(self, run_id: str, path: Path, name: str) -> Evaluation:
        """Read a file and start on it, or ask for columns when they are not named as in the training.

        Raises:
            UnknownRun, ModelError: there is no such run, or it has no adapter.
            DataError: the file is no table.
        """
        subject = subject_of_run(self._store.get(run_id), self._settings)
        made = uuid.uuid4().hex[:12]
        folder = self._root / made
        folder.mkdir(parents=True)
        try:
            profile = import_table(path, folder, self._settings, name=name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        dataset = Dataset(made, name, folder, profile, datetime.now(UTC))
        evaluation = Evaluation(id=made, run_id=run_id, dataset=dataset, subject=subject, roles=tuple(subject.columns))
        self._keep(evaluation)
        try:
            columns_for(subject, evaluation.columns, {})
        except DataError:
            evaluation.state = "needs columns"
            return evaluation
        self._go(evaluation, {})
        return evaluation

    def go_on(self, run_id: str, evaluation_id: str, columns: Mapping[str, str]) -> Evaluation:
        """Start an evaluation that needed to know its columns. Raises DataError."""
        evaluation = self.evaluation(run_id, evaluation_id)
        columns_for(evaluation.subject, evaluation.columns, columns)
        if evaluation.state == "needs columns":
            self._go(evaluation, columns)
        return evaluation

    def evaluation(self, run_id: str, evaluation_id: str) -> Evaluation:
        """An evaluation of this run. Raises DataError."""
        found = self._kept.get(evaluation_id)
        if found is None or found.run_id != run_id:
            raise DataError("This file is no longer here. Send it again.", code="no-such-evaluation")
        return found

    def ask_judge(self, run_id: str) -> Judging:
        """Let the judge compare the answers of a run. Raises JudgeError where none is set up, UnknownRun."""
        self._store.get(run_id)
        JudgePlaces(self._store, self._settings).required()
        with self._lock:
            now = self._judgings.get(run_id)
            if now is None or now.state != "working":
                now = self._judgings[run_id] = Judging()
                judging = now
                self._judge.add(lambda: self._settle(judging, lambda: self._ask(run_id, judging)))
        return now

    def judging(self, run_id: str) -> Judging | None:
        """How far the judge is; None where it was not asked since the web process began."""
        return self._judgings.get(run_id)

    def forget(self, run_id: str) -> None:
        """Forget everything about a run that is deleted."""
        with self._lock:
            for each in [one for one in self._kept.values() if one.run_id == run_id]:
                shutil.rmtree(self._kept.pop(each.id).dataset.folder, ignore_errors=True)
            self._judgings.pop(run_id, None)

    def _go(self, evaluation: Evaluation, columns: Mapping[str, str]) -> None:
        evaluation.state = "working"

        def work() -> None:
            evaluation.report = evaluate_again(
                evaluation.subject, evaluation.dataset, columns, progress=evaluation.progressed
            )

        self._worker.add(lambda: self._settle(evaluation, work))

    def _ask(self, run_id: str, judging: Judging) -> None:
        judge_run(run_id, self._store, self._settings, judging.progressed)

    def _settle(self, one: Judging, work: Callable[[], None]) -> None:
        try:
            work()
            one.state = "done"
        except AutotrainError as error:
            one.reason, one.state = error.message, "failed"
        except Exception as error:
            one.reason, one.state = f"This did not work ({type(error).__name__}: {error}). Try again.", "failed"

    def _keep(self, evaluation: Evaluation) -> None:
        with self._lock:
            self._kept[evaluation.id] = evaluation
            settled = [one for one in self._kept.values() if one.state != "working"]
            for old in settled[: max(0, len(self._kept) - MOST_KEPT)]:
                shutil.rmtree(self._kept.pop(old.id).dataset.folder, ignore_errors=True)
