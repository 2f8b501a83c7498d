"""Trainings on two devices as real processes under the real launcher: two shares of the processor, joined by gloo."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from autotrain.report import Report
from autotrain.runs.clock import clock
from autotrain.runs.devices import Device, devices_of
from autotrain.runs.folder import Order
from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import State
from autotrain.runs.store import NewRun
from autotrain.settings import Settings
from autotrain.training.checkpoint import last_complete
from jobs.launchers import Handle, Resources
from jobs.launchers.local import LocalLauncher
from jobs.lease import Pace
from jobs.supervisor import Seams, supervise

from .conftest import EPOCHS, Trainer, make
from .conftest import STEPS as ON_ONE

Make = Callable[..., Trainer]
ROOT = Path(__file__).parent.parent.parent
TWO = "cpu:0+cpu:1"
STEPS = ON_ONE // 2
"""Four rows on each of two devices."""


@dataclass
class Owned:
    """A run in a real record whose only slot has two devices."""

    trainer: Trainer
    store: SqlStore
    settings: Settings
    ended: list[State | None] = field(default_factory=list)

    def begin(self) -> threading.Thread:
        """Claim the run and supervise it beside the test."""
        thread = threading.Thread(target=self.go)
        thread.start()
        return thread

    def go(self) -> State | None:
        """Claim the run and supervise it to the end of one attempt."""
        fence = self.store.claim("r", "test", host="here")
        assert fence is not None
        seams = Seams(fetch=lambda _ref, _progress: self.trainer.model, pace=Pace(tick=0.02, look=0.05))
        self.ended.append(supervise("r", fence, clock(), self.store, self.settings, seams))
        return self.ended[-1]

    def until_step(self, step: int, attempt: int) -> None:
        """Wait until the attempt has got so far."""
        until(lambda: any(event.get("step", 0) >= step for event in self.trainer.events(attempt)))

    def processes(self, attempt: int) -> list[psutil.Process]:
        """The attempt's processes, the first one first."""
        folder = self.trainer.run.attempt(attempt)
        until(folder.first.exists)
        first = psutil.Process(int(folder.first.read_text("utf-8")))
        launcher = first.parent()
        assert launcher is not None
        return sorted(launcher.children(), key=lambda process: process.pid != first.pid)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def lives(process: psutil.Process) -> bool:
    """Whether a process still does anything."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def owned(home: Path, frozen: Path, table: Path, model: Path) -> Owned:
    settings = Settings(home=home, redis_url=None, database_url=None)
    settings.prepare_home()
    store = open_store(settings.database)
    store.register_devices("here", [Device(name) for name in devices_of(TWO)])
    trainer = make(settings.runs / "r", frozen, table, model, {})
    store.create(NewRun("r", "r", "text-classification", "tiny-encoder", "table.csv", "recipe", devices_wanted=2))
    return Owned(trainer, store, settings)


@pytest.fixture(scope="module")
def pair(frozen: Path, table: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Owned:
    """A run on two devices that nothing happened to."""
    made = owned(tmp_path_factory.mktemp("pair"), frozen, table, model)
    assert made.go() == "succeeded", made.trainer.run.attempt(1).log.read_text("utf-8")[-2000:]
    return made


def start(trainer: Trainer, attempt: int = 1, devices: str = TWO) -> Handle:
    """Start an attempt as a supervisor does."""
    folder, last = trainer.run.attempt(attempt), last_complete(trainer.run)
    resume = str(last.relative_to(trainer.run.path)) if last else None
    Order(model=str(trainer.model), resume_from=resume).write(folder)
    return LocalLauncher().start(trainer.run, folder, Resources(devices))


def end(handle: Handle) -> int:
    """Wait for the end; the exit status."""
    until(lambda: handle.poll() is not None)
    code = handle.poll()
    handle.close()
    assert code is not None
    return code


@pytest.mark.slow
def test_a_run_on_two_devices_leaves_what_a_run_on_one_leaves(pair: Owned) -> None:
    run = pair.trainer.run
    assert pair.trainer.phases() == ["load", "tokenise", "train", "evaluate", "save"]
    steps = [event["step"] for event in pair.trainer.events() if "loss" in event.get("values", {})]
    assert steps == list(range(1, STEPS + 1)), "every step once, told by one process"
    report = Report.model_validate_json(run.report.read_text("utf-8"))
    assert (report.training.device, report.training.steps, report.training.epochs) == ("2 × cpu", STEPS, EPOCHS)
    assert (run.adapter / "adapter_model.safetensors").exists()
    assert pair.store.get("r").outcome is not None
    assert {path.name for path in last_complete(run).glob("rng_state*")} == {"rng_state_0.pth", "rng_state_1.pth"}  # type: ignore[union-attr]


@pytest.mark.slow
def test_paused_and_then_robbed_of_a_process_it_goes_on_to_the_same_adapter(
    pair: Owned, frozen: Path, table: Path, model: Path, tmp_path: Path
) -> None:
    run = owned(tmp_path, frozen, table, model)
    thread = run.begin()
    run.until_step(2, attempt=1)
    run.store.wish("r", "pause")
    thread.join()
    assert run.ended == ["paused"]
    paused = last_complete(run.trainer.run)
    assert paused is not None and paused.name == f"step-{max(run.trainer.curve(1))}"
    assert "torch/distributed/elastic" not in run.trainer.run.attempt(1).log.read_text("utf-8")

    run.store.wish("r", "run")
    thread = run.begin()
    run.until_step(int(paused.name.removeprefix("step-")) + 2, attempt=2)
    processes = run.processes(2)
    processes[1].kill()
    thread.join()
    assert run.ended[1:] == ["queued"]
    assert run.store.get("r").reason_code == "killed"
    assert not any(map(lives, processes))
    assert not [event for event in run.trainer.events(2) if event["kind"] == "failure"]

    assert run.go() == "succeeded"
    assert run.trainer.adapter_sha256() == pair.trainer.adapter_sha256()
    assert run.trainer.curve(1, 2, 3) == pair.trainer.curve(1)


@pytest.mark.slow
def test_two_devices_train_as_one_with_twice_the_batch_and_one_may_go_on_for_both(trainer: Make) -> None:
    # Ten rows an update, and eight in the last one of an epoch: one device gets two that count for nothing.
    common = {"lora_dropout": 0.0, "learning_rate": 1e-3}
    one = trainer(per_device_train_batch_size=10, **common)
    assert one.finish() == 0
    two = trainer(per_device_train_batch_size=5, **common)
    handle = start(two)
    until(lambda: any(event.get("step", 0) > 30 for event in two.events()))
    handle.request(signal.SIGTERM)
    assert end(handle) == 75
    stopped = max(two.curve(1))
    assert 30 < stopped < 58
    assert end(start(two, attempt=2, devices="cpu:0")) == 0
    losses = [{step: point["loss"] for step, point in run.items()} for run in (one.curve(1), two.curve(1, 2))]
    assert losses[0].keys() == losses[1].keys() == set(range(1, 59))
    assert losses[1] == pytest.approx(losses[0], abs=2e-3)


def test_weights_that_are_not_numbers_end_both_and_are_told_once(trainer: Make, model: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    broken = Path(shutil.copytree(model, tmp_path / "broken"))
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name] = torch.full_like(weights[name], float("nan"))
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    run = trainer(model=broken)
    assert end(start(run)) == 1
    assert [event["code"] for event in run.events() if event["kind"] == "failure"] == ["nan"]


def test_all_processes_end_with_their_owner(trainer: Make, tmp_path: Path) -> None:
    run = trainer(num_train_epochs=100)
    Order(model=str(run.model)).write(run.run.attempt(1))
    code = f"""
import time
from pathlib import Path
from autotrain.runs.folder import RunFolder
from jobs.launchers import Resources
from jobs.launchers.local import LocalLauncher
run = RunFolder(Path({str(run.run.path)!r}))
handle = LocalLauncher().start(run, run.attempt(1), Resources({TWO!r}))
time.sleep(600)
"""
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    until(lambda: any(event["kind"] == "phase" for event in run.events()))
    processes = psutil.Process(owner.pid).children(recursive=True)
    assert len(processes) >= 3, "the launcher and two processes"
    owner.kill()
    owner.wait()
    until(lambda: not any(map(lives, processes)))
