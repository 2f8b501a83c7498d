"""Runs at rest: in the record, on either database, with real checkpoints on disk, and as old as a test wants."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from autotrain.events import Checkpoint
from autotrain.retention.policy import DAY
from autotrain.runs.devices import Device
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.state import State
from autotrain.runs.store import NewRun
from autotrain.settings import Settings
from autotrain.training.checkpoint import building
from tests.runs.conftest import pytest_generate_tests

__all__ = ["pytest_generate_tests"]

HOST = "here"
WEIGHTS = 100_000
"""Bytes of a checkpoint's one file."""


def save(folder: RunFolder, fence: int, step: int) -> Path:
    """A complete checkpoint; its folder."""
    with building(folder.attempt(fence).checkpoints, step) as hidden:
        (hidden / "weights").write_bytes(bytes([step % 251]) * WEIGHTS)
    return folder.attempt(fence).checkpoints / f"step-{step}"


def at_rest(settings: Settings, store: SqlStore, run_id: str, state: State, *, days: float = 0.0) -> RunFolder:
    """A run with two checkpoints that came to this state so many days ago."""
    folder = RunFolder(settings.runs / run_id)
    folder.path.mkdir()
    folder.recipe.write_text("recipe", "utf-8")
    store.register_devices(HOST, [Device(f"cpu:{number}") for number in range(20)])
    store.create(NewRun(run_id, run_id, "text-classification", "m", "d.csv", "recipe"))
    fence = store.claim(run_id, "worker", host=HOST, states={"draft", "queued"})  # out of turn
    assert fence is not None
    store.move(run_id, fence, "starting", "running")
    for step in (1, 2):
        save(folder, fence, step)
        store.append(run_id, fence, [Checkpoint(step=step, path=f"attempt-{fence}/checkpoints/step-{step}")])
    folder.attempt(fence).events.write_text("{}\n", "utf-8")
    folder.attempt(fence).log.write_text("log\n", "utf-8")
    if state == "cancelled":
        store.move(run_id, fence, "running", "cancelling")
        store.move(run_id, fence, "cancelling", "cancelled")
    elif state != "running":
        store.move(run_id, fence, "running", state)
    if state == "succeeded":
        folder.adapter.mkdir()
        (folder.adapter / "adapter_model.safetensors").write_bytes(b"learned")
        folder.report.write_text("{}", "utf-8")
    age(store, run_id, days)
    return folder


def age(store: SqlStore, run_id: str, days: float) -> None:
    """Let the run have rested longer."""
    with store._engine.begin() as connection:
        connection.execute(
            text("update run set settled_at = settled_at - :seconds where id = :id"),
            {"seconds": days * DAY, "id": run_id},
        )


def files_of(folder: Path) -> set[str]:
    """Names of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}
