"""The whole app, as `autotrain up` starts it, in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.doubles import HubDouble

Done = subprocess.CompletedProcess[str]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def autotrain_up(home: Path, hub: HubDouble) -> Iterator[str]:
    """`autotrain up` on a data home of its own; its address. Ends by the signal of Ctrl-C."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOTRAIN_", "HF_"))}
    environment |= hub.environment(home / "hf") | {"HF_TOKEN": hub.token}
    environment |= {"AUTOTRAIN_HOME": str(home), "AUTOTRAIN_PORT": str(port), "OMP_NUM_THREADS": "2"}
    program = [sys.executable, "-c", "from autotrain.cli import main; main()", "up"]
    with (home.parent / "up.log").open("w") as log:
        process = subprocess.Popen(program, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api/runs", process, home.parent / "up.log")
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)


def command(home: Path, *arguments: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """`autotrain ARGUMENTS` on a data home, to its end."""
    program = [sys.executable, "-c", "from autotrain.cli import main; main()", *map(str, arguments)]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOTRAIN_", "HF_"))}
    own |= {"AUTOTRAIN_HOME": str(home), "COLUMNS": "200", **environment}
    return subprocess.run(program, env=own, cwd=cwd, capture_output=True, text=True, timeout=120)
