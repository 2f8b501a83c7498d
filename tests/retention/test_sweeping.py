"""What killed processes left half done, what takes up the disk, and the worker that sweeps by itself."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path

import pytest

from autotrain.retention.policy import DAY
from autotrain.retention.sweeping import sweep, sweep_leftovers
from autotrain.retention.usage import disk_usage
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.training.checkpoint import last_complete
from jobs.sweeper import Sweeper
from tests.jobs.conftest import until
from tests.retention.conftest import WEIGHTS, at_rest, files_of

LEFT = (
    ".backup-x",
    ".restore-x",
    ".upload-x",
    "datasets/.import-x",
    "datasets/.gone-x",
    "datasets/0123/steps/.making-x",
)


def aged(path: Path, days: float) -> None:
    for each in (path, *path.rglob("*")):
        os.utime(each, (time.time() - days * DAY,) * 2, follow_symlinks=False)


def test_what_was_left_half_done_goes_after_a_day_and_nothing_else(settings: Settings, tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    (kept / "file").write_text("mine")
    for name in LEFT:
        for days in (0.5, 1.5):
            folder = settings.root / f"{name}{days}"
            folder.mkdir(parents=True)
            (folder / "file").write_text("half")
            (folder / "link").symlink_to(kept)
            aged(folder, days)
    (settings.models / ".adding-tiny~abc").mkdir()
    (settings.datasets / "0123" / "original").write_text("rows")

    sweep_leftovers(settings)

    there = {path.relative_to(settings.root).as_posix() for path in settings.root.rglob("*") if not path.is_symlink()}
    assert {name for name in there if re.search(r"-x[\d.]+$", name)} == {f"{name}0.5" for name in LEFT}
    assert (settings.datasets / "0123" / "original").is_file() and (kept / "file").is_file()
    assert not (settings.models / ".adding-tiny~abc").exists()


def test_a_restore_that_still_writes_is_left_alone_however_long_it_takes(settings: Settings) -> None:
    folder = settings.root / ".restore-long" / "runs" / "r"
    folder.mkdir(parents=True)
    (folder / "file").write_text("")
    aged(settings.root / ".restore-long", 3)
    (folder / "file").write_text("and more")
    sweep_leftovers(settings)
    assert (folder / "file").is_file()


def test_a_model_that_is_being_added_is_left_alone(settings: Settings) -> None:
    from autotrain.models.starter import _workshop

    with _workshop(settings.models, "tiny") as workshop:
        aged(workshop, 3)
        sweep_leftovers(settings)
        assert workshop.is_dir()


def test_the_disk_is_added_up_by_what_takes_it(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    folder = at_rest(settings, store, "r", "failed")
    (folder.path / "big").write_bytes(bytes(5_000))
    (folder.path / "link").symlink_to(tmp_path)
    (settings.datasets / "0123").mkdir()
    (settings.datasets / "0123" / "table.arrow").write_bytes(bytes(700))
    (settings.models / "tiny").mkdir()
    (settings.models / "tiny" / "model.safetensors").write_bytes(bytes(900))
    usage = disk_usage(settings)
    assert (usage.checkpoints, usage.datasets, usage.models) == (2 * WEIGHTS, 700, 900)
    assert 5_000 < usage.runs < 6_000


def test_a_worker_sweeps_by_itself_and_says_what_it_freed(
    settings: Settings, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    folder = at_rest(settings, store, "r", "failed", days=31)
    caplog.set_level(logging.INFO)
    sweeper = Sweeper(settings, store, every=0.05)
    sweeper.start()
    until(lambda: last_complete(folder) is None)
    later = at_rest(settings, store, "later", "paused", days=31)
    until(lambda: not [name for name in files_of(later.path) if "weights" in name])
    sweeper.stop()
    sweeper.join()
    assert "run r: freed 0.2 MB of checkpoints." in caplog.text and "of 1 runs were let go: 0.2 MB freed" in caplog.text


def test_a_sweep_that_is_to_stop_does_no_other_run(settings: Settings, store: SqlStore) -> None:
    folder = at_rest(settings, store, "r", "failed", days=31)
    assert sweep(settings, store, stopping=lambda: True) == [] and last_complete(folder) is not None
