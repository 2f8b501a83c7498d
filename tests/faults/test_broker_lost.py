"""Redis killed, emptied, silent: what trains goes on, what waits is taken up, nothing is lost, nothing done twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from autotrain.runs.store import Run
from jobs import broker
from jobs.nudge import nudge
from tests.faults import LARGE, full_only, size
from tests.faults.installation import Installation, installation, soon, toy, until
from tests.faults.results import Result, keep

ROUNDS = size(10, 1)
SILENT_SECONDS = 300.0 if LARGE else 25.0
"""Longer than a worker waits for an answer (20 s): it must give the connection up and come back."""


def killed(place: Installation) -> None:
    place.kill("broker")
    soon(5)
    place.start("broker")


def emptied(place: Installation) -> None:
    with redis.Redis.from_url(place.settings.broker.replace("redis+socket://", "unix://", 1)) as client:
        for _ in range(5):
            client.flushall()
            soon(0.5)


def unreachable(place: Installation) -> None:
    server = place.processes["broker"]
    server.send_signal(signal.SIGSTOP)
    assert not broker.answers(place.settings)
    time.sleep(SILENT_SECONDS)
    server.send_signal(signal.SIGCONT)
    until(lambda: broker.answers(place.settings))


FAULTS: dict[str, tuple[Callable[[Installation], None], str]] = {
    "killed": (killed, "Redis killed and started again"),
    "emptied": (emptied, "Redis emptied, five times in a row"),
    "unreachable": (unreachable, f"Redis silent for {SILENT_SECONDS:.0f} s"),
}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["emptied", "unreachable", full_only("killed", "tests/jobs/test_worker.py")])
def test_without_its_broker_nothing_is_lost_and_nothing_done_twice(name: str, tmp_path: Path) -> None:
    fault, title = FAULTS[name]
    under_way = toy("text-classification", tmp_path, num_train_epochs=2, max_steps=0, per_device_train_batch_size=2)
    short = {"max_steps": 1, "num_train_epochs": 1}
    seconds: list[float] = []
    runs: list[Run] = []
    with installation(tmp_path / "home", "broker", "worker", flush_seconds=0.02) as place:
        tell = nudge(place.settings)
        for _ in range(ROUNDS):
            training, waiting = place.submit(under_way), place.submit(under_way, **short)
            tell("run", training.id)
            place.until_taken_up(training.id, 0)
            tell("run", waiting.id)
            fault(place)
            late = place.submit(under_way, **short)
            tell("run", late.id)
            tell("run", late.id)
            began = time.monotonic()
            place.until_taken_up(late.id, 0)
            seconds.append(time.monotonic() - began)
            runs += [training, waiting, late]
            place.until_state(late.id, "succeeded", "failed")
        for run in runs:
            ended = place.store.get(run.id)
            assert (ended.state, ended.fence, len(place.lives(run.id))) == ("succeeded", 1, 1), place.told(run.id)
            place.assert_told_once(run.id)
        starts = [place.store.get(run.id).started_at or 0.0 for run in runs]
        assert starts == sorted(starts), "the order of the queue was not kept"
    print(name, seconds)
    held = f"each of {len(runs)} runs trained once, in the order of the queue"
    keep(f"broker-{name}", Result.of(title, f"{ROUNDS} times", held, seconds))
