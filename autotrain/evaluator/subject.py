"""What is evaluated: a finished adapter with all that is known of its training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autotrain.adapters import finished_adapter
from autotrain.data.steps import Step
from autotrain.errors import AutotrainError, ModelError
from autotrain.models.catalogue import Catalogue
from autotrain.predictor.protocol import MANIFEST, task_of
from autotrain.recipe import Recipe, load
from autotrain.report import Report, Training
from autotrain.runs.folder import Order, RunFolder
from autotrain.runs.store import Run
from autotrain.settings import Settings
from autotrain.task import Params, Task
from autotrain.tasks import TASKS


@dataclass(frozen=True)
class Subject:
    """A finished adapter on its base model.

    `columns` says which column of the training file played each role, and `steps` how its rows were changed. `data` are
    the run's own frozen rows and `training` how it went; both are None where only the adapter is here. `params` are
    then those that the adapter keeps; `assumed` are the usual ones of the task, of an adapter that keeps none.
    """

    task: Task
    artifact: Path
    model: Path
    model_name: str
    columns: Mapping[str, str]
    params: Params
    assumed: bool = False
    steps: tuple[Step, ...] = ()
    data: Path | None = None
    training: Training | None = None


def subject_of_run(run: Run, settings: Settings) -> Subject:
    """A finished run of the record. Raises ModelError when it has no adapter."""
    found = finished_adapter(run, settings)
    return _subject(found.artifact, found.model, RunFolder(settings.runs / run.id).path)


def subject_of_folder(folder: Path, model: Path | None, settings: Settings) -> Subject:
    """An adapter's folder, as a run leaves it or as `autotrain export` does, or the folder of a whole run.

    Args:
        folder: with the adapter's files, or with `adapter/` in it.
        model: the base model's folder; by default the one that the adapter names.
        settings: where models are looked for.

    Raises:
        ModelError: there is no finished adapter, or its base model is not on this machine.
    """
    artifact = folder / "adapter" if not (folder / MANIFEST).is_file() and (folder / "adapter").is_dir() else folder
    task_of(artifact)
    if model is None:
        model = _base_of(artifact, settings)
    if not (model / "config.json").is_file():
        raise ModelError(
            f"There is no base model in {model} (config.json is missing). Name the folder of the model that the "
            "adapter was trained on.",
            code="no-base-model",
        )
    return _subject(artifact, model, artifact.parent if artifact.name == "adapter" else artifact)


def _subject(artifact: Path, model: Path, beside: Path) -> Subject:
    """With what lies beside the adapter: the recipe, the frozen rows, the report."""
    name = task_of(artifact)
    if name not in TASKS:
        raise ModelError(
            f"The adapter in {artifact} was trained for {name!r}, which this version does not know "
            f"({', '.join(TASKS)}). Update autotrain-studio.",
            code="unknown-task",
        )
    task, note, files = TASKS[name], json.loads((artifact / MANIFEST).read_text("utf-8")), RunFolder(beside)
    recipe = _recipe(files.recipe)
    if recipe is not None and recipe.task != name:
        recipe = None
    params = recipe.typed_params() if recipe is not None else _kept_params(task, note)
    return Subject(
        task=task,
        artifact=artifact,
        model=model,
        model_name=str(note.get("base_model", model.name)),
        columns=dict(note.get("columns") or {}),
        params=params or task.params_class(),
        assumed=params is None,
        steps=recipe.data.steps if recipe is not None and recipe.data is not None else (),
        data=files.data if (files.data / "train.arrow").is_file() else None,
        training=_training(files.report),
    )


def _base_of(artifact: Path, settings: Settings) -> Path:
    attempts = [attempt for attempt in RunFolder(artifact.parent).attempts() if attempt.order.is_file()]
    if attempts and (Path(Order.read(attempts[-1]).model) / "config.json").is_file():
        return Path(Order.read(attempts[-1]).model)
    named = str(json.loads((artifact / MANIFEST).read_text("utf-8")).get("base_model", ""))
    try:
        return Catalogue(settings).folder(named)
    except AutotrainError as error:
        raise ModelError(
            f"The adapter was trained on {named or 'a model that it does not name'}, which is not found here. Name the "
            "folder of that model (in a terminal with --model FOLDER).",
            code="no-base-model",
        ) from error


def _recipe(path: Path) -> Recipe | None:
    """The recipe of the training; None where there is none, or one that this version cannot read."""
    try:
        return load(path)
    except (AutotrainError, OSError):
        return None


def _kept_params(task: Task, note: Mapping[str, Any]) -> Params | None:
    """Those that the adapter keeps of its training; None where there are none, or not those of this version."""
    try:
        return task.params_class.model_validate(note["params"])
    except (KeyError, ValueError):
        return None


def _training(path: Path) -> Training | None:
    try:
        return Report.model_validate_json(path.read_text("utf-8")).training
    except (OSError, ValueError):
        return None
