"""`autotrain models`: the base models of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotrain.cli.context import console, open_settings

app = typer.Typer(help="List base models, add one by name, remove it again.", no_args_is_help=True)


@app.command("list")
def list_models(search: Annotated[str, typer.Argument(help="Part of a name; also searches the Hub.")] = "") -> None:
    """Models on this machine; with a search, the Hub's too."""
    from rich.table import Table

    from autotrain.cli.context import open_record
    from autotrain.hub.account import Account
    from autotrain.hub.search import search_models
    from autotrain.models.catalogue import Catalogue
    from autotrain.models.starter import ADDABLE

    settings = open_settings()
    account = Account(open_record(settings), settings)
    catalogue = Catalogue(settings, lambda query, limit: search_models(query, limit=limit, token=account.token()))
    choices = catalogue.choices(search, hub=bool(search))
    table = Table("model", "where", "parameters", "size", "licence", "")
    for entry in choices.entries:
        parameters = f"{entry.parameters / 1e6:,.0f} M" if entry.parameters else ""
        size = f"{entry.size_bytes / 1e6:,.0f} MB" if entry.size_bytes else ""
        table.add_row(
            entry.id, entry.source, parameters, size, entry.license or "", "gated" if entry.gated else entry.reason
        )
    out = console()
    out.print(table)
    if choices.note:
        out.print(choices.note, markup=False)
    absent = [name for name in ADDABLE if name not in {entry.id for entry in choices.entries}]
    for name in absent:
        out.print(f"autotrain models add {name}   adds {ADDABLE[name].title}", markup=False)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name such as smollm2-135m-instruct, or a GGUF file.")],
    called: Annotated[str | None, typer.Option("--name", help="What the model of a GGUF file is called.")] = None,
) -> None:
    """Download a model, or restore the weights of a GGUF file, and make it ready, once."""
    from functools import partial

    from rich.progress import BarColumn, Progress, TextColumn

    from autotrain.cli.context import open_record
    from autotrain.hub.account import Account
    from autotrain.hub.download import download_into
    from autotrain.models.starter import add_gguf, add_model

    settings = open_settings()
    token = Account(open_record(settings), settings).token()
    out = console()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), console=out
    ) as bar:
        line = bar.add_task(name, total=None)

        def show(what: str, fraction: float | None) -> None:
            bar.update(line, description=what, total=None if fraction is None else 1.0, completed=fraction or 0.0)

        if name.endswith(".gguf") or Path(name).is_dir():
            folder = add_gguf(Path(name), settings, progress=show, name=called)
        else:
            folder = add_model(name, settings, progress=show, hub_download=partial(download_into, token=token))
    out.print(f"{folder.name} is ready in {folder}.", markup=False)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A model added before.")]) -> None:
    """Delete a model that was added by name."""
    from autotrain.models.starter import remove_model

    remove_model(name, open_settings())
    console().print(f"{name} is removed.", markup=False)
