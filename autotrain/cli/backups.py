"""`autotrain backup`, `restore`: the whole of a data home as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autotrain.cli.context import console, not_written, open_settings

if TYPE_CHECKING:
    from autotrain.backup.archive import Manifest


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, such as autotrain-2026-11-28.tar.")],
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of a file of that name.")] = False,
) -> None:
    """Write the record, datasets, runs, last checkpoints and adapters into one file; nothing needs to be stopped.

    Models are left out, since they can be fetched again, and so are saved tokens and the key that encrypts them.
    """
    from autotrain.backup.making import make_backup

    try:
        manifest = make_backup(open_settings(), file, replace=replace)
    except OSError as error:
        raise not_written(file, error) from error
    console().print(f"Wrote {file}: {contents(manifest)}.", markup=False)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `autotrain backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Into a data home that is not empty: what is there is moved aside.")
    ] = False,
) -> None:
    """Bring a backup into the data home. Runs that were training go on from their last checkpoint."""
    from autotrain.backup.restoring import restore_backup
    from jobs.up import only_one

    settings, out = open_settings(), console()
    with only_one(settings):
        done = restore_backup(settings, file, replace=replace)
    out.print(f"Restored {contents(done.manifest)} into {settings.root}.", markup=False)
    if done.aside is not None:
        out.print(f"What was there before lies in {done.aside}.", markup=False)
    if done.going_on:
        runs = "1 run was" if done.going_on == 1 else f"{done.going_on} runs were"
        out.print(f"{runs} under way; `autotrain up` goes on from the last checkpoint.", markup=False)
    out.print("Tokens are not in a backup: save yours again in Settings to publish.", markup=False)


def contents(manifest: Manifest) -> str:
    """What a backup holds, in words."""
    from autotrain.backup.archive import DATASETS, RUNS

    counted = {"run": len(manifest.within(RUNS)), "dataset": len(manifest.within(DATASETS))}
    words = [f"{count} {what}{'' if count == 1 else 's'}" for what, count in counted.items()]
    return f"{', '.join(words)}, {manifest.size / 1e6:,.1f} MB"
