"""The trainer process: `python -m autotrain RUN_FOLDER`. No database, no token, no network; events as JSON lines.

Exit status: 0 finished, 75 stopped on request, 1 failed (the last event says why). Of several processes, which
`accelerate launch` starts for several devices, the status that counts lies in the attempt's folder.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from autotrain.training.team import Released, announce, claim, is_echo, joined, leave_signals_to_the_first
from autotrain.training.wishes import Stopped, hold_back, listen, listen_no_more

if TYPE_CHECKING:  # what takes time to load comes after the signals are held back
    from autotrain.events import AnyEvent, Failure
    from autotrain.runs.folder import AttemptFolder, Order, RunFolder
    from autotrain.task import Team, Wishes

FINISHED, FAILED, STOPPED = 0, 1, 75
PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 1.0
"""Between two looks at how long this process may live; the lease goes on for 8 s longer than that."""
RESERVE_BYTES = 65_536
"""Kept on the disk for the last word: a sentence, and what a file system adds to it."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class EventFile:
    """Appends events to a file, one JSON object a line, each handed to the system at once.

    The one of a `silent` process takes in everything and keeps only the last events.
    """

    def __init__(self, path: Path, *, silent: bool = False) -> None:
        self._file = path.open("ab", buffering=0)
        self._silent = silent
        self._reserve = path.with_name(".reserve")
        if not silent:
            self._reserve.write_bytes(bytes(RESERVE_BYTES))

    def emit(self, event: AnyEvent) -> None:
        """Append one event, whole or not at all. Raises OSError when the disk is full."""
        if not self._silent:
            self._append(event)

    def _append(self, event: AnyEvent) -> None:
        line = event.model_dump_json().encode() + b"\n"
        written = self._file.write(line)
        if written != len(line):
            os.ftruncate(self._file.fileno(), os.fstat(self._file.fileno()).st_size - (written or 0))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def make_room(self) -> None:
        """Free what was kept on the disk for the last word."""
        self._reserve.unlink(missing_ok=True)

    def close(self, *last: AnyEvent) -> None:
        """Append the last events, into the room that was kept for them."""
        self.make_room()
        for event in last:
            self._append(event)
        self._file.close()


def main(arguments: list[str] | None = None) -> int:
    """Train the run in a folder; returns the exit status."""
    hold_back()
    warnings.filterwarnings("ignore", category=FutureWarning)  # said to the authors of libraries, not to who trains
    from autotrain.task import Wishes

    wishes, team = Wishes(), joined(os.environ)
    try:
        listen(wishes) if team.first else leave_signals_to_the_first()
        status = start(arguments, wishes, team)
    except Stopped:
        # Those who wait for this process are ended by the launcher, as after a failure; nobody does after an agreement.
        status = FINISHED if team.size > 1 and not team.together else STOPPED
    listen_no_more()
    return status


def start(arguments: list[str] | None, wishes: Wishes, team: Team) -> int:
    """Read the command line and train. Raises Stopped."""
    from autotrain.logs import about, log_to
    from autotrain.runs.folder import RunFolder
    from autotrain.settings import load_settings

    parser = argparse.ArgumentParser(prog="python -m autotrain", description="Train the run in a folder.")
    parser.add_argument("run", type=Path, help="a run folder: recipe.yaml and data/")
    parser.add_argument("--attempt", type=int, help="number of the attempt folder; a new one by default")
    parser.add_argument("--lease-pipe", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    if team.size > 1 and options.attempt is None:
        parser.error("several processes must be told the same --attempt")
    run = RunFolder(options.run.resolve())
    number = options.attempt or max((attempt.fence for attempt in run.attempts()), default=0) + 1
    attempt = run.attempt(number)
    if options.lease_pipe:
        die_with_owner(attempt)
    attempt.path.mkdir(parents=True, exist_ok=True)
    log_to(sys.stderr, load_settings().log, "WARNING")
    with about(run.path.name, number):
        return train(run, attempt, wishes, team)


def train(run: RunFolder, folder: AttemptFolder, wishes: Wishes, team: Team) -> int:
    """Train, and turn what goes wrong into an exit status and a last event. Raises Stopped."""
    sink = EventFile(folder.events, silent=not team.first)
    try:
        announce(folder, team)
        _train(run, folder, sink, wishes, team)
    except Stopped:
        sink.close()
        if team.size > 1 and team.first:
            claim(folder, STOPPED)
        raise
    except Released:
        return FINISHED
    except BaseException as error:
        listen_no_more()
        traceback.print_exc()
        traceback.clear_frames(error.__traceback__)  # lets go of the batch: with no memory left nothing can be said
        reason = failure(error, run, folder)
        sink.make_room()
        sink.close(*last_word(reason, folder, team))
        return FAILED
    sink.close()
    if team.size > 1:
        claim(folder, FINISHED)
    return FINISHED


def last_word(reason: Failure, folder: AttemptFolder, team: Team) -> tuple[Failure, ...]:
    """Of several processes the one that failed first says why; the others fail because it is gone."""
    if team.size == 1:
        return (reason,)
    if team.together and reason.code == "unexpected" and is_echo(folder, team):
        return ()
    return (reason,) if claim(folder, FAILED) else ()


def _train(run: RunFolder, folder: AttemptFolder, sink: EventFile, wishes: Wishes, team: Team) -> None:
    from autotrain.recipe import load
    from autotrain.runs.folder import Order
    from autotrain.task import Attempt, Device
    from autotrain.training.checkpoint import discard_torn

    recipe = load(run.recipe)
    order = Order.read(folder) if folder.order.exists() else local_order(run, recipe.model, team)
    for attempt in run.attempts() if team.first else ():
        discard_torn(attempt.checkpoints)
    recipe.the_task().train(
        Attempt(
            model=Path(order.model),
            model_name=recipe.model,
            data=run.data,
            columns=recipe.data.columns if recipe.data else {},
            params=recipe.typed_params(),
            workdir=folder.path,
            artifact=run.adapter,
            resume_from=resume_from(run, order),
            sink=sink,
            device=Device(f"cuda:{team.rank}" if order.device.startswith("cuda") else "cpu", order.threads),
            wishes=wishes,
            team=team,
            halved=order.halved,
        )
    )


def resume_from(run: RunFolder, order: Order) -> Path | None:
    """The ordered checkpoint; the last complete one of the run when that is not there any more."""
    from autotrain.training.checkpoint import COMPLETE, last_complete

    if order.resume_from is None:
        return None
    wanted = run.path / order.resume_from
    return wanted if (wanted / COMPLETE).exists() else last_complete(run)


def local_order(run: RunFolder, model: str, team: Team) -> Order:
    """For somebody who starts the trainer by hand: a model on this machine, every core, the last checkpoint."""
    from autotrain.models.catalogue import Catalogue
    from autotrain.runs.folder import Order
    from autotrain.settings import load_settings
    from autotrain.training.checkpoint import last_complete
    from autotrain.training.hardware import hardware

    machine = hardware()
    last = last_complete(run)
    return Order(
        model=str(Catalogue(load_settings()).folder(model)),
        resume_from=str(last.relative_to(run.path)) if last else None,
        device=machine.device,
        threads=max(1, machine.cpu_count // team.size),
    )


def failure(error: BaseException, run: RunFolder, folder: AttemptFolder) -> Failure:
    """What went wrong, as a code for programs and a sentence for people."""
    from autotrain.errors import AutotrainError
    from autotrain.events import Failure
    from autotrain.runs.folder import Order
    from autotrain.training.memory import is_shortage, shortage

    if isinstance(error, AutotrainError):
        return Failure(code=error.code, reason=error.message)
    text = (str(error).strip().splitlines() or [""])[0][:300]
    if (isinstance(error, OSError) and error.errno in FULL) or "No space left" in str(error):
        free = shutil.disk_usage(run.path).free / 1e6
        return Failure(
            code="disk",
            reason=f"The disk that holds {run.path} is full ({free:.0f} MB free). Free some space, then press Resume: "
            "the training goes on from its last checkpoint.",
        )
    if is_shortage(error):
        order = Order.read(folder) if folder.order.exists() else Order(model="")
        return shortage(error, order.device, rows_at_once(run, halved=order.halved), halved=order.halved)
    return Failure(
        code="unexpected",
        reason=f"The training stopped unexpectedly ({type(error).__name__}: {text}). The log has the details.",
    )


def rows_at_once(run: RunFolder, *, halved: bool) -> int:
    """Rows that went through the model at once; 1 for a task that has no batches."""
    from autotrain.recipe import load
    from autotrain.training.fit import at_once

    batch = getattr(load(run.recipe).typed_params(), "per_device_train_batch_size", 1)
    return at_once(int(batch), halved=halved)


def die_with_owner(attempt: AttemptFolder) -> None:
    """End this process when its supervisor is gone: by the kernel's signal, and by the end of the pipe on its input.

    And when it was not heard of until the lease is nearly over: it may be stopped, and another attempt begins then.
    """
    from autotrain.runs.clock import clock

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    def count_down() -> None:
        while clock() < attempt.lives_until():
            time.sleep(LOOK_SECONDS)
        end()

    def end() -> None:
        os.killpg(0, signal.SIGKILL) if os.getpgid(0) == os.getpid() else os._exit(FAILED)

    threading.Thread(target=watch, name="lease-pipe", daemon=True).start()
    threading.Thread(target=count_down, name="lease-time", daemon=True).start()


def leave(status: int) -> None:
    """End this process; one of several at once, since its libraries would wait for the others, who may be gone."""
    if joined(os.environ).size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main())
