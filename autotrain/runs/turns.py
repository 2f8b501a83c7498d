"""Which run starts next on which devices, and why another one waits. Pure: the record asks, and nobody else decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autotrain.runs.devices import Machine, Place
from autotrain.runs.state import PRIORITIES, Priority

PATIENCE_SECONDS = 600.0
"""So long others may start before a run that does not fit beside what is under way. Half as long, and a large run would
empty a device of the many small ones that it could have computed meanwhile; much longer, and people cancel them."""

NAMED = 2
"""Names in a sentence; of more runs it says how many."""


@dataclass(frozen=True)
class Waiting:
    """A run that waits. `memory` is what it needs of each of its `devices`, None for all of it.

    `in_line_at` is since when it was wished to run; `interrupted` whether it was under way since then, and stopped for
    no wish of a person's. `unfit_at` is since when it has been passed over because it did not fit. `others` are the
    runs of its owner under way, `served_at` is when the last of them was taken up.
    """

    run_id: str
    name: str
    priority: Priority = "normal"
    devices: int = 1
    memory: int | None = None
    in_line_at: float = 0.0
    interrupted: bool = False
    unfit_at: float | None = None
    others: int = 0
    served_at: float = 0.0

    def overdue(self, now: float) -> bool:
        """Whether it was passed over for long enough."""
        return self.unfit_at is not None and now - self.unfit_at >= PATIENCE_SECONDS


@dataclass(frozen=True)
class Turn:
    """Whose turn it is on a machine, with its devices; and who was passed over because it does not fit there now."""

    run_id: str | None = None
    devices: tuple[str, ...] = ()
    memory: int | None = None
    passed: tuple[str, ...] = ()


def in_order(waiting: Sequence[Waiting], now: float) -> tuple[Waiting, ...]:
    """Who goes before whom. Of equal priority first what was passed over for too long, then what was interrupted, then
    the owner with the fewest runs under way, of those whoever was served longest ago, then who came first."""

    def place(run: Waiting) -> tuple[int, bool, bool, int, float, float, str]:
        return (
            PRIORITIES.index(run.priority),
            not run.overdue(now),
            not run.interrupted,
            run.others,
            run.served_at,
            run.in_line_at,
            run.run_id,
        )

    return tuple(sorted(waiting, key=place))


def turn(ordered: Sequence[Waiting], machine: Machine, now: float) -> Turn:
    """Whose turn it is on this machine: the first that fits, unless one before it was passed over for too long."""
    if machine.full:
        return Turn()
    passed: list[str] = []
    for run in ordered:
        if not machine.could(run.devices):
            continue
        devices = machine.room(run.devices, run.memory)
        if devices:
            return Turn(run.run_id, devices, run.memory, tuple(passed))
        passed.append(run.run_id)
        if run.overdue(now):
            break
    return Turn(passed=tuple(passed))


@dataclass(frozen=True)
class Queue:
    """Everything that waits, in the order of turns, and the machines, at one moment of the record's clock."""

    waiting: tuple[Waiting, ...] = ()
    machines: tuple[Machine, ...] = ()
    at: float = 0.0

    def ahead(self, run_id: str) -> int | None:
        """Runs before it; None when it does not wait."""
        return next((place for place, run in enumerate(self.waiting) if run.run_id == run_id), None)

    def why(self, run_id: str) -> str | None:
        """Why the run waits, as a sentence for people; None when it does not wait."""
        ahead = self.ahead(run_id)
        if ahead is None:
            return None
        run = self.waiting[ahead]
        offering = [machine for machine in self.machines if machine.offered]
        if not offering:
            return "Waits for a worker: none has begun to work yet. `autotrain up` starts one."
        able = [machine for machine in offering if machine.could(run.devices)]
        if not able:
            most = max(len(machine.offered) for machine in offering)
            return f"Waits for {run.devices} devices, and no machine has more than {most}. Start it again with fewer."
        open_ = [machine for machine in able if not machine.full]
        if not open_:
            return _its_turn(ahead) if ahead else "Waits until a run under way ends: it is the next to start."
        if not any(machine.room(run.devices, run.memory) for machine in open_):
            return _for_room(run, open_) + (f" {_before(ahead)}." if ahead else "")
        first = next((one for one in self.waiting[:ahead] if one.overdue(self.at)), None)
        if first is not None:
            return f"Waits for its turn: '{first.name}' has waited for room too long, and nothing starts before it now."
        return _its_turn(ahead) if ahead else "Starts within seconds."


def _its_turn(ahead: int) -> str:
    return f"Waits for its turn: {_before(ahead)}."


def _before(ahead: int) -> str:
    return "1 run before it" if ahead == 1 else f"{ahead} runs before it"


def _for_room(run: Waiting, machines: Sequence[Machine]) -> str:
    """What is missing on the machine that has most of it."""
    best = max(machines, key=lambda machine: max(place.left for place in machine.offered))
    wanted = best.wanted(run.devices)
    if wanted > 1:
        having = sum(place.takes(run.memory) for place in best.offered)
        each = f" with about {_gigabytes(run.memory)} on each" if run.memory is not None else ", each to itself"
        return f"Waits for devices: needs {wanted}{each}, and {having} of {len(best.offered)} can take it."
    place = max(best.offered, key=lambda each: each.left)
    beside = _named(place)
    if run.memory is None:
        return f"Waits for a device to itself, because nobody knows how much memory it needs. On it now: {beside}."
    if place.memory is None or any(tenant.promised is None for tenant in place.runs):
        return f"Waits for {beside}, which has the device to itself."
    left = _gigabytes(int(place.left))
    return f"Waits for memory: needs about {_gigabytes(run.memory)}, {left} are free beside {beside}."


def _named(place: Place) -> str:
    names = [f"'{run.name}'" for run in place.runs]
    if len(names) > NAMED:
        names = [", ".join(names[:NAMED]), f"{len(names) - NAMED} more"]
    return " and ".join(names)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count < 10e9 else f"{count / 1e9:.0f} GB"
