"""The queue through histories that nobody would think of: no promise too many, nobody overtaken beyond the rules."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select, update

from autotrain.runs import tables
from autotrain.runs.devices import Device
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import Priority
from autotrain.runs.store import NewRun
from autotrain.runs.turns import PATIENCE_SECONDS
from tests.faults.test_record_machine import empty_record, histories

HOST, SLOTS, MEMORY = "here", 3, 10
PLACES = (("cpu",), ("cuda:0", "cuda:1"))
RANK = {"high": 0, "normal": 1, "low": 2}


@dataclass
class Asked:
    """What a run asked for, and what the test knows of it."""

    owner: str
    priority: Priority
    devices: int
    memory: int | None
    came: int
    served: int = 0
    state: str = "queued"
    on: tuple[str, ...] = ()
    passed: float | None = None


class Turns(RuleBasedStateMachine):
    """Runs of two owners come, are nudged in any order, end, are interrupted and resumed, and time passes."""

    names = PLACES[0]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(empty_record(), self.folder / "record.db")
        self.store: SqlStore = open_store(f"sqlite:///{self.folder / 'record.db'}")
        self.store.register_devices(HOST, [Device(name, MEMORY) for name in self.names], slots=SLOTS)
        self.runs: dict[str, Asked] = {}
        self.clock, self.number = 0.0, 0
        self.last: dict[str, int] = {}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def tick(self) -> int:
        self.number += 1
        return self.number

    @rule(
        owner=st.sampled_from(["anna", "ben"]),
        priority=st.sampled_from(["normal", "normal", "high", "low"]),
        devices=st.integers(1, 3),
        memory=st.sampled_from([None, 1, 3, 5, 8, 12]),
    )
    def submit(self, owner: str, priority: Priority, devices: int, memory: int | None) -> None:
        name = f"r{self.tick():03}"
        self.store.create(NewRun(name, name, "t", "m", "d", "r", owner, None, priority, devices, memory))
        self.runs[name] = Asked(owner, priority, devices, memory, self.number)

    def on(self, device: str) -> list[Asked]:
        return [one for one in self.runs.values() if device in one.on]

    def fits(self, asked: Asked) -> bool:
        """By trying every device, in the words of the rules."""
        if sum(bool(one.on) for one in self.runs.values()) == SLOTS:
            return False
        takes = 0
        for device in self.names:
            there = self.on(device)
            sizes = [one.memory for one in there]
            known = asked.memory is not None and None not in sizes
            takes += not there or (known and sum(filter(None, [*sizes, asked.memory])) <= MEMORY)
        return takes >= self.wanted(asked)

    def wanted(self, asked: Asked) -> int:
        return asked.devices if self.names[0] != "cpu" else 1

    def overdue(self, asked: Asked) -> bool:
        return asked.passed is not None and self.clock - asked.passed >= PATIENCE_SECONDS

    def order(self) -> list[str]:
        """The names of all that wait, by the rules as they are written down."""
        owners = [one.owner for one in self.runs.values() if one.on]

        def key(name: str) -> tuple[int, bool, bool, int, int, int]:
            one = self.runs[name]
            interrupted = one.served > one.came
            served = self.last.get(one.owner, 0)
            return RANK[one.priority], not self.overdue(one), not interrupted, owners.count(one.owner), served, one.came

        return sorted((name for name, one in self.runs.items() if one.state == "queued"), key=key)

    def next(self) -> str | None:
        """Whose turn it is; notes who is passed over."""
        if sum(bool(one.on) for one in self.runs.values()) == SLOTS:
            return None
        for name in self.order():
            asked = self.runs[name]
            if self.wanted(asked) > len(self.names):
                continue
            if self.fits(asked):
                return name
            waited_for = self.overdue(asked)
            if asked.passed is None:
                asked.passed = self.clock
            if waited_for:
                return None
        return None

    @rule(number=st.integers(0, 30))
    def a_message_arrives(self, number: int) -> None:
        """For any run, also one that does not wait."""
        name = f"r{number:03}"
        expected = self.next()
        fence = self.store.claim(name, "w", host=HOST)
        assert (fence is not None) == (name == expected)
        if name == expected:
            self.began(name)

    @rule()
    def a_worker_looks(self) -> None:
        expected = self.next()
        taken = self.store.claim_next("w", host=HOST)
        assert (taken[0] if taken else None) == expected
        if taken:
            self.began(taken[0])

    def began(self, name: str) -> None:
        asked = self.runs[name]
        asked.on = tuple((self.store.get(name).device or "").split("+"))
        assert len(asked.on) == self.wanted(asked) and set(asked.on) <= set(self.names)
        asked.state, asked.passed = "starting", None
        asked.served = self.last[asked.owner] = self.tick()

    @precondition(lambda self: any(one.on for one in self.runs.values()))
    @rule(number=st.integers(0, SLOTS - 1), after=st.sampled_from(["failed", "queued", "paused", "resumed"]))
    def one_ends(self, number: int, after: str) -> None:
        on = sorted(name for name, one in self.runs.items() if one.on)
        name = on[number % len(on)]
        state = "paused" if after == "resumed" else after
        self.store.move(name, self.store.get(name).fence, "starting", state)  # type: ignore[arg-type]
        self.runs[name].on, self.runs[name].state = (), state
        if after == "resumed":
            self.resume(name)

    def resume(self, name: str) -> None:
        self.store.wish(name, "run")
        self.runs[name].state, self.runs[name].came = "queued", self.tick()
        self.runs[name].passed = None

    @rule(number=st.integers(1, 30), priority=st.sampled_from(["low", "normal", "high"]))
    def another_priority(self, number: int, priority: Priority) -> None:
        asked = self.runs.get(f"r{number:03}")
        if asked is not None and not asked.on:
            self.store.prioritise(f"r{number:03}", priority)
            asked.priority = priority

    @rule(seconds=st.sampled_from([PATIENCE_SECONDS / 2, PATIENCE_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.clock += seconds
        with self.store._engine.begin() as connection:
            connection.execute(update(tables.run).values(unfit_at=tables.run.c.unfit_at - seconds))

    @invariant()
    def no_device_is_promised_twice(self) -> None:
        with self.store._engine.connect() as connection:
            rows = connection.execute(select(tables.allocation)).all()
        assert len({row.run_id for row in rows}) <= SLOTS
        for device in self.names:
            promised = [row.memory for row in rows if row.device == device]
            assert len(promised) < 2 or (None not in promised and sum(promised) <= MEMORY)

    @invariant()
    def everybody_who_waits_is_told_why(self) -> None:
        queue = self.store.queue()
        assert [run.run_id for run in queue.waiting] == self.order()
        for run in queue.waiting:
            said = queue.why(run.run_id) or ""
            assert said.startswith(("Waits", "Starts")) and said.endswith(".")
            fits = self.fits(self.runs[run.run_id]) and self.wanted(self.runs[run.run_id]) <= len(self.names)
            assert ("needs" in said or "to itself" in said or "no machine" in said) <= (not fits)


class TurnsOfCards(Turns):
    """The same with two cards, of which a run may ask for one, two, or three that nobody has."""

    names = PLACES[1]


Turns.TestCase.settings = histories(600, 40)
TurnsOfCards.TestCase.settings = histories(600, 40)
TestTurns = Turns.TestCase
TestTurnsOfCards = TurnsOfCards.TestCase
