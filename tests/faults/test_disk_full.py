"""Disks that fill up: what was kept stays whole, what happened is said, and after some space is freed it goes on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from autotrain.runs.folder import RunFolder
from autotrain.training.checkpoint import last_complete
from tests.disk import fill, mounted
from tests.faults import full_only
from tests.faults.installation import LEASE_SECONDS, Installation, installation, said, toy, until
from tests.faults.results import Result, keep
from tests.faults.test_processes_killed import ENDLESS, FLUSH_SECONDS, answers

TASK = "text-classification"
SHORT = {"num_train_epochs": 2, "max_steps": 0, "evaluations_per_epoch": 4}
HELD = "paused with the reason, the last checkpoint whole; went on after Resume, every step told once"


def upload(place: Installation, name: str, rows: int) -> tuple[int, str]:
    """A table dropped on the page: the status and what is said."""
    content = b"text,label\n" + b"".join(b"the text with number %d,class %d\n" % (row, row % 2) for row in range(rows))
    address = f"http://127.0.0.1:{place.settings.port}/api/datasets?name={name}"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, content), timeout=60) as answer:
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        return error.code, str(json.loads(error.read())["error"]["message"])


@pytest.mark.slow
def test_an_import_without_room_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with (
        mounted(tmp_path / "disk", 32) as disk,
        installation(disk / "home", "web", database_url=elsewhere) as place,
    ):
        until(lambda: answers(place))
        filler = fill(disk)
        before = set(place.settings.datasets.rglob("*"))
        status, sentence = upload(place, "mine.csv", 30_000)
        assert status >= 400 and "mine.csv" in sentence and "Free some space" in sentence
        assert set(place.settings.datasets.rglob("*")) == before
        filler.unlink()
        assert upload(place, "mine.csv", 30_000)[0] in (200, 201)
    held = "refused with a sentence, nothing half-finished left; taken after space was freed"
    keep("disk-import", Result.of("disk full in an import", "once", held))


def phase(folder: RunFolder, name: str) -> bool:
    """Whether the run's first trainer has begun this phase."""
    return any(event.get("name") == name for event in said(folder.attempt(1).events) if event["kind"] == "phase")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["adapter", full_only("checkpoint", "tests/journeys/test_trainer_process.py")])
def test_a_training_without_room_waits_and_goes_on(moment: str, tmp_path: Path) -> None:
    made = toy(TASK, tmp_path, **SHORT)
    elsewhere = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with (
        mounted(tmp_path / "disk", 48) as disk,
        installation(disk / "home", "broker", "worker", flush_seconds=FLUSH_SECONDS, database_url=elsewhere) as place,
    ):
        run = place.submit(made)
        folder = place.folder(run.id)
        if moment == "checkpoint":
            place.until_checkpoint(run.id, 0)
        else:
            until(lambda: phase(folder, "evaluate"), what=lambda: place.told(run.id))
        filler = fill(disk)
        paused = place.until_state(run.id, "paused", "succeeded", "failed")
        assert (paused.state, paused.reason_code) == ("paused", "disk"), place.told(run.id)
        assert "Free some space, then press Resume" in str(paused.reason)
        kept = last_complete(folder)
        assert kept is not None and not folder.adapter.exists()
        filler.unlink()
        place.store.wish(run.id, "run")
        assert place.until_state(run.id, "paused", "succeeded", "failed").state == "succeeded", place.told(run.id)
        place.assert_told_once(run.id)
        again = [event for event in said(folder.attempt(2).events) if event["kind"] == "metric"]
        assert moment == "checkpoint" or not again, "it went straight to the evaluation"
    where = {"checkpoint": "a checkpoint", "adapter": "the saving of the adapter"}[moment]
    keep(f"disk-{moment}", Result.of(f"disk full in {where}", "once", HELD))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_record_without_room_loses_nothing(tmp_path: Path) -> None:
    made = toy(TASK, tmp_path, **ENDLESS)
    with (
        mounted(tmp_path / "disk", 4) as disk,
        installation(
            tmp_path / "home",
            *("broker", "worker"),
            flush_seconds=FLUSH_SECONDS,
            database_url=f"sqlite:///{disk / 'record.sqlite'}",
        ) as place,
    ):
        run = place.submit(made)
        place.until_training(run.id, 0)
        place.until_checkpoint(run.id, 0)
        filler = fill(disk)
        until(lambda: place.trainer(run.id) is None, 6 * LEASE_SECONDS, lambda: place.told(run.id))
        assert last_complete(place.folder(run.id)) is not None
        filler.unlink()
        place.until_training(run.id, 1)
        place.store.wish(run.id, "finish")
        assert place.until_state(run.id, "succeeded", "failed").state == "succeeded", place.told(run.id)
        place.assert_one_at_a_time(run.id)
        place.assert_told_once(run.id)
    held = "the trainer kept a checkpoint and stopped in time; the run went on by itself, every step told once"
    keep("disk-record", Result.of("disk full under the SQLite record", "once", held))
