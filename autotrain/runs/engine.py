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
    Table,
    create_engine,
    event,
    inspect,
    literal_column,
    or_,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from autotrain.errors import SettingsError
from autotrain.runs import postgres
from autotrain.runs.clock import clock
from autotrain.runs.store import LEASE_SECONDS
from autotrain.runs.url import read_url, shown

BUSY_TIMEOUT_SECONDS = 30
"""How long a SQLite writer waits for another: far longer than any transaction here, shorter than a lease."""

FULL = "database or disk is full"
UNWRITABLE = frozenset({"disk I/O error", "attempt to write a readonly database", "unable to open database file"})
"""What SQLite says when the disk, not the question, is what is wrong."""

HEAD = "0004"
"""The newest migration; a record at this revision is opened without loading Alembic."""


def open_engine(url: str) -> Engine:
    """An engine on a record that is migrated to the newest schema.

    Raises:
        SettingsError: the URL does not parse, names an unknown database, cannot be reached, or has a schema of a newer
            version or of another program.
    """
    parsed = read_url(url)
    server = parsed.get_backend_name() == "postgresql"
    try:
        # Parameters are what people wrote, and secrets: errors and logs say the statement only.
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=postgres.arguments(parsed) if server else {},
        )
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        elif server:
            postgres.configure(engine)
        _migrate(engine)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"AUTOTRAIN_DATABASE_URL names {shown(parsed)}, and the driver for it is not installed "
            f'({error}). For PostgreSQL run pip install "autotrain-studio[postgresql]" and write the URL as '
            "postgresql+psycopg://user@host/name.",
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError(
            f"AUTOTRAIN_DATABASE_URL is not a usable SQLAlchemy URL ({error}). "
            "Unset it to use SQLite in the data home, or write it as postgresql+psycopg://user@host/name."
        ) from error
    except DBAPIError as error:
        if server:
            raise postgres.not_opened(parsed, error) from error
        raise SettingsError(
            f"The record at {shown(parsed)} cannot be opened ({error.orig}). "
            "Check that the database runs and that its folder can be written."
        ) from error
    if server:
        postgres.explain(engine)
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


def upsert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that can say what to do where the row is there already, which SQL has no common word for."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


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
    found = _revision(engine)
    if found == HEAD:
        return
    _require_known(found, engine)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _one_at_a_time(engine), engine.connect() as connection:
        config.attributes["connection"] = connection
        if _revision(engine) != HEAD:
            command.upgrade(config, "head")


def _require_known(revision: str | None, engine: Engine) -> None:
    # Revisions are numbers that count up, so that a newer one is known as such by a version that has never seen it.
    if revision is None or (revision.isdigit() and revision < HEAD):
        return
    raise SettingsError(
        f"The record {shown(engine.url)} has the schema {revision}, and this version knows those up to {HEAD}. Update "
        "AutoTrain Studio, or name a database in AUTOTRAIN_DATABASE_URL that no other program uses.",
        code="newer",
    )


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
        with postgres.one_migration(engine):
            yield
