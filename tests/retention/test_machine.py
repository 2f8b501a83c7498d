"""Whatever happens in whatever order: no run that may go on loses its last complete checkpoint before its time."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from autotrain.errors import ImpossibleTransition
from autotrain.events import Checkpoint
from autotrain.retention.checkpoints import prune, recover
from autotrain.runs.devices import Device
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import OWNED, RESTING, Wish, possible
from autotrain.runs.store import NewRun
from autotrain.settings import Settings
from autotrain.training.checkpoint import building, last_complete
from autotrain.training.checkpoint import prune as keep_two
from tests.faults import LARGE
from tests.faults.test_record_machine import empty_record
from tests.retention.conftest import HOST, age, files_of

RUNS = ("a", "b")
KEPT_DAYS = 30
some_run = st.sampled_from(RUNS)


class Killed(BaseException):
    """Stands for SIGKILL, which `test_pruning` sends for real: nothing after it is done."""


@dataclass
class Known:
    """What must be true of one run: the checkpoint it would go on from, and for how many days it has rested."""

    state: str = "queued"
    step: int = 0
    days: float = 0.0


class Home(RuleBasedStateMachine):
    """Runs are trained, paused, resumed and grow old, while pruning comes by, and is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.settings = Settings(
            home=self.folder, redis_url=None, database_url=None, checkpoint_retention_days=KEPT_DAYS
        )
        self.settings.prepare_home()
        shutil.copy(empty_record(), self.folder / "record.sqlite")
        self.store: SqlStore = open_store(self.settings.database)
        self.store.register_devices(HOST, [Device("cpu:0"), Device("cpu:1")])
        self.runs = {run: Known() for run in RUNS}
        for run in RUNS:
            RunFolder(self.settings.runs / run).path.mkdir()
            self.store.create(NewRun(run, run, "text-classification", "m", "d", "version: 1"))

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def files(self, run: str) -> RunFolder:
        return RunFolder(self.settings.runs / run)

    def follow(self, run: str) -> None:
        """What the record says now; whoever comes to rest, also by another wish, rests anew."""
        known, state = self.runs[run], self.store.get(run).state
        known.days = known.days if state == known.state else 0.0
        known.state = state

    @rule(run=some_run)
    def claim(self, run: str) -> None:
        self.store.claim(run, "worker", host=HOST, states={"draft", "queued"})  # out of turn
        row = self.store.get(run)
        if row.state == "starting":
            self.store.move(run, row.fence, "starting", "running")
        self.follow(run)

    @rule(run=some_run, heard=st.booleans())
    def save(self, run: str, heard: bool) -> None:
        """The trainer saves; its supervisor may be killed before it writes that down."""
        row = self.store.get(run)
        if row.state not in OWNED:
            return
        step = self.runs[run].step + 1
        place = self.files(run).attempt(row.fence).checkpoints
        with building(place, step) as hidden:
            (hidden / "weights").write_text(str(step))
        keep_two(place)
        if heard:
            self.store.append(
                run, row.fence, [Checkpoint(step=step, path=f"attempt-{row.fence}/checkpoints/step-{step}")]
            )
        self.runs[run].step = step

    @rule(run=some_run, after=st.sampled_from(["paused", "failed", "queued", "succeeded", "cancelled"]))
    def end(self, run: str, after: str) -> None:
        row = self.store.get(run)
        if row.state not in OWNED or not possible(row.state, after):  # type: ignore[arg-type]
            return
        self.store.move(run, row.fence, row.state, after)  # type: ignore[arg-type]
        if after == "succeeded":
            self.files(run).adapter.mkdir(exist_ok=True)
            self.files(run).report.write_text("{}")
        self.follow(run)

    @rule(run=some_run, after=st.sampled_from(["paused", "failed", "cancelled"]), days=st.sampled_from([29.0, 31.0]))
    def is_tried_once_more_and_rests(self, run: str, after: str, days: float) -> None:
        """A whole attempt at once, and then a sweep: of single steps few histories would come this far."""
        self.wish(run, "run")
        self.claim(run)
        self.save(run, True)
        if after == "cancelled":
            row = self.store.get(run)
            if row.state == "running":
                self.store.move(run, row.fence, "running", "cancelling")
        self.end(run, after)
        self.time_passes(days)
        self.prune()

    @rule(run=some_run, wish=st.sampled_from(["run", "pause", "cancel"]))
    def wish(self, run: str, wish: Wish) -> None:
        try:
            self.store.wish(run, wish)
        except ImpossibleTransition:
            return
        self.follow(run)

    @rule(days=st.sampled_from([0.5, 7.0, 29.0, 31.0]))
    def time_passes(self, days: float) -> None:
        for run, known in self.runs.items():
            if known.state in RESTING:
                age(self.store, run, days)
                known.days += days

    @rule()
    def prune(self) -> None:
        prune(self.settings, self.store)
        self.let_go()

    @rule(moves=st.integers(0, 2))
    def prune_is_killed(self, moves: int) -> None:
        """Killed before a move, or with everything moved and forgotten but nothing deleted."""
        done, rename = [0], Path.rename

        def move(path: Path, target: Path) -> Path:
            if done[0] == moves:
                raise Killed
            done[0] += 1
            return rename(path, target)

        # A killed process recovers nothing; the next one does.
        dead = patch("autotrain.retention.checkpoints._recover_run", lambda *_: None)
        with patch.object(Path, "rename", move), dead, suppress(Killed):
            prune(self.settings, self.store)
        recover(self.settings, self.store)
        self.let_go()

    def let_go(self) -> None:
        """What was past its time may be gone by now, and is no longer expected."""
        for run, known in self.runs.items():
            of_age = known.state == "succeeded" or (known.state in RESTING and known.days >= KEPT_DAYS)
            if of_age and last_complete(self.files(run)) is None:
                known.step = 0

    @invariant()
    def nothing_is_lost_before_its_time(self) -> None:
        for run, known in self.runs.items():
            found = last_complete(self.files(run))
            assert (found.name if found else "step-0") == f"step-{known.step}", (run, known)
            assert found is None or (found / "weights").read_text() == str(known.step)
            if self.store.get(run).checkpoint is not None:
                assert found is not None, "the record names a checkpoint that is not there"

    @invariant()
    def the_record_knows_who_rests(self) -> None:
        for run in self.store.list():
            assert (run.settled_at is not None) == (run.state in RESTING)

    @invariant()
    def nothing_lies_aside(self) -> None:
        assert not [name for name in files_of(self.settings.runs) if ".pruned-" in name]


Home.TestCase.settings = settings(
    max_examples=500 if LARGE else 15,
    stateful_step_count=50 if LARGE else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestHome = Home.TestCase
