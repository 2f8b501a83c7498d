"""Taking runs up: the queue and the machines as the record has them, and the claim, which decides by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, and_, case, delete, func, insert, or_, select, update

from autotrain.errors import ImpossibleTransition
from autotrain.events import Progress
from autotrain.runs.devices import Device, Machine, Place, Tenant, together
from autotrain.runs.engine import lease_now, now, upsert, writing
from autotrain.runs.state import OWNED, QUEUED, STANDING, WORDS, Priority, State
from autotrain.runs.store import LEASE_SECONDS, WORKER_SECONDS, Run
from autotrain.runs.tables import allocation, device, machine, run, worker
from autotrain.runs.turns import Queue, Turn, Waiting, in_order, turn


class Claims:
    """The part of the record that hands out devices."""

    _engine: Engine

    def get(self, run_id: str) -> Run:
        """The run. Raises UnknownRun."""
        raise NotImplementedError

    def claim(
        self,
        run_id: str,
        owner: str,
        *,
        host: str,
        states: Collection[State] = QUEUED,
        lease: float = LEASE_SECONDS,
        free: int | None = None,
    ) -> int | None:
        """Take this run, with devices of `host`, if it is its turn there. The new fence, or None."""
        with writing(self._engine) as connection:
            here = _here(connection, host, free)
            if here is None:
                return None
            out_of_turn = "draft" in states and not _served(connection, host)
            queue = read_queue(connection, beside=run_id)
            among = [one for one in queue.waiting if one.run_id == run_id] if out_of_turn else queue.waiting
            found = turn(among, here, queue.at)
            _pass_over(connection, found)
            return _take(connection, found, here, owner, states, lease) if found.run_id == run_id else None

    def claim_next(
        self, owner: str, *, host: str, lease: float = LEASE_SECONDS, free: int | None = None
    ) -> tuple[str, int] | None:
        """Take the run whose turn it is on `host`: its id and new fence, or None when none may start there now."""
        with writing(self._engine) as connection:
            here = _here(connection, host, free)
            if here is None:
                return None
            queue = read_queue(connection)
            found = turn(queue.waiting, here, queue.at)
            _pass_over(connection, found)
            fence = _take(connection, found, here, owner, QUEUED, lease)
            return None if found.run_id is None or fence is None else (found.run_id, fence)

    def queue(self, *, beside: str | None = None) -> Queue:
        """What waits, in the order of turns, and the machines; the run `beside` as though it waited too."""
        with self._engine.connect() as connection:
            return read_queue(connection, beside=beside, machines=True)

    def prioritise(self, run_id: str, priority: Priority) -> Run:
        """Say how urgent a run is. Raises ImpossibleTransition once it is under way or done, UnknownRun."""
        with writing(self._engine) as connection:
            query = select(run.c.name, run.c.state).where(run.c.id == run_id).with_for_update()
            found = connection.execute(query).one_or_none()
            if found is not None and found.state not in STANDING:
                raise ImpossibleTransition(
                    f"Run {found.name!r} is in the state {WORDS[found.state]!r}; its priority mattered while it "
                    "waited. Set that of the runs that wait."
                )
            connection.execute(update(run).where(run.c.id == run_id).values(priority=priority))
        return self.get(run_id)

    def register_devices(self, host: str, devices: Sequence[Device], *, slots: int | None = None) -> None:
        """Make these the devices of `host`, for at most `slots` runs at once, by default one for each device."""
        most = {"slots": len(devices) if slots is None else slots}
        with writing(self._engine) as connection:
            connection.execute(
                upsert(connection, machine)
                .values(host=host, **most)
                .on_conflict_do_update(index_elements=["host"], set_=most)
            )
            connection.execute(update(device).where(device.c.host == host).values(retired=True))
            for one in devices:
                offered = {"memory": one.memory, "free": None, "retired": False}
                connection.execute(
                    upsert(connection, device)
                    .values(host=host, name=one.name, **offered)
                    .on_conflict_do_update(index_elements=["host", "name"], set_=offered)
                )


def release(connection: Connection, run_id: str) -> None:
    """Free the devices a run holds."""
    connection.execute(delete(allocation).where(allocation.c.run_id == run_id))


def read_queue(connection: Connection, *, beside: str | None = None, machines: bool = False) -> Queue:
    """What waits, in the order of turns; the run `beside` too, whatever it does. The machines on demand."""
    at = float(connection.execute(select(now(connection))).scalar() or 0.0)
    columns = (run.c.id, run.c.name, run.c.owner, run.c.priority, run.c.devices_wanted, run.c.memory_needed)
    place = (run.c.created_at, run.c.in_line_at, run.c.interrupted, run.c.unfit_at)
    waits = run.c.state == "queued"
    rows = connection.execute(
        select(*columns, *place).where(waits if beside is None else or_(waits, run.c.id == beside))
    )
    found = rows.all()
    served = _served_owners(connection) if found else {}
    waiting = []
    for row in found:
        others, served_at = served.get(row.owner, (0, 0.0))
        waiting.append(
            Waiting(
                run_id=row.id,
                name=row.name,
                priority=row.priority,
                devices=row.devices_wanted,
                memory=row.memory_needed,
                in_line_at=row.created_at if row.in_line_at is None else row.in_line_at,
                interrupted=row.interrupted,
                unfit_at=row.unfit_at,
                others=others,
                served_at=served_at,
            )
        )
    every = _machines(connection) if machines else {}
    return Queue(in_order(waiting, at), tuple(every.values()), at)


def _served_owners(connection: Connection) -> dict[str, tuple[int, float]]:
    """Of each owner the runs under way, and when the last one was taken up."""
    under_way = func.sum(case((run.c.state.in_(OWNED), 1), else_=0))
    query = select(run.c.owner, under_way, func.max(run.c.claimed_at)).group_by(run.c.owner)
    return {row[0]: (int(row[1]), row[2] or 0.0) for row in connection.execute(query)}


def _machines(connection: Connection) -> dict[str, Machine]:
    """Every machine with its devices and the runs on them."""
    tenants: dict[tuple[str, str], list[Tenant]] = defaultdict(list)
    held = select(allocation, run.c.name, run.c.progress).join(run, run.c.id == allocation.c.run_id)
    for row in connection.execute(held.order_by(run.c.claimed_at, run.c.id)):
        said = Progress.model_validate_json(row.progress).memory_bytes if row.progress else None
        tenants[row.host, row.device].append(Tenant(row.run_id, row.name, row.memory, said or 0))
    places: dict[str, list[Place]] = defaultdict(list)
    for row in connection.execute(select(device).order_by(device.c.name)):
        runs = tuple(tenants.pop((row.host, row.name), ()))
        if runs or not row.retired:
            places[row.host].append(Place(row.name, row.memory, row.free, row.retired, runs))
    for (host, name), runs_here in tenants.items():  # of a schema in which devices were named otherwise
        places[host].append(Place(name, retired=True, runs=tuple(runs_here)))
    rows = connection.execute(select(machine).order_by(machine.c.host))
    return {row.host: Machine(row.host, row.slots, tuple(places[row.host])) for row in rows}


def _here(connection: Connection, host: str, free: int | None) -> Machine | None:
    """The machine that asks. Whoever claims waits for whoever does so already, on whatever host: else two might both
    take themselves for the next."""
    connection.execute(select(machine.c.host).order_by(machine.c.host).with_for_update()).all()
    if free is not None:
        of_memory = and_(device.c.host == host, device.c.name.startswith("cpu"))
        connection.execute(update(device).where(of_memory).values(free=free))
    return _machines(connection).get(host)


def _served(connection: Connection, host: str) -> bool:
    """Whether a worker is there that takes up what waits."""
    seconds = connection.execute(select(now(connection) - worker.c.seen_at).where(worker.c.host == host)).scalar()
    return seconds is not None and seconds <= WORKER_SECONDS


def _pass_over(connection: Connection, found: Turn) -> None:
    """From now on the time counts of those that did not fit."""
    if found.passed:
        waits = and_(run.c.id.in_(found.passed), run.c.state == "queued", run.c.unfit_at.is_(None))
        connection.execute(update(run).where(waits).values(unfit_at=now(connection)))


def _take(
    connection: Connection, found: Turn, here: Machine, owner: str, states: Collection[State], lease: float
) -> int | None:
    """The new fence of the run whose turn it is; None where there is none, or it was taken or ended meanwhile."""
    if found.run_id is None:
        return None
    changes: dict[str, Any] = dict.fromkeys(
        (
            "finished_at",
            "settled_at",
            "pruned_at",
            "exit_code",
            "reason",
            "reason_code",
            "progress",
            "outcome",
            "unfit_at",
        )
    )
    fence = connection.execute(
        update(run)
        .where(run.c.id == found.run_id, run.c.state.in_(states))
        .values(
            state="starting",
            desired_state="run",
            fence=run.c.fence + 1,
            worker=owner,
            device=together(found.devices),
            lease_expires_at=lease_now(connection) + lease,
            claimed_checkpoint_step=func.coalesce(run.c.checkpoint_step, 0),
            claimed_at=now(connection),
            started_at=func.coalesce(run.c.started_at, now(connection)),
            **changes,
        )
        .returning(run.c.fence)
    ).scalar()
    if fence is None:
        return None
    mine = {"run_id": found.run_id, "host": here.host, "fence": fence, "memory": found.memory}
    connection.execute(insert(allocation), [mine | {"device": name} for name in found.devices])
    return int(fence)
