"""`autotrain predict`, `export`, `push`: what to do with a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autotrain.cli.context import console, find_run, not_written, open_datasets, open_record, open_settings
from autotrain.errors import DataError, HubError, ModelError

if TYPE_CHECKING:
    from autotrain.adapters import FinishedAdapter
    from autotrain.runs.store import Publication, Run
    from autotrain.settings import Settings

WhichRun = Annotated[str, typer.Argument(help="A run's id, the beginning of it, or its name.")]


def predict(
    run: WhichRun,
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to answer.")] = None,
    data: Annotated[Path | None, typer.Option(help="A table to answer row by row.")] = None,
    output: Annotated[
        Path, typer.Option(help="Where the predictions go: a .csv, or a .parquet in which vectors are lists.")
    ] = Path("predictions.csv"),
    column: Annotated[str | None, typer.Option(help="The column of the table to read.")] = None,
) -> None:
    """Answer texts, or a whole table, with a finished run's adapter."""
    from autotrain import api
    from autotrain.adapters import finished_adapter

    settings = open_settings()
    found = find_run(open_record(settings), run)
    out = console()
    if data is not None:
        _predict_table(finished_adapter(found, settings), data, output, column, settings, out)
        return
    if not texts:
        raise DataError(
            'Nothing to answer: give a text, or --data FILE for a table, as in: autotrain predict RUN "text"'
        )
    for text, answer in zip(texts, api.predict(found, texts, settings=settings), strict=True):
        out.print(text, markup=False, style="bold")
        for line in answer.lines():
            out.print(f"  {line}", markup=False)


def _predict_table(
    adapter: FinishedAdapter, data: Path, output: Path, column: str | None, settings: Settings, out: Any
) -> None:
    from autotrain.predictor import AdapterProcess, predict_file
    from autotrain.predictor.file import choose_columns

    table = open_datasets(settings).resolve(str(data)).table()
    names = [known.name for known in table.profile.columns]
    chosen = {role: column for role in adapter.rows} if column else choose_columns(names, adapter.rows)
    label = adapter.expected
    with AdapterProcess(adapter.artifact, adapter.model) as process:
        result = predict_file(process, table, chosen, output, label=label if label in names else None)
    out.print(f"Wrote {output}.", markup=False)
    for sentence in result.sentences():
        out.print(sentence, markup=False)


def export(
    run: WhichRun,
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
) -> None:
    """Copy a finished adapter with its model card, recipe and evaluation: what a push would publish."""
    import shutil

    from autotrain.hub.staging import staged, upload_of
    from autotrain.models.catalogue import Catalogue
    from autotrain.runs.folder import RunFolder

    settings = open_settings()
    found = find_run(open_record(settings), run)
    if found.state != "succeeded":
        raise ModelError(f"Run {found.name!r} is {found.state}; there is an adapter to export when it has finished.")
    if folder.exists():
        raise DataError(f"{folder} exists already. Name a folder that does not, so that nothing is overwritten.")
    base = Catalogue(settings).resolve(found.model)
    repository = f"me/{folder.resolve().name}"
    upload = upload_of(
        RunFolder(settings.runs / found.id), found.id, repository, base, private=True, dataset=found.dataset
    )
    try:
        for name, content in staged(upload).items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                place.write_bytes(content)
            else:
                shutil.copyfile(content, place)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)  # a part of an adapter must not pass for a whole one
        raise not_written(folder, error) from error
    console().print(f"Exported to {folder}.", markup=False)


def push(
    run: WhichRun,
    repository: Annotated[str, typer.Argument(help="name, or owner/name.")],
    public: Annotated[bool, typer.Option("--public", help="Anyone may see it; private otherwise.")] = False,
) -> None:
    """Push a finished adapter with its model card to the Hugging Face Hub. Pushing again updates it."""
    settings = open_settings()
    found = find_run(open_record(settings), run)
    push_run(found, repository, private=not public, settings=settings, out=console())


def push_run(run: Run, repository: str, *, private: bool, settings: Settings, out: Any) -> None:
    """Publish through the record, here and now. Raises HubError with the reason when it failed."""
    from jobs.publisher import publish

    store = open_record(settings)
    wanted = store.request_publication(run.id, repository, private=private)
    with out.status(f"Pushing to {repository} …"):
        publish(wanted.id, store, settings)
    show_publication(store.publication(wanted.id), run, settings, out)


def show_publication(done: Publication, run: Run, settings: Settings, out: Any) -> None:
    """Its link. Raises HubError with the reason when there is none."""
    if done.state != "published":
        again = "It is being pushed by the worker." if done.state == "uploading" else "Push again to retry."
        raise HubError(f"{done.reason or ''} The adapter is safe in {settings.runs / run.id}. {again}".strip())
    out.print(f"Published: {done.url}", markup=False)
