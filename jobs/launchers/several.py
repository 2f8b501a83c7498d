"""A trainer of several processes, one for each device, under `accelerate launch`: seen from outside, one trainer.

The launcher says only whether all of its processes succeeded, ends them all when one failed, and passes signals on to
each of them. So the first process notes its id, to which requests go, and the status that counts lies in a file.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from autotrain.runs.folder import AttemptFolder, write_atomically

if TYPE_CHECKING:
    from jobs.launchers import Handle

CONFIGURATION = Path(__file__).with_name("accelerate.yaml")

LOCAL_ONLY = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
"""The processes talk to each other on this machine alone, also where its name leads nowhere or it has no network."""

FAILED = 1

LAUNCHER_SPEAKS = re.compile(r"^[WE]\d{4} .*torch/distributed/elastic/", re.MULTILINE)
ENDED_BY_SIGNAL = re.compile(r"^  exitcode  : -(\d+) ", re.MULTILINE)


def launched(command: list[str], processes: int) -> list[str]:
    """The command that starts a Python command in so many processes, which know of each other.

    A port of 0 is any free one. The launcher's own log folder would be left behind in the temporary folder.
    """
    python, *program = command
    options = ["--config_file", str(CONFIGURATION), "--num_processes", str(processes)]
    options += ["--main_process_port", "0", "--log_dir", os.devnull]
    return [python, "-m", "accelerate.commands.launch", *options, *program]


class SeveralHandle:
    """The handle of the launcher, but signals go to the first of its processes, and the status is theirs."""

    def __init__(self, launcher: Handle, pid: int, attempt: AttemptFolder) -> None:
        self._launcher, self._pid, self._attempt = launcher, pid, attempt

    @property
    def pid(self) -> int:
        """The launcher's process id."""
        return self._pid

    def poll(self) -> int | None:
        """The exit status of the attempt, negative for a signal; None while a process runs."""
        code = self._launcher.poll()
        if code is None:
            return None
        with suppress(FileNotFoundError):
            said = self._attempt.status.read_text("utf-8").strip()
            return int(said) if said.isdigit() else FAILED
        return self._silent_end() if code > 0 and self._attempt.first.exists() else code or FAILED

    def request(self, number: signal.Signals) -> None:
        """Pass a signal on to the first process. Before that one hears signals there is nothing a stop could save."""
        first = self._first()
        if first is not None:
            with suppress(psutil.Error):
                first.send_signal(number)
        elif number == signal.SIGTERM:
            self.kill()

    def kill(self) -> None:
        """End the launcher and, in sessions of their own, its processes."""
        self._launcher.kill()

    def close(self) -> None:
        """Let go of it. The launcher's report goes: the last words in the log are the trainer's."""
        self._launcher.close()
        with suppress(OSError):
            said = self._attempt.log.read_text("utf-8", errors="replace")
            if (report := LAUNCHER_SPEAKS.search(said)) is not None:
                write_atomically(self._attempt.log, said[: report.start()])

    def _silent_end(self) -> int:
        """The signal that ended a process which left no word, as the launcher reports it; most often the kernel's.

        The launcher itself sends SIGTERM to the others then.
        """
        with suppress(OSError):
            said = self._attempt.log.read_text("utf-8", errors="replace")
            numbers = [int(number) for number in ENDED_BY_SIGNAL.findall(said)]
            return -next((number for number in numbers if number != signal.SIGTERM), signal.SIGKILL)
        return -signal.SIGKILL

    def _first(self) -> psutil.Process | None:
        with suppress(OSError, ValueError, psutil.Error):
            first = psutil.Process(int(self._attempt.first.read_text("utf-8")))
            if first.ppid() == self._pid:
                return first
        return None
