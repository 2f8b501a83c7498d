"""The processes of one attempt, one for each device: what they agree on, and whose word is the attempt's.

The first process speaks, saves and hears; the others compute with it. Light to import: with one process nothing here
does anything.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrain.runs.folder import AttemptFolder
    from autotrain.task import Team, Wishes

ECHO_SECONDS = 2.0
"""From a connection that breaks to the end of the process at its other side: mostly milliseconds."""


class Released(BaseException):
    """What is left to do the first process does alone. Not an Exception, for the reasons of `Stopped`."""


def joined(environment: Mapping[str, str]) -> Team:
    """This process's place among the others, as the launcher told it. Started without one it is alone."""
    from autotrain.task import Team

    size = int(environment.get("WORLD_SIZE", "1"))
    return Team(rank=int(environment.get("RANK", "0")), size=size, together=size > 1)


def leave_signals_to_the_first() -> None:
    """The other processes do what the first one hears; being told to end, they end at once."""
    from autotrain.training.wishes import SIGNALS

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def stepping(team: Team) -> Iterator[None]:
    """Within, the first process decides on the end of the others too: a service manager signals them all at once."""
    if not team.first:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    if not team.first:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def agree(wishes: Wishes, team: Team, device: Any) -> Wishes:
    """What is wished after this step, for every process the same: what the first one has heard until now."""
    from autotrain.task import Wishes

    wished = Wishes(stop=wishes.stop, save=wishes.save, finish=wishes.finish)
    if team.size > 1:
        import torch

        word = torch.tensor([wished.stop, wished.save, wished.finish], dtype=torch.int32, device=device)
        torch.distributed.broadcast(word, src=0)
        wished.stop, wished.save, wished.finish = map(bool, word.tolist())
        wishes.stop, wishes.finish = wishes.stop or wished.stop, wishes.finish or wished.finish
    if wished.save:
        wishes.save = False
    return wished


def disband(team: Team) -> None:
    """The common work is done: from here on no process waits for another. Raises Released in all but the first.

    The connections stay until the processes end: gloo, told to destroy them, now and then waits for itself for ever.
    """
    team.together = False
    if not team.first:
        raise Released


def claim(folder: AttemptFolder, status: int) -> bool:
    """Note how the attempt ended, unless another process did: the first word is the cause, the others its echo.

    A disk may be so full that the note is empty or not there, which means a failure; its reason has room of its own.
    """
    try:
        note = os.open(folder.status, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    except OSError:
        return True
    with suppress(OSError):
        os.write(note, f"{status}\n".encode())
    os.close(note)
    return True


def is_echo(folder: AttemptFolder, team: Team) -> bool:
    """Whether an error may come from the end of another process: one has said its last word, or is gone."""
    end = time.monotonic() + ECHO_SECONDS
    while time.monotonic() < end:
        if folder.status.exists() or _processes() < team.size:
            return True
        time.sleep(0.05)
    return False


def announce(folder: AttemptFolder, team: Team) -> None:
    """From here on the first process hears signals; its id is noted for whoever wants to send one."""
    from autotrain.runs.folder import write_atomically

    if team.size > 1 and team.first:
        write_atomically(folder.first, f"{os.getpid()}\n")


def _processes() -> int:
    """How many of the launcher's processes live: they all have this one's command line, and an ended one has none."""
    import psutil

    mine, alike = psutil.Process().cmdline(), 0
    with suppress(psutil.Error):
        for sibling in psutil.Process(os.getppid()).children():
            with suppress(psutil.Error):
                alike += sibling.cmdline() == mine
    return alike
