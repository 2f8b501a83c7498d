"""What the record knows of the health of the whole: workers seen lately, how runs and publications stand, counts."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Engine, func, select, text

from autotrain.events import Progress
from autotrain.runs.engine import HEAD, lease_now, now, upsert, writing
from autotrain.runs.state import OWNED
from autotrain.runs.store import Training, Vitals
from autotrain.runs.tables import publication, run, tally, worker

LEASE_RENEWALS, LEASES_LOST = "lease_renewals", "leases_lost"


class Health:
    """The part of the record that says how everything is."""

    _engine: Engine

    def seen(self, host: str) -> None:
        """A worker of this host is there and takes runs."""
        with writing(self._engine) as connection:
            connection.execute(
                upsert(connection, worker)
                .values(host=host, seen_at=now(connection))
                .on_conflict_do_update(index_elements=["host"], set_={"seen_at": now(connection)})
            )

    def schema_fits(self) -> bool:
        """Whether the record has the schema of this version. Raises what the database raises when it is not there."""
        with self._engine.connect() as connection:
            return bool(connection.execute(text("select version_num from alembic_version")).scalar() == HEAD)

    def worker_seconds(self) -> float | None:
        """How long ago a worker was last seen, by the database's clock; None where none ever was."""
        with self._engine.connect() as connection:
            return _worker_seconds(connection)

    def vitals(self) -> Vitals:
        """Everything at once, in a handful of queries on indexed columns."""
        with self._engine.connect() as connection:
            moment = float(connection.execute(select(now(connection))).scalar() or 0.0)
            oldest = connection.execute(
                select(func.min(func.coalesce(run.c.queued_at, run.c.created_at))).where(run.c.state == "queued")
            ).scalar()
            left = (run.c.lease_expires_at - lease_now(connection)).label("lease_left")
            owned = connection.execute(
                select(run.c.id, run.c.device, left, run.c.progress).where(run.c.state.in_(OWNED))
            ).all()
            return Vitals(
                runs=_counted(connection, run.c.state),
                publications=_counted(connection, publication.c.state),
                queue_seconds=None if oldest is None else max(0.0, moment - oldest),
                training=tuple(
                    Training(
                        row.id,
                        row.device or "",
                        row.lease_left or 0.0,
                        Progress.model_validate_json(row.progress) if row.progress else None,
                    )
                    for row in owned
                ),
                tallies={row.name: row.value for row in connection.execute(select(tally))},
                worker_seconds=_worker_seconds(connection),
            )


def count(connection: Connection, name: str) -> None:
    """One more. Kept apart from the runs, since a count must not fall when a run is deleted."""
    connection.execute(
        upsert(connection, tally)
        .values(name=name, value=1)
        .on_conflict_do_update(index_elements=["name"], set_={"value": tally.c.value + 1})
    )


def _counted(connection: Connection, column: ColumnElement[str]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(select(column, func.count()).group_by(column))}


def _worker_seconds(connection: Connection) -> float | None:
    seconds = connection.execute(select(now(connection) - func.max(worker.c.seen_at))).scalar()
    return None if seconds is None else max(0.0, float(seconds))
