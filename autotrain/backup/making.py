"""Making a backup while the services run: the record first, then the files, so that nothing it says is missing."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autotrain.backup.archive import DATASETS, RECORD, RUNS, Manifest, Writer, writing_to
from autotrain.errors import BackupError
from autotrain.runs.copying import revision, snapshot, succeeded
from autotrain.runs.folder import RunFolder
from autotrain.settings import BACKUP, Settings
from autotrain.training.checkpoint import COMPLETE, last_complete

OF_PROCESSES = frozenset({"trainer.pid.json", "first.pid", "status"})
"""What a process notes of itself says nothing elsewhere, and a sweep there must not go by it."""

MAKING = ".making-"
"""What a dataset's steps are built in. Other hidden names in a dataset may be a person's own images."""

TRIES = 5
"""A checkpoint may be pruned while it is read, but not five times: each new one takes a training longer than a read."""


def make_backup(settings: Settings, path: Path, *, replace: bool = False) -> Manifest:
    """Write the record, the datasets and the runs of a data home into one file. Nothing needs to be stopped for it.

    The record is taken first. A run that goes on meanwhile has then newer files than the record knows of, never older
    ones, and goes on from them.

    Raises:
        BackupError: the file exists already and `replace` is false, or a run's checkpoint cannot be caught.
        OSError: the file cannot be written.
    """
    if path.exists() and not replace:
        raise BackupError(
            f"{path} exists already. Choose another name, or write --replace to put the new backup in its place.",
            code="exists",
        )
    with tempfile.TemporaryDirectory(prefix=BACKUP, dir=settings.root) as folder, writing_to(path) as writer:
        record = Path(folder) / RECORD
        snapshot(settings.database, record)
        writer.add(RECORD, record)
        finished = succeeded(record)
        for dataset in _folders(settings.datasets):
            _add_dataset(writer, dataset)
        for run in _folders(settings.runs):
            _add_run(writer, RunFolder(run), run.name in finished)
        return writer.seal(importlib.metadata.version("autotrain-studio"), revision(record) or "")


def _add_dataset(writer: Writer, folder: Path) -> None:
    name = f"{DATASETS}/{folder.name}"
    try:
        for path in _files(folder, MAKING):
            _add_present(writer, f"{name}/{path.relative_to(folder).as_posix()}", path, folder)
    except FileNotFoundError:
        writer.give_up(name)


def _add_run(writer: Writer, run: RunFolder, finished: bool) -> None:
    name = f"{RUNS}/{run.path.name}"
    checkpoints = {attempt.checkpoints for attempt in run.attempts()}
    try:
        if not finished:
            _add_checkpoint(writer, run, name)
        for path in _files(run.path):
            if checkpoints.isdisjoint(path.parents) and path.name not in OF_PROCESSES:
                _add_present(writer, f"{name}/{path.relative_to(run.path).as_posix()}", path, run.path)
    except FileNotFoundError:
        writer.give_up(name)


def _add_present(writer: Writer, name: str, path: Path, folder: Path) -> None:
    """Add a file. One that is gone was temporary, unless the whole folder was deleted: then FileNotFoundError."""
    try:
        writer.add(name, path)
    except FileNotFoundError:
        if not folder.is_dir():
            raise


def _add_checkpoint(writer: Writer, run: RunFolder, name: str) -> None:
    """The last complete checkpoint."""
    for _ in range(TRIES):
        found = last_complete(run)
        if found is None:
            return
        place = f"{name}/{found.relative_to(run.path).as_posix()}"
        try:
            files = [path for path in _files(found) if path.name != COMPLETE]
            for path in files:
                writer.add(f"{place}/{path.relative_to(found).as_posix()}", path)
            writer.add(f"{place}/{COMPLETE}", found / COMPLETE)  # pruning takes it away first: all of it was there
        except FileNotFoundError:
            writer.give_up(place)
            continue
        return
    raise BackupError(
        f"Run {run.path.name} saves checkpoints faster than they can be read here. Pause it, or try again.",
        code="too-fast",
    )


def _folders(folder: Path) -> Iterator[Path]:
    """What is there, without what is still being built."""
    yield from sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path, hidden: str = ".") -> list[Path]:
    """Files below a folder, without those in or under a name that begins with `hidden`."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if not any(part.startswith(hidden) for part in path.relative_to(folder).parts))
