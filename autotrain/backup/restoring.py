"""Restoring a backup: everything is checked beside the data home first, then moved into it, the record last."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from autotrain.backup.archive import DATASETS, RECORD, RUNS, Manifest, Reader
from autotrain.errors import BackupError
from autotrain.runs.copying import copy_rows, require_no_runs
from autotrain.runs.engine import HEAD, open_engine
from autotrain.runs.reconciliation import disown
from autotrain.runs.url import read_url
from autotrain.settings import RESTORE, Settings

SPARE_BYTES = 50_000_000
"""Beyond the files themselves: what a migration of the record and the file system need."""


@dataclass(frozen=True)
class Restored:
    """What was done. `going_on` runs were under way and wait in the queue; `aside` holds what was there before."""

    manifest: Manifest
    going_on: int
    aside: Path | None


def restore_backup(settings: Settings, path: Path, *, replace: bool = False) -> Restored:
    """Bring the record, the datasets and the runs of a backup into a data home. Nothing may run on it meanwhile.

    With `replace`, what the data home holds already is moved into a folder of its own within it, not deleted.

    Raises:
        BackupError: the backup is damaged or newer than this version, the data home is not empty and `replace` is
            false, or there is too little space. Nothing has changed then.
    """
    reader = Reader(path)
    try:
        manifest = reader.manifest
        _require_known(manifest, path)
        _require_empty(settings, replace)
        _require_space(settings, manifest)
        staging = Path(tempfile.mkdtemp(prefix=RESTORE, dir=settings.root))
        try:
            reader.extract(staging)
            going_on = _prepare_record(staging / RECORD)
            os.sync()  # all of it is on the disk before any of it is real
            aside = _move_aside(settings)
            _move_in(settings, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        reader.close()
    return Restored(manifest, going_on, aside)


def _require_known(manifest: Manifest, path: Path) -> None:
    # Revisions are numbers that count up, so that a newer one is known as such by a version that has never seen it.
    if manifest.schema_revision > HEAD:
        raise BackupError(
            f"{path} was made by AutoTrain Studio {manifest.made_by}, whose record has a newer schema "
            f"({manifest.schema_revision}) than this version knows ({HEAD}). Update AutoTrain Studio, then restore.",
            code="newer",
        )
    if RECORD not in manifest.files or not manifest.schema_revision:
        raise BackupError(f"{path} holds no record, so there is nothing to restore.", code="damaged")


def _require_empty(settings: Settings, replace: bool) -> None:
    there = [str(place) for place in _present(settings)]
    if there and not replace:
        raise BackupError(
            f"The data home {settings.root} is not empty: it has {', '.join(there)}. Set AUTOTRAIN_HOME to an empty "
            "folder, or write --replace: what is there is then moved aside, not deleted.",
            code="not-empty",
        )
    if _record_file(settings) is None:
        require_no_runs(settings.database)


def _require_space(settings: Settings, manifest: Manifest) -> None:
    needed, free = manifest.size + SPARE_BYTES, shutil.disk_usage(settings.root).free
    if free < needed:
        raise BackupError(
            f"The disk that holds {settings.root} has {free / 1e6:,.0f} MB free, and the backup needs "
            f"{needed / 1e6:,.0f} MB. Free some space, or set AUTOTRAIN_HOME to a folder on another disk.",
            code="disk-full",
        )


def _prepare_record(path: Path) -> int:
    """Migrate it to this version's schema and take every run from an owner that is not there; how many those were."""
    engine = open_engine(f"sqlite:///{path}")
    try:
        return disown(engine)
    finally:
        engine.dispose()  # SQLite folds its log into the file when the last connection closes
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _present(settings: Settings) -> list[Path]:
    """What a restore would write over."""
    record = _record_file(settings)
    files = [record, *(record.with_name(record.name + end) for end in ("-wal", "-shm", ".lock"))] if record else []
    folders = [folder for folder in (settings.datasets, settings.runs) if folder.is_dir() and any(folder.iterdir())]
    return [*folders, *(file for file in files if file.exists())]


def _move_aside(settings: Settings) -> Path | None:
    found = _present(settings)
    if not found:
        return None
    aside = settings.root / f"before-restore-{time.strftime('%Y%m%d-%H%M%S')}"
    aside.mkdir()
    for place in found:
        shutil.move(place, aside / place.name)
    return aside


def _move_in(settings: Settings, staging: Path) -> None:
    for name, place in ((DATASETS, settings.datasets), (RUNS, settings.runs)):
        if (staging / name).is_dir():
            if place.is_dir():
                place.rmdir()  # it is empty
            (staging / name).rename(place)
        place.mkdir(exist_ok=True)
    record = _record_file(settings)
    if record is not None:
        record.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(staging / RECORD, record)
        return
    source, target = open_engine(f"sqlite:///{staging / RECORD}"), open_engine(settings.database)
    try:
        copy_rows(source, target)
    finally:
        source.dispose()
        target.dispose()


def _record_file(settings: Settings) -> Path | None:
    """The record's file, where it is one."""
    url = read_url(settings.database)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
