"""The parts of `autotrain up` as processes: started together, started again when one dies, ended together."""

from __future__ import annotations

import queue
import shlex
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import honcho.manager
from honcho.printer import Message

from autotrain.runs.clock import clock
from jobs.leash import leashed

STOP_SECONDS = 75
"""A trainer may need a minute to finish its step and keep a checkpoint; then whatever is left is killed."""

AGAIN_SECONDS = 30.0
"""A part that ends sooner than that after it was started again has a reason that another start does not mend."""


class Services(honcho.manager.Manager):  # type: ignore[misc]  # honcho is untyped
    """Honcho, with threads in place of its relay processes: nothing outlives this process, not even after a SIGKILL.

    Once all is `well`, a part that ends by itself is started again: no run is lost by that, and the others stay.
    """

    def __init__(self) -> None:
        super().__init__()
        # Honcho allows five seconds, which is a broken-off checkpoint.
        honcho.manager.KILL_WAIT = STOP_SECONDS
        self.events = _Events(self._started_again)
        self.first_to_end: str | None = None
        self.well = threading.Event()
        self._early = False

    def add(self, name: str, command: str, folder: Path, environment: Mapping[str, str]) -> None:
        """Add one line of the Procfile, on a leash: it gets SIGTERM when this process dies."""
        words = leashed(["/bin/sh", "-c", f"exec {command}"], death=signal.SIGTERM)
        self.add_process(name, f"exec {shlex.join(words)}", cwd=str(folder), env=dict(environment))

    def _start(self) -> None:
        for name in self._processes:
            self._run(name)

    def _run(self, name: str) -> None:
        entry = self._processes[name]
        entry["process"] = threading.Thread(target=entry["obj"].run, args=(self.events, False), daemon=True, name=name)
        entry["process"].start()

    def _started_again(self, ended: Message) -> bool:
        """Start a part that has ended by itself again, unless it is of no use. In the thread of that part."""
        entry = self._processes[ended.name]
        since = entry.get("started_again")
        if self._terminating or self._early or not self.well.is_set():
            return False
        if since is not None and clock() - since < AGAIN_SECONDS:
            return False
        entry["started_again"], entry["pid"] = clock(), None
        said = f"{ended.name} ended by itself ({ended.data['returncode']}) and is started again\n"
        self.events.put(ended._replace(type="line", data=said))
        self._run(ended.name)
        return True

    def terminate(self) -> None:
        """End all parts; when some are still being started, as soon as their process ids are known."""
        self._early = not super()._all_started()
        if not self._early:
            super().terminate()

    def _all_started(self) -> bool:
        """Whether every process id is known. Honcho asks ten times a second."""
        started = bool(super()._all_started())
        if started and self._early:
            self.terminate()
        return started

    def _killall(self, force: bool = False) -> None:
        if self.returncode is not None and self.first_to_end is None and not force:
            self.first_to_end = self._stopped_by_itself()
        for entry in self._processes.values():
            if entry.get("pid") and "returncode" not in entry:
                (self._procmgr.kill if force else self._procmgr.terminate)(entry["pid"])

    def _stopped_by_itself(self) -> str | None:
        return next((name for name, entry in self._processes.items() if "returncode" in entry), None)

    def _system_print(self, data: str) -> None:
        """Honcho's notes on process ids are not for the people who read this terminal."""


class _Events(queue.Queue[Any]):
    """What the parts say and do, in order, but for ends that were mended."""

    def __init__(self, mended: Callable[[Message], bool]) -> None:
        super().__init__()
        self._mended = mended

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add something, unless it is the end of a part that `mended` takes care of."""
        if item.type != "stop" or not self._mended(item):
            super().put(item, block, timeout)
