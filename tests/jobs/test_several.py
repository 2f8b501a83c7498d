"""Slots of several devices: how cards are dealt out, how their trainer is started, and what its end means."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.commands.config import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from hypothesis import given
from hypothesis import strategies as st

from autotrain.runs.folder import AttemptFolder, RunFolder
from autotrain.runs.slots import devices_of, slot_name
from autotrain.runs.sql import SqlStore
from autotrain.runs.store import NewRun
from autotrain.training.hardware import Accelerator, Hardware, deal
from jobs.launchers import Resources
from jobs.launchers.local import LocalHandle, environment, trainer_command
from jobs.launchers.several import CONFIGURATION, SeveralHandle, launched
from tests.jobs.conftest import HOST, until

KILLED = -signal.SIGKILL


@pytest.mark.parametrize(
    ("cards", "slots", "dealt"),
    [
        (4, 1, ["0123"]),
        (4, 2, ["01", "23"]),
        (3, 2, ["01", "2"]),
        (4, 3, ["01", "2", "3"]),
        (2, 2, ["0", "1"]),
        (2, 8, ["0", "1"]),
        (1, 1, ["0"]),
        (0, 4, []),
    ],
)
def test_cards_are_dealt_out_to_the_slots(cards: int, slots: int, dealt: list[str]) -> None:
    assert ["".join(map(str, slot)) for slot in deal(range(cards), slots)] == dealt


@given(cards=st.integers(0, 20), slots=st.integers(1, 64))
def test_every_card_is_in_one_slot_and_no_slot_is_far_larger(cards: int, slots: int) -> None:
    dealt = deal(range(cards), slots)
    assert [card for slot in dealt for card in slot] == list(range(cards))
    assert len(dealt) == min(cards, slots)
    assert not dealt or max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_an_estimate_counts_on_what_one_run_gets() -> None:
    cards = tuple(Accelerator(f"cuda:{number}", "Card", 8, 8 - number) for number in range(4))
    machine = Hardware("a processor", 8, 64, 32, cards)
    assert machine.share(1) == machine
    assert machine.share(2).devices == ("cuda:0", "cuda:1") and machine.share(2).memory_for_training == 7
    assert Hardware("a processor", 8, 64, 32).share(3).cpu_count == 2


def test_a_slots_name_lists_its_devices() -> None:
    assert slot_name(["cuda:0", "cuda:1"]) == "cuda:0+cuda:1"
    assert devices_of("cuda:0+cuda:1") == Resources("cuda:0+cuda:1").devices == ("cuda:0", "cuda:1")
    assert Resources("cpu:0").devices == ("cpu:0",)
    assert Resources("cuda:2+cuda:3").torch_device == "cuda:0"


def test_slots_that_share_a_device_are_not_held_at_once(store: SqlStore) -> None:
    for name in ("a", "b", "c"):
        store.create(NewRun(name, name, "text-classification", "m", "d", "r"))
    store.register_slots(HOST, ["cuda:0", "cuda:1", "cuda:2"])
    fence = store.claim("a", "test", host=HOST)
    assert fence is not None and store.get("a").device == "cuda:0"
    store.register_slots(HOST, ["cuda:0+cuda:1", "cuda:2"])
    assert store.claim("b", "test", host=HOST) is not None
    assert store.get("b").device == "cuda:2"
    assert store.claim("c", "test", host=HOST) is None
    assert store.move("a", fence, "starting", "failed")
    assert store.claim("c", "test", host=HOST) is not None
    assert store.get("c").device == "cuda:0+cuda:1"


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


def test_the_trainer_sees_the_cards_of_its_slot_and_nothing_of_another_launcher() -> None:
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
