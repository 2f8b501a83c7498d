"""Runs on several devices: what they count on, how their trainer is started, and what its end means."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.commands.config import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from autotrain.runs.devices import devices_of, together
from autotrain.runs.folder import AttemptFolder, RunFolder
from autotrain.training.hardware import Accelerator, Hardware
from jobs.launchers import Resources
from jobs.launchers.local import LocalHandle, environment, trainer_command
from jobs.launchers.several import CONFIGURATION, SeveralHandle, launched
from tests.jobs.conftest import until

KILLED = -signal.SIGKILL


def test_an_estimate_counts_on_the_emptiest_cards_that_one_run_gets() -> None:
    cards = tuple(Accelerator(f"cuda:{number}", "Card", 8, number) for number in range(4))
    machine = Hardware("a processor", 8, 64, 32, cards)
    assert machine.share(1).devices == ("cuda:3",) and machine.share(1).memory_for_training == 3
    assert machine.share(2, 2).devices == ("cuda:2", "cuda:3") and machine.share(2, 2).memory_for_training == 2
    assert machine.share(1, 9) == machine
    assert Hardware("a processor", 8, 64, 32).share(3, 2).cpu_count == 2


def test_devices_are_named_together_in_their_order() -> None:
    assert together(["cuda:10", "cuda:9"]) == "cuda:9+cuda:10"
    assert devices_of("cuda:0+cuda:1") == Resources("cuda:0+cuda:1").devices == ("cuda:0", "cuda:1")
    assert Resources("cpu").devices == ("cpu",) and Resources("cpu").torch_device == "cpu"
    assert Resources("cuda:2+cuda:3").torch_device == "cuda:0"


def test_a_trainer_of_several_processes_is_started_by_accelerate(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    command = launched(trainer_command(run, run.attempt(3)), 4)
    assert command[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
    read, defaults, _ = _validate_launch_command(launch_command_parser().parse_args(command[3:]))
    assert defaults.distributed_type == "MULTI_GPU"
    assert (read.multi_gpu, read.num_processes, read.num_machines, read.main_process_port) == (True, 4, 1, 0)
    assert (read.mixed_precision, read.dynamo_backend, read.use_fsdp, read.use_deepspeed) == ("no", "no", False, False)
    assert read.module and read.training_script == "autotrain"
    assert read.training_script_args == [str(run.path), "--attempt", "3", "--lease-pipe"]
    assert load_config_from_file(str(CONFIGURATION)).use_cpu is False


def test_the_trainer_sees_its_own_cards_and_nothing_of_another_launcher() -> None:
    inherited = {"CUDA_VISIBLE_DEVICES": "4,6,GPU-aa", "RANK": "3", "WORLD_SIZE": "8", "ACCELERATE_USE_FSDP": "true"}
    made = environment(inherited, Resources("cuda:1+cuda:2", 3))
    assert made["CUDA_VISIBLE_DEVICES"] == "6,GPU-aa"
    assert made["OMP_NUM_THREADS"] == "3"
    assert not made.keys() & {"RANK", "WORLD_SIZE", "ACCELERATE_USE_FSDP"}
    assert "NCCL_SOCKET_IFNAME" in made or sys.platform != "linux"
    assert environment({"NCCL_SOCKET_IFNAME": "eth1"}, Resources("cuda:0+cuda:1"))["NCCL_SOCKET_IFNAME"] == "eth1"
    assert "NCCL_SOCKET_IFNAME" not in environment({}, Resources("cuda:0"))
    assert environment({}, Resources("cpu:0+cpu:1"))["CUDA_VISIBLE_DEVICES"] == ""


REPORT = """RuntimeError: Connection closed by peer
W1123 13:56:44.1 27470 torch/distributed/elastic/multiprocessing/api.py:1029] Sending process 7 closing signal SIGTERM
Failures:
  exitcode  : -15 (pid: 7)
Root Cause:
  exitcode  : -11 (pid: 8)
"""


@pytest.mark.parametrize(
    ("launcher", "first", "status", "log", "expected"),
    [
        (0, True, "0", "", 0),
        (0, True, "75", "", 75),
        (1, True, "75", "", 75),
        (1, True, "1", "", 1),
        (1, True, "", "", 1),
        (1, True, None, "", KILLED),
        (1, True, None, REPORT, -signal.SIGSEGV),
        (1, False, None, "ModuleNotFoundError", 1),
        (0, False, None, "", 1),
    ],
)
def test_the_status_that_counts_is_the_one_the_processes_leave(
    tmp_path: Path, launcher: int, first: bool, status: str | None, log: str, expected: int
) -> None:
    attempt = AttemptFolder(tmp_path / "attempt-1")
    attempt.path.mkdir()
    attempt.log.write_text(log)
    if first:
        attempt.first.write_text("1")
    if status is not None:
        attempt.status.write_text(status)
    process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({launcher})"], start_new_session=True)
    handle = SeveralHandle(LocalHandle(process, attempt), process.pid, attempt)
    until(lambda: handle.poll() is not None)
    assert handle.poll() == expected
    handle.close()
    assert "elastic" not in attempt.log.read_text()


def test_a_stop_before_anything_could_be_saved_ends_all_at_once(tmp_path: Path) -> None:
    attempt = AttemptFolder(tmp_path / "attempt-1")
    attempt.path.mkdir()
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    handle = SeveralHandle(LocalHandle(process, attempt), process.pid, attempt)
    handle.request(signal.SIGUSR1)
    assert handle.poll() is None
    handle.request(signal.SIGTERM)
    until(lambda: handle.poll() is not None)
    assert handle.poll() == KILLED
    handle.close()
