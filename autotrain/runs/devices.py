"""What a machine offers to runs, and what is left of it beside those that are under way. Pure. Memory is in bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SEPARATOR = "+"


def together(devices: Sequence[str]) -> str:
    """The devices of one run as its row names them: `cuda:0+cuda:1`."""
    return SEPARATOR.join(sorted(devices, key=natural))


def devices_of(name: str) -> tuple[str, ...]:
    """The devices that `together` named."""
    return tuple(name.split(SEPARATOR))


def natural(device: str) -> tuple[int, str]:
    """A key that puts `cuda:10` behind `cuda:9`."""
    return len(device), device


@dataclass(frozen=True)
class Device:
    """One device of a machine: `cpu`, or a card as torch names it. Without a known `memory` it takes one run."""

    name: str
    memory: int | None = None


@dataclass(frozen=True)
class Tenant:
    """A run on a device: what it was promised, None for the whole device, and what its trainer said that it holds."""

    run_id: str
    name: str
    promised: int | None
    held: int = 0


@dataclass(frozen=True)
class Place:
    """A device with the runs on it. `free` is what the machine itself had free when a run last asked."""

    device: str
    memory: int | None = None
    free: int | None = None
    retired: bool = False
    runs: tuple[Tenant, ...] = ()

    @property
    def left(self) -> float:
        """Bytes that another run may be promised: of an idle device all that it asks for.

        What runs were promised and do not hold yet is as good as taken, whatever seems free.
        """
        if not self.runs:
            return math.inf
        promised = [run.promised for run in self.runs if run.promised is not None]
        if self.memory is None or len(promised) < len(self.runs):
            return 0
        left = self.memory - sum(promised)
        if self.free is not None:
            left = min(left, self.free - sum(max(0, (run.promised or 0) - run.held) for run in self.runs))
        return max(0, left)

    def takes(self, needed: int | None) -> bool:
        """Whether a run that needs so much may start here; None needs the whole device."""
        return not self.runs or (needed is not None and needed <= self.left)


@dataclass(frozen=True)
class Machine:
    """A host: how many runs it takes at once, and its devices, also those that it no longer offers but runs hold."""

    host: str
    slots: int
    places: tuple[Place, ...] = ()

    @property
    def under_way(self) -> int:
        """Runs on it."""
        return len({run.run_id for place in self.places for run in place.runs})

    @property
    def full(self) -> bool:
        """Whether it takes no further run, whatever that needs."""
        return self.under_way >= self.slots

    @property
    def offered(self) -> tuple[Place, ...]:
        """Devices that take new runs."""
        return tuple(place for place in self.places if not place.retired)

    def wanted(self, devices: int) -> int:
        """On how many devices a run computes here that asks for so many: what is no card is all there is."""
        cards = any(place.device.startswith("cuda") for place in self.offered)
        return devices if cards else min(devices, len(self.offered))

    def could(self, devices: int) -> bool:
        """Whether a run that asks for so many devices can ever start here."""
        return 0 < self.wanted(devices) <= len(self.offered)

    def room(self, devices: int, needed: int | None) -> tuple[str, ...]:
        """The devices that a run would get now, idle ones first; none when they are too few. `needed` is of each."""
        takes = [place for place in self.offered if place.takes(needed)]
        wanted = self.wanted(devices)
        if not 0 < wanted <= len(takes):
            return ()
        takes.sort(key=lambda place: (len(place.runs), natural(place.device)))
        return tuple(place.device for place in takes[:wanted])
