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


@dataclass(frozen=True)
class FinishedAdapter:
    """`columns` says which column of the training file played each role; `inputs` are those the adapter reads."""

    artifact: Path
    model: Path
    columns: Mapping[str, str]
    inputs: Mapping[str, str]


def finished_adapter(run: Run, settings: Settings) -> FinishedAdapter:
    """The adapter of a finished run. Raises ModelError when it is not there."""
    folder = RunFolder(settings.runs / run.id)
    attempts = [attempt for attempt in folder.attempts() if attempt.order.is_file()]
    if run.state != "succeeded" or not attempts:
        raise ModelError("This run has no adapter to try. It is there when the run is finished.", code="no-adapter")
    recipe = loads(run.recipe, run.id)
    columns = dict(recipe.data.columns) if recipe.data is not None else {}
    read = {column.role for column in recipe.the_task().columns if column.kind != "label"}
    return FinishedAdapter(
        artifact=folder.adapter,
        model=Path(Order.read(attempts[-1]).model),
        columns=columns,
        inputs={role: column for role, column in columns.items() if role in read},
    )
