"""Backups: made while a run trains, restored elsewhere, refused when they are damaged, and free of secrets."""

from __future__ import annotations

import dataclasses
import shutil
import tarfile
import threading
from pathlib import Path

import pytest
from alembic.command import upgrade
from alembic.config import Config
from sqlalchemy import create_engine, text

from autotrain.backup import archive, making
from autotrain.backup.archive import Manifest, writing_to
from autotrain.backup.making import make_backup
from autotrain.backup.restoring import restore_backup
from autotrain.errors import BackupError
from autotrain.events import AnyEvent, Log, Metric
from autotrain.hub.account import Account
from autotrain.runs import engine, tables
from autotrain.runs.clock import clock
from autotrain.runs.copying import COPIED, copy_rows
from autotrain.runs.devices import Device
from autotrain.runs.engine import open_engine
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.store import NewRun
from autotrain.settings import Settings
from autotrain.training.checkpoint import COMPLETE, building, last_complete
from autotrain.training.hardware import cpu_count
from jobs.lease import Pace
from jobs.supervisor import Seams, supervise
from tests.app import command
from tests.jobs.conftest import until
from tests.postgres import BOTH, DATABASES, Server
from tests.training.toy import freeze_table, recipe, save_encoder, sentences, write_table

TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyz01234567"
HOST = "here"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    """Another data home, empty."""
    made = Settings(home=tmp_path / "elsewhere", redis_url=None, database_url=None)
    made.prepare_home()
    return made


@pytest.fixture
def backup(settings: Settings, store: SqlStore, tmp_path: Path) -> Path:
    """A backup of a home with one run that trains, one that has finished, a dataset and a token."""
    for name, checkpoints in (("done", 1), ("open", 2)):
        folder = RunFolder(settings.runs / name)
        folder.path.mkdir()
        folder.recipe.write_text("recipe", "utf-8")
        for step in range(1, checkpoints + 1):
            with building(folder.attempt(1).checkpoints, step) as hidden:
                (hidden / "weights").write_bytes(bytes([step]) * 100_000)
        folder.attempt(1).events.write_text("", "utf-8")
        (folder.attempt(1).path / "trainer.pid.json").write_text("{}", "utf-8")
        store.create(NewRun(name, name, "text-classification", "m", "d", "recipe"))
        store.register_devices(HOST, [Device("cpu:0")])
        fence = store.claim(name, "worker", host=HOST)
        assert fence == 1
        store.move(name, fence, "starting", "running")
        if name == "done":
            store.move(name, fence, "running", "succeeded")
            folder.adapter.mkdir()
            (folder.adapter / "adapter_model.safetensors").write_bytes(b"learned")
    (settings.datasets / "0123").mkdir()
    (settings.datasets / "0123" / "table.arrow").write_bytes(b"rows")
    (settings.datasets / ".import-x").mkdir()
    Account(store, settings).save(TOKEN)
    path = tmp_path / "backup.tar"
    make_backup(settings, path)
    return path


@pytest.mark.slow
def test_a_run_backed_up_while_it_trains_goes_on_elsewhere_to_the_same_bytes(
    settings: Settings, store: SqlStore, elsewhere: Settings, tmp_path: Path
) -> None:
    rows = sentences(tmp_path)
    table = write_table(tmp_path / "table.csv", rows)
    model = save_encoder([text for text, _ in rows], tmp_path / "model")
    folder = RunFolder(settings.runs / "r")
    folder.path.mkdir()
    freeze_table(table, settings.root, folder.data)
    folder.recipe.write_text(recipe(table, num_train_epochs=2, evaluations_per_epoch=4).to_yaml(), "utf-8")
    store.create(NewRun("r", "r", "text-classification", "tiny-encoder", "table.csv", folder.recipe.read_text("utf-8")))

    def go(store: SqlStore, settings: Settings) -> None:
        store.register_devices(HOST, [Device("cpu:0")])
        fence = store.claim("r", "test", host=HOST)
        assert fence is not None
        seams = Seams(fetch=lambda _name, _progress: model, pace=Pace(tick=0.02, look=0.05))
        one_thread = settings.model_copy(update={"slots": cpu_count()})
        supervise("r", fence, clock(), store, one_thread, seams)

    path = tmp_path / "backup.tar"
    training = threading.Thread(target=go, args=(store, settings))
    training.start()
    until(lambda: store.get("r").checkpoint_step, 120)
    manifest = make_backup(settings, path)
    assert store.get("r").state == "running", "it was backed up while it trained"
    training.join()
    assert store.get("r").state == "succeeded"
    assert any(name.endswith(COMPLETE) for name in manifest.files)

    restored = restore_backup(elsewhere, path)
    assert (restored.going_on, restored.aside) == (1, None)
    second = open_store(elsewhere.database)
    waiting = second.get("r")
    assert (waiting.state, waiting.reason_code, waiting.attempts_without_progress) == ("queued", "restored", 0)
    assert second.reconcile().queued == ("r",)
    go(second, elsewhere)
    assert second.get("r").state == "succeeded"
    second.close()
    went_on = RunFolder(elsewhere.runs / "r")
    assert str(elsewhere.root) in went_on.attempt(2).order.read_text("utf-8"), "it went on from the checkpoint here"
    one, other = (where.adapter / "adapter_model.safetensors" for where in (folder, went_on))
    assert one.read_bytes() == other.read_bytes()


def test_a_backup_has_the_last_checkpoint_of_what_may_go_on_and_nothing_of_processes(backup: Path) -> None:
    with tarfile.open(backup) as tar:
        names = {name for name in tar.getnames() if name.startswith(("runs", "datasets"))}
    assert names == {
        *("datasets/0123/table.arrow", "runs/done/adapter/adapter_model.safetensors"),
        *(f"runs/{run}/{file}" for run in ("done", "open") for file in ("recipe.yaml", "attempt-1/events.jsonl")),
        *("runs/open/attempt-1/checkpoints/step-2/weights", "runs/open/attempt-1/checkpoints/step-2/COMPLETE"),
    }


def test_a_backup_holds_no_secret_and_only_its_owner_may_read_it(
    backup: Path, settings: Settings, store: SqlStore
) -> None:
    written, ciphertext = backup.read_bytes(), store.secret("hub-token")
    assert ciphertext and ciphertext not in written and TOKEN.encode() not in written
    assert (settings.root / "secret.key").read_bytes() not in written
    assert backup.stat().st_mode & 0o777 == 0o600
    assert not [path for path in settings.root.iterdir() if path.name.startswith(".backup-")]


def test_what_is_restored_is_what_was_there_and_nothing_blocks_it(backup: Path, elsewhere: Settings) -> None:
    restored = restore_backup(elsewhere, backup)
    assert restored.going_on == 1
    store = open_store(elsewhere.database)
    assert {run.id: run.state for run in store.list()} == {"done": "succeeded", "open": "queued"}
    store.register_devices(HOST, [Device("cpu:0")])
    assert store.claim("open", "worker", host=HOST) == 2, "neither a lease nor a slot of the old owner is in the way"
    store.close()
    assert last_complete(RunFolder(elsewhere.runs / "open")) == elsewhere.runs / "open/attempt-1/checkpoints/step-2"
    assert (elsewhere.runs / "done/adapter/adapter_model.safetensors").read_bytes() == b"learned"
    assert Account(open_store(elsewhere.database), elsewhere)._saved() is None


@BOTH
@pytest.mark.parametrize("other", DATABASES)
def test_a_backup_of_either_database_is_restored_into_either(
    backup: Path, elsewhere: Settings, store: SqlStore, postgres: Server, other: str
) -> None:
    fence = store.get("open").fence
    events: list[AnyEvent] = [Log(text="later: \0"), Metric(step=1, epoch=0.5, values={"loss": 0.1})]
    store.append("open", fence, events)
    store.request_publication("done", "me/x", private=True)
    path = backup.with_name("second.tar")
    make_backup(
        Settings(home=backup.parent / "home", database_url=str(store._engine.url.render_as_string(False))), path
    )
    target = elsewhere
    if other == "postgresql":
        target = elsewhere.model_copy(update={"database_url": postgres.database(migrated=False)})
    assert restore_backup(target, path).going_on == 1
    restored = open_store(target.database)
    assert restored.metrics("open") == store.metrics("open") and restored.events("open") == store.events("open")
    assert restored.publications("done") == store.publications("done") and restored.secret("hub-token") is None
    done, kept = restored.get("done"), store.get("done")
    assert dataclasses.replace(done, settled_at=None) == dataclasses.replace(kept, settled_at=None)
    assert done.settled_at and kept.settled_at and done.settled_at >= kept.settled_at, "it rests anew"
    open_run, before = restored.get("open"), store.get("open")
    assert (open_run.state, open_run.fence, open_run.last_seq) == ("queued", before.fence, before.last_seq)
    restored.register_devices(HOST, [Device("cpu:0")])
    assert restored.claim("open", "worker", host=HOST) == fence + 1
    restored.append("open", fence + 1, [Log(text="on it goes")])
    if other == "postgresql":
        with pytest.raises(BackupError, match=r"studio:\*\*\*@.*already has runs"):
            restore_backup(target, path, replace=True)
    restored.close()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.97])
def test_a_damaged_backup_is_refused_and_nothing_changes(backup: Path, elsewhere: Settings, share: float) -> None:
    content = bytearray(backup.read_bytes())
    content[int(len(content.rstrip(b"\0")) * share)] ^= 0x55
    backup.write_bytes(content)
    before = sorted(path.name for path in elsewhere.root.rglob("*"))
    with pytest.raises(BackupError, match="damaged|no backup"):
        restore_backup(elsewhere, backup)
    assert sorted(path.name for path in elsewhere.root.rglob("*")) == before


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.95])
def test_a_torn_backup_is_refused(backup: Path, elsewhere: Settings, share: float) -> None:
    content = backup.read_bytes()
    backup.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BackupError, match="damaged|no backup"):
        restore_backup(elsewhere, backup)


def test_a_name_that_leads_out_of_the_data_home_is_refused(elsewhere: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    open_store(f"sqlite:///{tmp_path / 'record.sqlite'}").close()
    for number, name in enumerate(("../outside", "/tmp/outside", "runs/../../outside", "secret.key")):
        path = tmp_path / f"{number}.tar"
        with writing_to(path) as writer:
            writer.add("record.sqlite", tmp_path / "record.sqlite")
            writer.add(name, tmp_path / "file")
            writer.seal("0", "0001")
        with pytest.raises(BackupError, match="outside of a data home"):
            restore_backup(elsewhere, path)
    assert not (tmp_path / "outside").exists()


def test_a_newer_schema_or_format_is_refused_with_what_to_do(
    backup: Path, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "newer.tar"
    with writing_to(newer) as writer:
        writer.seal("9.0", "9999")
    with pytest.raises(BackupError, match=r"9\.0.*newer schema.*Update"):
        restore_backup(elsewhere, newer)
    monkeypatch.setattr(archive, "FORMAT", 0)
    with pytest.raises(BackupError, match=r"newer version.*Update"):
        restore_backup(elsewhere, backup)


def test_an_older_schema_is_migrated(elsewhere: Settings, tmp_path: Path) -> None:
    old = tmp_path / "record.sqlite"
    first_schema(old)
    with writing_to(tmp_path / "old.tar") as writer:
        writer.add("record.sqlite", old)
        writer.seal("0.0.1", "0001")
    restore_backup(elsewhere, tmp_path / "old.tar")
    store = open_store(elsewhere.database)
    assert store.schema_fits() and (store.get("r").name, store.get("r").state) == ("old", "queued")
    store.close()


def first_schema(path: Path) -> None:
    """A record as the first version made it, with one run."""
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    made = create_engine(f"sqlite:///{path}")
    with made.connect() as connection:
        config.attributes["connection"] = connection
        upgrade(config, "0001")
        connection.execute(
            text(
                "insert into run (id, name, owner, task, model, dataset, recipe, state, desired_state, fence, "
                "last_seq, attempts_without_progress, claimed_checkpoint_step, created_at) "
                "values ('r', 'old', 'local', 't', 'm', 'd', '', 'running', 'run', 1, 0, 0, 0, 0)"
            )
        )
        connection.commit()
    made.dispose()


def test_a_data_home_in_use_is_kept_unless_asked_and_then_moved_aside(
    backup: Path, settings: Settings, store: SqlStore
) -> None:
    with pytest.raises(BackupError, match="not empty.*--replace"):
        restore_backup(settings, backup)
    store.rename("done", "another name")
    store.close()
    restored = restore_backup(settings, backup, replace=True)
    assert restored.aside is not None and restored.aside.parent == settings.root
    for home, name in ((settings.root, "done"), (restored.aside, "another name")):
        again = open_store(f"sqlite:///{home / 'record.sqlite'}")
        assert again.get("done").name == name
        again.close()
        assert (home / "runs/done/adapter").is_dir() and (home / "datasets/0123").is_dir()


def test_without_room_nothing_is_restored(backup: Path, elsewhere: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(elsewhere.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage._replace(free=1000))
    with pytest.raises(BackupError, match="0 MB free.*needs"):
        restore_backup(elsewhere, backup)


def test_what_vanishes_while_it_is_read_leaves_a_backup_that_is_whole(
    settings: Settings, store: SqlStore, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = RunFolder(settings.runs / "r").attempt(1).checkpoints
    checkpoints.mkdir(parents=True)
    store.create(NewRun("r", "r", "text-classification", "m", "d", "recipe"))
    with building(checkpoints, 1) as hidden:
        (hidden / "weights").write_text("1")
    for name in ("gone", "kept"):
        (settings.datasets / name).mkdir()
        for file in ("a", "b"):
            (settings.datasets / name / file).write_text(name)
    add = archive.Writer.add

    def meanwhile(writer: archive.Writer, name: str, path: Path) -> None:
        add(writer, name, path)
        if name.endswith("datasets/gone/a"):
            shutil.rmtree(settings.datasets / "gone")
        if name.endswith("step-1/weights"):
            with building(checkpoints, 2) as hidden:
                (hidden / "weights").write_text("2")
            shutil.rmtree(checkpoints / "step-1")

    monkeypatch.setattr(archive.Writer, "add", meanwhile)
    manifest = make_backup(settings, tmp_path / "backup.tar")
    assert manifest.within("datasets") == {"kept"}
    restore_backup(elsewhere, tmp_path / "backup.tar")
    found = last_complete(RunFolder(elsewhere.runs / "r"))
    assert found is not None and found.name == "step-2"
    assert not (elsewhere.runs / "r/attempt-1/checkpoints/step-1").exists()


def test_a_backup_that_fails_leaves_no_file(
    settings: Settings, store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_writer: archive.Writer, _made_by: str, _schema: str) -> Manifest:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making.Writer, "seal", full)
    with pytest.raises(OSError, match="No space"):
        make_backup(settings, tmp_path / "backup.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert not [path for path in settings.root.iterdir() if path.name.startswith(".backup-")]


def test_a_record_is_copied_row_by_row_into_another_database(backup: Path, settings: Settings, tmp_path: Path) -> None:
    source, target = open_engine(settings.database), open_engine(f"sqlite:///{tmp_path / 'other.sqlite'}")
    copy_rows(source, target)
    with source.connect() as old, target.connect() as new:
        for table in COPIED:
            assert old.execute(table.select()).all() == new.execute(table.select()).all()
        assert new.execute(tables.secret.select()).all() == []
    with pytest.raises(BackupError, match="already has runs"):
        copy_rows(source, target)
    source.dispose()
    target.dispose()


def test_the_commands_say_what_they_did_and_what_is_not_in_it(backup: Path, settings: Settings, tmp_path: Path) -> None:
    file, home = tmp_path / "second.tar", tmp_path / "third"
    done = command(settings.root, "backup", file)
    assert done.returncode == 0 and f"Wrote {file}: 2 runs, 1 dataset" in done.stdout
    again = command(settings.root, "backup", file)
    assert again.returncode == 1 and "exists already" in again.stderr and "--replace" in again.stderr
    restored = command(home, "restore", file)
    assert restored.returncode == 0, restored.stderr
    assert "1 run was under way" in restored.stdout and "save yours again" in restored.stdout
    refused = command(home, "restore", file)
    assert refused.returncode == 1 and "is not empty" in refused.stderr and "Traceback" not in refused.stderr
