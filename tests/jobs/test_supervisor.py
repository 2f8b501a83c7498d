"""One attempt from claim to end: what is written down, which wishes reach the trainer, what becomes of the run."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autotrain.errors import HubError, HubUnreachable
from autotrain.events import AnyEvent, Metric
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from jobs.launchers.local import PID_FILE
from tests.disk import fill, mounted
from tests.jobs.conftest import Bench, until

FOREVER = {"steps": 10_000, "seconds": 0.02}


def seen(folder: RunFolder, fence: int = 1) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((folder.attempt(fence).path / "seen.json").read_text())
    return found


def test_a_run_that_goes_well_is_recorded_whole(bench: Bench) -> None:
    heard: list[AnyEvent] = []
    folder = bench.make(steps=5, checkpoints=[2, 4])
    run = bench.go(on_events=heard.extend)
    assert (run.state, run.reason, run.checkpoint_step) == ("succeeded", None, 4)
    assert run.outcome is not None
    assert run.outcome.scores == {"accuracy": 0.9}
    assert [row.step for row in bench.store.metrics("r1")] == [1, 2, 3, 4, 5]
    kinds = [row.event.kind for row in bench.store.events("r1")]
    assert kinds == ["phase", "phase", "phase", "checkpoint", "checkpoint", "outcome"]
    assert [event.kind for event in heard].count("metric") == 5
    assert not (folder.attempt(1).path / PID_FILE).exists()
    assert not psutil.pid_exists(int(str(seen(folder)["pid"])))


def test_the_trainer_inherits_no_secret_and_no_network(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "AUTOTRAIN_REDIS_URL", "AUTOTRAIN_DATABASE_URL"):
        monkeypatch.setenv(name, "secret")
    folder = bench.make()
    bench.go()
    environment = seen(folder)["environment"]
    assert "secret" not in environment.values()
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["OMP_NUM_THREADS"] == str(seen(folder)["order"]["threads"])


def test_save_now_leaves_a_checkpoint_and_training_goes_on(bench: Bench) -> None:
    bench.make(**FOREVER)
    thread = bench.begin()
    bench.until_step(1)
    bench.store.wish("r1", "save")
    until(lambda: bench.store.get("r1").checkpoint_step)
    bench.until_step((bench.store.get("r1").checkpoint_step or 0) + 2)
    assert bench.store.get("r1").state == "running"
    bench.store.wish("r1", "cancel")
    thread.join()
    assert bench.ended == ["cancelled"]


def test_stop_and_keep_ends_as_a_success(bench: Bench) -> None:
    bench.make(**FOREVER)
    thread = bench.begin()
    bench.until_step(2)
    bench.store.wish("r1", "finish")
    thread.join()
    assert bench.store.get("r1").state == "succeeded"


def test_a_paused_run_goes_on_from_its_checkpoint(bench: Bench) -> None:
    folder = bench.make(**FOREVER)
    thread = bench.begin()
    bench.until_step(3)
    bench.store.wish("r1", "pause")
    thread.join()
    paused = bench.store.get("r1")
    assert (paused.state, paused.reason_code, paused.device) == ("paused", "paused", None)
    (folder.path / "script.json").write_text(json.dumps({"steps": (paused.checkpoint_step or 0) + 2}))
    bench.store.wish("r1", "run")
    assert bench.go().state == "succeeded"
    assert seen(folder, 2)["order"]["resume_from"] == str(folder.path / str(paused.checkpoint))
    steps = [row.step for row in bench.store.metrics("r1")]
    assert steps == list(range(1, len(steps) + 1))


def test_a_trainer_deaf_to_requests_is_killed_after_the_grace(bench: Bench) -> None:
    bench.pace = replace(bench.pace, grace=0.2)
    bench.make(**FOREVER, deaf_to=[signal.SIGTERM])
    thread = bench.begin()
    bench.until_step(1)
    bench.store.wish("r1", "cancel")
    thread.join()
    run = bench.store.get("r1")
    assert (run.state, run.reason) == ("cancelled", "Cancelled.")


def test_a_worker_that_ends_sends_the_run_back_to_the_queue(bench: Bench) -> None:
    bench.make(**FOREVER)
    thread = bench.begin()
    bench.until_step(1)
    bench.stopping.set()
    thread.join()
    run = bench.store.get("r1")
    assert (run.state, run.reason_code, run.attempts_without_progress) == ("queued", "shutdown", 0)
    assert run.checkpoint_step is not None


def test_a_trainer_short_of_memory_is_tried_once_more_with_half_the_batch(bench: Bench) -> None:
    why = {"code": "oom", "reason": "Too little memory.", "halve": True}
    folder = bench.make(fail=1, why=why)
    first = bench.go()
    assert (first.state, first.reason_code, first.reason) == ("queued", "oom", "Too little memory.")
    (folder.path / "script.json").write_text(json.dumps({"fail": 1, "why": why | {"halve": False}}))
    assert bench.go().state == "failed"
    assert [seen(folder, fence)["order"]["halved"] for fence in (1, 2)] == [False, True]


def test_what_a_killed_supervisor_did_not_write_down_is_caught_up_with(bench: Bench) -> None:
    folder = bench.make(steps=6, checkpoints=[4])
    fence = bench.claim()
    lost = folder.attempt(fence)
    (lost.checkpoints / "step-4").mkdir(parents=True)
    (lost.checkpoints / "step-4" / "COMPLETE").touch()
    points = [Metric(step=step, epoch=0.1, values={"loss": 1 / step}) for step in (1, 2, 3, 4, 5)]
    lost.events.write_text("".join(point.model_dump_json() + "\n" for point in points))
    bench.store.append("r1", fence, points[:2])
    with bench.store._engine.begin() as connection:
        connection.exec_driver_sql("update run set lease_expires_at = 0")
    bench.store.reconcile()
    run = bench.go()
    assert (run.state, run.checkpoint_step, run.checkpoint) == ("succeeded", 4, "attempt-1/checkpoints/step-4")
    assert [row.step for row in bench.store.metrics("r1")] == [1, 2, 3, 4, 5, 6]


def test_a_run_does_not_end_before_the_record_has_taken_what_was_said(bench: Bench) -> None:
    folder = bench.make(steps=3, seconds=0.3)
    thread = bench.begin()
    bench.until_step(1)
    with bench.store._engine.begin() as connection:
        connection.exec_driver_sql("alter table event rename to elsewhere")
    trainer = int(str(seen(folder)["pid"]))
    until(lambda: not psutil.pid_exists(trainer))
    threading.Event().wait(0.3)
    with bench.store._engine.begin() as connection:
        connection.exec_driver_sql("alter table elsewhere rename to event")
    thread.join()
    assert bench.store.get("r1").state == "succeeded"
    assert [row.event.kind for row in bench.store.events("r1")][-1] == "outcome"
    assert [row.step for row in bench.store.metrics("r1")] == [1, 2, 3]


def test_a_killed_trainer_is_tried_again_from_its_checkpoint(bench: Bench) -> None:
    folder = bench.make(steps=6, checkpoints=[2, 4], die={"5": signal.SIGKILL}, die_in=["1"])
    first = bench.go()
    assert (first.state, first.reason_code) == ("queued", "killed")
    assert bench.go().state == "succeeded"
    assert seen(folder, 2)["order"]["resume_from"].endswith("attempt-1/checkpoints/step-4")
    assert [row.step for row in bench.store.metrics("r1")] == [1, 2, 3, 4, 5, 6]


def test_a_trainer_killed_again_and_again_fails_with_the_likely_reason(bench: Bench) -> None:
    bench.make(die={"1": signal.SIGKILL})
    assert [bench.go().state for _ in range(3)] == ["queued", "queued", "failed"]
    run = bench.store.get("r1")
    assert "lack of memory" in str(run.reason)


def test_the_trainers_own_reason_is_the_runs(bench: Bench) -> None:
    bench.make(fail=2)
    run = bench.go()
    assert (run.state, run.reason_code) == ("failed", "nan")
    assert run.reason == "The loss is not a number. Lower the learning rate."


def test_a_full_disk_pauses_the_run_which_goes_on_from_its_last_checkpoint(bench: Bench) -> None:
    why = {"code": "disk", "reason": "The disk is full (3 MB free). Free some space, then press Resume."}
    folder = bench.make(steps=6, checkpoints=[2], fail=4, why=why)
    paused = bench.go()
    assert (paused.state, paused.reason_code, paused.reason) == ("paused", "disk", why["reason"])
    assert (paused.device, paused.checkpoint_step, paused.finished_at) == (None, 2, None)
    (folder.path / "script.json").write_text(json.dumps({"steps": 6}))
    bench.store.wish("r1", "run")
    resumed = bench.go()
    assert (resumed.state, resumed.reason) == ("succeeded", None)
    assert seen(folder, 2)["order"]["resume_from"].endswith("attempt-1/checkpoints/step-2")
    assert [row.step for row in bench.store.metrics("r1")] == [1, 2, 3, 4, 5, 6]


def test_a_trainer_whose_last_word_had_no_room_is_paused_for_the_disk(store: SqlStore, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", 4) as disk:
        small = Settings(home=disk / "home", redis_url=None, database_url=None)
        small.prepare_home()
        bench = Bench(small, store)
        bench.make(**FOREVER)
        thread = bench.begin()
        bench.until_step(1)
        fill(disk)
        thread.join()
    run = store.get("r1")
    assert (run.state, run.reason_code) == ("paused", "disk")
    assert "is full. Free some space, then press Resume." in str(run.reason)


def test_a_disk_too_small_for_the_model_pauses_the_run_until_there_is_room(bench: Bench) -> None:
    def no_room(_ref: str, _progress: object) -> Path:
        raise HubError("a/b needs 9.0 GB, and the disk has 1.0 GB left. Free some space.", code="disk-full")

    bench.make()
    paused = bench.go(fetch=no_room)
    assert (paused.state, paused.reason_code) == ("paused", "disk-full")
    assert "needs 9.0 GB" in str(paused.reason)
    bench.store.wish("r1", "run")
    assert bench.go().state == "succeeded"


def test_a_crash_shows_its_last_words_without_tokens(bench: Bench) -> None:
    folder = bench.make(crash=1)
    run = bench.go()
    assert (run.state, run.reason_code) == ("failed", "crashed")
    assert "RuntimeError: the crash of this test, with hf_…" in str(run.reason)
    assert "hf_abc" not in folder.attempt(1).log.read_text()


def test_a_model_that_cannot_be_fetched_fails_the_run_with_the_reason(bench: Bench) -> None:
    def unreachable(_ref: str, _progress: object) -> Path:
        raise HubUnreachable("The Hub does not answer. Choose a model on this machine.")

    bench.make()
    run = bench.go(fetch=unreachable)
    assert (run.state, run.reason_code) == ("failed", "hub-unreachable")


@pytest.mark.parametrize(("wish", "state"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_download_can_be_given_up(bench: Bench, wish: str, state: str) -> None:
    given_up, began = threading.Event(), threading.Event()

    def slow(_ref: str, progress: Callable[[int, int], None]) -> Path:
        began.set()
        try:
            while not given_up.wait(0.02):
                progress(1, 4)
        finally:
            given_up.set()
        raise AssertionError

    folder = bench.make()
    thread = bench.begin(fetch=slow)
    assert began.wait(10)
    bench.store.wish("r1", wish)  # type: ignore[arg-type]
    thread.join()
    assert bench.store.get("r1").state == state
    assert given_up.wait(10), "the download thread must end too"
    assert not folder.attempt(1).events.exists()


def test_an_owner_that_lost_its_run_kills_its_trainer_and_writes_nothing(bench: Bench) -> None:
    folder = bench.make(**FOREVER)
    bench.pace = replace(bench.pace, renew=1000, lease=1000)
    thread = bench.begin()
    bench.until_step(1)
    pid = int(str(seen(folder)["pid"]))
    # Another worker takes over, as after a lease that ended while this one was stopped.
    with bench.store._engine.begin() as connection:
        connection.exec_driver_sql("update run set fence = fence + 1")
    thread.join()
    assert bench.ended == [None]
    assert not psutil.pid_exists(pid)
    assert bench.store.get("r1").state == "running"


def test_without_the_record_the_trainer_stops_before_the_lease_ends(bench: Bench) -> None:
    bench.pace = replace(bench.pace, renew=0.1, self_fence=2, fence_grace=0.2)
    folder = bench.make(**FOREVER, deaf_to=[signal.SIGTERM])
    thread = bench.begin()
    bench.until_step(1)
    with bench.store._engine.begin() as connection:
        connection.exec_driver_sql("alter table run rename to elsewhere")
    thread.join()
    assert bench.ended == [None]
    assert not psutil.pid_exists(int(str(seen(folder)["pid"])))


def test_events_wait_while_the_record_does_not_answer(bench: Bench) -> None:
    bench.make(steps=30, seconds=0.02)
    thread = bench.begin()
    bench.until_step(1)
    with bench.store._engine.begin() as connection:
        connection.exec_driver_sql("alter table metric rename to elsewhere")
    threading.Event().wait(0.4)
    with bench.store._engine.begin() as connection:
        connection.exec_driver_sql("alter table elsewhere rename to metric")
    thread.join()
    assert bench.store.get("r1").state == "succeeded"
    assert [row.step for row in bench.store.metrics("r1")] == list(range(1, 31))
