"""Leases when processes are stopped and clocks are set: on the real record, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autotrain.runs import tables
from autotrain.runs.clock import clock
from autotrain.runs.folder import AttemptFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from jobs.supervisor import supervise
from tests.jobs.conftest import Bench, until
from tests.postgres import BOTH
from tests.runs.test_record import claimed

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
RECONCILE = "import sys, time; from autotrain.runs.sql import open_store; s = open_store(sys.argv[1]); \
print(time.strftime('%Y %Z'), s.reconcile().expired)"
TRAINER = "import sys, time; from autotrain.__main__ import die_with_owner; \
from autotrain.runs.folder import AttemptFolder; from pathlib import Path; \
die_with_owner(AttemptFolder(Path(sys.argv[1]))); print('on', flush=True); time.sleep(60)"


@pytest.fixture
def bench(settings: Settings, store: SqlStore) -> Bench:
    return Bench(settings, store)


def reconcile(settings: Settings, **environment: str) -> str:
    """What another process finds expired, and which year and time zone it believes in."""
    return subprocess.run(
        [sys.executable, "-c", RECONCILE, settings.database],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@BOTH
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_a_lease_does_not_know_time_zones(settings: Settings, store: SqlStore, zone: str) -> None:
    fence = claimed(store)
    assert reconcile(settings, TZ=zone).endswith("()")
    store.renew("r1", fence, lease=-1)
    assert reconcile(settings, TZ=zone).endswith("('r1',)")


@BOTH
@pytest.mark.skipif(not FAKETIME.exists(), reason="needs Debian's package libfaketime")
@pytest.mark.parametrize(("jump", "year"), [("+400d", 1), ("-400d", -1)])
def test_a_wall_clock_that_is_set_ends_no_lease_and_prolongs_none(
    settings: Settings, store: SqlStore, jump: str, year: int
) -> None:
    fence = claimed(store)
    fake = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": jump, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}
    said = reconcile(settings, **fake)
    assert (int(said.split()[0]) - time.gmtime().tm_year) * year >= 1, "the clock was not set"
    assert said.endswith("()")
    store.renew("r1", fence, lease=-1)
    assert reconcile(settings, **fake).endswith("('r1',)")


@BOTH
def test_a_lease_of_before_the_machine_was_started_is_over(store: SqlStore) -> None:
    fence = claimed(store)
    store.renew("r1", fence, lease=90 * 86_400)  # what is left of a lease when the clock begins anew
    assert store.reconcile().expired == ("r1",)


def test_a_trainer_that_hears_nothing_of_its_supervisor_ends_before_the_lease(tmp_path: Path) -> None:
    attempt = AttemptFolder(tmp_path)
    attempt.live_until(clock() + 60)
    with subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as trainer:
        assert trainer.stdout is not None and trainer.stdout.readline() == b"on\n"
        time.sleep(1.5)
        assert trainer.poll() is None
        attempt.live_until(clock() + 0.1)
        assert trainer.wait(20) == -signal.SIGKILL


def test_a_trainer_is_told_of_every_renewal(bench: Bench) -> None:
    bench.pace = replace(bench.pace, renew=0.1)
    folder = bench.make(steps=10_000, seconds=0.02)
    thread = bench.begin()
    bench.until_step(1)
    first = folder.attempt(1).lives_until()
    until(lambda: folder.attempt(1).lives_until() > first)
    assert first <= clock() + bench.pace.self_fence + bench.pace.fence_grace
    bench.store.wish("r1", "cancel")
    thread.join()


@BOTH
def test_whoever_was_held_up_after_its_claim_renews_before_a_trainer_starts(bench: Bench) -> None:
    folder = bench.make(steps=2)
    fence, long_ago = bench.claim(), clock() - 39
    supervise("r1", fence, long_ago, bench.store, bench.settings, bench.seams())
    assert bench.store.get("r1").state == "succeeded"
    assert folder.attempt(fence).lives_until() > long_ago + 39 + bench.pace.self_fence


@BOTH
def test_whoever_was_held_up_past_the_lease_starts_no_trainer(bench: Bench) -> None:
    folder = bench.make(steps=2)
    fence = bench.claim()
    with bench.store._engine.begin() as connection:
        connection.execute(tables.run.update().values(lease_expires_at=0.0))
    bench.store.reconcile()
    assert bench.claim() == fence + 1
    assert supervise("r1", fence, clock() - 70, bench.store, bench.settings, bench.seams()) is None
    assert not folder.attempt(fence).path.exists()
    assert bench.store.get("r1").state == "starting"
    assert not [child for child in psutil.Process().children() if "trainer.py" in " ".join(child.cmdline())]
