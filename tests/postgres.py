"""A real PostgreSQL server for tests: Debian's, on a port of this machine, gone with the tests.

Tests marked with `BOTH` run on a record in SQLite and on one in PostgreSQL.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from autotrain.runs.sql import open_store
from tests.app import free_port

DATABASES = ("sqlite", "postgresql")
BOTH = pytest.mark.parametrize("database_url", DATABASES, indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

PASSWORD = "very-secret"
MIGRATED = "migrated"
START_SECONDS = 60
OPTIONS = {
    # What was committed outlives the server, not the machine: the kernel has it.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "80",
    "listen_addresses": "127.0.0.1",
}


class Server:
    """One server and its databases. `role` owns them, as an ordinary installation has it, and is no superuser."""

    role = "studio"

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs, self.port = folder, programs, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        self._migrated = False

    def initialise(self) -> None:
        """Make the cluster and the role."""
        given = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [*_unprivileged(), str(self._programs / "initdb"), "-D", str(self.data), "-U", "postgres", *given],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        self.start()
        self.administer(f"create role {self.role} login password '{PASSWORD}'")

    @property
    def data(self) -> Path:
        """The cluster's own folder."""
        return self.folder / "data"

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Where the role finds a database."""
        return f"postgresql+psycopg://{self.role}:{password}@127.0.0.1:{self.port}/{database}"

    def database(self, *, migrated: bool = True) -> str:
        """The URL of a database that nobody has used: with the newest schema, or with nothing in it."""
        if migrated and not self._migrated:
            self._create(MIGRATED)
            open_store(self.url(MIGRATED)).close()
            self._migrated = True
        name = f"record{next(self._numbers)}"
        self._create(name, MIGRATED if migrated else "template1")
        return self.url(name)

    def _create(self, name: str, template: str = "template1") -> None:
        self.administer(f"create database {name} owner {self.role} template {template}")

    def administer(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; its rows."""
        import psycopg

        place = {"host": str(self.folder), "port": self.port, "user": "postgres", "dbname": "postgres"}
        with closing(psycopg.connect(**place, autocommit=True)) as connection:  # type: ignore[arg-type]
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Serve; returns when it takes connections."""
        options = {**OPTIONS, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        command = [str(self._programs / "postgres"), "-D", str(self.data)]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_unprivileged(), *command], cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            said = (self.folder / "server.log").read_text("utf-8", "replace")[-2000:]
            assert self._process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is its fast shutdown, SIGQUIT its immediate one, SIGKILL what the kernel does for memory."""
        if self._process is None:
            return
        if how == signal.SIGKILL:
            self._send(how)
        else:
            self._process.send_signal(how)
        self._process.wait(START_SECONDS)
        self._process = None

    def freeze(self) -> None:
        """Answer nobody, neither yes nor no."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on where it was frozen."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        import psutil

        first = psutil.Process(self._process.pid)
        for process in [first, *first.children(recursive=True)]:  # each is a session of its own
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _answers(self) -> bool:
        import psycopg

        try:
            return self.administer("select 1") == [(1,)]
        except psycopg.OperationalError:
            return False


def programs() -> Path | None:
    """The folder of the newest server installed here."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    beside = shutil.which("initdb")
    found += [Path(beside).parent] if beside else []
    return max(found, key=lambda path: [int(part) for part in path.parts if part.isdigit()], default=None)


@contextmanager
def serving() -> Iterator[Server]:
    """A server of one's own, for tests that do it harm. Skips where PostgreSQL is not installed."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL server is installed here (Debian's package postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="autotrain-postgres-"))  # pytest's own folders are closed to other users
    if os.geteuid() == 0:
        user = pwd.getpwnam(_user())
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = Server(folder, found)
    try:
        server.initialise()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server that tests share; each takes a database of its own."""
    with serving() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """What AUTOTRAIN_DATABASE_URL says: nothing, which is SQLite, unless a test asks for both."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    server: Server = request.getfixturevalue("postgres")
    return server.database()


def _user() -> str:
    known = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _unprivileged() -> list[str]:
    """The server refuses to run as root. It ends at once when the tests are killed."""
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig", "QUIT"]
    user = pwd.getpwnam(_user())
    who = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    return ["setpriv", *who, "--pdeathsig", "QUIT"]
