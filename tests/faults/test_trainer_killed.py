"""Trainers killed at random moments and inside of saves: every run ends as if nothing had happened, to the byte."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from autotrain.runs.store import ATTEMPTS_WITHOUT_PROGRESS
from tests.faults import LARGE, size
from tests.faults.installation import Installation, curve, installation, kill, saving, toy, until, weights
from tests.faults.results import Result, keep

TASKS = ("text-classification", "supervised-fine-tuning", "token-classification")[: 3 if LARGE else 2]
RUNS_OF_EACH, KILLS_OF_EACH = size(4, 1), size(9, 2)
LONG = {"num_train_epochs": 40, "max_steps": 120 if LARGE else 60, "evaluations_per_epoch": 2, "lora_dropout": 0.1}
WHOLE_SECONDS = 7000 if LARGE else 240
MOMENT_SECONDS = 6.0
"""From the start of a trainer: within them it loads, trains and saves."""


class Killer(threading.Thread):
    """Kills the trainers of one run, every third time inside of a save, and never so often that the run gives up."""

    def __init__(self, place: Installation, run_id: str, kills: int) -> None:
        super().__init__(name=f"killer-{run_id}")
        self._place, self._run_id, self._kills = place, run_id, kills
        self.killed: Counter[str] = Counter()
        self.recovered: list[float] = []

    def run(self) -> None:
        """Kill until it is enough."""
        place, run_id, last = self._place, self._run_id, 0
        for number in range(self._kills):
            began = time.monotonic()
            until(lambda: self._over() or place.trainer(run_id), WHOLE_SECONDS, lambda: place.told(run_id))
            if number:
                self.recovered.append(time.monotonic() - began)
            in_a_save = number % 3 == 1 or self._on_the_brink()
            if self._on_the_brink():
                last = place.until_checkpoint(run_id, last)
            if in_a_save:
                until(lambda: self._over() or saving(place.folder(run_id)), what=lambda: place.told(run_id))
            else:
                time.sleep(random.uniform(0, MOMENT_SECONDS))
            last = place.store.get(run_id).checkpoint_step or 0
            inside = saving(place.folder(run_id))
            if kill(victim := place.trainer(run_id)) and victim is not None:
                self.killed["inside of a save" if inside else "elsewhere"] += 1
                until(lambda gone=victim: not gone.is_running() or gone.status() == "zombie")

    def _on_the_brink(self) -> bool:
        run = self._place.store.get(self._run_id)
        progressed = self._place.folder(self._run_id).attempt(run.fence).checkpoints
        return run.attempts_without_progress >= ATTEMPTS_WITHOUT_PROGRESS - 1 and not any(progressed.glob("step-*"))

    def _over(self) -> bool:
        return self._place.store.get(self._run_id).state in ("succeeded", "failed")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_killed_trainers_come_to_the_same_curve_and_the_same_bytes(tmp_path: Path) -> None:
    toys = [toy(task, tmp_path / "toys", **LONG) for task in TASKS]
    with installation(tmp_path / "home", "broker", flush_seconds=0.02, slots=2) as place:
        whole = {made.task: place.submit(made) for made in toys}
        runs = [(made.task, place.submit(made)) for made in toys for _ in range(RUNS_OF_EACH)]
        place.start("worker")
        killers = [Killer(place, run.id, KILLS_OF_EACH) for _, run in runs]
        for killer in killers:
            killer.start()
        for _, run in runs:
            place.until_state(run.id, "succeeded", "failed", seconds=WHOLE_SECONDS)
        for killer in killers:
            killer.join()
        for task, run in runs:
            ended, undisturbed = place.store.get(run.id), place.store.get(whole[task].id)
            assert (undisturbed.state, undisturbed.fence) == ("succeeded", 1), place.told(undisturbed.id)
            assert ended.state == "succeeded", place.told(run.id)
            assert curve(place.store, run.id) == curve(place.store, undisturbed.id)
            assert weights(place.folder(run.id)) == weights(place.folder(undisturbed.id))
            place.assert_one_at_a_time(run.id)
            place.assert_told_once(run.id)
        place.assert_nothing_left()
    killed = sum((killer.killed for killer in killers), Counter[str]())
    print(killed, [place.store.get(run.id).fence for _, run in runs])
    assert killed["inside of a save"] >= len(runs) and killed["elsewhere"] >= len(runs)
    keep(
        "trainer",
        Result.of(
            "SIGKILL of the trainer",
            f"{killed.total()} kills over {len(runs)} runs of {len(TASKS)} tasks, "
            f"{killed['inside of a save']} inside of a save",
            "every run succeeded; curves and weights equal the undisturbed run's to the byte; no trainer was left",
            [second for killer in killers for second in killer.recovered],
        ),
    )
