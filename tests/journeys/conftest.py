"""Trainer processes on run folders of the toy."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autotrain.runs.folder import Order, RunFolder
from tests.disk import mounted
from tests.training.conftest import frozen, model, table
from tests.training.toy import recipe

__all__ = ["frozen", "model", "table"]

EPOCHS = 2
STEPS = EPOCHS * 72
"""Of a run that nothing happens to: epochs of 288 rows in batches of four."""


@dataclass(frozen=True)
class Trainer:
    """A run folder and the processes that train it."""

    run: RunFolder
    model: Path

    def start(self, attempt: int = 1, resume_from: Path | None = None, *flags: str, **options: Any) -> Any:
        """Start `python -m autotrain` on an attempt."""
        resume = str(resume_from.relative_to(self.run.path)) if resume_from else None
        Order(model=str(self.model), resume_from=resume).write(self.run.attempt(attempt))
        command = [sys.executable, "-m", "autotrain", str(self.run.path), "--attempt", str(attempt), *flags]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, **options)

    def finish(self, attempt: int = 1, resume_from: Path | None = None) -> int:
        """Train to the end; the exit status."""
        return int(self.start(attempt, resume_from).wait())

    def events(self, attempt: int = 1) -> list[dict[str, Any]]:
        """Whole lines of the attempt's events so far."""
        path = self.run.attempt(attempt).events
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for(self, process: Any, kind: str, count: int = 1, **fields: Any) -> None:
        """Wait until so many events of a kind, with these fields, are there."""
        wanted = {"kind": kind, **fields}.items()
        while sum(wanted <= event.items() for event in self.events() if event["kind"] == kind) < count:
            assert process.poll() is None, f"ended with {process.returncode} before a {kind}: {self.events()[-1:]}"
            time.sleep(0.005)

    def phases(self, attempt: int = 1) -> list[str]:
        """The attempt's phases in the order they began."""
        return list(dict.fromkeys(event["name"] for event in self.events(attempt) if event["kind"] == "phase"))

    def curve(self, *attempts: int) -> dict[int, dict[str, float]]:
        """Every logged value by step; a later attempt's point supersedes an earlier one's."""
        points: dict[int, dict[str, float]] = {}
        for attempt in attempts:
            fresh: dict[int, dict[str, float]] = {}
            for event in self.events(attempt):
                if event["kind"] == "metric":
                    fresh.setdefault(event["step"], {}).update(event["values"])
            points |= fresh
        return points

    def adapter_sha256(self) -> str:
        """What the finished adapter's weights are."""
        return hashlib.sha256((self.run.adapter / "adapter_model.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def trainer(frozen: Path, table: Path, model: Path, tmp_path: Path) -> Callable[..., Trainer]:
    """Make a run folder for the toy; parameters and another model as wished."""
    return lambda **given: make(tmp_path / f"run-{len(list(tmp_path.iterdir()))}", frozen, table, model, given)


def make(folder: Path, frozen: Path, table: Path, model: Path, given: dict[str, Any]) -> Trainer:
    """A run folder, as a submit leaves it."""
    other = given.pop("model", model)
    run = RunFolder(folder)
    shutil.copytree(frozen, run.data)
    run.recipe.write_text(recipe(table, **{"num_train_epochs": EPOCHS, **given}).to_yaml(), "utf-8")
    return Trainer(run, other)


@pytest.fixture(scope="session")
def undisturbed(frozen: Path, table: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run that nothing happened to."""
    made = make(tmp_path_factory.mktemp("undisturbed") / "run", frozen, table, model, {})
    assert made.finish() == 0, made.events()[-1:]
    return made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    with mounted(tmp_path / "disk", 16) as disk:
        yield disk
