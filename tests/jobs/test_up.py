"""`autotrain up` as a person uses it: one command, one Ctrl-C, one data home, plain sentences when it cannot start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from autotrain.errors import SettingsError
from autotrain.settings import Settings
from jobs import broker
from jobs.up import address, check_port, is_up, only_one
from tests.app import free_port
from tests.jobs.conftest import until

ROOT = Path(__file__).parent.parent.parent
CODE = "import sys; from autotrain.settings import load_settings; from jobs.up import up; sys.exit(up(load_settings()))"
Up = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def up(settings: Settings, port: int) -> Iterator[Up]:
    """Starts the app on this data home; whatever is left of it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        environment = os.environ | {"AUTOTRAIN_HOME": str(settings.root), "AUTOTRAIN_PORT": str(port)}
        process = subprocess.Popen(
            [sys.executable, "-c", CODE],
            cwd=ROOT,
            env=environment | {"PATH": "/usr/bin:/bin"},  # as when the environment is not activated
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=90)


def read_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if "AutoTrain Studio is ready" in line:
            return
    raise AssertionError("it ended before it was ready")


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_command_starts_all_and_one_signal_ends_all(
    up: Up, settings: Settings, port: int, number: signal.Signals
) -> None:
    process = up()
    read_until_ready(process)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
        assert answer.status == 200
    assert broker.answers(settings)
    second = up()
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"process {process.pid}" in said
    assert f"http://127.0.0.1:{port}" in said
    assert "AUTOTRAIN_HOME" in said
    children = family(process)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "has stopped" in said
    assert "Traceback" not in said
    assert gone(children)


def test_nothing_outlives_a_killed_up(up: Up) -> None:
    process = up()
    read_until_ready(process)
    children = family(process)
    process.kill()
    until(lambda: gone(children))


PARTS = {"broker": "redis-server", "worker": "jobs.worker", "web": "app.py"}
"""A word that the command line of each part has."""


def part(process: subprocess.Popen[str], name: str) -> psutil.Process | None:
    """The process of a part, if it lives: the first one with its word, before those that it started."""
    with suppress(psutil.Error):
        for child in family(process):
            if any(PARTS[name] in word for word in child.cmdline()) and "leash" not in " ".join(child.cmdline()):
                return child
    return None


def pid(process: subprocess.Popen[str], name: str) -> int | None:
    found = part(process, name)
    return found.pid if found else None


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_dies_is_started_again_and_the_others_stay(up: Up, port: int, name: str) -> None:
    process = up()
    read_until_ready(process)
    until(lambda: well(port))
    dies, others = part(process, name), {other: pid(process, other) for other in PARTS if other != name}
    assert dies is not None and all(others.values())
    dies.kill()
    until(lambda: pid(process, name) not in (None, dies.pid))
    until(lambda: well(port))
    assert {other: pid(process, other) for other in others} == others
    children = family(process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{name} ended by itself (-9) and is started again" in said
    assert gone(children)


def well(port: int) -> bool:
    """Whether record, data home and worker are there."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
        return answer.status == 200
    return False


def test_when_a_part_dies_again_at_once_the_others_end_and_it_is_named(up: Up) -> None:
    process = up()
    read_until_ready(process)
    children = family(process)
    first = part(process, "broker")
    assert first is not None
    first.kill()
    until(lambda: pid(process, "broker") not in (None, first.pid))
    second = part(process, "broker")
    assert second is not None
    second.kill()
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "broker ended by itself and could not be kept running" in said
    assert gone(children)


def test_a_signal_during_the_start_ends_it_too(up: Up, settings: Settings) -> None:
    process = up()
    until(lambda: (settings.root / "up.lock").exists())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.poll() is not None


def test_a_port_in_use_is_said_before_anything_starts(up: Up, settings: Settings, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process = up()
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"Port {port}" in said
    assert f"AUTOTRAIN_PORT={port + 1}" in said
    assert not settings.broker_socket.exists()


def test_a_free_port_is_no_problem(settings: Settings, port: int) -> None:
    check_port(settings.model_copy(update={"port": port}))


def test_others_can_see_that_it_runs(settings: Settings) -> None:
    assert not is_up(settings)
    with only_one(settings):
        assert is_up(settings)
    assert not is_up(settings)


def test_the_data_home_is_free_again_after_use(settings: Settings) -> None:
    with only_one(settings), pytest.raises(SettingsError, match="already runs"), only_one(settings):
        pass
    with only_one(settings):
        pass


def test_the_address_is_one_a_browser_can_open(settings: Settings) -> None:
    assert address(settings.model_copy(update={"host": "0.0.0.0", "port": 81})) == "http://127.0.0.1:81"
    assert address(settings.model_copy(update={"host": "::1", "port": 81})) == "http://[::1]:81"


def test_a_deep_data_home_gets_a_short_private_socket(tmp_path: Path) -> None:
    deep = Settings(home=tmp_path / ("d" * 120))
    deep.prepare_home()
    assert len(os.fsencode(deep.broker_socket)) < 108
    assert deep.broker_socket.parent.stat().st_mode & 0o777 == 0o700
    assert deep.broker_socket != Settings(home=tmp_path / ("e" * 120)).broker_socket
    deep.broker_socket.parent.rmdir()
