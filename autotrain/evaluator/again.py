"""The test evaluation of a training, once more on other rows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autotrain.asking import ask
from autotrain.data.store import Dataset
from autotrain.evaluator.rows import lay_out
from autotrain.evaluator.subject import Subject
from autotrain.predictor.process import child_environment
from autotrain.report import Report
from autotrain.training.hardware import hardware

MOST_SECONDS = 7 * 24 * 3600
"""A language model may write for hours on a slow machine; nobody waits for longer than this."""

ASSUMED = (
    "The settings of the adapter's training are not known here, so the usual ones of the task stand for them. Where "
    "they decide how is measured, the scores may differ from those of the training."
)
Shared = Callable[[float], None]
"""Called with the share that is done; what it raises ends the evaluation."""


def evaluate_again(
    subject: Subject,
    dataset: Dataset,
    columns: Mapping[str, str] | None = None,
    *,
    with_steps: bool = True,
    device: str | None = None,
    progress: Shared | None = None,
) -> Report:
    """The report of a finished adapter on the rows of a table, from a process without a token and without a network.

    Args:
        subject: the adapter.
        dataset: an imported table.
        columns: which column of it plays which role, where they are not named as in the training.
        with_steps: whether the steps of the run's recipe are done on these rows too.
        device: `cpu` or `cuda:0`; by default what this machine has.
        progress: called now and then.

    Raises:
        DataError: the table cannot be evaluated, or the evaluation itself failed; the sentence says why.
    """
    tell = progress or (lambda _share: None)
    with tempfile.TemporaryDirectory(prefix="autotrain-evaluation-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        notes = lay_out(subject, dataset, columns or {}, folder / "data", with_steps=with_steps)
        if subject.assumed:
            notes.append(ASSUMED)
        said = ask(
            "autotrain.evaluator",
            question_on(subject, folder, device),
            seconds=MOST_SECONDS,
            what="The evaluation did not come to its end",
            progress=lambda done, total: tell(done / max(1, total)),
            environment=child_environment(os.environ),
        )
    report = Report.model_validate(said)
    return report.model_copy(update={"notes": (*notes, *report.notes)})


def question_on(subject: Subject, folder: Path, device: str | None = None) -> dict[str, Any]:
    """What the evaluating process is asked: how good is this adapter on the rows that are laid out in `folder`."""
    machine = hardware()
    return {
        "task": subject.task.name,
        "artifact": str(subject.artifact.resolve()),
        "model": str(subject.model.resolve()),
        "model_name": subject.model_name,
        "columns": dict(subject.columns),
        "params": subject.params.model_dump(mode="json"),
        "training": subject.training.model_dump(mode="json") if subject.training else None,
        "folder": str(folder),
        "device": device or machine.device,
        "threads": machine.cpu_count,
    }
