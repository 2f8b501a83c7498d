"""The record in SQL: runs, claims, events. SQLite (WAL) by default, PostgreSQL by URL."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Select, and_, delete, exists, insert, or_, select, update

from autotrain.errors import ImpossibleTransition, LeaseLost, UnknownRun
from autotrain.events import EVENT, AnyEvent, Checkpoint, Metric, Outcome, Phase, Progress
from autotrain.runs import tables
from autotrain.runs.claims import Claims, release
from autotrain.runs.engine import lease_now, now, open_engine, upsert, writing
from autotrain.runs.pruning import Pruning
from autotrain.runs.publications import Publications, add_publication
from autotrain.runs.reconciliation import Reconciliation, counts_as_attempt
from autotrain.runs.state import (
    ASKED,
    FINISHED,
    OWNED,
    RESTING,
    TRANSITIONS,
    WORDS,
    State,
    Wish,
    possible,
    refusal,
    wishes,
)
from autotrain.runs.store import LEASE_SECONDS, EventRow, MetricRow, NewRun, Run, RunStore
from autotrain.runs.vitals import LEASE_RENEWALS, Health, count

AT_ONCE: Final[dict[tuple[State, Wish], State]] = {
    ("draft", "run"): "queued",
    ("draft", "cancel"): "cancelled",
    ("queued", "pause"): "paused",
    ("queued", "cancel"): "cancelled",
    ("paused", "run"): "queued",
    ("paused", "cancel"): "cancelled",
    ("failed", "run"): "queued",
    ("cancelled", "run"): "queued",
}
"""Wishes that need no supervisor, because nobody owns a run in that state."""


class SqlStore(Claims, Publications, Reconciliation, Pruning, Health):
    """The record on one database. Safe to share between threads; every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()

    def create(self, new: NewRun, *, queue: bool = True) -> Run:
        """Record a run, QUEUED, or DRAFT when `queue` is false, and the publication that waits for its end."""
        columns = {name: value for name, value in vars(new).items() if name != "publish"}
        with writing(self._engine) as connection:
            connection.execute(
                insert(tables.run).values(
                    **columns,
                    state="queued" if queue else "draft",
                    desired_state="run",
                    fence=0,
                    last_seq=0,
                    attempts_without_progress=0,
                    claimed_checkpoint_step=0,
                    created_at=now(connection),
                    in_line_at=now(connection),
                    interrupted=False,
                    queued_at=now(connection) if queue else None,
                )
            )
            if new.publish is not None:
                repository, private = new.publish
                add_publication(connection, new.id, repository, private=private)
            return _run(connection, new.id)

    def get(self, run_id: str) -> Run:
        """The run. Raises UnknownRun."""
        with self._engine.connect() as connection:
            return _run(connection, run_id)

    def list(self, *, states: Collection[State] | None = None, search: str = "", limit: int = 200) -> Sequence[Run]:
        """Runs, newest first."""
        query = select(tables.run).order_by(tables.run.c.created_at.desc(), tables.run.c.id).limit(limit)
        if states is not None:
            query = query.where(tables.run.c.state.in_(states))
        if search:
            columns = (tables.run.c.name, tables.run.c.model, tables.run.c.dataset, tables.run.c.task)
            query = query.where(
                or_(*(column.icontains(tables.storable(search), autoescape=True) for column in columns))
            )
        with self._engine.connect() as connection:
            return [_as_run(row) for row in connection.execute(query)]

    def renew(self, run_id: str, fence: int, *, lease: float = LEASE_SECONDS) -> Wish:
        """Renew the lease; returns what is wished now. A `save` is handed over once. Raises LeaseLost."""
        with writing(self._engine) as connection:
            row = _owned(connection, run_id, fence)
            wish: Wish = row.desired_state
            count(connection, LEASE_RENEWALS)
            connection.execute(
                update(tables.run)
                .where(tables.run.c.id == run_id)
                .values(lease_expires_at=lease_now(connection) + lease, desired_state="run" if wish == "save" else wish)
            )
            return wish

    def append(self, run_id: str, fence: int, events: Sequence[AnyEvent], *, after: int | None = None) -> int:
        """Append events in order; returns the last cursor. Metrics go to their own table. Raises LeaseLost."""
        with writing(self._engine) as connection:
            there = int(_owned(connection, run_id, fence).last_seq)
            seq = there if after is None else after
            changes: dict[str, Any] = {}
            kept: list[dict[str, Any]] = []
            points: list[dict[str, Any]] = []
            place: dict[str, Any] = {
                "run_id": run_id,
                "fence": fence,
                "at": connection.execute(select(now(connection))).scalar(),
            }
            for item in events:
                changes |= _consequences(item)
                if isinstance(item, Progress):
                    continue
                seq += 1
                if seq <= there:
                    continue
                if isinstance(item, Metric):
                    points += [place | {"seq": seq, **point} for point in _points(item)]
                else:
                    kept.append(place | {"seq": seq, "kind": item.kind, "payload": item.model_dump_json()})
            if kept:
                connection.execute(insert(tables.event), kept)
            if points:
                connection.execute(insert(tables.metric), points)
            connection.execute(
                update(tables.run).where(tables.run.c.id == run_id).values(last_seq=max(seq, there), **changes)
            )
            return max(seq, there)

    def move(
        self,
        run_id: str,
        fence: int,
        before: State,
        after: State,
        *,
        reason: str | None = None,
        code: str | None = None,
        exit_code: int | None = None,
    ) -> bool:
        """Compare-and-set by the owner; see the protocol."""
        if not possible(before, after):
            raise ImpossibleTransition(
                f"Run {run_id} cannot go from {WORDS[before]!r} to {WORDS[after]!r}. "
                f"From there it can become {', '.join(sorted(TRANSITIONS[before])) or 'nothing else'}."
            )
        with writing(self._engine) as connection:
            row = _owned(connection, run_id, fence)
            if row.state != before:
                return False
            changes: dict[str, Any] = {"state": after, "reason": reason, "reason_code": code, "exit_code": exit_code}
            if after not in OWNED:
                changes |= {"worker": None, "device": None, "lease_expires_at": None, "desired_state": "run"}
                release(connection, run_id)
            if after == "queued":
                changes |= {"queued_at": now(connection), "interrupted": True}
            if after == "queued" and code != "shutdown":
                changes["attempts_without_progress"] = counts_as_attempt(row)
            if after in FINISHED:
                changes["finished_at"] = now(connection)
            if after in RESTING:
                changes["settled_at"] = now(connection)
            connection.execute(update(tables.run).where(tables.run.c.id == run_id).values(**changes))
            return True

    def wish(self, run_id: str, wish: Wish) -> Run:
        """What a person wants. Acts at once where nobody owns the run."""
        with writing(self._engine) as connection:
            run = _run(connection, run_id, held=True)
            if wish not in wishes(run.state) and not (wish == "run" and run.state in OWNED):
                raise ImpossibleTransition(refusal(run.name, run.state, ASKED[wish]))
            after = AT_ONCE.get((run.state, wish))
            changes: dict[str, Any] = {"desired_state": wish}
            if after is not None:
                changes = {"state": after, "desired_state": "run"}
                if after == "queued":
                    changes |= {
                        "queued_at": now(connection),
                        "in_line_at": now(connection),
                        "interrupted": False,
                        "unfit_at": None,
                        "attempts_without_progress": 0,
                        "reason": None,
                        "reason_code": None,
                        "finished_at": None,
                        "settled_at": None,
                    }
                if after in FINISHED:
                    changes |= {"finished_at": now(connection), "reason": "Cancelled.", "reason_code": "cancelled"}
                if after in RESTING:
                    changes["settled_at"] = now(connection)
            connection.execute(update(tables.run).where(tables.run.c.id == run_id).values(**changes))
            return _run(connection, run_id)

    def events(self, run_id: str, after: int = 0, limit: int = 1000) -> Sequence[EventRow]:
        """Events (metrics are read by `metrics`) after the cursor, in order."""
        query: Select[Any] = (
            select(tables.event)
            .where(tables.event.c.run_id == run_id, tables.event.c.seq > after)
            .order_by(tables.event.c.seq)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [EventRow(r.seq, r.fence, r.at, EVENT.validate_json(r.payload)) for r in connection.execute(query)]

    def metrics(self, run_id: str, after: int = 0, limit: int = 100_000) -> Sequence[MetricRow]:
        """Points after the cursor, in order; a point that a later attempt reached again is left out."""
        old, new = tables.metric.c, tables.metric.alias().c
        repeated = exists().where(
            and_(new.run_id == old.run_id, new.name == old.name, new.fence > old.fence, new.step <= old.step)
        )
        query = (
            select(old.seq, old.step, old.epoch, old.name, old.value, old.at)
            .where(old.run_id == run_id, old.seq > after, ~repeated)
            .order_by(old.seq, old.name)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [MetricRow(*row) for row in connection.execute(query)]

    def rename(self, run_id: str, name: str) -> Run:
        """Give the run another name."""
        with writing(self._engine) as connection:
            connection.execute(update(tables.run).where(tables.run.c.id == run_id).values(name=name))
            return _run(connection, run_id)

    def delete(self, run_id: str) -> None:
        """Forget the run. Raises ImpossibleTransition while someone owns it."""
        with writing(self._engine) as connection:
            run = _run(connection, run_id, held=True)
            if run.state in OWNED:
                raise ImpossibleTransition(
                    f"Run {run.name!r} is in the state {WORDS[run.state]!r} and cannot be deleted. "
                    "Cancel it first, then delete it."
                )
            connection.execute(delete(tables.run).where(tables.run.c.id == run_id))

    def put_secret(self, name: str, ciphertext: bytes | None) -> None:
        """Keep an encrypted secret under a name; None forgets it."""
        with writing(self._engine) as connection:
            if ciphertext is None:
                connection.execute(delete(tables.secret).where(tables.secret.c.name == name))
                return
            connection.execute(
                upsert(connection, tables.secret)
                .values(name=name, ciphertext=ciphertext)
                .on_conflict_do_update(index_elements=["name"], set_={"ciphertext": ciphertext})
            )

    def secret(self, name: str) -> bytes | None:
        """The encrypted secret, or None."""
        with self._engine.connect() as connection:
            return connection.execute(select(tables.secret.c.ciphertext).where(tables.secret.c.name == name)).scalar()


def open_store(url: str) -> SqlStore:
    """Open the record at an SQLAlchemy URL, migrating it first. Raises SettingsError."""
    return SqlStore(open_engine(url))


def _owned(connection: Connection, run_id: str, fence: int) -> Row[Any]:
    query = select(tables.run).where(tables.run.c.id == run_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None or row.fence != fence or row.state not in OWNED:
        raise LeaseLost(f"Attempt {fence} no longer owns run {run_id}; it must stop without side effects.")
    return row


def _run(connection: Connection, run_id: str, *, held: bool = False) -> Run:
    """The run; `held` when what it says decides what is written: nobody else may change it meanwhile."""
    query = select(tables.run).where(tables.run.c.id == run_id)
    row = connection.execute(query.with_for_update() if held else query).one_or_none()
    if row is None:
        raise UnknownRun(
            f"There is no run {run_id!r}. It may have been deleted; the list of runs shows those that exist."
        )
    return _as_run(row)


def _as_run(row: Row[Any]) -> Run:
    fields = {name: value for name, value in row._mapping.items() if name in Run.__dataclass_fields__}
    fields["progress"] = Progress.model_validate_json(row.progress) if row.progress else None
    fields["outcome"] = Outcome.model_validate_json(row.outcome) if row.outcome else None
    return Run(**fields)


def _consequences(item: AnyEvent) -> dict[str, Any]:
    """What an event changes in the run's own row."""
    match item:
        case Phase(name=name):
            return {"phase": name}
        case Progress():
            return {"progress": item.model_dump_json()}
        case Outcome():
            return {"outcome": item.model_dump_json()}
        case Checkpoint(step=step, path=path):
            return {"checkpoint": path, "checkpoint_step": step}
        case _:
            return {}


def _points(item: Metric) -> list[dict[str, Any]]:
    # A value that is not finite cannot be drawn, and SQLite stores NaN as NULL; the trainer reports it as a failure.
    return [
        {"name": name, "step": item.step, "epoch": item.epoch, "value": value}
        for name, value in item.values.items()
        if math.isfinite(value)
    ]


def _typechecks_as_protocol(store: SqlStore) -> RunStore:
    return store
