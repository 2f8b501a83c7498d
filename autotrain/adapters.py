"""The finished adapter of a run: where it and its base model lie, and which columns it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autotrain.errors import ModelError
from autotrain.recipe import loads
from autotrain.runs.folder import Order, RunFolder
from autotrain.runs.store import Run
from autotrain.settings import Settings
from autotrain.task import Task


@dataclass(frozen=True)
class FinishedAdapter:
    """`columns` says which column of the training file played each role; `inputs` are what the adapter reads, each with
    the column of the training file that was it, or an empty name."""

    artifact: Path
    model: Path
    columns: Mapping[str, str]
    inputs: Mapping[str, str]
    task: Task

    @property
    def rows(self) -> Mapping[str, str]:
        """What the adapter reads of each row of a table, as `inputs`."""
        return self.task.reads(self.columns)

    @property
    def expected(self) -> str | None:
        """The column of the training file that says what is right, where an answer can be compared with it."""
        return next((self.columns[role] for role in ("label", "tags") if role in self.columns), None)


def finished_adapter(run: Run, settings: Settings) -> FinishedAdapter:
    """The adapter of a finished run. Raises ModelError when it is not there."""
    folder = RunFolder(settings.runs / run.id)
    attempts = [attempt for attempt in folder.attempts() if attempt.order.is_file()]
    if run.state != "succeeded" or not attempts:
        raise ModelError("This run has no adapter to try. It is there when the run is finished.", code="no-adapter")
    recipe = loads(run.recipe, run.id)
    columns = dict(recipe.data.columns) if recipe.data is not None else {}
    task = recipe.the_task()
    return FinishedAdapter(
        artifact=folder.adapter,
        model=_base(folder.adapter, Path(Order.read(attempts[-1]).model)),
        columns=columns,
        inputs={role.role: columns.get(role.role, "") for role in task.asks if role.role in columns or role.required},
        task=task,
    )


def _base(artifact: Path, model: Path) -> Path:
    """The base model's folder; of a model that was trained as a whole itself, when the base is not there any more."""
    return artifact if (artifact / "config.json").is_file() and not (model / "config.json").is_file() else model
