"""A hundred open pages of two runs that train: every answer comes soon, nothing grows, the training hardly notices."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from autotrain.training.hardware import cpu_count
from tests.faults import LARGE, size
from tests.faults.installation import ROOT, Installation, installation, toy, until
from tests.faults.results import Result, keep, percentile
from tests.faults.test_processes_killed import answers

PAGES = size(100, 40)
WINDOWS, OPEN_SECONDS = size(12, 1), 300.0 if LARGE else 8.0
"""In turns with pages open and without, so that whatever else changes on the machine changes for both."""
ALONE_SECONDS = OPEN_SECONDS / 2
LONG = {
    "num_train_epochs": 100,
    "max_steps": 0,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 8,
    "evaluations_per_epoch": 1,
}
SOON_SECONDS, GROWTH, SLOWED = 0.25, 0.10, 0.03


@dataclass
class Soak:
    """What was seen so far."""

    place: Installation
    runs: list[str]
    seconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    slowed: list[float] = field(default_factory=list)
    web_seconds: float = 0.0
    watchers_seconds: float = 0.0

    def step(self, run_id: str) -> tuple[float, int]:
        """A moment at which a run comes to a step, and which."""
        known = self._steps(run_id)
        until(lambda: self._steps(run_id) > known, what=lambda: self.place.told(run_id))
        return time.monotonic(), self._steps(run_id)

    def pace(self, began: list[tuple[float, int]]) -> float:
        """Steps of all runs in a second, since these moments."""
        now = [self.step(run_id) for run_id in self.runs]
        return sum((step - first) / (moment - start) for (start, first), (moment, step) in zip(began, now, strict=True))

    def alone(self) -> float:
        """The pace while nobody looks."""
        began = [self.step(run_id) for run_id in self.runs]
        time.sleep(ALONE_SECONDS)
        return self.pace(began)

    def watched(self) -> float:
        """The pace while the pages are open."""
        web = psutil.Process(self.place.processes["web"].pid)
        began, used = [self.step(run_id) for run_id in self.runs], web.cpu_times()
        command = [sys.executable, "-m", "tests.faults.watchers", str(self.place.settings.port), str(OPEN_SECONDS)]
        found = subprocess.run([*command, str(PAGES), *self.runs], cwd=ROOT, capture_output=True, check=False)
        assert found.returncode == 0, found.stderr.decode()[-3000:]
        pace, spent = self.pace(began), web.cpu_times()
        told = json.loads(found.stdout)
        self.seconds += told["seconds"]
        self.watchers_seconds += told["cpu_seconds"]
        self.web_seconds += spent.user + spent.system - used.user - used.system
        self.resident.append(web.memory_info().rss)
        return pace

    def _steps(self, run_id: str) -> int:
        progress = self.place.store.get(run_id).progress
        return progress.step if progress else 0


@pytest.mark.slow
@pytest.mark.timeout(9000)
def test_many_open_pages_are_answered_and_disturb_no_training(tmp_path: Path) -> None:
    made = toy("text-classification", tmp_path, **LONG)
    with installation(tmp_path / "home", "broker", "worker", "web", slots=2) as place:
        runs = [place.submit(made, seed=seed).id for seed in range(2)]
        until(lambda: answers(place))
        for run_id in runs:
            place.until_training(run_id, 0)
        soak = Soak(place, runs)
        for _ in range(WINDOWS):
            before, open_, after = soak.alone(), soak.watched(), soak.alone()
            soak.slowed.append(1 - open_ / ((before + after) / 2))
        for run_id in runs:
            place.store.wish(run_id, "finish")
        for run_id in runs:
            ended = place.until_state(run_id, "succeeded", "failed")
            assert (ended.state, ended.fence) == ("succeeded", 1), place.told(run_id)
            place.assert_told_once(run_id)
    assert len(soak.seconds) >= PAGES
    p95, growth = percentile(soak.seconds, 0.95), soak.resident[-1] / soak.resident[0] - 1
    slowed, machine = statistics.median(soak.slowed), WINDOWS * OPEN_SECONDS * cpu_count()
    told = (
        f"{len(soak.seconds):,} answers, p95 {1000 * p95:.0f} ms, longest {max(soak.seconds):.2f} s; the web process "
        f"grew by {100 * growth:.1f} % and took {100 * soak.web_seconds / machine:.1f} % of the machine; the trainers "
        f"were {100 * slowed:.1f} % slower, in which the {100 * soak.watchers_seconds / machine:.1f} % that the pages "
        "took themselves are counted"
    )
    print(told, soak.slowed)
    if LARGE:
        assert p95 < SOON_SECONDS and growth < GROWTH and slowed < SLOWED, told
    keep("pages", Result.of(f"{PAGES} open pages of 2 runs that train", f"{WINDOWS * OPEN_SECONDS / 60:.0f} min", told))
