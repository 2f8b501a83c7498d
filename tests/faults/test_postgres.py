"""PostgreSQL restarted, killed, frozen and unreachable under real workers and trainers: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from autotrain.events import EVENT, Metric
from autotrain.models.catalogue import Catalogue
from autotrain.runs.clock import clock
from autotrain.runs.devices import Device
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.store import NewRun
from autotrain.settings import Settings
from autotrain.training.checkpoint import last_complete
from autotrain.training.hardware import cpu_count
from autotrain.ui import api
from autotrain.ui.api.watching import Asking
from autotrain.ui.web import services_of
from jobs import broker
from jobs.dispatcher import Dispatcher
from jobs.nudge import nudge
from jobs.supervisor import Seams, supervise
from tests.faults import LARGE
from tests.faults.proxy import Proxy
from tests.jobs.conftest import QUICK, Bench, until
from tests.postgres import ON_POSTGRES, Server, serving
from tests.training.conftest import frozen, model, table
from tests.training.toy import MODEL_NAME, recipe

__all__ = ["frozen", "model", "table"]

ROOT = Path(__file__).parent.parent.parent
RESTARTS = 10 if LARGE else 2
RUNS = 40 if LARGE else 12
HOW = (signal.SIGINT, signal.SIGKILL)  # as an administrator does it, and as a lack of memory does
HOST = "here"
CLAIM = """
import sys
from autotrain.runs.devices import Device
from autotrain.runs.sql import open_store
url, host, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(url)
store.register_devices(host, [Device(f"cpu:{number}") for number in range(runs)])
print("ready", flush=True)
sys.stdin.readline()
for number in range(runs):
    fence = store.claim(f"r{number}", f"{host}:x", host=host)
    if fence is not None:
        print(f"r{number}", fence, flush=True)
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server to do harm to."""
    with serving() as own:
        yield own


@pytest.fixture
def home(tmp_path: Path, server: Server) -> Settings:
    """A data home whose record is on that server."""
    made = Settings(home=tmp_path / "home", redis_url=None, database_url=server.database())
    made.prepare_home()
    return made


@pytest.fixture
def record(home: Settings) -> Iterator[SqlStore]:
    store = open_store(home.database)
    yield store
    store.close()


@contextmanager
def started(settings: Settings, module: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A module of the app on this data home, ended with its children."""
    own = {"AUTOTRAIN_HOME": str(settings.root), "AUTOTRAIN_DATABASE_URL": settings.database}
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, env=os.environ | own | environment, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def submitted(
    settings: Settings, store: SqlStore, run_id: str, splits: Path, source: Path, **params: object
) -> RunFolder:
    """A queued run of the toy."""
    folder = RunFolder(settings.runs / run_id)
    shutil.copytree(splits, folder.data)
    folder.recipe.write_text(recipe(source, **params).to_yaml(), "utf-8")
    store.create(
        NewRun(run_id, run_id, "text-classification", MODEL_NAME, "table.csv", folder.recipe.read_text("utf-8"))
    )
    return folder


def curve(folder: RunFolder) -> list[tuple[int, str, float]]:
    """What the trainers wrote down themselves; a later attempt says anew what followed its checkpoint."""
    said: dict[tuple[int, str], float] = {}
    for attempt in folder.attempts():
        events = [EVENT.validate_json(line) for line in attempt.events.read_bytes().splitlines()]
        points = [event for event in events if isinstance(event, Metric)]
        said = {at: value for at, value in said.items() if at[0] < min((p.step for p in points), default=1 << 30)}
        said |= {(point.step, name): value for point in points for name, value in point.values.items()}
    return sorted((step, name, value) for (step, name), value in said.items())


def recorded(store: SqlStore, run_id: str) -> list[tuple[int, str, float]]:
    """The same from the record, which has each point once."""
    return sorted((row.step, row.name, row.value) for row in store.metrics(run_id))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_that_is_restarted_under_a_training_costs_nothing(
    server: Server, home: Settings, record: SqlStore, frozen: Path, model: Path, table: Path
) -> None:
    shutil.copytree(model, home.models / MODEL_NAME)
    assert Catalogue(home).resolve(MODEL_NAME).path is not None
    folder = submitted(home, record, "r", frozen, table, num_train_epochs=40 if LARGE else 8)
    with started(home, "jobs.broker"), started(home, "jobs.worker"):
        until(lambda: recorded(record, "r"), 120)
        for number in range(RESTARTS):
            before = len(recorded(record, "r"))
            assert record.get("r").state == "running", "every restart hits a training"
            server.stop(HOW[number % 2])
            time.sleep(0.5)
            server.start()
            until(
                lambda before=before: len(recorded(record, "r")) > before or record.get("r").state == "succeeded", 120
            )
        submitted(home, record, "next", frozen, table, num_train_epochs=1)
        until(lambda: record.get("next").state == "succeeded", 240)
    run = record.get("r")
    assert (run.state, run.fence, run.attempts_without_progress) == ("succeeded", 1, 0)
    assert recorded(record, "r") == curve(folder)
    kinds = [row.event.kind for row in record.events("r")]
    assert kinds.count("outcome") == 1
    seqs = [row.seq for row in record.events("r")] + sorted({row.seq for row in record.metrics("r")})
    assert sorted(seqs) == list(range(1, run.last_seq + 1))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_whose_record_is_gone_for_long_keeps_a_checkpoint_and_goes_on_when_it_is_back(
    server: Server, home: Settings, record: SqlStore, frozen: Path, model: Path, table: Path
) -> None:
    folder = submitted(home, record, "r", frozen, table, num_train_epochs=8, evaluations_per_epoch=1)
    record.register_devices(HOST, [Device("cpu:0")])
    worker = Dispatcher(record, lambda _kind, _ident: None, 1, every=0.5)
    worker.start()
    app = FastAPI()
    app.include_router(api.router(services_of(home, record, lambda _kind, _ident: None)))
    web = TestClient(app)
    until(lambda: web.get("/readyz").status_code == 200)
    pace = replace(QUICK, renew=0.3, self_fence=3.0, fence_grace=30.0, lease=34.0)
    seams = Seams(fetch=lambda _name, _progress: model, pace=pace)
    one_thread = home.model_copy(update={"slots": cpu_count()})

    def attempt() -> None:
        fence = record.claim("r", "test", host=HOST, lease=pace.lease)
        assert fence is not None
        supervise("r", fence, clock(), record, one_thread, seams)

    training = threading.Thread(target=attempt)
    training.start()
    until(lambda: recorded(record, "r"), 120)
    server.stop()
    answer = web.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"][0]["detail"] == "It does not answer. Check that the database runs."
    said = web.get("/api/runs")
    assert (said.status_code, said.json()["error"]["code"]) == (503, "record-silent")
    assert web.get("/healthz").status_code == 200
    training.join(120)
    assert not training.is_alive() and folder.attempt(1).path.exists() and not folder.adapter.exists()
    kept = last_complete(folder)
    server.start()
    assert kept is not None and (record.get("r").checkpoint_step or 0) < int(kept.name.removeprefix("step-"))
    until(lambda: record.get("r").state == "queued", 120)
    until(lambda: web.get("/readyz").status_code == 200)
    worker.stop()
    attempt()
    run = record.get("r")
    assert (run.state, run.fence) == ("succeeded", 2)
    assert recorded(record, "r") == curve(folder), "what was said while nobody heard is on the curve too"
    assert str(kept) in folder.attempt(2).order.read_text("utf-8")


def test_a_server_that_is_frozen_leaves_the_web_process_able_to_say_so(server: Server, record: SqlStore) -> None:
    asking = Asking(record, patience=0.5)
    assert asking() == (True, None)
    server.freeze()
    try:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                asking()
        assert len([thread for thread in threading.enumerate() if thread.name == "readiness"]) == 1
    finally:
        server.thaw()
    until(lambda: asking() == (True, None))


@pytest.mark.parametrize("lost", [1, 3])
@ON_POSTGRES
def test_what_arrived_though_its_answer_was_lost_is_neither_repeated_nor_lost(
    settings: Settings, postgres: Server, lost: int
) -> None:
    proxy = Proxy(postgres.port)
    direct = open_store(settings.database)
    store = open_store(settings.database.replace(f":{postgres.port}/", f":{proxy.port}/"))
    bench = Bench(settings, store)
    bench.make(steps=40, seconds=0.05, checkpoints=[20])
    fence = bench.claim()
    going = threading.Thread(target=bench._supervise, args=("r1", fence, bench.seams()))
    proxy.lose_answers = lost  # the first ones are the moves and events of its beginning
    going.start()
    until(lambda: len(direct.metrics("r1")) > 5)
    proxy.lose_answers = lost
    until(lambda: proxy.lose_answers == 0 or not going.is_alive())
    direct.wish("r1", "finish")
    until(lambda: direct.get("r1").phase == "train")
    proxy.lose_answers = lost  # and these, of its end
    going.join(60)
    run = direct.get("r1")
    assert (bench.ended, run.state, run.fence) == (["succeeded"], "succeeded", 1)
    steps = [row.step for row in direct.metrics("r1")]
    assert steps == list(range(1, len(steps) + 1))
    kinds = [row.event.kind for row in direct.events("r1")]
    assert kinds.count("outcome") == 1 and kinds.count("phase") == len({"download", "load", "train"})
    for each in (store, direct):
        each.close()
    proxy.close()


@ON_POSTGRES
def test_of_many_claims_by_processes_of_several_hosts_each_run_is_claimed_once(
    settings: Settings, store: SqlStore
) -> None:
    for number in range(RUNS):
        store.create(NewRun(f"r{number}", f"r{number}", "text-classification", "m", "d", "recipe"))
    command = [sys.executable, "-c", CLAIM, settings.database]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    hosts = [
        subprocess.Popen([*command, host, str(RUNS)], **pipes)  # type: ignore[call-overload]
        for host in ("one", "one", "two", "two")
    ]
    for process in hosts:
        assert process.stdout.readline() == "ready\n"
    for process in hosts:
        process.stdin.write("\n")
        process.stdin.flush()
    claims = [line for process in hosts for line in process.communicate(timeout=120)[0].split("\n") if line]
    assert sorted(claims) == sorted(f"r{number} 1" for number in range(RUNS))
    with store._engine.connect() as connection:
        held = connection.exec_driver_sql("select run_id, host from allocation").all()
    assert sorted(run for run, _ in held) == sorted(f"r{number}" for number in range(RUNS))
    moment = store.vitals()
    assert all(0 < one.lease_seconds <= 60 for one in moment.training), "on the server's clock"


@ON_POSTGRES
def test_two_workers_of_two_hosts_share_the_queue(settings: Settings, store: SqlStore) -> None:
    folder = settings.models / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with (
        started(settings, "jobs.broker"),
        started(settings, "tests.jobs.scripted_worker", TEST_HOST="one", AUTOTRAIN_SLOTS="2"),
        started(settings, "tests.jobs.scripted_worker", TEST_HOST="two", AUTOTRAIN_SLOTS="2"),
    ):
        until(lambda: broker.answers(settings))
        until(lambda: {"one", "two"} <= hosts_seen(store), 120)
        tell = nudge(settings)
        names = [f"r{number}" for number in range(RUNS)]
        for name in names:
            run = RunFolder(settings.runs / name)
            run.path.mkdir()
            (run.path / "script.json").write_text(json.dumps({"steps": 4, "seconds": 0.2}))
            store.create(NewRun(name, name, "text-classification", str(folder), "data.csv", "recipe"))
            for _ in range(2):  # a message may come twice, and to either host
                tell("run", name)
        until(lambda: all(run.state == "succeeded" for run in store.list()), 240)
    trained = {name: [attempt.path for attempt in RunFolder(settings.runs / name).attempts()] for name in names}
    assert all(len(attempts) == 1 for attempts in trained.values()) and {run.fence for run in store.list()} == {1}
    by = {
        json.loads((attempts[0] / "seen.json").read_text())["environment"]["TEST_HOST"] for attempts in trained.values()
    }
    assert by == {"one", "two"}
    assert all([row.step for row in store.metrics(name)] == [1, 2, 3, 4] for name in names)


def hosts_seen(store: SqlStore) -> set[str]:
    with store._engine.connect() as connection:
        return {row[0] for row in connection.exec_driver_sql("select host from worker")}
