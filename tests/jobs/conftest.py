"""A place to supervise in: a real record, a real folder, real child processes that behave as a script says."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from autotrain.runs.clock import clock
from autotrain.runs.devices import Device
from autotrain.runs.folder import AttemptFolder, RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.state import State
from autotrain.runs.store import NewRun, Run
from autotrain.settings import Settings
from jobs.launchers.local import LocalLauncher
from jobs.lease import Pace
from jobs.supervisor import Seams, supervise

TRAINER = Path(__file__).parent / "trainer.py"
HOST = "here"
QUICK = Pace(tick=0.02, look=0.05)


def scripted(run: RunFolder, attempt: AttemptFolder) -> list[str]:
    """The command of the small trainer."""
    return [sys.executable, str(TRAINER), str(run.path), str(attempt.fence)]


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that will happen; fail when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@dataclass
class Bench:
    """One run and what is needed to supervise it."""

    settings: Settings
    store: SqlStore
    pace: Pace = QUICK
    stopping: threading.Event = field(default_factory=threading.Event)
    ended: list[State | None] = field(default_factory=list)

    def seams(self, **changes: Any) -> Seams:
        usual = Seams(
            fetch=lambda _ref, _progress: self.settings.models,
            launcher=LocalLauncher(scripted),
            stopping=self.stopping.is_set,
            pace=self.pace,
        )
        return replace(usual, **changes)

    def make(self, run_id: str = "r1", **script: Any) -> RunFolder:
        """A queued run whose trainer follows the script."""
        self.store.register_devices(HOST, [Device("cpu:0")])
        folder = RunFolder(self.settings.runs / run_id)
        folder.path.mkdir()
        (folder.path / "script.json").write_text(json.dumps(script))
        self.store.create(NewRun(run_id, run_id, "text-classification", "some-model", "data.csv", "recipe"))
        return folder

    def claim(self, run_id: str = "r1") -> int:
        fence = self.store.claim(run_id, "test", host=HOST)
        assert fence is not None
        return fence

    def go(self, run_id: str = "r1", **changes: Any) -> Run:
        """Claim and supervise to the end of one attempt."""
        self._supervise(run_id, self.claim(run_id), self.seams(**changes))
        return self.store.get(run_id)

    def begin(self, run_id: str = "r1", **changes: Any) -> threading.Thread:
        """The same, beside the test."""
        thread = threading.Thread(target=self._supervise, args=(run_id, self.claim(run_id), self.seams(**changes)))
        thread.start()
        return thread

    def _supervise(self, run_id: str, fence: int, seams: Seams) -> None:
        self.ended.append(supervise(run_id, fence, clock(), self.store, self.settings, seams))

    def until_step(self, step: int, run_id: str = "r1") -> None:
        until(lambda: any(row.step >= step for row in self.store.metrics(run_id)))


@pytest.fixture
def bench(settings: Settings, store: SqlStore) -> Bench:
    """A place to supervise in."""
    return Bench(settings, store)
