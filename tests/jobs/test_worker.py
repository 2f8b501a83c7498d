"""A real worker on a real broker: queued runs are taken up, ended well, and survive whatever ends the worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.store import NewRun
from autotrain.settings import Settings
from jobs import broker
from jobs.nudge import nudge
from tests.jobs.conftest import until

ROOT = Path(__file__).parent.parent.parent
Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts a module of the app on this data home, and ends it with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(module: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"AUTOTRAIN_HOME": str(settings.root), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment, start_new_session=True)
        started.append(process)
        return process

    yield begin
    for process in reversed(started):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def redis(settings: Settings, start: Start) -> subprocess.Popen[bytes]:
    """The real broker."""
    process = start("jobs.broker")
    until(lambda: broker.answers(settings))
    return process


def queued(settings: Settings, store: SqlStore, run_id: str, **script: object) -> RunFolder:
    folder = RunFolder(settings.runs / run_id)
    folder.path.mkdir()
    (folder.path / "script.json").write_text(json.dumps(script))
    store.create(NewRun(run_id, run_id, "text-classification", str(a_model(settings)), "data.csv", "recipe"))
    return folder


def a_model(settings: Settings) -> Path:
    folder = settings.models / "tiny"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return folder


def trainer_pid(folder: RunFolder, fence: int = 1) -> int:
    return int(json.loads((folder.attempt(fence).path / "seen.json").read_text())["pid"])


@pytest.mark.usefixtures("redis")
def test_queued_runs_are_taken_up_one_after_the_other(settings: Settings, store: SqlStore, start: Start) -> None:
    queued(settings, store, "first", steps=3)
    queued(settings, store, "second", steps=3)
    start("tests.jobs.scripted_worker")
    until(lambda: store.get("second").state == "succeeded", 60)
    first, second = store.get("first"), store.get("second")
    assert first.state == "succeeded"
    assert (first.finished_at or 0) <= (second.started_at or 0)
    queued(settings, store, "third", steps=3)
    nudge(settings)("run", "third")
    until(lambda: store.get("third").state == "succeeded", 60)


@pytest.mark.usefixtures("redis")
def test_a_worker_told_to_end_keeps_the_run_for_the_next_one(settings: Settings, store: SqlStore, start: Start) -> None:
    folder = queued(settings, store, "long", steps=10_000)
    worker = start("tests.jobs.scripted_worker")
    until(lambda: len(store.metrics("long")) > 2, 60)
    os.killpg(worker.pid, signal.SIGTERM)
    worker.wait(60)
    run = store.get("long")
    assert (run.state, run.reason_code) == ("queued", "shutdown")
    assert not psutil.pid_exists(trainer_pid(folder))
    (folder.path / "script.json").write_text(json.dumps({"steps": (run.checkpoint_step or 0) + 2}))
    start("tests.jobs.scripted_worker")
    until(lambda: store.get("long").state == "succeeded", 60)
    steps = [row.step for row in store.metrics("long")]
    assert steps == list(range(1, len(steps) + 1))


@pytest.mark.usefixtures("redis")
def test_no_trainer_outlives_a_killed_worker(settings: Settings, store: SqlStore, start: Start) -> None:
    folder = queued(settings, store, "long", steps=10_000)
    worker = start("tests.jobs.scripted_worker")
    until(lambda: len(store.metrics("long")) > 1, 60)
    worker.kill()
    until(lambda: not psutil.pid_exists(trainer_pid(folder)))
    assert store.get("long").state == "running"  # until the lease ends; then it is queued again


def test_a_broker_that_dies_loses_nothing(
    settings: Settings, store: SqlStore, start: Start, redis: subprocess.Popen[bytes]
) -> None:
    queued(settings, store, "under-way", steps=60)
    start("tests.jobs.scripted_worker")
    until(lambda: len(store.metrics("under-way")) > 1, 60)
    redis.kill()
    redis.wait()
    queued(settings, store, "waiting", steps=3)
    nudge(settings)("run", "waiting")  # into the void, and without waiting for it
    until(lambda: store.get("under-way").state == "succeeded", 60)
    start("jobs.broker")
    until(lambda: store.get("waiting").state == "succeeded", 90)


@pytest.mark.usefixtures("redis")
def test_a_worker_killed_as_the_run_succeeds_leaves_its_publication_to_the_next(
    settings: Settings, store: SqlStore, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    folder = RunFolder(settings.runs / "r")
    folder.path.mkdir()
    (folder.path / "script.json").write_text(json.dumps({"steps": 10_000}))
    wished = NewRun("r", "r", "text-classification", str(a_model(settings)), "data.csv", "recipe", publish=("r", True))
    store.create(wished)
    worker = start("tests.jobs.scripted_worker")
    until(lambda: len(store.metrics("r")) > 1, 60)
    assert [one.state for one in store.publications("r")] == ["pending"]
    worker.send_signal(signal.SIGSTOP)  # its supervisor, a child, goes on: the last thing it does is the success
    store.wish("r", "finish")
    until(lambda: store.get("r").state == "succeeded", 60)
    os.killpg(worker.pid, signal.SIGKILL)
    start("tests.jobs.scripted_worker")
    until(lambda: store.publications("r")[0].state == "failed", 60)
    assert store.publications("r")[0].reason_code == "token-missing"
    assert store.get("r").state == "succeeded"


@pytest.mark.usefixtures("redis")
def test_a_model_that_is_not_there_fails_the_run_with_the_remedy(
    settings: Settings, store: SqlStore, start: Start
) -> None:
    queued(settings, store, "r")
    a_model(settings).rename(settings.models / "elsewhere")
    start("jobs.worker")
    until(lambda: store.get("r").state == "failed", 60)
    assert "model folder" in str(store.get("r").reason)
