"""A long queue, two workers, and random kills: every run ends once, in the order of the queue."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from autotrain.runs.folder import RunFolder
from autotrain.runs.store import NewRun
from tests.faults import LARGE, size
from tests.faults.installation import Installation, installation, kill, until
from tests.faults.results import Result, keep
from tests.jobs.test_worker import a_model

RUNS = size(1000, 20)
SLOTS = 2
RUNS_FOR_A_KILL = 10
WHOLE_SECONDS = 20_000 if LARGE else 280


def queued(place: Installation, number: int) -> str:
    """A tiny run: three steps of the stand-in for a trainer, with a checkpoint after each."""
    name = f"run-{number:04}"
    folder = RunFolder(place.settings.runs / name)
    folder.path.mkdir()
    (folder.path / "script.json").write_text(json.dumps({"steps": 3, "checkpoints": [1, 2, 3]}))
    model = str(a_model(place.settings))
    place.store.create(NewRun(name, name, "text-classification", model, "data.csv", "recipe", memory_needed=1))
    return name


def victims(place: Installation) -> dict[str, list[psutil.Process]]:
    """Who could be killed now: trainers, supervisors that train, workers."""
    found: dict[str, list[psutil.Process]] = {"trainer": [], "supervisor": [], "worker": []}
    for name in ("worker", "second"):
        worker = place.processes[name]
        if worker.poll() is not None:
            continue
        found["worker"].append(psutil.Process(worker.pid))
        for child in psutil.Process(worker.pid).children(recursive=True):
            if any("trainer.py" in word for word in child.cmdline()) and (parent := child.parent()) is not None:
                found["trainer"].append(child)
                found["supervisor"].append(parent)
    return found


class Killer(threading.Thread):
    """Kills somebody each time some more runs have ended, and starts workers again."""

    def __init__(self, place: Installation) -> None:
        super().__init__(name="killer", daemon=True)
        self._place, self.over, self.killed = place, threading.Event(), Counter[str]()

    def run(self) -> None:
        """Kill until it is over."""
        while not self.over.wait(random.uniform(0.02, 0.2)):
            ended = len(self._place.store.list(states=["succeeded", "failed"], limit=10 * RUNS))
            if ended < RUNS_FOR_A_KILL * (self.killed.total() + 1) - RUNS_FOR_A_KILL // 2:
                continue
            kind = random.choice(("trainer", "trainer", "supervisor", "worker"))
            try:
                among = victims(self._place)[kind]
            except psutil.Error:
                continue
            if among and kill(random.choice(among)):
                self.killed[kind] += 1
            for name in ("worker", "second"):
                if self._place.processes[name].poll() is not None:
                    self._place.start(name)


@pytest.mark.slow
@pytest.mark.timeout(WHOLE_SECONDS + 20)
def test_every_run_of_a_long_queue_ends_once_and_in_order(tmp_path: Path) -> None:
    with installation(tmp_path / "home", "broker", slots=SLOTS, worker="tests.jobs.scripted_worker") as place:
        names = [queued(place, number) for number in range(RUNS)]
        place.start("worker", "second")
        killer = Killer(place)
        killer.start()
        began = time.monotonic()
        until(
            lambda: len(place.store.list(states=["succeeded", "failed"], limit=10 * RUNS)) == RUNS,
            WHOLE_SECONDS,
            lambda: str(Counter(run.state for run in place.store.list(limit=10 * RUNS))),
        )
        seconds = time.monotonic() - began
        killer.over.set()
        killer.join()
        runs = [place.store.get(name) for name in names]
        assert [run.id for run in runs if run.state != "succeeded"] == []
        for run in runs:
            ends = [row.fence for row in place.store.events(run.id) if row.event.kind == "outcome"]
            # An owner may be killed between its trainer's last word and the end in the record: the next says it anew.
            assert ends == sorted(set(ends)) and ends[-1] == run.fence, (run.id, ends)
            assert [row.step for row in place.store.metrics(run.id)] == [1, 2, 3]
        first = sorted(range(RUNS), key=lambda number: runs[number].started_at or 0.0)
        assert first == list(range(RUNS)), "whoever is nudged, the claim takes the first in the queue"
    print(killer.killed, seconds)
    kills = ", ".join(f"{count} {kind}s" for kind, count in killer.killed.items())
    keep(
        "queue",
        Result.of(
            f"{RUNS} queued runs, two workers, SIGKILL of {kills}",
            f"once, in {seconds:.0f} s, with the tests' stand-in for a trainer",
            "each ended once and succeeded; they began in the order of the queue",
        ),
    )
