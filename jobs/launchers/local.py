"""Trainers on this machine: a process group of their own, no secrets, on a leash, swept up after a crash."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from autotrain.redaction import redact
from autotrain.runs.folder import AttemptFolder, RunFolder, write_atomically
from jobs.launchers import Handle, Resources
from jobs.launchers.several import LOCAL_ONLY, SeveralHandle, launched
from jobs.leash import leashed

logger = logging.getLogger(__name__)

PID_FILE = "trainer.pid.json"

SECRETS = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"),
    *("AUTOTRAIN_REDIS_URL", "AUTOTRAIN_DATABASE_URL", "AUTOTRAIN_JUDGE_API_KEY"),
)
"""What a trainer must not inherit: it runs on models and data that others wrote."""

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}

LAUNCHERS = ("ACCELERATE_", "TORCHELASTIC_")
PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What a launcher around this program (of a cluster, say) may have set for it: a trainer has a launcher of its own."""

SAME_START_SECONDS = 1.0
"""psutil rounds start times; a recycled process id is never younger than the recorded one by this little."""

Command = Callable[[RunFolder, AttemptFolder], list[str]]


def trainer_command(run: RunFolder, attempt: AttemptFolder) -> list[str]:
    """The trainer of this package."""
    return [sys.executable, "-m", "autotrain", str(run.path), "--attempt", str(attempt.fence), "--lease-pipe"]


class LocalHandle:
    """A trainer process and its group. Its stdin is the lease pipe: when this process ends, the trainer reads EOF."""

    def __init__(self, process: subprocess.Popen[bytes], attempt: AttemptFolder) -> None:
        self._process, self._attempt = process, attempt

    @property
    def pid(self) -> int:
        """Process id, which is also the group's."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def request(self, number: signal.Signals) -> None:
        """Pass a signal on to the trainer, not to what it started."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the whole group, at once."""
        _kill_group(self.pid)

    def close(self) -> None:
        """End what the trainer left behind, blank tokens in its log, forget its process id."""
        _kill_group(self.pid)
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        (self._attempt.path / PID_FILE).unlink(missing_ok=True)
        _redact_file(self._attempt.log)


class LocalLauncher:
    """Starts trainers as child processes. `command` is what runs; tests give a smaller one."""

    def __init__(self, command: Command = trainer_command) -> None:
        self._command = command

    def start(self, run: RunFolder, attempt: AttemptFolder, resources: Resources) -> Handle:
        """Start the trainer of this attempt, on several devices through `accelerate launch`. Raises OSError."""
        attempt.path.mkdir(parents=True, exist_ok=True)
        command, several = self._command(run, attempt), len(resources.devices) > 1
        if several:
            command = launched(command, len(resources.devices))
            attempt.first.unlink(missing_ok=True)
            attempt.status.unlink(missing_ok=True)
        with attempt.log.open("ab") as log:
            process = subprocess.Popen(
                leashed(command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(os.environ, resources),
                start_new_session=True,
            )
        _remember(attempt, process.pid)
        handle = LocalHandle(process, attempt)
        return SeveralHandle(handle, process.pid, attempt) if several else handle


def environment(inherited: Mapping[str, str], resources: Resources) -> dict[str, str]:
    """A trainer's environment: no secrets, no network, its own devices and its share of the cores."""
    unwanted = {*SECRETS, *PLACE}
    clean = {
        name: value for name, value in inherited.items() if name not in unwanted and not name.startswith(LAUNCHERS)
    }
    clean |= OFFLINE
    if len(resources.devices) > 1:
        clean = LOCAL_ONLY | clean
    clean |= {name: str(resources.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    clean |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    seen = [card for card in inherited.get("CUDA_VISIBLE_DEVICES", "").split(",") if card]
    cards = [int(name.removeprefix("cuda:")) for name in resources.devices if name.startswith("cuda:")]
    clean["CUDA_VISIBLE_DEVICES"] = ",".join(seen[card] if card < len(seen) else str(card) for card in cards)
    return clean


def sweep(runs: Path) -> list[int]:
    """Kill trainers whose supervisor is gone, recognised by process id and start time; returns their process ids."""
    killed: list[int] = []
    for note in runs.glob(f"*/attempt-*/{PID_FILE}"):
        try:
            known = json.loads(note.read_text("utf-8"))
            trainer, supervisor = known["trainer"], known["supervisor"]
            if _lives(supervisor):
                continue
            if _lives(trainer):
                _kill_group(int(trainer["pid"]))
                killed.append(int(trainer["pid"]))
                logger.warning("killed the trainer %s that %s had left behind", trainer["pid"], note.parent)
        except (OSError, ValueError, KeyError, TypeError):
            logger.warning("%s is not readable and is removed", note)
        note.unlink(missing_ok=True)
    return killed


def _remember(attempt: AttemptFolder, pid: int) -> None:
    known = {"trainer": _identity(pid), "supervisor": _identity(os.getpid())}
    write_atomically(attempt.path / PID_FILE, json.dumps(known))


def _identity(pid: int) -> dict[str, float]:
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid, "started": 0.0}


def _lives(identity: Mapping[str, float]) -> bool:
    try:
        process = psutil.Process(int(identity["pid"]))
        same = abs(process.create_time() - identity["started"]) < SAME_START_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _kill_group(pid: int) -> None:
    """End a trainer's group, and the processes that a launcher has put into sessions of their own."""
    below: list[psutil.Process] = []
    with suppress(psutil.Error):
        below = psutil.Process(pid).children(recursive=True)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for process in below:
        with suppress(psutil.Error):
            process.kill()


def _redact_file(path: Path) -> None:
    try:
        text = path.read_text("utf-8", errors="replace")
        clean = redact(text)
        if clean != text:
            write_atomically(path, clean)
    except OSError as error:
        logger.warning("%s could not be looked through for tokens: %s", path, error)
