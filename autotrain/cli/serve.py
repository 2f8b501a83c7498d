"""`autotrain up`: the whole app with one command."""

from __future__ import annotations

from typing import Annotated

import typer

from autotrain.cli.context import open_settings


def up(
    browser: Annotated[bool, typer.Option(help="Open the page in a browser when it is ready.")] = False,
) -> None:
    """Start broker, worker and web page. One Ctrl-C ends all of them; running trainings keep a checkpoint."""
    from jobs.up import up as start

    raise typer.Exit(start(open_settings(), browser=browser))
