"""What whoever watches over the services reads: alive, ready or why not, figures that Prometheus' own parser takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from autotrain.events import Progress
from autotrain.runs.sql import SqlStore
from autotrain.runs.state import STATES
from autotrain.settings import Settings
from autotrain.training.hardware import Accelerator
from autotrain.ui import api, metrics
from autotrain.ui.web import services_of
from jobs.dispatcher import Dispatcher
from tests.jobs.conftest import until
from tests.ui import runs_on_record

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def client(settings: Settings, store: SqlStore) -> TestClient:
    app = FastAPI()
    app.include_router(api.router(services_of(settings, store, lambda _kind, _ident: None)))
    return TestClient(app)


def figures(client: TestClient) -> Figures:
    """Every sample, as Prometheus' own parser reads it."""
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"] == metrics.CONTENT_TYPE
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation and family.type in {"gauge", "counter"} for family in families)
    return {(one.name, frozenset(one.labels.items())): one.value for each in families for one in each.samples}


def of(found: Figures, name: str, **labels: str) -> float:
    return found[f"autotrain_{name}", frozenset(labels.items())]


def checks(client: TestClient, status: int) -> dict[str, tuple[bool, str]]:
    answer = client.get("/readyz")
    assert answer.status_code == status and answer.json()["ready"] is (status == 200)
    return {check["name"]: (check["ok"], check["detail"]) for check in answer.json()["checks"]}


def test_a_process_that_lives_says_so_without_asking_the_record(client: TestClient, store: SqlStore) -> None:
    with store._engine.begin() as connection:
        connection.execute(text("drop table alembic_version"))
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")


def test_ready_is_who_has_a_record_a_home_and_a_worker(client: TestClient, store: SqlStore) -> None:
    assert checks(client, 503)["worker"] == (False, "None was ever there. Start one: autotrain up.")
    worker = Dispatcher(store, lambda _kind, _ident: None, 1)
    worker.start()
    until(lambda: store.worker_seconds() is not None)
    worker.stop()
    assert {name: ok for name, (ok, _) in checks(client, 200).items()} == {
        "record": True,
        "data home": True,
        "worker": True,
    }
    with store._engine.begin() as connection:
        connection.execute(text("update worker set seen_at = seen_at - 120"))
    ok, detail = checks(client, 503)["worker"]
    assert not ok and detail.startswith("None was seen for 12")


def test_another_schema_a_silent_record_and_a_lost_home_are_each_named(
    client: TestClient, store: SqlStore, settings: Settings
) -> None:
    with store._engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    assert "another version" in checks(client, 503)["record"][1]
    with store._engine.begin() as connection:
        connection.execute(text("drop table alembic_version"))
    shutil.rmtree(settings.root)
    found = checks(client, 503)
    assert "does not answer" in found["record"][1] and "cannot be written" in found["data home"][1]
    assert "worker" not in found and str(settings.root) not in client.get("/readyz").text


def test_the_figures_are_what_the_record_says(client: TestClient, store: SqlStore, settings: Settings) -> None:
    fence = runs_on_record.running(store, settings, "run1")
    runs_on_record.queued(store, settings, "run2")
    with store._engine.begin() as connection:
        connection.execute(text("update run set queued_at = queued_at - 100 where id = 'run2'"))
    store.append("run1", fence, [Progress(step=10, total_steps=30, epoch=1, seconds_left=40, memory_bytes=123)])
    store.renew("run1", fence)
    store.renew("run1", fence)
    found = figures(client)
    assert {state: of(found, "runs", state=state) for state in STATES} == {
        state: float(state in {"queued", "running"}) for state in STATES
    }
    assert 100 <= of(found, "queue_oldest_seconds") < 130
    assert of(found, "lease_renewals_total") == 2 and of(found, "leases_lost_total") == 0
    labels = {"run": "run1", "device": "cpu:0"}
    assert of(found, "step_seconds", **labels) == 2 and of(found, "steps_done", **labels) == 10
    assert of(found, "trainer_memory_bytes", **labels) == 123
    assert 50 < of(found, "lease_seconds_left", **labels) <= 60
    assert of(found, "disk_free_bytes") > 0
    assert of(found, "publications", state="pending") == 0
    assert ("autotrain_worker_seen_seconds", frozenset()) not in found


def test_counts_do_not_fall_when_a_run_is_deleted_and_a_lost_lease_is_counted(
    client: TestClient, store: SqlStore, settings: Settings
) -> None:
    fence = runs_on_record.running(store, settings, "run1")
    store.renew("run1", fence, lease=-1)
    store.reconcile()
    store.wish("run1", "cancel")
    store.delete("run1")
    found = figures(client)
    assert of(found, "lease_renewals_total") == 1 and of(found, "leases_lost_total") == 1


def test_publications_and_cards_are_counted(
    client: TestClient, store: SqlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "accelerators", lambda: (Accelerator("cuda:0", "a card", 80, 30),))
    fence = runs_on_record.running(store, settings, "run1")
    store.move("run1", fence, "running", "succeeded")
    store.request_publication("run1", "me/adapter", private=True)
    found = figures(client)
    assert of(found, "publications", state="pending") == 1
    assert of(found, "gpu_memory_bytes", device="cuda:0") == 80
    assert of(found, "gpu_memory_free_bytes", device="cuda:0") == 30


def test_nothing_of_a_persons_is_in_the_figures(client: TestClient, store: SqlStore, settings: Settings) -> None:
    fence = runs_on_record.running(store, settings, "run1")
    store.append("run1", fence, [Progress(step=1, total_steps=2, epoch=1, seconds_left=1)])
    run, said = store.get("run1"), client.get("/metrics").text
    assert "run1" in said
    for private in (run.name, run.model, run.dataset, run.owner + '"', str(Path(settings.root)), 'worker"'):
        assert private not in said


def test_a_silent_record_is_a_sentence_and_not_a_trace(client: TestClient, store: SqlStore) -> None:
    with store._engine.begin() as connection:
        connection.execute(text("drop table tally"))
    answer = client.get("/metrics")
    assert (answer.status_code, answer.text) == (503, "the record does not answer\n")


def test_labels_are_escaped() -> None:
    family = metrics.Family("a", "gauge", "A figure.", [({"device": 'a"b\\c\nd'}, 1)])
    (parsed,) = text_string_to_metric_families("".join(metrics._lines(family)))
    assert parsed.samples[0].labels == {"device": 'a"b\\c\nd'}
