"""Pruning beside everything that may happen at the same moment, on a real record and real files."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autotrain.backup import archive
from autotrain.backup.making import make_backup
from autotrain.backup.restoring import restore_backup
from autotrain.events import Checkpoint
from autotrain.retention.checkpoints import prunable, prune, recover
from autotrain.runs.folder import RunFolder
from autotrain.runs.resuming import where_it_goes_on
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import State
from autotrain.runs.store import Held
from autotrain.settings import Settings
from autotrain.training.checkpoint import last_complete
from tests.app import command
from tests.faults import LARGE
from tests.retention.conftest import HOST, WEIGHTS, age, at_rest, files_of, save


@pytest.mark.parametrize("state", ["paused", "failed", "cancelled"])
def test_a_run_that_may_go_on_keeps_its_checkpoint_for_its_days_and_then_says_so(
    settings: Settings, store: SqlStore, state: State
) -> None:
    folder = at_rest(settings, store, "r", state, days=29.9)
    assert prune(settings, store) == [] and last_complete(folder) is not None
    assert where_it_goes_on(store.get("r")) == "It goes on from its checkpoint at step 2."

    age(store, "r", 0.2)
    (done,) = prune(settings, store)

    assert (done.run_id, done.size_bytes) == ("r", 2 * WEIGHTS)
    assert files_of(folder.path) == {"recipe.yaml", "attempt-1/events.jsonl", "attempt-1/trainer.log"}
    run = store.get("r")
    assert (run.state, run.checkpoint, run.checkpoint_step) == (state, None, None)
    resumed = store.wish("r", "run")
    assert resumed.state == "queued" and "deleted on" in where_it_goes_on(resumed)
    assert "starts from the beginning" in where_it_goes_on(resumed)
    assert store.claim("r", "worker", host=HOST) == 2
    assert where_it_goes_on(store.get("r")) == "It has no checkpoint yet, so it starts from the beginning."


def test_a_finished_run_keeps_everything_but_its_checkpoints(settings: Settings, store: SqlStore) -> None:
    folder = at_rest(settings, store, "r", "succeeded", days=1.1)
    before = files_of(folder.path)
    (one,) = prunable(settings, store)
    assert one.reason == "It finished 1 day ago; its adapter and report are there."
    assert files_of(folder.path) == before, "looking deletes nothing"
    assert [each.run_id for each in prune(settings, store)] == ["r"]
    assert files_of(folder.path) == {name for name in before if "/checkpoints/" not in name}
    assert prune(settings, store) == []


def test_a_finished_run_without_its_adapter_keeps_its_checkpoints(settings: Settings, store: SqlStore) -> None:
    folder = at_rest(settings, store, "r", "succeeded", days=100)
    folder.report.unlink()
    assert prune(settings, store) == [] and last_complete(folder) is not None


def test_runs_that_wait_or_train_lose_nothing(settings: Settings, store: SqlStore) -> None:
    training = at_rest(settings, store, "training", "running", days=1_000)
    waiting = at_rest(settings, store, "waiting", "failed", days=1_000)
    store.wish("waiting", "run")
    assert prune(settings, store) == []
    assert last_complete(training) is not None and last_complete(waiting) is not None


def test_time_begins_anew_when_a_run_comes_to_rest_again(settings: Settings, store: SqlStore) -> None:
    folder = at_rest(settings, store, "r", "failed", days=29)
    store.wish("r", "run")
    store.wish("r", "pause")
    age(store, "r", 2)
    assert prune(settings, store) == [] and last_complete(folder) is not None


class Meanwhile(SqlStore):
    """Resumes a run in the moment between the look at what may go and the hold on it."""

    @contextmanager
    def hold(self, run_id: str) -> Iterator[Held | None]:
        if self.get(run_id).state != "queued":
            self.wish(run_id, "run")
        with super().hold(run_id) as held:
            yield held


def test_a_run_that_was_just_queued_keeps_the_checkpoint_it_goes_on_from(settings: Settings, store: SqlStore) -> None:
    folder = at_rest(settings, store, "r", "paused", days=31)
    assert prune(settings, Meanwhile(store._engine)) == []
    run = store.get("r")
    assert run.state == "queued" and run.checkpoint_step == 2
    assert last_complete(folder) is not None


def test_runs_resumed_by_others_at_the_same_time_have_what_they_were_told(settings: Settings, store: SqlStore) -> None:
    runs = [f"r{number}" for number in range(60 if LARGE else 12)]
    folders = {run: at_rest(settings, store, run, "failed", days=31) for run in runs}
    told: dict[str, bool] = {}
    begin = threading.Barrier(3)

    def resume() -> None:
        begin.wait()
        for run in reversed(runs):
            told[run] = store.wish(run, "run").checkpoint is not None

    def prune_all() -> None:
        begin.wait()
        prune(settings, store)

    threads = [threading.Thread(target=work) for work in (resume, prune_all, prune_all)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {run: last_complete(folder) is not None for run, folder in folders.items()} == told
    assert not [name for name in files_of(settings.runs) if ".pruned-" in name]


CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir"})


def killed_at(settings: Settings, change: int) -> bool:
    """Prune in a process that is killed right before its n-th change of a file or folder; whether it came so far."""
    child = os.fork()
    if child == 0:
        seen = itertools.count(1)

        def watch(event: str, _arguments: object) -> None:
            if event in CHANGES and next(seen) == change:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            store = open_store(settings.database)
            sys.addaudithook(watch)
            prune(settings, store)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_kill_at_any_moment_is_made_good_the_next_time(settings: Settings, store: SqlStore) -> None:
    forward = back = 0
    for change in itertools.count(1):
        folder = at_rest(settings, store, f"r{change}", "paused", days=31)
        save(folder, 2, 1)  # an older attempt's, moved in the same transaction
        if not killed_at(settings, change):
            break
        recover(settings, store)
        run = store.get(f"r{change}")
        found = last_complete(folder)
        assert (run.checkpoint is not None) == (found is not None), f"killed before change {change}"
        assert found is None or (found.name == "step-2" and (found / "weights").stat().st_size == WEIGHTS)
        forward, back = forward + (found is None), back + (found is not None)
        assert not [name for name in files_of(folder.path) if ".pruned-" in name]
        prune(settings, store)
        assert last_complete(folder) is None
    assert forward >= 5 and back >= 2, (forward, back)


def test_a_run_resumed_after_a_kill_gets_its_checkpoint_back_before_it_is_taken_up(
    settings: Settings, store: SqlStore
) -> None:
    from jobs.worker import prepare

    folder = at_rest(settings, store, "r", "paused", days=31)
    save(folder, 2, 1)
    assert killed_at(settings, 2), "one of two folders is moved, the record knows of nothing"
    assert store.wish("r", "run").checkpoint_step == 2
    prepare(settings).close()
    found = last_complete(folder)
    assert found is not None and found.name == "step-2"


@pytest.mark.parametrize("again_at_rest", [False, True])
def test_what_a_new_attempt_did_not_find_is_not_put_under_it(
    settings: Settings, store: SqlStore, again_at_rest: bool
) -> None:
    folder = at_rest(settings, store, "r", "paused", days=31)
    save(folder, 2, 1)
    assert killed_at(settings, 2), "one of two folders is moved aside, and the record knows of nothing"
    shutil.rmtree(folder.attempt(2).path)
    store.wish("r", "run")
    fence = store.claim("r", "worker", host=HOST)
    assert fence == 2
    if again_at_rest:
        store.move("r", fence, "starting", "running")
        save(folder, fence, 1)
        store.append("r", fence, [Checkpoint(step=1, path="attempt-2/checkpoints/step-1")])
        store.move("r", fence, "running", "paused")
    recover(settings, store)
    found = last_complete(folder)
    assert (found and found.name) == ("step-1" if again_at_rest else None), "its own, and not that of step 2"
    assert not [name for name in files_of(folder.path) if ".pruned-" in name]


def test_links_are_never_followed(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    save(RunFolder(outside), 1, 1)
    (outside / "kept").write_text("kept")
    before = files_of(outside)
    inner = at_rest(settings, store, "inner", "failed", days=31)
    (inner.attempt(1).checkpoints / "step-2" / "linked").symlink_to(outside)
    (inner.path / "attempt-7").symlink_to(outside / "attempt-1")
    place = at_rest(settings, store, "place", "failed", days=31)
    shutil.rmtree(place.attempt(1).checkpoints)
    place.attempt(1).checkpoints.symlink_to(outside)
    whole = at_rest(settings, store, "whole", "failed", days=31)
    shutil.rmtree(whole.path)
    whole.path.symlink_to(outside)

    assert {each.run_id for each in prune(settings, store)} == {"inner", "place"}

    assert files_of(outside) == before
    assert not place.attempt(1).checkpoints.is_symlink()
    assert (inner.path / "attempt-7").is_symlink() and whole.path.is_symlink()


def test_a_backup_goes_on_when_what_it_reads_is_pruned(
    settings: Settings, store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_rest(settings, store, "r", "failed", days=31)
    add = archive.Writer.add

    def meanwhile(writer: archive.Writer, name: str, path: Path) -> None:
        add(writer, name, path)
        if name.endswith("weights"):
            assert prune(settings, store)

    monkeypatch.setattr(archive.Writer, "add", meanwhile)
    manifest = make_backup(settings, tmp_path / "backup.tar")
    assert not [name for name in manifest.files if "checkpoints" in name or "pruned" in name]
    other = Settings(home=tmp_path / "other", redis_url=None, database_url=None)
    other.prepare_home()
    restore_backup(other, tmp_path / "backup.tar")
    assert (other.runs / "r" / "attempt-1" / "events.jsonl").is_file()


def test_of_a_restored_run_the_time_begins_anew(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    at_rest(settings, store, "r", "failed", days=400)
    make_backup(settings, tmp_path / "backup.tar")
    other = Settings(home=tmp_path / "other", redis_url=None, database_url=None)
    other.prepare_home()
    restore_backup(other, tmp_path / "backup.tar")
    restored = open_store(other.database)
    assert prune(other, restored) == [] and last_complete(RunFolder(other.runs / "r")) is not None
    restored.close()


def test_one_that_resists_does_not_keep_the_others(
    settings: Settings, store: SqlStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = at_rest(settings, store, "a", "failed", days=40)
    at_rest(settings, store, "b", "failed", days=31)
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path.is_relative_to(stuck.path):
            raise PermissionError(13, "Permission denied", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    assert [each.run_id for each in prune(settings, store)] == ["b"]
    assert "run a stay for now" in caplog.text
    assert store.get("a").checkpoint_step == 2 and last_complete(stuck) is not None


def test_the_command_lists_first_and_deletes_when_told(settings: Settings, store: SqlStore) -> None:
    folder = at_rest(settings, store, "r", "failed", days=31)
    looked = command(settings.root, "runs", "prune", "--dry-run", "--json", AUTOTRAIN_DATABASE_URL=settings.database)
    assert looked.returncode == 0, looked.stderr
    (one,) = json.loads(looked.stdout)
    assert (one["run_id"], one["size_bytes"]) == ("r", 2 * WEIGHTS) and "31 days ago" in one["reason"]
    assert last_complete(folder) is not None
    done = command(settings.root, "runs", "prune", AUTOTRAIN_DATABASE_URL=settings.database)
    assert done.returncode == 0 and "Freed 0.2 MB of 1 runs' checkpoints." in done.stdout, done.stdout
    assert last_complete(folder) is None
    resumed = command(settings.root, "runs", "resume", "r", AUTOTRAIN_DATABASE_URL=settings.database)
    assert "starts from the beginning" in resumed.stdout, resumed.stdout
