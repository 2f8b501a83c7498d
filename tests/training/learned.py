"""A whole training of a task in this process: a table, its frozen splits, the learner, a stop and a resume."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from autotrain.data.freeze import freeze, read_split, write_rows
from autotrain.data.store import DatasetStore
from autotrain.events import AnyEvent
from autotrain.recipe import Recipe, parse
from autotrain.report import Report
from autotrain.runs.folder import RunFolder
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN
from autotrain.task import Attempt, Finished, Result, Wishes
from autotrain.tasks import TASKS
from autotrain.training.checkpoint import complete
from autotrain.training.wishes import Stopped
from tests.training.device import TESTED


@dataclass
class Ear:
    """A sink that keeps what it is told, and wishes a stop at a step."""

    wishes: Wishes = field(default_factory=Wishes)
    stop_at: int | None = None
    told: list[AnyEvent] = field(default_factory=list)

    def emit(self, event: AnyEvent) -> None:
        self.told.append(event)
        if event.kind == "metric" and event.step == self.stop_at:
            self.wishes.stop = True

    def curve(self) -> dict[int, dict[str, float]]:
        """Every logged value by step."""
        points: dict[int, dict[str, float]] = {}
        for event in self.told:
            if event.kind == "metric":
                points.setdefault(event.step, {}).update(event.values)
        return points


@dataclass(frozen=True)
class Learned:
    """One task on one table with one base model; `folder` is the run's."""

    task: str
    columns: Mapping[str, str]
    folder: Path
    model: Path
    params: Mapping[str, Any]

    def given(self, number: int = 1, ear: Ear | None = None, resume_from: Path | None = None, **params: Any) -> Attempt:
        """An attempt to hand to the task, or to a learner that the test keeps."""
        ear = ear or Ear()
        workdir = self.folder / f"attempt-{number}"
        workdir.mkdir(parents=True)
        return Attempt(
            model=self.model,
            model_name="tiny",
            data=self.folder / "data",
            columns=self.columns,
            params=TASKS[self.task].params_class(**{**self.params, **params}),
            workdir=workdir,
            artifact=workdir / "adapter",
            resume_from=resume_from,
            sink=ear,
            device=TESTED,
            wishes=ear.wishes,
        )

    def attempt(
        self, number: int = 1, ear: Ear | None = None, resume_from: Path | None = None, **params: Any
    ) -> Result:
        """Train to the end, or until `ear` wishes a stop, which raises Stopped."""
        return TASKS[self.task].train(self.given(number, ear, resume_from, **params))

    def submitted(self) -> RunFolder:
        """The folder as a trainer process takes it: with its recipe."""
        recipe = recipe_of(self.task, self.folder / "table.jsonl", self.columns)
        recipe = Recipe.model_validate(recipe.model_dump() | {"params": dict(self.params)})
        (self.folder / "recipe.yaml").write_text(recipe.to_yaml(), "utf-8")
        return RunFolder(self.folder)

    def judged(self, result: Result, *, alone: bool = False) -> Report:
        """The finished adapter evaluated once more on the test rows; `alone` without the other rows, as elsewhere."""
        data = self.folder / "data"
        if alone:
            data = Path(tempfile.mkdtemp(dir=self.folder))
            shutil.copy(self.folder / "data" / "profile.json", data)
            shutil.copy(self.folder / "data" / "test.arrow", data)
            rows = read_split(self.folder / "data", "test")
            for name in ("train", "validation"):
                roles = {role: role for role in rows.column_names if role != ROW_COLUMN}
                write_rows(rows, roles, np.zeros(rows.num_rows, dtype=bool), data / f"{name}.arrow")
        given = Attempt(
            model=self.model,
            model_name="tiny",
            data=data,
            columns=self.columns,
            params=TASKS[self.task].params_class(**self.params),
            workdir=data,
            artifact=data / "adapter",
            resume_from=None,
            sink=Ear(),
            device=TESTED,
            judged=Finished(result.artifact, None if alone else result.report.training),
        )
        report = TASKS[self.task].train(given).report
        assert not (data / "adapter").exists()
        return report

    def judges_again(self, result: Result, *needs_rows: str) -> Report:
        """Assert that an evaluation once more gives the scores of the training's own, and those baselines that need no
        training rows also without them; returns the report of the adapter alone."""
        again, alone = self.judged(result), self.judged(result, alone=True)
        timeless = {"seconds": None}
        for mine, golden in ((again, result.report), (alone, result.report)):
            assert mine.scores == golden.scores and mine.per_class == golden.per_class
            assert mine.mistakes == golden.mistakes and mine.examples == golden.examples
        own = [each.model_copy(update=timeless) for each in result.report.baselines]
        assert [each.model_copy(update=timeless) for each in again.baselines] == own
        left = [each for each in own if each.name not in needs_rows]
        assert [each.model_copy(update=timeless) for each in alone.baselines] == left
        assert again.split == result.report.split and again.training == result.report.training
        assert alone.split.test == again.split.test and alone.split.train == 0
        assert any("training rows are left out" in note for note in alone.notes)
        return alone

    def accumulates(self, batch: int, batches: int) -> None:
        """Assert that so many batches of this size are one update as a single batch of all their rows is."""
        found = []
        for number, (rows, times) in enumerate(((batch * batches, 1), (batch, batches)), 21):
            ear = Ear()
            wanted = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": times, "max_steps": 6}
            wanted["precision"] = "fp32"  # in 16 bits, sums of other parts differ visibly
            result = self.attempt(number, ear, **wanted)
            found.append((ear.curve(), load_file(result.artifact / "adapter_model.safetensors")))
        (whole, weights), (summed, other) = found
        assert whole.keys() == summed.keys()
        for step, values in whole.items():
            exact = {"eval_loss", "eval_perplexity"} if "eval_perplexity" in values else set()
            for name in {"loss", "grad_norm", "learning_rate"} & values.keys() | exact:
                assert np.isclose(summed[step][name], values[name], rtol=1e-3), (step, name, values, summed[step])
        for name, part in weights.items():
            assert np.allclose(other[name], part, atol=2e-3), (name, abs(other[name] - part).max())

    def stopped_and_resumed(self, step: int) -> tuple[dict[int, dict[str, float]], dict[int, dict[str, float]]]:
        """The curve of a training that nothing happened to, and that of one stopped at a step and resumed."""
        whole, first, second = Ear(), Ear(stop_at=step), Ear()
        self.attempt(11, whole)
        try:
            self.attempt(12, first)
        except Stopped:
            pass
        else:
            raise AssertionError("the training was not stopped")
        last = complete(self.folder / "attempt-12" / "checkpoints")[-1]
        self.attempt(13, second, last)
        return whole.curve(), first.curve() | second.curve()


def learned(
    folder: Path,
    task: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    model: Path,
    **params: Any,
) -> Learned:
    """A run folder with the rows divided and frozen, as a submit leaves it. `rows` are written as JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "table.jsonl"
    table.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), "utf-8")
    settings = Settings(home=folder / "home", redis_url=None, database_url=None)
    settings.prepare_home()
    dataset = DatasetStore(settings).add(table)
    data = recipe_of(task, table, columns).data
    assert data is not None
    (folder / "data").mkdir()
    freeze(dataset, data.columns, data.split, folder / "data")
    return Learned(task, columns, folder, model, params)


def recipe_of(task: str, table: Path, columns: Mapping[str, str]) -> Recipe:
    """A recipe of the task on a table."""
    data = {"source": str(table), "columns": dict(columns)}
    return parse({"task": task, "title": "Toy", "model": "tiny", "data": data})
