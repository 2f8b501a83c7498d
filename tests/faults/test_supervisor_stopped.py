"""A supervisor that is stopped, not dead: another takes its run over, and when it wakes up it writes nothing."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.faults import LARGE, size
from tests.faults.installation import LEASE_SECONDS, Installation, installation, toy, until
from tests.faults.results import Result, keep
from tests.faults.test_processes_killed import ENDLESS, FLUSH_SECONDS, Patient

ROUNDS = size(10, 1)
STOPPED_SECONDS = 1.5 * LEASE_SECONDS
SAVING_SECONDS = 0.2 if LARGE else FLUSH_SECONDS
"""Trainers work nearly all the time here, and the run must outlast all rounds."""


def written(place: Installation, run_id: str, fence: int) -> list[tuple[int, float]]:
    """What stands in the record under a fence."""
    with place.store._engine.connect() as connection:
        query = "select seq, at from event where run_id = ? and fence = ? union all "
        query += "select seq, at from metric where run_id = ? and fence = ? order by seq"
        rows = connection.exec_driver_sql(query, (run_id, fence, run_id, fence)).all()
    return [(int(seq), float(at)) for seq, at in rows]


def lost(place: Installation, fence: int) -> bool:
    """Whether an owner has said that it lost its run."""
    return f"Attempt {fence} no longer owns run" in place.log.read_text("utf-8", "replace")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_supervisor_that_wakes_up_late_writes_nothing(tmp_path: Path) -> None:
    made, stopped = toy("text-classification", tmp_path, **ENDLESS), list[float]()
    with installation(tmp_path / "home", "broker", "worker", flush_seconds=SAVING_SECONDS) as place:
        patient = Patient(place, place.submit(made).id)
        for _ in range(ROUNDS):
            patient.until_well()
            trainer = place.trainer(patient.run_id)
            supervisor = trainer.parent() if trainer else None
            assert supervisor is not None and trainer is not None, place.told(patient.run_id)
            began, fence = time.monotonic(), patient.fence
            supervisor.send_signal(signal.SIGSTOP)
            place.until_taken_up(patient.run_id, fence)
            stopped.append(time.monotonic() - began)
            assert not psutil.pid_exists(trainer.pid) or trainer.status() == psutil.STATUS_ZOMBIE
            time.sleep(max(0.0, STOPPED_SECONDS - (time.monotonic() - began)))
            before = written(place, patient.run_id, fence)
            supervisor.send_signal(signal.SIGCONT)
            until(lambda attempt=fence: lost(place, attempt), what=lambda: place.told(patient.run_id))
            assert before and written(place, patient.run_id, fence) == before
        patient.finish()
        assert place.store.get(patient.run_id).fence == ROUNDS + 1
    print(stopped)
    keep(
        "stopped-supervisor",
        Result.of(
            f"SIGSTOP of a supervisor for {STOPPED_SECONDS:.0f} s, then SIGCONT",
            f"{ROUNDS} times",
            "its trainer had ended before the next began; it wrote nothing under its old fence",
            stopped,
        ),
    )
