"""Trainers that are killed, stopped, asked for things, or run out of disk at any moment, and go on."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from autotrain.report import Report
from autotrain.runs.folder import Order
from autotrain.training.checkpoint import complete, last_complete
from jobs.leash import leashed
from tests.disk import fill

from .conftest import STEPS, Trainer

Make = Callable[..., Trainer]
STOPPED = 75


def same(run: Trainer, undisturbed: Trainer, *attempts: int) -> None:
    """The adapter is the same bytes; every step is there, and every loss, metric and learning rate is equal."""
    assert run.adapter_sha256() == undisturbed.adapter_sha256()
    assert run.curve(*attempts) == undisturbed.curve(1)


def test_every_step_of_the_undisturbed_run_is_on_its_curve_once(undisturbed: Trainer) -> None:
    steps = [event["step"] for event in undisturbed.events() if "loss" in event.get("values", {})]
    assert steps == list(range(1, STEPS + 1))


@pytest.mark.slow
def test_a_run_killed_at_any_step_goes_on_to_the_same_adapter_and_the_same_curve(
    trainer: Make, undisturbed: Trainer
) -> None:
    at = random.randrange(1, STEPS)
    print(f"killed after step {at}")
    killed = trainer()
    process = killed.start()
    killed.wait_for(process, "metric", step=at)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    torn = killed.run.attempt(1).checkpoints / "step-9999"
    torn.mkdir(parents=True)
    checkpoint = last_complete(killed.run)
    assert killed.finish(2, checkpoint) == 0
    assert not torn.exists()
    same(killed, undisturbed, 1, 2)
    begun = int(checkpoint.name.removeprefix("step-")) if checkpoint else 0
    assert min(killed.curve(2)) == begun + 1


@pytest.mark.slow
def test_a_stopped_run_has_a_checkpoint_of_its_last_step_and_goes_on_in_the_middle_of_an_epoch(
    trainer: Make, undisturbed: Trainer
) -> None:
    stopped = trainer()
    process = stopped.start()
    stopped.wait_for(process, "metric", step=random.randrange(1, STEPS // 2))
    process.send_signal(signal.SIGTERM)
    assert process.wait() == STOPPED
    checkpoint = complete(stopped.run.attempt(1).checkpoints)[-1]
    assert checkpoint.name == f"step-{max(stopped.curve(1))}"
    assert not stopped.run.adapter.exists() and not stopped.run.report.exists()
    assert stopped.finish(2, checkpoint) == 0
    same(stopped, undisturbed, 1, 2)
    assert not set(stopped.curve(1)) & set(stopped.curve(2)), "a step was repeated"


@pytest.mark.slow
def test_a_run_stopped_while_it_is_evaluated_goes_straight_to_the_evaluation(
    trainer: Make, undisturbed: Trainer
) -> None:
    stopped = trainer()
    process = stopped.start()
    stopped.wait_for(process, "phase", name="evaluate")
    process.send_signal(signal.SIGTERM)
    assert process.wait() == STOPPED
    assert not stopped.run.adapter.exists() and not stopped.run.report.exists()
    assert stopped.finish(2, last_complete(stopped.run)) == 0
    assert stopped.phases(2) == ["load", "tokenise", "evaluate", "save"]
    same(stopped, undisturbed, 1)
    reports = [json.loads(run.run.report.read_text("utf-8")) for run in (stopped, undisturbed)]
    assert reports[0]["scores"] == reports[1]["scores"]


@pytest.mark.parametrize("phase", ["load", "tokenise"])
def test_a_run_stopped_before_its_first_step_leaves_nothing_half_done(trainer: Make, phase: str) -> None:
    run = trainer(num_train_epochs=100)
    process = run.start()
    run.wait_for(process, "phase", name=phase)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == STOPPED
    assert not run.run.adapter.exists()
    assert run.events()[-1]["kind"] != "failure"


def test_signals_during_the_start_neither_kill_nor_get_lost(trainer: Make) -> None:
    run = trainer(num_train_epochs=100)
    Order(model=str(run.model)).write(run.run.attempt(1))
    command = leashed([sys.executable, "-m", "autotrain", str(run.run.path), "--attempt", "1"])
    for milliseconds in (0, 20, 60, 120, 250):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        # From here on the leash keeps wishes away; before it, a supervisor does not send them.
        while "autotrain" not in psutil.Process(process.pid).cmdline()[1:3]:
            assert process.poll() is None
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGUSR2)
        time.sleep(0.02)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        # Python itself takes a moment to start, in which nothing can listen and there is nothing to lose.
        assert process.wait() in {STOPPED, -signal.SIGTERM}


@pytest.mark.slow
def test_save_now_saves_and_stop_and_keep_evaluates_what_there_is(trainer: Make) -> None:
    run = trainer(num_train_epochs=100, evaluations_per_epoch=1)
    process = run.start()
    run.wait_for(process, "progress", count=2)
    process.send_signal(signal.SIGUSR1)
    run.wait_for(process, "checkpoint")
    process.send_signal(signal.SIGUSR2)
    assert process.wait() == 0
    report = Report.model_validate_json(run.run.report.read_text("utf-8"))
    planned = [event for event in run.events() if event["kind"] == "progress"][-1]["total_steps"]
    assert 0 < report.training.steps < planned == report.training.planned_steps
    assert report.training.ended == "asked"
    assert (run.run.adapter / "adapter_model.safetensors").exists()


def test_a_trainer_ends_with_its_owner(trainer: Make) -> None:
    run = trainer(num_train_epochs=100)
    process = run.start(1, None, "--lease-pipe", stdin=subprocess.PIPE, start_new_session=True)
    run.wait_for(process, "phase")
    process.stdin.close()
    assert process.wait() != 0
    assert not run.run.adapter.exists()


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_the_last_checkpoint_is_kept(
    trainer: Make, undisturbed: Trainer, small_disk: Path
) -> None:
    made = trainer()
    run = Trainer(type(made.run)(Path(shutil.copytree(made.run.path, small_disk / "run"))), made.model)
    process = run.start()
    run.wait_for(process, "checkpoint", count=2)
    filler = fill(small_disk)
    assert process.wait() == 1
    last = run.events()[-1]
    assert (last["kind"], last["code"]) == ("failure", "disk")
    assert "Free some space" in last["reason"]
    checkpoint = last_complete(run.run)
    assert checkpoint is not None
    filler.unlink()
    assert run.finish(2, checkpoint) == 0
    same(run, undisturbed, 1, 2)
