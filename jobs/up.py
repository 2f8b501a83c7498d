"""`autotrain up`: broker, worker and web page as one, ended as one. The Procfile says what runs; honcho runs it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from honcho.environ import parse_procfile

import autotrain
from autotrain.errors import AutotrainError, SettingsError
from autotrain.settings import Settings
from jobs import broker
from jobs.services import Services

LOCK = "up.lock"

BROKER_SECONDS = 10.0


def up(settings: Settings, *, browser: bool = False) -> int:
    """Run everything until Ctrl-C, SIGTERM, or a part that cannot be kept running; returns the exit code."""
    try:
        settings.prepare_home()
        with only_one(settings):
            check_port(settings)
            check_database(settings)
            check_broker(settings)
            return _serve(settings, browser)
    except AutotrainError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the data home. The kernel lets go of the lock when this process ends, however it ends.

    Raises:
        SettingsError: another one has it; the message says which, and where its page is.
    """
    path = settings.root / LOCK
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(_already(settings, path), code="already-running") from error
        file.truncate(0)
        holder = json.dumps({"pid": os.getpid(), "address": address(settings)})
        try:
            os.write(file.fileno(), holder.encode())
        except OSError as error:
            raise SettingsError(
                f"The data home {settings.root} cannot be written ({error.strerror}). "
                "Free some space, or set AUTOTRAIN_HOME to a folder on another disk."
            ) from error
        yield


def is_up(settings: Settings) -> bool:
    """Whether an `autotrain up` runs on this data home."""
    try:
        with (settings.root / LOCK).open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def check_port(settings: Settings) -> None:
    """Raises SettingsError when the page's address or port cannot be listened on."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise SettingsError(
                f"AUTOTRAIN_HOST is {settings.host!r}, which is no address of this machine ({error.strerror}). "
                "Unset it for pages that only this machine sees, or set it to 0.0.0.0 for the whole network.",
                code="host",
            ) from error
        raise SettingsError(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}). "
            f"Stop what uses it, or choose another port: AUTOTRAIN_PORT={settings.port + 1} autotrain up",
            code="in-use" if error.errno == errno.EADDRINUSE else "port",
        ) from error


def check_database(settings: Settings) -> None:
    """Raises SettingsError when a database of one's own is named and cannot be used."""
    if settings.database_url:
        from autotrain.runs.sql import open_store

        open_store(settings.database).close()


def check_broker(settings: Settings, patience: float = BROKER_SECONDS) -> None:
    """Raises SettingsError when a Redis of one's own is named and none answers in time: it may be starting too."""
    deadline = time.monotonic() + patience
    while settings.redis_url and not broker.answers(settings):
        if time.monotonic() > deadline:
            raise SettingsError(
                f"AUTOTRAIN_REDIS_URL is set, and for {patience:.0f} seconds no Redis answered there. Start it, or "
                "correct the URL, or unset it: then autotrain up starts a Redis of its own.",
                code="broker",
            )
        time.sleep(0.2)


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the page."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def root() -> Path:
    """Where Procfile and app.py lie: in the wheel inside the package, in a checkout beside it."""
    package = Path(autotrain.__file__).parent
    shipped = package / "shipped"
    return shipped if (shipped / "Procfile").is_file() else package.parent


def _already(settings: Settings, path: Path) -> str:
    try:
        holder = json.loads(path.read_text("utf-8"))
        who, where = f" (process {holder['pid']})", f" Open {holder['address']}, or stop"
    except (OSError, ValueError, KeyError):
        who, where = "", " Stop"
    return (
        f"AutoTrain Studio already runs on the data home {settings.root}{who}.{where} it first; "
        "to run a second one, set AUTOTRAIN_HOME and AUTOTRAIN_PORT."
    )


def _serve(settings: Settings, browser: bool) -> int:
    services = Services()
    here = root()
    for name, command in parse_procfile((here / "Procfile").read_text("utf-8")).processes.items():
        if name == "broker" and settings.redis_url:
            continue
        services.add(name, command, here, environment(here, settings))
    ended = threading.Event()
    announcing = threading.Thread(target=_announce, args=(settings, services, ended, browser), daemon=True)
    announcing.start()
    services.loop()
    ended.set()
    if services.first_to_end is not None:
        why = f"{services.first_to_end} ended by itself and could not be kept running, so everything was stopped."
        sys.stderr.write(f"{why} Its lines are above.\n")
        return services.returncode or 1
    sys.stdout.write("AutoTrain Studio has stopped. Runs that were training go on at the next start.\n")
    return 0


def environment(folder: Path, settings: Settings) -> dict[str, str]:
    """What the parts inherit: this Python first on the PATH, whether its environment is activated or not."""
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    python = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    inherited = os.environ | {
        "PATH": os.pathsep.join(paths),
        "PYTHONPATH": os.pathsep.join(python),
        "PYTHONUNBUFFERED": "1",
        "AUTOTRAIN_HOME": str(settings.root),
        "AUTOTRAIN_HOST": settings.host,
        "AUTOTRAIN_PORT": str(settings.port),
    }
    optional = {"AUTOTRAIN_REDIS_URL": settings.redis_url, "AUTOTRAIN_DATABASE_URL": settings.database_url}
    return inherited | {name: value for name, value in optional.items() if value}


def _announce(settings: Settings, services: Services, ended: threading.Event, browser: bool) -> None:
    """Say when the page answers."""
    where = address(settings)
    host = where.removeprefix("http://").rpartition(":")[0].strip("[]")
    while not ended.wait(0.1):
        try:
            with socket.create_connection((host, settings.port), timeout=1):
                break
        except OSError:
            continue
    else:
        return
    services.well.set()
    sys.stdout.write(f"AutoTrain Studio is ready: {where}\n")
    sys.stdout.flush()
    if browser:
        webbrowser.open(where)
