"""The real record against a few lines that say what it must do, through histories that nobody would think of."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import event, select

from autotrain.errors import ImpossibleTransition, LeaseLost, UnknownRun
from autotrain.events import Checkpoint, Log
from autotrain.runs import tables
from autotrain.runs.devices import Device
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import FINISHED, OWNED, RESTING, TRANSITIONS, State, wishes
from autotrain.runs.store import ATTEMPTS_WITHOUT_PROGRESS, LEASE_SECONDS, NewRun
from tests.faults import LARGE
from tests.postgres import Server

HOST, DEVICES, RUNS = "here", ("cpu:0", "cpu:1"), ("a", "b", "c")
some_run = st.sampled_from(RUNS)
some_fence = st.integers(0, 6)


@cache
def empty_record() -> Path:
    """A migrated record to copy: migrating takes longer than a whole history."""
    path = Path(tempfile.mkdtemp()) / "record.db"
    open_store(f"sqlite:///{path}").close()
    return path


@dataclass
class Known:
    """What must be true of one run."""

    state: State = "queued"
    wish: str = "run"
    fence: int = 0
    ends: float = 0.0
    attempts: int = 0
    step: int = 0
    step_at_claim: int = 0
    interrupted: bool = False
    said: list[str] = field(default_factory=list)

    def leave(self, state: State) -> None:
        self.state, self.wish = state, "run"

    def attempt_counts(self) -> None:
        self.attempts = 0 if self.step > self.step_at_claim else self.attempts + 1


class Record(RuleBasedStateMachine):
    """Claims, renewals, late writes, wishes, deletions, lost hosts, the passing of time; the clock is the test's."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 1000.0
        self.open()
        self.store.register_devices(HOST, [Device(name) for name in DEVICES])
        self.runs: dict[str, Known] = {}
        self.number = 0

    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(empty_record(), self.folder / "record.db")
        self.store: SqlStore = open_store(f"sqlite:///{self.folder / 'record.db'}")
        self.store.close()  # connections made from here on read the clock of this test

        @event.listens_for(self.store._engine, "connect")
        def set_clock(connection: Any, _record: Any) -> None:
            connection.create_function("lease_clock", 0, lambda: self.clock)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def owned(self, run: str, fence: int) -> Known | None:
        known = self.runs.get(run)
        return known if known and known.state in OWNED and known.fence == fence else None

    @rule(run=some_run)
    def submit(self, run: str) -> None:
        if run not in self.runs:
            self.store.create(NewRun(run, run, "text-classification", "m", "d", "version: 1"))
            self.runs[run] = Known()

    @rule(run=some_run, times=st.integers(1, 2))
    def a_message_arrives(self, run: str, times: int) -> None:
        for _ in range(times):
            fence = self.store.claim(run, "w", host=HOST)
            assert (fence is not None) == (run == self.next())
            if fence is not None:
                self.claimed(run, fence)

    @rule()
    def a_message_for_whichever_is_next_arrives(self) -> None:
        expected = self.next()
        taken = self.store.claim_next("w", host=HOST)
        assert (taken[0] if taken else None) == expected
        if taken:
            self.claimed(*taken)

    def next(self) -> str | None:
        """Whose turn it is: first what was interrupted, then who came first."""
        if sum(one.state in OWNED for one in self.runs.values()) == len(DEVICES):
            return None
        with self.store._engine.connect() as connection:
            rows = connection.execute(select(tables.run.c.id, tables.run.c.in_line_at))
            since = {row.id: row.in_line_at for row in rows}
        waiting = [run for run, known in self.runs.items() if known.state == "queued"]
        return min(waiting, key=lambda run: (not self.runs[run].interrupted, since[run], run), default=None)

    def claimed(self, run: str, fence: int) -> None:
        known = self.runs[run]
        assert fence == known.fence + 1
        known.state, known.wish, known.fence, known.interrupted = "starting", "run", fence, True
        known.ends, known.step_at_claim = self.clock + LEASE_SECONDS, known.step

    @rule(run=some_run, fence=some_fence)
    def renew(self, run: str, fence: int) -> None:
        known = self.owned(run, fence)
        if known is None:
            with pytest.raises(LeaseLost):
                self.store.renew(run, fence)
            return
        assert self.store.renew(run, fence) == known.wish
        known.wish = "run" if known.wish == "save" else known.wish
        known.ends = self.clock + LEASE_SECONDS

    @rule(run=some_run, fence=some_fence, saved=st.booleans())
    def write(self, run: str, fence: int, saved: bool) -> None:
        known, self.number = self.owned(run, fence), self.number + 1
        step = known.step + 1 if known else 99
        wrote = Checkpoint(step=step, path=str(self.number)) if saved else Log(text=str(self.number))
        if known is None:
            with pytest.raises(LeaseLost):
                self.store.append(run, fence, [wrote])
            return
        assert self.store.append(run, fence, [wrote]) == len(known.said) + 1
        known.said.append(str(self.number))
        known.step = step if saved else known.step

    @rule(
        run=some_run, fence=some_fence, before=st.sampled_from(sorted(OWNED)), after=st.sampled_from(list(TRANSITIONS))
    )
    def move(self, run: str, fence: int, before: State, after: State) -> None:
        if after not in TRANSITIONS[before]:
            with pytest.raises(ImpossibleTransition):
                self.store.move(run, fence, before, after)
            return
        known = self.owned(run, fence)
        if known is None:
            with pytest.raises(LeaseLost):
                self.store.move(run, fence, before, after)
            return
        assert self.store.move(run, fence, before, after) == (known.state == before)
        if known.state == before:
            known.state = after
            if after not in OWNED:
                known.leave(after)
            if after == "queued":
                known.attempt_counts()

    @precondition(lambda self: any(known.state in OWNED for known in self.runs.values()))
    @rule(number=st.integers(0, 1), result=st.sampled_from(["succeeded", "failed", "paused", "queued"]))
    def an_owner_ends_it(self, number: int, result: State) -> None:
        owned = [(run, known) for run, known in self.runs.items() if known.state in OWNED]
        run, known = owned[number % len(owned)]
        self.move(run, known.fence, known.state, result)

    @rule(run=some_run, wish=st.sampled_from(["run", "save", "finish", "pause", "cancel"]))
    def wish(self, run: str, wish: Any) -> None:
        known = self.runs.get(run)
        if known is None:
            with pytest.raises(UnknownRun):
                self.store.wish(run, wish)
            return
        if wish not in wishes(known.state) and not (wish == "run" and known.state in OWNED):
            with pytest.raises(ImpossibleTransition):
                self.store.wish(run, wish)
            return
        self.store.wish(run, wish)
        if known.state in OWNED:
            known.wish = wish
            return
        known.leave({"run": "queued", "pause": "paused", "cancel": "cancelled"}[wish])  # type: ignore[arg-type]
        known.attempts, known.interrupted = (0, False) if wish == "run" else (known.attempts, known.interrupted)

    @rule(run=some_run)
    def delete(self, run: str) -> None:
        known = self.runs.get(run)
        if known is None or known.state in OWNED:
            with pytest.raises(UnknownRun if known is None else ImpossibleTransition):
                self.store.delete(run)
            return
        self.store.delete(run)
        del self.runs[run]

    @rule(seconds=st.sampled_from([1.0, 10.0, 59.0, 60.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock += seconds

    def over(self, known: Known) -> bool:
        return known.ends < self.clock

    @precondition(lambda self: type(self) is Record)  # a machine's own clock is SQLite's alone
    @rule()
    def the_machine_is_started_again(self) -> None:
        self.clock = 1.0
        for known in self.runs.values():  # what began before is over, unless it began right after the last start
            if known.state in OWNED and known.ends > self.clock + 2 * LEASE_SECONDS:
                known.ends = 0.0

    @rule()
    def reconcile(self) -> None:
        lost = [run for run, known in self.runs.items() if known.state in OWNED and self.over(known)]
        found = self.store.reconcile()
        assert sorted(found.expired) == sorted(lost)
        for run in lost:
            known = self.runs[run]
            if known.state == "cancelling" or known.wish == "cancel":
                known.leave("cancelled")
            elif known.state == "pausing" or known.wish == "pause":
                known.leave("paused")
            else:
                known.attempt_counts()
                known.leave("failed" if known.attempts >= ATTEMPTS_WITHOUT_PROGRESS else "queued")
        assert sorted(found.queued) == sorted(run for run, known in self.runs.items() if known.state == "queued")

    @invariant()
    def the_record_is_as_it_must_be(self) -> None:
        rows = {row.id: row for row in self.store.list()}
        assert sorted(rows) == sorted(self.runs), "an accepted run is never forgotten"
        for run, known in self.runs.items():
            row = rows[run]
            assert (row.state, row.desired_state, row.fence) == (known.state, known.wish, known.fence)
            assert (row.lease_expires_at is not None) == (row.device is not None) == (known.state in OWNED)
            assert (row.finished_at is not None) == (known.state in FINISHED)
            assert (row.settled_at is not None) == (known.state in RESTING)
            assert (row.checkpoint_step or 0) == known.step
            heard = [getattr(each.event, "text", None) or each.event.path for each in self.store.events(run)]  # type: ignore[union-attr]
            assert heard == known.said, "nothing written is lost or doubled, and nothing late is there"

    @invariant()
    def every_device_has_one_run(self) -> None:
        with self.store._engine.connect() as connection:
            held = connection.execute(select(tables.allocation.c.run_id, tables.allocation.c.fence)).all()
        owned = [(run, known.fence) for run, known in self.runs.items() if known.state in OWNED]
        assert sorted(tuple(row) for row in held) == sorted(owned)


class RecordOnPostgres(Record):
    """The same on PostgreSQL. Its clock is the server's: time passes by moving the leases, in steps so large that the
    test's own seconds make no difference."""

    url = ""

    def open(self) -> None:
        self.store = open_store(self.url)
        with self.store._engine.begin() as connection:
            for table in (tables.run, tables.allocation, tables.device, tables.machine):
                connection.execute(table.delete())

    def teardown(self) -> None:
        self.store.close()

    def over(self, known: Known) -> bool:
        return known.ends <= self.clock

    @rule(seconds=st.sampled_from([1.0, 10.0, 59.0, 60.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        seconds = round(seconds, -1)
        self.clock += seconds
        with self.store._engine.begin() as connection:
            ends = tables.run.c.lease_expires_at
            connection.execute(tables.run.update().values(lease_expires_at=ends - seconds))


def histories(many: int, few: int) -> settings:
    """So many histories, or, where nobody has minutes, so few of half the length."""
    return settings(
        max_examples=many if LARGE else few,
        stateful_step_count=60 if LARGE else 30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


Record.TestCase.settings = histories(600, 30)
RecordOnPostgres.TestCase.settings = histories(200, 10)  # each question goes through a socket
TestRecord = Record.TestCase


class TestRecordOnPostgres(RecordOnPostgres.TestCase):  # type: ignore[name-defined,misc]
    @pytest.fixture(autouse=True)
    def _database(self, postgres: Server) -> None:
        RecordOnPostgres.url = postgres.database()
