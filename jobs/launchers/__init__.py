"""Where trainers run. A launcher starts one, says whether it still runs, passes on requests and ends it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Protocol

from autotrain.runs.devices import devices_of
from autotrain.runs.folder import AttemptFolder, RunFolder


@dataclass(frozen=True)
class Resources:
    """What a trainer may use: its devices by their names together (`cpu`, `cuda:1`, `cuda:0+cuda:1`), and how many CPU
    threads for each of them."""

    device: str = "cpu"
    threads: int = 1

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices one by one; each gets a process."""
        return devices_of(self.device)

    @property
    def torch_device(self) -> str:
        """The first device as the trainer calls it: of the cards it sees only its own."""
        return "cuda:0" if self.device.startswith("cuda") else "cpu"


class Handle(Protocol):
    """A started trainer."""

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        ...

    def request(self, number: signal.Signals) -> None:
        """Pass a signal on; nothing happens when it has ended."""
        ...

    def kill(self) -> None:
        """End it and everything it started, at once."""
        ...

    def close(self) -> None:
        """It has ended: end what it left behind, and let go of it."""
        ...


class Launcher(Protocol):
    """Starts trainers somewhere."""

    def start(self, run: RunFolder, attempt: AttemptFolder, resources: Resources) -> Handle:
        """Start the trainer of this attempt. Raises OSError."""
        ...
