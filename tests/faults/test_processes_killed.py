"""Supervisor, worker, dispatcher, web process and the whole tree, killed: the run goes on in time, with one trainer."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults import LARGE, full_only, size
from tests.faults.installation import Installation, installation, kill, soon, toy, until
from tests.faults.results import Result, keep, percentile

ROUNDS = size(20, 1)
ENDLESS = {"num_train_epochs": 100, "max_steps": 0, "per_device_train_batch_size": 1, "evaluations_per_epoch": 8}
FLUSH_SECONDS = 0.02
IN_TIME_SECONDS = 75.0
"""Until 95 trainers in 100 are started again: a lease, and the start of the services on a machine that is not idle."""


@dataclass
class Patient:
    """An installation with one long run, and what its recoveries took."""

    place: Installation
    run_id: str
    fence: int = 0
    step: int = 0
    seconds: list[float] = field(default_factory=list)

    def until_well(self) -> None:
        """Wait until the run has a new checkpoint, then some more: what is lost now must not be what was just saved."""
        self.fence = self.place.until_training(self.run_id, self.fence)
        self.step = self.place.until_checkpoint(self.run_id, self.step)
        soon()

    def recover(self, fault: Callable[[Patient], None]) -> None:
        """Make a fault, and wait until another trainer was started."""
        began = time.monotonic()
        fault(self)
        self.place.until_taken_up(self.run_id, self.fence)
        self.seconds.append(time.monotonic() - began)

    def finish(self) -> None:
        """Let the run end, and look whether everything was told once, by one trainer at a time."""
        self.until_well()
        self.place.store.wish(self.run_id, "finish")
        ended = self.place.until_state(self.run_id, "succeeded", "failed")
        assert ended.state == "succeeded", self.place.told(self.run_id)
        self.place.assert_one_at_a_time(self.run_id)
        self.place.assert_told_once(self.run_id)
        self.place.assert_nothing_left()


def kill_supervisor(patient: Patient) -> None:
    trainer = patient.place.trainer(patient.run_id)
    assert trainer is not None
    supervisor = trainer.parent()
    assert supervisor is not None and supervisor.pid != patient.place.processes["worker"].pid
    assert kill(supervisor)


def kill_worker(patient: Patient) -> None:
    patient.place.kill("worker")
    patient.place.start("worker")


def kill_tree(patient: Patient) -> None:
    for process in patient.place.tree():
        kill(process)
    patient.place.end()
    patient.place.start("up")


FAULTS: dict[str, tuple[Callable[[Patient], None], str, tuple[str, ...]]] = {
    "supervisor": (kill_supervisor, "SIGKILL of a supervisor", ("broker", "worker")),
    "worker": (kill_worker, "SIGKILL of the worker that trains, with its dispatcher", ("broker", "worker")),
    "tree": (kill_tree, "SIGKILL of the whole process tree of `autotrain up`", ("up",)),
}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["supervisor", "tree", full_only("worker", "the tree, which holds it")])
def test_a_run_goes_on_when_its_owner_was_killed(name: str, tmp_path: Path) -> None:
    fault, title, services = FAULTS[name]
    made = toy("text-classification", tmp_path, **ENDLESS)
    with installation(tmp_path / "home", *services, flush_seconds=FLUSH_SECONDS) as place:
        patient = Patient(place, place.submit(made).id)
        for _ in range(ROUNDS):
            patient.until_well()
            patient.recover(fault)
        patient.finish()
        assert place.store.get(patient.run_id).fence == ROUNDS + 1
    print(name, sorted(patient.seconds))
    assert not LARGE or percentile(patient.seconds, 0.95) < IN_TIME_SECONDS
    held = "the run went on from its last checkpoint; one trainer at a time; every step told once"
    keep(name, Result.of(title, f"{ROUNDS} times", held, patient.seconds))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_killed_page_is_back_and_the_training_does_not_notice(tmp_path: Path) -> None:
    made, seconds = toy("text-classification", tmp_path, **ENDLESS), []
    with installation(tmp_path / "home", "broker", "worker", "web", flush_seconds=FLUSH_SECONDS) as place:
        patient = Patient(place, place.submit(made).id)
        until(lambda: answers(place))
        patient.until_well()
        for _ in range(ROUNDS):
            began, before = time.monotonic(), len(place.store.events(patient.run_id, limit=100_000))
            place.kill("web")
            assert not answers(place)
            place.start("web")
            until(lambda: answers(place))
            seconds.append(time.monotonic() - began)
            until(lambda known=before: len(place.store.events(patient.run_id, limit=100_000)) > known)
            soon()
        patient.fence = 0
        patient.finish()
        assert len(place.lives(patient.run_id)) == place.store.get(patient.run_id).fence == 1
    print(seconds)
    held = "the training did not notice; the page answered again"
    keep("web", Result.of("SIGKILL of the page's process", f"{ROUNDS} times", held, seconds))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_what_waits_is_taken_up_when_the_only_dispatcher_was_killed(tmp_path: Path) -> None:
    made, seconds = toy("text-classification", tmp_path, max_steps=1), []
    with installation(tmp_path / "home", "broker", "worker") as place:
        for _ in range(ROUNDS):
            soon(2)
            place.kill("worker")
            run = place.submit(made)  # nobody is nudged: only a dispatcher can find it
            began = time.monotonic()
            place.start("worker")
            place.until_taken_up(run.id, 0)
            seconds.append(time.monotonic() - began)
            assert place.until_state(run.id, "succeeded", "failed").state == "succeeded"
            assert len(place.lives(run.id)) == 1
    print(seconds)
    held = "a run that waited, its nudge lost, was taken up once"
    keep("dispatcher", Result.of("SIGKILL of the only dispatcher", f"{ROUNDS} times", held, seconds))


def answers(place: Installation) -> bool:
    """Whether the page's process answers."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{place.settings.port}/healthz", timeout=5) as got:
        return bool(got.status == 200)
    return False
