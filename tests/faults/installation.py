"""A whole installation in processes of its own, looked after as a service manager would: what died is started again."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from autotrain.recipe import parse
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.store import Run
from autotrain.settings import Settings
from autotrain.submission import submit
from autotrain.training.checkpoint import last_complete
from jobs import broker
from jobs.launchers.local import PID_FILE
from tests.app import free_port
from tests.faults import LARGE
from tests.faults.trainer import SLOW
from tests.training.every import TOYS
from tests.training.learned import Learned

ROOT = Path(__file__).parent.parent.parent
LEASE_SECONDS = 60.0 if LARGE else 10.0
WORKER = "tests.faults.worker"
SERVICES = {
    "broker": [sys.executable, "-m", "jobs.broker"],
    "worker": [sys.executable, "-m", WORKER],
    "second": [sys.executable, "-m", WORKER],
    "web": [sys.executable, "app.py"],
    "up": [sys.executable, "-m", "tests.faults.up"],
}
PATIENCE = 240.0
"""Seconds until something that should happen is taken for a wedge: a lease, a start on a busy machine, and as much."""


def until(condition: Callable[[], object], seconds: float = PATIENCE, what: object = "") -> None:
    """Wait for something that will happen; fail when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds:.0f} s: {what() if callable(what) else what}"
        time.sleep(0.05)


@dataclass
class Installation:
    """A data home, its record, and the services that run on it."""

    settings: Settings
    store: SqlStore
    flush_seconds: float = 0.0
    worker: str = WORKER
    extra: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start services, each in a session of its own, with their lines in one log."""
        environment = (
            os.environ
            | self.extra
            | {
                "AUTOTRAIN_HOME": str(self.settings.root),
                "AUTOTRAIN_DATABASE_URL": self.settings.database_url or "",
                "AUTOTRAIN_SLOTS": str(self.settings.slots),
                "AUTOTRAIN_LEASE_SECONDS": str(self.settings.lease_seconds),
                "AUTOTRAIN_PORT": str(self.settings.port),
                "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
                SLOW: str(self.flush_seconds),
            }
        )
        for name in names:
            command = [self.worker if word == WORKER else word for word in SERVICES[name]]
            with self.log.open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            if name == "broker":
                until(lambda: broker.answers(self.settings))

    def kill(self, name: str) -> None:
        """SIGKILL to one service, as a kernel short of memory would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def tree(self) -> list[psutil.Process]:
        """Every process of the installation: services, what they started, and what that left behind."""
        found: dict[int, psutil.Process] = {}
        for process in self.processes.values():
            with suppress(psutil.Error):
                one = psutil.Process(process.pid)
                found |= {each.pid: each for each in (one, *one.children(recursive=True))}
        return list(found.values())

    def end(self) -> None:
        """Kill everything."""
        for process in self.tree():
            with suppress(psutil.Error):
                process.kill()
        for started in self.processes.values():
            started.wait()

    @property
    def log(self) -> Path:
        """What the services said."""
        return self.settings.root.parent / "services.log"

    def submit(self, learned: Learned, **params: Any) -> Run:
        """Queue a run of a toy, as the page does."""
        data = {"source": str(learned.folder / "table.jsonl"), "columns": dict(learned.columns)}
        body = {"task": learned.task, "title": "Toy", "model": str(learned.model), "data": data}
        return submit(parse({**body, "params": {**learned.params, **params}}), self.settings, self.store)

    def folder(self, run_id: str) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.settings.runs / run_id)

    def trainer(self, run_id: str) -> psutil.Process | None:
        """The run's trainer, if one lives now."""
        for note in self.folder(run_id).path.glob(f"attempt-*/{PID_FILE}"):
            with suppress(OSError, ValueError, KeyError, psutil.Error):
                process = psutil.Process(int(json.loads(note.read_text("utf-8"))["trainer"]["pid"]))
                if process.status() != psutil.STATUS_ZOMBIE:
                    return process
        return None

    def until_state(self, run_id: str, *states: str, seconds: float = PATIENCE) -> Run:
        """Wait until the run is in one of these states."""
        until(lambda: self.store.get(run_id).state in states, seconds, lambda: self.told(run_id))
        return self.store.get(run_id)

    def until_training(self, run_id: str, above: int) -> int:
        """Wait until an attempt with a higher fence takes steps; its fence."""

        def found() -> bool:
            run = self.store.get(run_id)
            return run.fence > above and any(
                event.get("kind") == "phase" and event.get("name") == "train"
                for event in said(self.folder(run_id).attempt(run.fence).events)
            )

        until(found, what=lambda: self.told(run_id))
        return self.store.get(run_id).fence

    def until_taken_up(self, run_id: str, above: int) -> None:
        """Wait until a trainer with a higher fence was started."""

        def found() -> bool:
            run = self.store.get(run_id)
            return run.fence > above and run.state in ("running", "succeeded")

        until(found, what=lambda: self.told(run_id))

    def until_checkpoint(self, run_id: str, step: int) -> int:
        """Wait until the record knows a checkpoint beyond this step; which."""
        until(lambda: (self.store.get(run_id).checkpoint_step or 0) > step, what=lambda: self.told(run_id))
        return int(self.store.get(run_id).checkpoint_step or 0)

    def told(self, run_id: str) -> str:
        """What is known of a run that does not do what it should."""
        run = self.store.get(run_id)
        known = f"{run.state}, fence {run.fence}, {run.reason}, checkpoint {run.checkpoint_step}, phase {run.phase}"
        return f"{known}\n{self.log.read_text('utf-8', 'replace')[-3000:]}"

    def lives(self, run_id: str) -> list[tuple[float, float]]:
        """When each of the run's trainers began and was last alive, by its own record, in this order."""
        notes = [note.read_text("utf-8").split() for note in self.folder(run_id).path.glob("life-*")]
        return sorted((float(began), float(last)) for began, last in notes)

    def assert_one_at_a_time(self, run_id: str) -> None:
        """No two trainers of the run ever lived at once."""
        lives = self.lives(run_id)
        for (_, last), (began, _) in zip(lives, lives[1:], strict=False):
            assert last < began, f"two trainers at once: {lives}"

    def assert_told_once(self, run_id: str) -> None:
        """Every point stands on the curve once, none is missing, and a step that was taken again gave the same."""
        rows = self.store.metrics(run_id)
        points = [(row.name, row.step) for row in rows]
        assert len(points) == len(set(points)), "a point stands on the curve twice"
        seqs = [row.seq for row in self.store.events(run_id, limit=100_000)]
        assert len(seqs) == len(set(seqs))
        first: dict[int, dict[str, float]] = {}
        expected: dict[tuple[str, int], float] = {}
        for attempt in self.folder(run_id).attempts():
            points = told(attempt.events)
            expected = {key: value for key, value in expected.items() if key[1] < min(points, default=math.inf)}
            expected |= {(name, step): value for step, values in points.items() for name, value in values.items()}
            for step, values in points.items():
                shared = first.setdefault(step, values).keys() & values.keys()
                assert {name: first[step][name] for name in shared} == {name: values[name] for name in shared}, step
        assert curve(self.store, run_id) == expected, "points are missing"

    def assert_nothing_left(self) -> None:
        """No trainer lives."""
        left = [process for process in psutil.process_iter(["cmdline"]) if _is_of(process, self.settings.runs)]
        assert not left, left


def told(events: Path) -> dict[int, dict[str, float]]:
    """The points of one attempt by step, from its own file."""
    points: dict[int, dict[str, float]] = {}
    for event in said(events):
        if event["kind"] == "metric":
            points.setdefault(event["step"], {}).update(event["values"])
    return points


def said(events: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of an attempt's own file of events."""
    with suppress(FileNotFoundError), events.open("rb") as file:
        yield from (json.loads(line) for line in file if line.endswith(b"\n"))


def curve(store: SqlStore, run_id: str) -> dict[tuple[str, int], float]:
    """Every value of the record by name and step."""
    return {(row.name, row.step): row.value for row in store.metrics(run_id)}


def weights(folder: RunFolder) -> dict[str, bytes]:
    """What was learned, by the names of its files."""
    found = {path.name: path.read_bytes() for path in folder.adapter.glob("*.safetensors")}
    assert found
    return found


def saving(folder: RunFolder) -> bool:
    """Whether a checkpoint is being built at this moment."""
    return any(folder.path.glob("attempt-*/checkpoints/.step-*"))


def toy(task: str, folder: Path, **params: Any) -> Learned:
    """A toy of a task and the parameters of a training that can be killed often."""
    folder.mkdir(parents=True, exist_ok=True)
    return TOYS[task].learned(task, folder / task, early_stopping_patience=0, **params)


@contextmanager
def installation(
    home: Path,
    *services: str,
    flush_seconds: float = 0.0,
    worker: str = WORKER,
    extra: Mapping[str, str] | None = None,
    **given: Any,
) -> Iterator[Installation]:
    """An installation on a data home of its own; whatever is left of it ends with the block."""
    values: dict[str, Any] = {"redis_url": None, "database_url": None, "lease_seconds": LEASE_SECONDS}
    settings = Settings(home=home, port=free_port(), **{**values, **given})
    settings.prepare_home()
    store = open_store(settings.database)
    made = Installation(settings, store, flush_seconds, worker, extra or {})
    try:
        made.start(*services)
        yield made
    finally:
        made.end()
        store.close()


def soon(seconds: float = 1.0) -> None:
    """A random moment later."""
    time.sleep(random.uniform(0, seconds))


def kill(process: psutil.Process | None) -> bool:
    """SIGKILL; whether there was somebody to kill."""
    if process is None:
        return False
    with suppress(psutil.Error):
        process.send_signal(signal.SIGKILL)
        return True
    return False


def has_checkpoint(folder: RunFolder) -> bool:
    """Whether the run could go on from somewhere."""
    return last_complete(folder) is not None


def _is_of(process: psutil.Process, runs: Path) -> bool:
    return any(str(runs) in word for word in process.info["cmdline"] or []) and (
        process.status() != psutil.STATUS_ZOMBIE
    )
