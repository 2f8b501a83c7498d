"""The small parts: endings, the tail of a growing file, sweeping, the broker's command, dispatching."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from autotrain.events import Failure, Phase
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.state import State
from autotrain.settings import Settings
from jobs import broker
from jobs.dispatcher import devices, dispatch
from jobs.ending import STOPPED, Facts, ending
from jobs.launchers import Resources
from jobs.launchers.local import PID_FILE, environment, sweep
from jobs.leash import leashed
from jobs.tail import Tail
from tests.jobs.conftest import Bench, until

KILLED, TERMINATED = -signal.SIGKILL, -signal.SIGTERM
NAN = Failure(code="nan", reason="Not a number.")
SHORT = Failure(code="oom", reason="Too little memory.", halve=True)
FULL = Failure(code="disk", reason="The disk is full. Free some space, then press Resume.")


@pytest.mark.parametrize(
    ("facts", "state", "code"),
    [
        (Facts(0, "running", False, False, 1), "succeeded", None),
        (Facts(0, "cancelling", True, False, 1), "succeeded", None),
        (Facts(1, "running", False, False, 1, SHORT), "queued", "oom"),
        (Facts(1, "pausing", True, False, 1, SHORT), "paused", "oom"),
        (Facts(1, "running", False, False, 1, Failure(code="oom", reason="r")), "failed", "oom"),
        (Facts(KILLED, "running", False, False, 1, starved=True), "queued", "oom"),
        (Facts(KILLED, "running", False, False, 1, starved=True, halved=True, held=2_000_000_000), "failed", "oom"),
        (Facts(STOPPED, "pausing", True, False, 1), "paused", "paused"),
        (Facts(STOPPED, "cancelling", True, False, 1), "cancelled", "cancelled"),
        (Facts(STOPPED, "running", True, True, 3), "queued", "shutdown"),
        (Facts(STOPPED, "running", False, False, 1), "queued", "interrupted"),
        (Facts(STOPPED, "running", False, False, 3), "failed", "interrupted"),
        (Facts(TERMINATED, "pausing", True, False, 1), "paused", "paused"),
        (Facts(KILLED, "cancelling", True, False, 3), "cancelled", "cancelled"),
        (Facts(KILLED, "running", True, True, 3), "queued", "shutdown"),
        (Facts(KILLED, "running", False, False, 2), "queued", "killed"),
        (Facts(KILLED, "running", False, False, 3), "failed", "killed"),
        (Facts(1, "running", False, False, 1, NAN), "failed", "nan"),
        (Facts(1, "pausing", True, False, 1, NAN), "failed", "nan"),
        (Facts(1, "cancelling", True, False, 1, NAN), "cancelled", "cancelled"),
        (Facts(1, "running", False, False, 1, FULL), "paused", "disk"),
        (Facts(1, "pausing", True, False, 1, FULL), "paused", "disk"),
        (Facts(1, "cancelling", True, False, 1, FULL), "cancelled", "cancelled"),
        (Facts(1, "running", False, False, 1), "failed", "crashed"),
        (Facts(-signal.SIGSEGV, "running", False, False, 1), "failed", "crashed"),
    ],
)
def test_what_becomes_of_a_run(facts: Facts, state: State, code: str | None) -> None:
    end = ending(facts)
    assert (end.state, end.code) == (state, code)
    assert (end.reason is None) == (state == "succeeded")


def test_a_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    line = Phase(name="load").model_dump_json()
    path.write_text(line + "\n" + line[:9])
    assert tail.read() == [Phase(name="load")]
    assert tail.read() == []
    path.write_text(line + "\n" + line + "\nnot json\n")
    assert [event.kind for event in tail.read()] == ["phase", "log"]


def test_a_trainer_left_behind_is_swept_and_one_with_an_owner_is_not(settings: Settings) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    started = psutil.Process(sleeper.pid).create_time()
    us = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    gone = us | {"started": 1.0}  # another process had our id before us
    note = RunFolder(settings.runs / "r").attempt(1).path / PID_FILE
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"trainer": {"pid": sleeper.pid, "started": started}, "supervisor": us}))
    assert sweep(settings.runs) == []
    note.write_text(json.dumps({"trainer": {"pid": sleeper.pid, "started": started - 60}, "supervisor": gone}))
    assert sweep(settings.runs) == []
    note.write_text(json.dumps({"trainer": {"pid": sleeper.pid, "started": started}, "supervisor": gone}))
    assert sweep(settings.runs) == [sleeper.pid]
    assert sleeper.wait(10) == KILLED
    assert not note.exists()


def test_a_command_on_a_leash_dies_with_its_holder(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    sleeper = f"import os, time, pathlib; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(600)"
    code = f"""
import subprocess, sys, time
from jobs.leash import leashed
subprocess.Popen(leashed([sys.executable, "-c", {sleeper!r}]), start_new_session=True)
time.sleep(600)
"""
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent.parent.parent)
    until(lambda: note.exists() and note.read_text())
    holder.kill()
    holder.wait()
    until(lambda: not psutil.pid_exists(int(note.read_text())))


def test_a_signal_that_comes_too_early_does_not_kill(tmp_path: Path) -> None:
    code = "import time; print('up', flush=True); time.sleep(0.2)"
    with subprocess.Popen(leashed([sys.executable, "-c", code]), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGUSR1)
        assert process.wait(10) == 0


def test_each_trainer_sees_its_own_card() -> None:
    inherited = {"CUDA_VISIBLE_DEVICES": "4,6", "PATH": "/bin"}
    assert environment(inherited, Resources("cuda:1", 2))["CUDA_VISIBLE_DEVICES"] == "6"
    assert environment({}, Resources("cuda:1", 2))["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment(inherited, Resources("cpu:0", 2))["CUDA_VISIBLE_DEVICES"] == ""
    assert Resources("cuda:1").torch_device == "cuda:0"


def test_the_broker_keeps_nothing_and_listens_on_no_port(settings: Settings) -> None:
    words = broker.command_for(settings)
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--unixsocketperm"] == "700"
    assert (options["--save"], options["--appendonly"]) == ("", "no")
    assert settings.broker_socket.parent.stat().st_mode & 0o777 == 0o700


def test_no_broker_is_no_error(settings: Settings) -> None:
    assert not broker.answers(settings)


def test_dispatching_nudges_as_often_as_runs_could_start(bench: Bench, store: SqlStore) -> None:
    for name in ("a", "b", "c"):
        bench.make(name)
    sent: list[tuple[str, str]] = []
    dispatch(store, lambda kind, ident: sent.append((kind, ident)), slots=2)
    assert sent == [("run", "a"), ("run", "b")]


def test_a_machine_offers_its_cards_or_its_memory() -> None:
    offered = devices()
    assert all(device.memory and device.memory > 2**28 for device in offered)
    assert [device.name for device in offered] == ["cpu"] or {device.name[:5] for device in offered} == {"cuda:"}
