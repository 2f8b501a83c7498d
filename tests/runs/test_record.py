"""The record: claims, fences, events, wishes, reconciliation, publications."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import create_engine, inspect

from autotrain.errors import ImpossibleTransition, LeaseLost, SettingsError, UnknownRun
from autotrain.events import AnyEvent, Checkpoint, Log, Metric, Outcome, Phase, Progress
from autotrain.runs import tables
from autotrain.runs.devices import Device
from autotrain.runs.engine import HEAD
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import STATES, TRANSITIONS, possible, wishes
from autotrain.runs.store import ATTEMPTS_WITHOUT_PROGRESS, NewRun
from autotrain.settings import Settings

HOST = "here"


def new(run_id: str = "r1", name: str = "first") -> NewRun:
    return NewRun(id=run_id, name=name, task="text-classification", model="m", dataset="d.csv", recipe="version: 1")


def claimed(store: SqlStore, run_id: str = "r1") -> int:
    store.register_devices(HOST, [Device("cpu:0")])
    store.create(new(run_id))
    fence = store.claim(run_id, "worker-a", host=HOST)
    assert fence is not None
    return fence


def test_a_run_is_recorded_and_listed_newest_first(store: SqlStore) -> None:
    store.create(new("r1", "one"))
    store.create(new("r2", "two"), queue=False)
    assert [run.id for run in store.list()] == ["r2", "r1"]
    assert [run.id for run in store.list(states={"queued"})] == ["r1"]
    assert [run.id for run in store.list(search="TWO")] == ["r2"]
    assert store.list(search="100%") == []


def test_an_unknown_run_is_named(store: SqlStore) -> None:
    with pytest.raises(UnknownRun, match="'nope'"):
        store.get("nope")


def test_a_claim_takes_the_run_and_a_device_and_raises_the_fence(store: SqlStore) -> None:
    fence = claimed(store)
    run = store.get("r1")
    assert (fence, run.state, run.worker, run.device) == (1, "starting", "worker-a", "cpu:0")
    assert store.claim("r1", "worker-b", host=HOST) is None


def test_without_a_free_device_nothing_is_claimed(store: SqlStore) -> None:
    claimed(store)
    store.create(new("r2"))
    assert store.claim("r2", "worker-b", host=HOST) is None
    assert store.get("r2").state == "queued"
    store.move("r1", 1, "starting", "failed", reason="x")
    assert store.claim("r2", "worker-b", host=HOST) == 1


def test_of_many_claims_at_once_exactly_one_wins(store: SqlStore) -> None:
    store.register_devices(HOST, [Device(f"cpu:{index}") for index in range(8)])
    store.create(new())
    won: list[int | None] = []
    threads = [
        threading.Thread(target=lambda owner=str(index): won.append(store.claim("r1", owner, host=HOST)))
        for index in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fence is not None for fence in won) == [False] * 7 + [True]
    with store._engine.connect() as connection:
        held = connection.execute(tables.allocation.select()).all()
    assert len(held) == 1


def test_events_come_back_in_order_by_cursor_and_metrics_by_curve(store: SqlStore) -> None:
    fence = claimed(store)
    first = store.append("r1", fence, [Phase(name="train"), Metric(step=1, epoch=0.1, values={"loss": 2.0})])
    last = store.append("r1", fence, [Log(text="hello"), Metric(step=2, epoch=0.2, values={"loss": 1.0, "lr": 0.5})])
    assert [row.event.kind for row in store.events("r1")] == ["phase", "log"]
    assert [row.event.kind for row in store.events("r1", after=first)] == ["log"]
    assert [(row.name, row.step, row.value) for row in store.metrics("r1", after=first)] == [
        ("loss", 2, 1.0),
        ("lr", 2, 0.5),
    ]
    assert last == 4


def test_what_a_run_says_shows_in_its_row(store: SqlStore) -> None:
    fence = claimed(store)
    store.append(
        "r1",
        fence,
        [
            Phase(name="train"),
            Progress(step=5, total_steps=10, epoch=0.5, seconds_left=3.0),
            Checkpoint(step=5, path="attempt-1/checkpoints/step-5"),
            Outcome(scores={"accuracy": 0.9}),
        ],
    )
    run = store.get("r1")
    assert (run.phase, run.checkpoint_step, run.checkpoint) == ("train", 5, "attempt-1/checkpoints/step-5")
    assert run.progress is not None and run.progress.seconds_left == 3.0
    assert run.outcome is not None and run.outcome.scores == {"accuracy": 0.9}


def test_events_that_are_said_again_because_no_answer_came_are_written_once(store: SqlStore) -> None:
    fence = claimed(store)
    begun: list[AnyEvent] = [Log(text="one"), Metric(step=1, epoch=0, values={"loss": 2.0})]
    assert store.append("r1", fence, begun, after=0) == 2
    assert store.append("r1", fence, [*begun, Log(text="two")], after=0) == 3
    assert [(row.seq, row.event.kind) for row in store.events("r1")] == [(1, "log"), (3, "log")]
    assert [row.step for row in store.metrics("r1")] == [1]
    assert store.get("r1").last_seq == 3


def test_text_may_hold_what_no_database_takes(store: SqlStore) -> None:
    fence = claimed(store)
    store.rename("r1", "a\0b")
    store.append("r1", fence, [Log(text="c\0d")])
    store.move("r1", fence, "starting", "failed", reason="Its last words: \0")
    run = store.get("r1")
    assert (run.name, run.reason) == ("a\ufffdb", "Its last words: \ufffd")
    assert [row.event for row in store.events("r1")] == [Log(text="c\0d")]
    assert [found.id for found in store.list(search="a\0")] == ["r1"]
    with pytest.raises(UnknownRun):
        store.get("r\0")


def test_values_that_are_not_finite_leave_no_point(store: SqlStore) -> None:
    fence = claimed(store)
    store.append("r1", fence, [Metric(step=1, epoch=0, values={"loss": float("nan"), "lr": 1.0})])
    assert [row.name for row in store.metrics("r1")] == ["lr"]


def test_an_old_fence_can_write_nothing(store: SqlStore) -> None:
    old = claimed(store)
    store.move("r1", old, "starting", "queued")
    current = store.claim("r1", "worker-b", host=HOST)
    assert current == old + 1
    for write in (
        lambda: store.append("r1", old, [Log(text="late")]),
        lambda: store.renew("r1", old),
        lambda: store.move("r1", old, "starting", "failed"),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert store.events("r1") == []


def test_points_that_a_later_attempt_reached_again_are_left_out(store: SqlStore) -> None:
    fence = claimed(store)
    points = [Metric(step=step, epoch=0, values={"loss": float(step)}) for step in (10, 20, 30)]
    store.append("r1", fence, [*points, Checkpoint(step=20, path="c")])
    store.move("r1", fence, "starting", "queued")
    again = store.claim("r1", "worker-b", host=HOST)
    assert again is not None
    store.append("r1", again, [Metric(step=step, epoch=0, values={"loss": float(step)}) for step in (30, 40)])
    assert [row.step for row in store.metrics("r1")] == [10, 20, 30, 40]


def test_a_move_is_a_compare_and_set(store: SqlStore) -> None:
    fence = claimed(store)
    assert store.move("r1", fence, "running", "succeeded") is False
    assert store.move("r1", fence, "starting", "running") is True
    assert store.move("r1", fence, "running", "succeeded", exit_code=0) is True
    run = store.get("r1")
    assert run.finished_at is not None and run.worker is None and run.device is None
    with pytest.raises(ImpossibleTransition):
        store.move("r1", fence, "succeeded", "running")


def test_wishes_reach_the_owner_on_renewal_and_save_is_handed_over_once(store: SqlStore) -> None:
    fence = claimed(store)
    assert store.renew("r1", fence) == "run"
    store.wish("r1", "save")
    assert store.renew("r1", fence) == "save"
    assert store.renew("r1", fence) == "run"
    store.wish("r1", "cancel")
    assert store.renew("r1", fence) == "cancel"
    assert store.get("r1").desired_state == "cancel"


def test_a_run_nobody_owns_obeys_at_once(store: SqlStore) -> None:
    store.create(new())
    assert store.wish("r1", "pause").state == "paused"
    assert store.wish("r1", "run").state == "queued"
    assert store.wish("r1", "cancel").state == "cancelled"
    assert store.get("r1").finished_at is not None
    with pytest.raises(ImpossibleTransition, match="Cancelled"):
        store.wish("r1", "pause")


def test_a_lost_worker_costs_an_attempt_only_without_a_new_checkpoint(store: SqlStore) -> None:
    store.register_devices(HOST, [Device("cpu:0")])
    store.create(new())
    for attempt in range(1, ATTEMPTS_WITHOUT_PROGRESS + 1):
        assert store.claim("r1", "w", host=HOST, lease=-1) == attempt
        assert store.reconcile().expired == ("r1",)
    run = store.get("r1")
    assert run.state == "failed" and run.reason is not None and "3 times" in run.reason
    store.wish("r1", "run")
    for step in range(1, 6):
        fence = store.claim("r1", "w", host=HOST)
        assert fence is not None
        store.append("r1", fence, [Checkpoint(step=step, path=f"c{step}")])
        store.renew("r1", fence, lease=-1)
        assert "r1" in store.reconcile().queued


def test_a_lease_that_holds_is_left_alone(store: SqlStore) -> None:
    claimed(store)
    assert store.reconcile().expired == ()
    assert store.get("r1").state == "starting"


def test_a_run_lost_while_cancelling_is_cancelled(store: SqlStore) -> None:
    fence = claimed(store)
    store.wish("r1", "cancel")
    store.renew("r1", fence, lease=-1)
    store.reconcile()
    assert store.get("r1").state == "cancelled"


def test_a_working_run_is_not_deleted(store: SqlStore) -> None:
    fence = claimed(store)
    store.append("r1", fence, [Log(text="x"), Metric(step=1, epoch=0, values={"loss": 1.0})])
    with pytest.raises(ImpossibleTransition, match="Cancel it first"):
        store.delete("r1")
    store.move("r1", fence, "starting", "failed")
    store.delete("r1")
    assert store.list() == [] and store.metrics("r1") == []


def test_a_publication_is_claimed_once_reported_and_ended(store: SqlStore) -> None:
    fence = claimed(store)
    with pytest.raises(ImpossibleTransition, match="cannot be published. Wait for its result"):
        store.request_publication("r1", "me/x", private=True)
    store.move("r1", fence, "starting", "running")
    store.move("r1", fence, "running", "succeeded")
    wanted = store.request_publication("r1", "me/x", private=True)
    assert store.request_publication("r1", "me/x", private=True).id == wanted.id
    assert store.reconcile().publications == (wanted.id,)
    upload = store.claim_publication(wanted.id)
    assert upload == 1 and store.claim_publication(wanted.id) is None
    store.report_publication(wanted.id, upload, uploaded_bytes=5, total_bytes=10)
    store.end_publication(wanted.id, upload, reason="The token is read-only.", code="token")
    assert store.publication(wanted.id).state == "failed"
    assert store.get("r1").state == "succeeded"
    assert store.retry_publication(wanted.id).state == "pending"
    again = store.claim_publication(wanted.id)
    assert again == 2
    with pytest.raises(LeaseLost):
        store.report_publication(wanted.id, upload, uploaded_bytes=6, total_bytes=10)
    store.end_publication(wanted.id, again, url="https://hub/me/x")
    assert store.publication(wanted.id).url == "https://hub/me/x"


def test_devices_no_longer_offered_take_no_new_run(store: SqlStore) -> None:
    store.register_devices(HOST, [Device("cpu:0"), Device("cpu:1")])
    store.register_devices(HOST, [Device("cpu:0")])
    store.create(new("r1"))
    store.create(new("r2"))
    assert store.claim("r1", "w", host=HOST) == 1
    assert store.claim("r2", "w", host=HOST) is None


def test_secrets_are_kept_and_forgotten(store: SqlStore) -> None:
    assert store.secret("hub") is None
    store.put_secret("hub", b"1")
    store.put_secret("hub", b"2")
    assert store.secret("hub") == b"2"
    store.put_secret("hub", None)
    assert store.secret("hub") is None


def test_the_migrations_make_the_tables_the_code_uses(settings: Settings, store: SqlStore) -> None:
    found = inspect(create_engine(settings.database))
    for table in tables.metadata.tables.values():
        assert {column["name"] for column in found.get_columns(table.name)} == {c.name for c in table.columns}
        assert {index["name"] for index in found.get_indexes(table.name)} >= {index.name for index in table.indexes}


def test_the_newest_migration_is_the_one_the_engine_expects() -> None:
    from pathlib import Path

    import autotrain.runs

    versions = Path(autotrain.runs.__file__).parent / "migrations" / "versions"
    assert max(path.name[:4] for path in versions.glob("0*.py")) == HEAD


def test_many_processes_may_open_a_new_record_at_once(settings: Settings) -> None:
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            open_store(settings.database).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("url", ["nonsense", "oracle-of-delphi://x", "sqlite:////nowhere/at/all/x.sqlite"])
def test_a_record_that_cannot_be_opened_is_a_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match="AUTOTRAIN_DATABASE_URL|cannot be opened"):
        open_store(url)


def test_every_state_has_its_row_and_finished_success_is_final() -> None:
    assert set(TRANSITIONS) == set(STATES)
    assert not any(possible("succeeded", state) for state in STATES)
    assert wishes("succeeded") == frozenset()


def test_a_publication_named_with_the_run_waits_for_its_success_and_outlives_the_worker(store: SqlStore) -> None:
    store.register_devices("here", [Device("cpu:0")])
    store.create(NewRun("r", "r", "text-classification", "model", "data.csv", "recipe", publish=("alice/mine", True)))
    (waiting,) = store.publications("r")
    assert (waiting.state, waiting.repository, waiting.private) == ("pending", "alice/mine", True)
    assert store.reconcile().publications == () and store.claim_publication(waiting.id) is None
    fence = store.claim("r", "worker", host="here")
    assert fence is not None
    store.move("r", fence, "starting", "running")
    store.move("r", fence, "running", "succeeded")  # and here the worker is killed
    assert store.reconcile().publications == (waiting.id,)
    assert store.claim_publication(waiting.id) == 1


def test_a_run_that_failed_publishes_nothing(store: SqlStore) -> None:
    store.register_devices("here", [Device("cpu:0")])
    store.create(NewRun("r", "r", "text-classification", "model", "data.csv", "recipe", publish=("alice/mine", True)))
    fence = store.claim("r", "worker", host="here")
    assert fence is not None
    store.move("r", fence, "starting", "failed", reason="No.", code="no")
    assert store.reconcile().publications == ()
