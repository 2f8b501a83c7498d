"""Runs a command that dies with its parent: `python leash.py PARENT_PID SIGNAL COMMAND...`. Imports nothing of ours.

The kernel keeps the parent-death signal and ignored signals over `exec`, so the command needs to know nothing
of it, and neither a pre-exec function in a process with threads nor an unprotected moment is needed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def leashed(command: list[str], death: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command line that runs `command` on a leash held by this process (by the thread that starts it)."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), str(int(death)), *command]  # noqa: PTH100


def main(parent: int, death: int, command: list[str]) -> None:
    """Put on the leash, then become the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death, 0, 0, 0)
    if os.getppid() != parent:  # it died before the leash was on
        sys.exit(1)
    # A request that comes before the command can hear it must not kill it: the default of these two is to die.
    for early in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(early, signal.SIG_IGN)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
