"""Opening the record: the engine, the database's clock, and its migrations."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    create_engine,
    event,
    inspect,
    literal_column,
    or_,
    text,
)
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from autotrain.errors import SettingsError
from autotrain.runs.clock import clock
from autotrain.runs.store import LEASE_SECONDS

BUSY_TIMEOUT_SECONDS = 30
"""How long a SQLite writer waits for another: far longer than any transaction here, shorter than a lease."""

FULL = "database or disk is full"
UNWRITABLE = frozenset({"disk I/O error", "attempt to write a readonly database", "unable to open database file"})
"""What SQLite says when the disk, not the question, is what is wrong."""

HEAD = "0003"
"""The newest migration; a record at this revision is opened without loading Alembic."""


def open_engine(url: str) -> Engine:
    """An engine on a record that is migrated to the newest schema.

    Raises:
        SettingsError: the URL does not parse, names an unknown database, or cannot be reached.
    """
    try:
        engine = create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        _migrate(engine)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"AUTOTRAIN_DATABASE_URL names {make_url(url).render_as_string()}, and the driver for it is not installed "
            f'({error}). For PostgreSQL run pip install "autotrain-studio[postgresql]" and write the URL as '
            "postgresql+psycopg://user@host/name.",
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        # A URL that does not parse may hold a password, so that it is not shown.
        raise SettingsError(
            f"AUTOTRAIN_DATABASE_URL is not a usable SQLAlchemy URL ({error}). "
            "Unset it to use SQLite in the data home, or write it as postgresql+psycopg://user@host/name."
        ) from error
    except OperationalError as error:
        raise SettingsError(
            f"The record at {make_url(url).render_as_string()} cannot be opened ({error.orig}). "
            "Check that the database runs and that its folder can be written."
        ) from error
    return engine


def now(connection: Connection) -> ColumnElement[float]:
    """The database's clock, in seconds since the epoch, for whatever people read."""
    if connection.dialect.name == "sqlite":
        return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Float)
    return literal_column("extract(epoch from clock_timestamp())", Float)


def lease_now(connection: Connection) -> ColumnElement[float]:
    """The clock of leases: the server's where hosts share one, so that they agree; else the machine's own, in seconds
    since it was started, because SQLite's clock is the wall clock, which people and time servers set."""
    if connection.dialect.name == "sqlite":
        return literal_column("lease_clock()", Float)
    return now(connection)


def lease_ended(ends: ColumnElement[Any], connection: Connection) -> ColumnElement[bool]:
    """Whether a lease is over. One that is longer than any is, too: its clock was set back, by a reboot for example.

    Twice the lease, because a server's clock may be corrected by seconds without ending every lease.
    """
    clock_says = lease_now(connection)
    return or_(ends < clock_says, ends > clock_says + 2 * LEASE_SECONDS)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that will write: SQLite takes its write lock at once, so that it can never deadlock later."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("lease_clock", 0, clock)

    @event.listens_for(engine, "handle_error")
    def explain(context: ExceptionContext) -> None:
        said, record = str(context.original_exception), engine.url.database
        if said == FULL:
            raise SettingsError(
                f"There is no space left on the disk for the record {record}, so this was not done. "
                "Free some space and try again.",
                code="disk-full",
            ) from context.original_exception
        if said in UNWRITABLE:
            raise SettingsError(
                f"The record {record} cannot be opened or written ({said}), so this was not done. "
                "Check whether its disk is full and who may write to its folder, and try again.",
                code="record",
            ) from context.original_exception

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    if _revision(engine) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _one_at_a_time(engine), engine.connect() as connection:
        config.attributes["connection"] = connection
        if _revision(engine) != HEAD:
            command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("select version_num from alembic_version")).scalar()


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    """The web process and the worker start together; only one of them may migrate."""
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    else:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(7860)"))
            try:
                yield
            finally:
                connection.execute(text("select pg_advisory_unlock(7860)"))
