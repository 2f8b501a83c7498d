"""The protocol by which a run has one owner at a time, as a model small enough to visit every state of it.

One run, two workers, a dispatcher, a queue that loses and repeats messages, processes that are stopped and go on,
clocks that fall behind, crashes anywhere, a person's wishes. Time passes in ticks; a lease lasts LEASE of them. What a
worker does in one transaction of the record is one step here, and everything else may happen between two steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LEASE, KILL, DRIFT, MOST_MESSAGES = 4, 2, 1, 2
"""The record's 60 s, the trainer's end after 52 s at most, and a margin between them for a clock that falls behind."""
LONG_AGO = LEASE + DRIFT + 1
ENDED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True)
class Rules:
    """The protocol as it is; each test of a mutant breaks one rule of it."""

    fence_is_checked: bool = True
    lost_leases_are_not_renewed: bool = True
    kill: int = KILL
    drift: int = DRIFT
    trainer_knows_the_lease: bool = True
    lease_counts_from_before_the_claim: bool = True
    ended_leases_are_taken_up: bool = True
    waiting_runs_are_nudged_again: bool = True


@dataclass(frozen=True)
class Faults:
    """How many of each there may be in one history, and after how many lost attempts the run fails."""

    crashes: int = 1
    stops: int = 1
    repeats: int = 0
    wishes: int = 0
    most_attempts: int = 2


class Worker(NamedTuple):
    """One worker: its fence, how far it is, ticks since its last known renewal and how many of them its clock missed.

    `does` is idle, asked (the claim is made, the answer not read), owns, trains (a trainer lives) or a result that is
    still to be written down: succeeded, died, cancelled, paused.
    """

    fence: int = 0
    does: str = "idle"
    age: int = 0
    lag: int = 0
    stopped: bool = False


class World(NamedTuple):
    """Everything at one moment. `ends` counts how often the run has ended."""

    state: str = "queued"
    fence: int = 0
    lease: int = 0
    attempts: int = 0
    wish: str = "run"
    messages: int = 1
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    crashes: int = 0
    stops: int = 0
    repeats: int = 0
    wishes: int = 0
    most_attempts: int = 2
    ends: int = 0


IDLE = Worker()
OWNS = frozenset({"owns", "trains", "succeeded", "died", "cancelled", "paused"})
RESULTS = frozenset({"succeeded", "died", "cancelled", "paused"})


class Broken(Exception):
    """A promise that does not hold, with the shortest history that breaks it."""

    def __init__(self, promise: str, history: list[World]) -> None:
        self.promise, self.history = promise, history
        super().__init__("\n".join([promise, *map(str, history)]))


@dataclass(frozen=True)
class Explored:
    """How much was visited."""

    states: int
    steps: int
    depth: int


def explore(rules: Rules, faults: Faults, most: int = 5_000_000) -> Explored:
    """Visit every state that can be reached, nearest first. Raises Broken."""
    start = World(**vars(faults))
    came: dict[World, World | None] = {start: None}
    before: dict[World, list[World]] = {}
    depth = {start: 0}
    waiting, steps = deque([start]), 0
    while waiting:
        world = waiting.popleft()
        if promise := broken(world, rules):
            raise Broken(promise, _history(world, came))
        for after in successors(world, rules):
            after = _canonical(after)
            steps += 1
            before.setdefault(after, []).append(world)
            if after not in came:
                came[after], depth[after] = world, depth[world] + 1
                waiting.append(after)
        assert len(came) <= most, "more states than were allowed for"
    hopeful = deque(world for world in came if world.state in ENDED)
    hope = set(hopeful)
    while hopeful:
        for world in before.get(hopeful.popleft(), ()):
            if world not in hope:
                hope.add(world)
                hopeful.append(world)
    for world in came:
        if world not in hope:
            raise Broken("An accepted run can still come to its end.", _history(world, came))
    return Explored(len(came), steps, max(depth.values()))


def broken(world: World, rules: Rules) -> str | None:
    """The promise that does not hold here."""
    for worker in world.workers:
        if worker.does in OWNS and accepted(worker, world, rules) and worker.fence != world.fence:
            return "Whoever lost the run writes nothing."
    owners = [one for one in world.workers if one.does != "idle" and accepted(one, world, rules)]
    if len(owners) > 1:
        return "At most one owner may write."
    if sum(one.does == "trains" for one in world.workers) > 1:
        return "A run has at most one trainer."
    if world.ends > 1 or (world.state in ENDED) != (world.ends == 1):
        return "A run ends once."
    return None


def accepted(worker: Worker, world: World, rules: Rules) -> bool:
    """Whether the record takes what this worker writes."""
    return world.state == "owned" and (worker.fence == world.fence or not rules.fence_is_checked)


def successors(world: World, rules: Rules) -> Iterator[World]:
    """Every world that one step leads to."""
    if _time_may_pass(world, rules):
        yield _tick(world)
    yield from _dispatcher(world, rules)
    if world.messages:
        yield world._replace(messages=world.messages - 1)  # lost
    yield from _person(world)
    for number, worker in enumerate(world.workers):
        yield from _worker(world, number, worker, rules)
        yield from _trouble(world, number, worker, rules)


def _time_may_pass(world: World, rules: Rules) -> bool:
    """A trainer whose time is over is killed before the next tick, by whoever still runs and knows."""
    return not any(
        worker.does == "trains"
        and worker.age - worker.lag >= rules.kill
        and (rules.trainer_knows_the_lease or not worker.stopped)
        for worker in world.workers
    )


def _tick(world: World) -> World:
    first, second = (
        one if one.does == "idle" else one._replace(age=min(one.age + 1, LONG_AGO)) for one in world.workers
    )
    return world._replace(lease=max(0, world.lease - 1), workers=(first, second))


def _dispatcher(world: World, rules: Rules) -> Iterator[World]:
    nudged = min(world.messages + 1, MOST_MESSAGES)
    if world.state == "queued" and rules.waiting_runs_are_nudged_again:
        yield world._replace(messages=nudged)
    if world.state == "owned" and world.lease == 0 and rules.ended_leases_are_taken_up:
        taken = _left(world, {"cancel": "cancelled", "pause": "paused"}.get(world.wish, "died"))
        yield taken._replace(messages=nudged) if taken.state == "queued" else taken


def _left(world: World, result: str) -> World:
    """The record after an attempt left it: with its end, or waiting again."""
    attempts = world.attempts + 1 if result == "died" else world.attempts
    state = ("failed" if attempts >= world.most_attempts else "queued") if result == "died" else result
    return world._replace(state=state, lease=0, wish="run", attempts=attempts, ends=world.ends + (state in ENDED))


def _person(world: World) -> Iterator[World]:
    if world.state == "paused":
        yield world._replace(state="queued", attempts=0)
    if not world.wishes or world.state not in {"queued", "owned"}:
        return
    less = world._replace(wishes=world.wishes - 1)
    for wish, state in (("cancel", "cancelled"), ("pause", "paused")):
        yield less._replace(wish=wish) if world.state == "owned" else _left(less, state)


def _put(world: World, number: int, worker: Worker) -> World:
    first, second = world.workers
    return world._replace(workers=(worker, second) if number == 0 else (first, worker))


def _worker(world: World, number: int, worker: Worker, rules: Rules) -> Iterator[World]:
    """What the worker itself does next."""
    if worker.does == "trains":  # the trainer ends by itself, whether or not its supervisor is stopped
        yield _put(world, number, worker._replace(does="succeeded"))
        if worker.age - worker.lag >= rules.kill and (rules.trainer_knows_the_lease or not worker.stopped):
            yield _put(world, number, worker._replace(does="died"))
    if worker.stopped:
        return
    if worker.does == "idle" and world.messages:
        yield _claimed(world._replace(messages=world.messages - 1), number)
        if world.repeats:
            yield _claimed(world._replace(repeats=world.repeats - 1), number)
    if worker.does == "asked":
        age = worker.age if rules.lease_counts_from_before_the_claim else 0
        yield _put(world, number, worker._replace(does="owns", age=age))
    if worker.does == "owns":
        late = worker.age - worker.lag >= rules.kill
        yield _put(world, number, IDLE if late else worker._replace(does="trains"))
    if worker.does in OWNS:
        yield from _renewed(world, number, worker, rules)
    if worker.does in RESULTS:
        written = _left(world, worker.does) if accepted(worker, world, rules) else world
        yield _put(written, number, IDLE)


def _claimed(world: World, number: int) -> World:
    if world.state != "queued":
        return world
    taken = world._replace(state="owned", fence=world.fence + 1, lease=LEASE, wish="run")
    return _put(taken, number, Worker(taken.fence, "asked"))


def _renewed(world: World, number: int, worker: Worker, rules: Rules) -> Iterator[World]:
    if not accepted(worker, world, rules) and rules.lost_leases_are_not_renewed:
        yield _put(world, number, IDLE)  # the trainer is killed, nothing is written
        return
    renewed = world._replace(lease=LEASE) if world.state == "owned" else world
    told = worker._replace(age=0, lag=0)
    if worker.does in {"owns", "trains"} and world.wish != "run":
        told = told._replace(does={"cancel": "cancelled", "pause": "paused"}[world.wish])
    yield _put(renewed, number, told)
    yield renewed  # the answer was lost: the record knows, the worker does not


def _trouble(world: World, number: int, worker: Worker, rules: Rules) -> Iterator[World]:
    """What befalls the worker."""
    if worker.does == "idle":
        return
    if worker.lag < min(rules.drift, worker.age):  # a clock that runs fast only makes it give up earlier
        yield _put(world, number, worker._replace(lag=worker.lag + 1))
    if world.crashes:
        less = world._replace(crashes=world.crashes - 1)
        yield _put(less, number, IDLE)  # the trainer dies with its supervisor
        if worker.does == "trains":
            yield _put(less, number, worker._replace(does="died"))
    if worker.stopped:
        yield _put(world, number, worker._replace(stopped=False))
    elif world.stops:
        yield _put(world._replace(stops=world.stops - 1), number, worker._replace(stopped=True))


def _canonical(world: World) -> World:
    """The two workers are alike: the same world with them exchanged is visited once."""
    first, second = world.workers
    return world if first <= second else world._replace(workers=(second, first))


def _history(world: World, came: dict[World, World | None]) -> list[World]:
    history, here = [world], came[world]
    while here is not None:
        history.append(here)
        here = came[here]
    return history[::-1]
