"""The web process: settings, record, nudge, pages, served. Everything else is made and owned elsewhere."""

from __future__ import annotations

import socket
import sys

import uvicorn

from autotrain.errors import AutotrainError, SettingsError
from autotrain.logs import log_to
from autotrain.runs.sql import open_store
from autotrain.settings import Settings, load_settings
from autotrain.ui import build
from jobs.nudge import nudge


def listen(settings: Settings) -> socket.socket:
    """The page's socket. Raises SettingsError when the port cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}). "
            "Stop the program that uses it, or set AUTOTRAIN_PORT to another port."
        ) from error
    return listener


def main() -> int:
    """Serve until told to stop."""
    try:
        settings = load_settings()
        log_to(sys.stdout, settings.log, "WARNING")
        settings.prepare_home()
        listener = listen(settings)
        app = build(settings, open_store(settings.database), nudge(settings))
    except AutotrainError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return 1
    uvicorn.Server(uvicorn.Config(app, log_config=None)).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
