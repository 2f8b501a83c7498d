"""What is particular to PostgreSQL: connections that notice a lost server, and what its errors mean for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from autotrain.errors import RecordSilent, SettingsError
from autotrain.runs.url import shown

CONNECTING = {
    "connect_timeout": 5,  # seconds; a server that is there answers at once
    # A host that is gone without a word is noticed after 20 to 25 s, well before a supervisor must give up its run.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
"""libpq's own defaults wait for minutes and hours. The URL may say otherwise, after its question mark."""

IDLE_SECONDS = 30
"""A process that is stopped within a transaction holds its rows no longer: half a lease, and no transaction here waits
for anything but the server."""

MIGRATING = 7860
"""The advisory lock of whoever migrates."""

DISK_FULL, IDLE_TOO_LONG = "53100", "25P03"
MAY_NOT, NO_SUCH_DATABASE, WRONG_PASSWORD = "42501", "3D000", "28P01"
"""SQLSTATE codes. A connection that was refused carries none, only the words."""


def arguments(url: URL) -> dict[str, Any]:
    """What to connect with, besides what the URL says."""
    return {name: value for name, value in CONNECTING.items() if name not in url.query}


def configure(engine: Engine) -> None:
    """Every connection of this engine gives up its transaction when its process is stopped in one."""

    @event.listens_for(engine, "connect")
    def limit(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"set idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        connection.commit()


def explain(engine: Engine) -> None:
    """From here on a server that does not answer is RecordSilent, and not an exception of the driver."""

    @event.listens_for(engine, "handle_error")
    def silent(context: ExceptionContext) -> None:
        error = context.original_exception
        if context.is_pre_ping:  # a connection of before a restart: the pool makes another
            return
        if getattr(error, "sqlstate", None) == DISK_FULL:
            raise SettingsError(
                f"There is no space left on the disk of the record {shown(engine.url)}, so this was not done. "
                "Free some space there and try again.",
                code="disk-full",
            ) from error
        lost = context.is_disconnect or getattr(error, "sqlstate", None) == IDLE_TOO_LONG
        if lost or isinstance(error, context.dialect.loaded_dbapi.OperationalError):
            raise RecordSilent(
                f"The record {shown(engine.url)} does not answer ({_line(error)}). "
                "Check that the database runs, and try again."
            ) from error


def not_opened(url: URL, error: DBAPIError) -> SettingsError:
    """Why a record cannot be opened, and what to do about it."""
    said, code = _line(error.orig), getattr(error.orig, "sqlstate", None)
    if code == MAY_NOT:
        return SettingsError(
            f"The record {shown(url)} cannot be made: the user {url.username} may not create tables there ({said}). "
            f"Let the user own the database: alter database {url.database} owner to {url.username}"
        )
    if code == WRONG_PASSWORD or "authentication failed" in said or "no password supplied" in said:
        return SettingsError(
            f"The record {shown(url)} refuses its user or the password ({said}). Correct AUTOTRAIN_DATABASE_URL; "
            "inside of a password write @ as %40, : as %3A and / as %2F."
        )
    if code == NO_SUCH_DATABASE or ("database" in said and "does not exist" in said):
        return SettingsError(
            f"The record {shown(url)} cannot be opened: that server has no database {url.database!r}. Make it "
            f"(createdb --owner {url.username or 'USER'} {url.database}), or correct AUTOTRAIN_DATABASE_URL."
        )
    return SettingsError(
        f"The record {shown(url)} cannot be opened ({said}). "
        "Check that the database runs, and what AUTOTRAIN_DATABASE_URL says of it."
    )


@contextmanager
def one_migration(engine: Engine) -> Iterator[None]:
    """Whoever is within is alone with it, on all hosts. It waits in no transaction, which would be ended as idle."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"select pg_advisory_lock({MIGRATING})"))
        try:
            yield
        finally:
            connection.execute(text(f"select pg_advisory_unlock({MIGRATING})"))


def _line(error: BaseException | None) -> str:
    return " ".join(str(error).split())
