"""`autotrain up`: the whole app with one command."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from autotrain.cli.context import open_settings


def up(
    browser: Annotated[
        bool | None, typer.Option(help="Open the page in a browser; by default where there is a desktop.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Where the page answers, instead of AUTOTRAIN_PORT or 7860.")
    ] = None,
) -> None:
    """Start broker, worker and web page. One Ctrl-C ends all of them; running trainings keep a checkpoint."""
    from jobs.up import up as start

    if port is not None:  # the page is a process of its own, and reads its settings from the environment too
        os.environ["AUTOTRAIN_PORT"] = str(port)
    raise typer.Exit(start(open_settings(), browser=has_desktop() if browser is None else browser))


def has_desktop() -> bool:
    """Whether a browser window could open here; on a server a text browser would take the terminal instead."""
    return sys.platform in {"darwin", "win32"} or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
