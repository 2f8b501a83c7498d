"""Real trainings whose checkpoints were let go: one that was paused starts again and ends as if nothing had been."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from autotrain.runs.clock import clock
from autotrain.runs.devices import Device
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.store import NewRun
from autotrain.settings import Settings
from autotrain.training.checkpoint import last_complete
from autotrain.training.hardware import cpu_count
from jobs.lease import Pace
from jobs.supervisor import Seams, supervise
from tests.app import command
from tests.jobs.conftest import until
from tests.retention.conftest import age, files_of
from tests.training.toy import freeze_table, recipe, save_encoder, sentences, write_table

HOST = "here"


@pytest.mark.slow
def test_a_paused_run_without_its_checkpoints_starts_again_and_learns_the_same(
    settings: Settings, store: SqlStore, tmp_path: Path
) -> None:
    rows = sentences(tmp_path)
    table = write_table(tmp_path / "table.csv", rows)
    model = save_encoder([text for text, _ in rows], tmp_path / "model")
    store.register_devices(HOST, [Device("cpu:0"), Device("cpu:1")])

    def submitted(run_id: str) -> RunFolder:
        folder = RunFolder(settings.runs / run_id)
        folder.path.mkdir()
        freeze_table(table, settings.root, folder.data)
        folder.recipe.write_text(recipe(table, num_train_epochs=1, evaluations_per_epoch=4).to_yaml(), "utf-8")
        text = folder.recipe.read_text("utf-8")
        store.create(NewRun(run_id, run_id, "text-classification", "tiny", "table.csv", text))
        return folder

    def go(run_id: str) -> None:
        fence = store.claim(run_id, "test", host=HOST)
        assert fence is not None
        seams = Seams(fetch=lambda _name, _progress: model, pace=Pace(tick=0.02, look=0.05))
        one_thread = settings.model_copy(update={"slots": cpu_count()})
        supervise(run_id, fence, clock(), store, one_thread, seams)

    pruned = submitted("pruned")
    training = threading.Thread(target=go, args=("pruned",))
    training.start()
    until(lambda: store.get("pruned").checkpoint_step, 280)
    store.wish("pruned", "pause")
    training.join()
    assert store.get("pruned").state == "paused" and last_complete(pruned) is not None
    age(store, "pruned", 31)
    assert "pruned" in command(settings.root, "runs", "prune").stdout
    assert last_complete(pruned) is None and pruned.attempt(1).events.is_file()
    assert "starts from the beginning" in command(settings.root, "runs", "resume", "pruned").stdout

    go("pruned")
    whole = submitted("whole")
    go("whole")

    assert store.get("pruned").state == store.get("whole").state == "succeeded"
    steps = [point.step for point in store.metrics("pruned") if point.name == "loss"]
    assert steps == sorted(set(steps)) and steps[0] == 1, "the curve is that of the attempt that counts"
    one, other = (run.adapter / "adapter_model.safetensors" for run in (pruned, whole))
    assert one.read_bytes() == other.read_bytes()

    before = files_of(whole.path)
    age(store, "whole", 2)
    assert "It finished 2 days ago" in command(settings.root, "runs", "prune").stdout
    assert files_of(whole.path) == {name for name in before if "/checkpoints/" not in name}
