"""`autotrain data`: what is in a file, before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autotrain.cli.context import console, not_written, open_datasets, open_settings

if TYPE_CHECKING:
    from autotrain.data.shapes import Suggestion
    from autotrain.data.store import Dataset
    from autotrain.events import Finding
    from autotrain.task import Task

app = typer.Typer(help="Inspect a file, list imported datasets and samples.", no_args_is_help=True)


@app.command()
def inspect(
    file: Annotated[
        str, typer.Argument(help="A file, book.xlsx#sheet, an address, hub:owner/name, a dataset id, or sample:<name>.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Languages, lengths, leakage, wrong labels as well.")] = False,
) -> None:
    """Columns, roles and findings: everything the page would show."""
    from autotrain.cli.deeper import look_at_labels, look_deeper, show_deeper
    from autotrain.tasks import TASKS

    dataset = open_datasets(open_settings()).resolve(file)
    if as_json:
        shown = {
            "profile": dataset.profile.model_dump(mode="json"),
            "tasks": _fits(dataset),
            "shapes": _shapes(dataset),
            **(_deeper(dataset) if deep else {}),
        }
        typer.echo(json.dumps(shown, indent=1))
        return
    out = console()
    _show_profile(dataset, out)
    _show_shapes(dataset, out)
    for task in TASKS.values():
        _show_fit(dataset, task, out)
        if deep:
            found = look_deeper(dataset, task)
            _show_findings(list(found.findings), out)
            show_deeper(found, look_at_labels(dataset, task), out)


@app.command("list")
def list_datasets() -> None:
    """Imported datasets, and the samples that can be used."""
    from rich.table import Table

    from autotrain.data.samples import SAMPLES
    from autotrain.data.store import DatasetStore

    table = Table("id", "name", "rows", "columns")
    for dataset in DatasetStore(open_settings()).list():
        profile = dataset.profile
        table.add_row(
            dataset.id, dataset.name, f"{profile.rows:,}", ", ".join(column.name for column in profile.columns)
        )
    for sample in SAMPLES:
        table.add_row(f"sample:{sample.name}", sample.title, "", ", ".join(sample.columns.values()))
    console().print(table)


@app.command()
def sample(
    name: Annotated[str, typer.Argument(help="A sample such as language-identification.")],
    output: Annotated[Path | None, typer.Option(help="The CSV to write; <name>.csv by default.")] = None,
) -> None:
    """Write a sample as a CSV."""
    from autotrain.data.samples import write_sample

    destination = output or Path(f"{name}.csv")
    try:
        write_sample(name, destination)
    except OSError as error:
        raise not_written(destination, error) from error
    console().print(f"Wrote {destination}.", markup=False)


def _deeper(dataset: Dataset) -> dict[str, Any]:
    from autotrain.cli.deeper import look_at_labels, look_deeper
    from autotrain.tasks import TASKS

    made: dict[str, Any] = {"insights": {}, "label_errors": {}}
    for name, task in TASKS.items():
        labels = look_at_labels(dataset, task)
        made["insights"][name] = look_deeper(dataset, task).model_dump(mode="json")
        made["label_errors"][name] = labels if isinstance(labels, str) else labels.model_dump(mode="json")
    return made


def _shapes(dataset: Dataset) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from autotrain.data.shapes import suggestions

    return [asdict(each) | {"findings": _said_of(dataset, each)} for each in suggestions(dataset.profile)]


def _said_of(dataset: Dataset, suggestion: Suggestion) -> list[dict[str, Any]]:
    """What is found in the rows under a shape that fits."""
    from autotrain.data.shapes import SHAPES

    if not suggestion.fits:
        return []
    columns = {guess.role: guess.column for guess in suggestion.mapping if guess.column is not None}
    return [finding.model_dump(mode="json") for finding in SHAPES[suggestion.shape].check(dataset.table(), columns)]


def _show_shapes(dataset: Dataset, out: Any) -> None:
    from autotrain.data.shapes import suggestions
    from autotrain.events import Finding as Said

    ranked = suggestions(dataset.profile)
    if not ranked[0].fits:
        out.print("The table has none of the known shapes.", style="bold")
        return
    out.print(f"Looks like: {ranked[0].title.lower()} ({ranked[0].reason})", markup=False, style="bold")
    others = ", ".join(each.title.lower() for each in ranked[1:] if each.fits)
    if others:
        out.print(f"  could be too: {others}", markup=False)
    if ranked[0].shape != "classification":  # which the task below says itself
        _show_findings([Said.model_validate(each) for each in _said_of(dataset, ranked[0])], out)


def _fits(dataset: Dataset) -> dict[str, Any]:
    from dataclasses import asdict

    from autotrain.tasks import TASKS

    return {name: asdict(task.suits(dataset.profile)) for name, task in TASKS.items()}


def _show_profile(dataset: Dataset, out: Any) -> None:
    from rich.table import Table

    profile = dataset.profile
    how = f"{profile.encoding}, cells separated by {profile.delimiter!r}" if profile.delimiter else profile.format
    out.print(
        f"{dataset.name}: {profile.rows:,} rows, {profile.size_bytes / 1e6:.1f} MB, {how}, "
        f"{profile.duplicate_rows:,} repeated rows, dataset {dataset.id}",
        markup=False,
    )
    table = Table("column", "kind", "why", "empty", "distinct", "first value")
    for column in profile.columns:
        first = next(iter(column.examples), "")
        table.add_row(column.name, column.kind, column.reason, f"{column.empty:,}", f"{column.distinct:,}", first[:40])
    out.print(table)


def _show_fit(dataset: Dataset, task: Task, out: Any) -> None:
    fit = task.suits(dataset.profile)
    out.print(f"{task.title}: {fit.reason}", markup=False, style="bold")
    for guess in fit.mapping:
        out.print(f"  {guess.role}: {guess.column or '—'} ({guess.certainty}) {guess.reason}", markup=False)
    findings = list(dataset.profile.findings)
    mapping = {guess.role: guess.column for guess in fit.mapping if guess.column is not None}
    if not task.missing(mapping):
        findings += task.check(dataset.table(), mapping, task.params_class())
    _show_findings(findings, out)


def _show_findings(findings: list[Finding], out: Any) -> None:
    for finding in findings:
        mark = "must fix" if finding.severity == "error" else "worth knowing"
        rows = f" Rows {', '.join(map(str, finding.rows[:8]))}." if finding.rows else ""
        out.print(f"  {mark}: {finding.sentence()}{rows}", markup=False)
        if finding.fix is not None and finding.fix.step is not None and len(str(finding.fix.step)) < 200:
            out.print(f"    mends it: --step '{json.dumps(finding.fix.step)}'", markup=False, highlight=False)
