"""The record while other processes hold its write lock: a training loses nothing and says nothing twice."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.faults import LARGE
from tests.jobs.conftest import Bench

HOLDERS, SECONDS_HELD, TIMES = (4, 3.0, 6) if LARGE else (3, 1.2, 3)
HOLD = """
import sqlite3, sys, time
path, seconds, times = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
for _ in range(times):
    record = sqlite3.connect(path, timeout=60, isolation_level=None)
    record.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    record.execute("ROLLBACK")
    record.close()
    time.sleep(0.05)
"""


@pytest.fixture
def bench(settings: Settings, store: SqlStore) -> Bench:
    return Bench(settings, store)


def test_a_run_trains_through_a_storm_of_write_locks(bench: Bench) -> None:
    bench.pace = replace(bench.pace, renew=0.3)
    bench.make(steps=60, seconds=0.02, checkpoints=[20, 40])
    fence = bench.claim()
    path = Path(bench.settings.database.removeprefix("sqlite:///"))
    storm = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(path), str(SECONDS_HELD), str(TIMES)]) for _ in range(HOLDERS)
    ]
    try:
        bench._supervise("r1", fence, bench.seams())
    finally:
        assert [holder.wait(120) for holder in storm] == [0] * HOLDERS
    run = bench.store.get("r1")
    assert (run.state, run.fence, run.checkpoint_step) == ("succeeded", 1, 40)
    assert [row.step for row in bench.store.metrics("r1")] == list(range(1, 61))
    kinds = [row.event.kind for row in bench.store.events("r1")]
    assert kinds.count("checkpoint") == 2 and kinds.count("outcome") == 1
    seqs = [row.seq for row in bench.store.events("r1")]
    assert len(seqs) == len(set(seqs))
