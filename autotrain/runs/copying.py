"""The record as one file and back: a consistent copy while others write, without secrets, readable by any database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, func, insert, select, text

from autotrain.errors import BackupError
from autotrain.runs import tables
from autotrain.runs.engine import BUSY_TIMEOUT_SECONDS, HEAD, open_engine, writing
from autotrain.runs.url import shown

COPIED: tuple[Table, ...] = (tables.run, tables.event, tables.metric, tables.publication)
"""In the order of their foreign keys. Devices and workers belong to a machine, secrets to the key beside the record."""

AT_ONCE = 5_000
"""Rows held in memory while a table is copied: a few megabytes."""


def snapshot(url: str, path: Path) -> None:
    """Write the record as it is at this moment into a new SQLite file, without secrets.

    Nobody waits for it: SQLite (WAL) and PostgreSQL both let others write while a transaction reads.
    """
    record = open_engine(url)
    if record.dialect.name == "sqlite":
        record.dispose()
        _vacuum(str(record.url.database), path)
        return
    source = record.execution_options(isolation_level="REPEATABLE READ")
    target = create_engine(f"sqlite:///{path}")
    try:
        tables.metadata.create_all(target)
        with target.begin() as connection:
            connection.execute(text("create table alembic_version (version_num varchar(32) not null)"))
            connection.execute(text("insert into alembic_version values (:head)"), {"head": HEAD})
        copy_rows(source, target)
    finally:
        source.dispose()
        target.dispose()


def copy_rows(source: Engine, target: Engine) -> None:
    """Every row of one record into another, in one transaction on both sides. Raises BackupError if that has runs."""
    with source.connect() as old, writing(target) as new:
        _require_no_runs(new)
        for table in COPIED:
            rows = old.execution_options(yield_per=AT_ONCE).execute(select(table)).mappings()
            for part in rows.partitions():
                new.execute(insert(table), [dict(row) for row in part])


def require_no_runs(url: str) -> None:
    """Raises BackupError when a database of one's own has runs already."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            _require_no_runs(connection)
    finally:
        engine.dispose()


def revision(path: Path) -> str | None:
    """The schema of the record in a SQLite file; None when it holds none."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute("select version_num from alembic_version").fetchone()
        except sqlite3.DatabaseError:
            return None
        return str(row[0]) if row else None


def succeeded(path: Path) -> frozenset[str]:
    """Ids of the finished runs of the record in a SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        return frozenset(row[0] for row in connection.execute("select id from run where state = 'succeeded'"))


def _require_no_runs(connection: Connection) -> None:
    if connection.execute(select(func.count()).select_from(tables.run)).scalar():
        raise BackupError(
            f"The record at {shown(connection.engine.url)} already has runs. Name an empty database in "
            "AUTOTRAIN_DATABASE_URL, or unset it to restore into a SQLite file in the data home.",
            code="not-empty",
        )


def _vacuum(source: str, path: Path) -> None:
    with closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT_SECONDS)) as record:
        record.execute("vacuum into ?", (str(path),))
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        for table in ("secret", "allocation", "device", "machine", "worker"):
            copy.execute(f"delete from {table}")
        copy.execute("vacuum")  # else what was deleted would still lie in the file's free pages
