"""`autotrain runs`: what is in the record, and what to wish of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from autotrain.cli.context import console, find_run, open_record, open_settings

if TYPE_CHECKING:
    from autotrain.runs.state import Wish
    from autotrain.runs.store import Run

app = typer.Typer(help="List, show, pause, resume, cancel, prioritise, prune and delete runs.", no_args_is_help=True)
WIDE = 120
"""Columns of a terminal that has room for every fact of a run on one line; a narrower one leaves out task and model."""
WhichRun = Annotated[str, typer.Argument(help="A run's id, the beginning of it, or its name.")]


@app.command("list")
def list_runs(search: Annotated[str, typer.Argument(help="Part of a name, model or dataset.")] = "") -> None:
    """Runs, newest first."""
    from rich.table import Column, Table

    from autotrain.runs.state import WORDS

    out, store = console(), open_record(open_settings())
    queue = store.queue()
    wide = out.width >= WIDE
    plain = Column("name", no_wrap=True, overflow="ellipsis"), *(("task", "model") if wide else ())
    table = Table(Column("id", no_wrap=True, min_width=12), *plain, "state", Column("score", no_wrap=True), "created")
    for run in store.list(search=search):
        score = next(iter(run.outcome.scores.items()), None) if run.outcome else None
        shown = f"{score[0]} {score[1]:.3f}" if score else ""
        created = time.strftime("%Y-%m-%d %H:%M" if wide else "%d %b %H:%M", time.localtime(run.created_at))
        about = (run.task, run.model) if wide else ()
        table.add_row(run.id, run.name, *about, queue.why(run.id) or WORDS[run.state], shown, created)
    out.print(table)


@app.command()
def show(run: WhichRun) -> None:
    """One run: its state, its result, its folder."""
    from autotrain.cli.train import show_result

    settings = open_settings()
    store = open_record(settings)
    found = find_run(store, run)
    out = console()
    out.print(f"{found.name} ({found.id}): {said(found)}", markup=False)
    if found.state == "queued":
        out.print(f"Priority {found.priority}. {store.queue().why(found.id) or ''}", markup=False)
    if found.progress is not None and found.state in {"starting", "running"}:
        out.print(f"Phase {found.phase}, step {found.progress.step} of {found.progress.total_steps}.")
    out.print(f"Folder: {settings.runs / found.id}", markup=False)
    if found.state == "succeeded":
        show_result(found, settings.runs / found.id, out)


def said(run: Run) -> str:
    """The state in words, and the reason where it says more."""
    from autotrain.runs.state import WORDS

    state = f"{WORDS[run.state]}."
    return state if run.reason in (None, state) else f"{state} {run.reason}"


def _wish(run: str, wish: Wish, said: str) -> None:
    from autotrain.runs.resuming import where_it_goes_on

    store = open_record(open_settings())
    found = find_run(store, run)
    now = store.wish(found.id, wish)
    if wish == "run":
        said += where_it_goes_on(now)
    console().print(f"{found.name}: {said}", markup=False)


@app.command()
def pause(run: WhichRun) -> None:
    """Keep a checkpoint and stop; `resume` goes on from there."""
    _wish(run, "pause", "will pause after this step and keep a checkpoint.")


@app.command()
def resume(run: WhichRun) -> None:
    """Go on with a paused, failed or cancelled run from its last checkpoint; without one, from the beginning."""
    _wish(run, "run", "queued again. ")


@app.command()
def finish(run: WhichRun) -> None:
    """Stop training now, then evaluate and keep the adapter."""
    _wish(run, "finish", "will stop training, evaluate and keep the adapter.")


@app.command()
def cancel(run: WhichRun) -> None:
    """Stop a run without a result."""
    _wish(run, "cancel", "will be cancelled.")


@app.command()
def priority(
    run: WhichRun, priority: Annotated[str, typer.Argument(help="low, normal or high: who goes first.")]
) -> None:
    """Say how urgent a waiting run is."""
    from autotrain.errors import RunError
    from autotrain.runs.state import PRIORITIES

    if priority not in PRIORITIES:
        raise RunError(f"{priority!r} is no priority. Choose {', '.join(PRIORITIES[:-1])} or {PRIORITIES[-1]}.")
    store = open_record(open_settings())
    now = store.prioritise(find_run(store, run).id, priority)
    console().print(f"{now.name}: priority {now.priority}. {store.queue().why(now.id) or ''}".rstrip(), markup=False)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be deleted, and why.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Delete checkpoints that are no longer kept. Adapters, reports, events and recipes always stay."""
    import json
    from dataclasses import asdict

    from autotrain.retention.checkpoints import prunable
    from autotrain.retention.sweeping import sweep

    settings = open_settings()
    store = open_record(settings)
    found = prunable(settings, store) if dry_run else sweep(settings, store)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
        return
    out = console()
    for one in found:
        out.print(f"{one.run_id}  {one.name}  {one.size_bytes / 1e6:,.1f} MB  {one.reason}", markup=False)
    total = sum(one.size_bytes for one in found) / 1e6
    out.print(
        f"{'Would free' if dry_run else 'Freed'} {total:,.1f} MB of {len(found)} runs' checkpoints.", markup=False
    )


@app.command()
def delete(run: WhichRun, files: Annotated[bool, typer.Option(help="Delete the run's folder too.")] = False) -> None:
    """Forget a run; with --files its folder and adapter too."""
    import shutil

    settings = open_settings()
    store = open_record(settings)
    found = find_run(store, run)
    store.delete(found.id)
    if files:
        shutil.rmtree(settings.runs / found.id, ignore_errors=True)
    kept = "" if files else f" Its files stay in {settings.runs / found.id}."
    console().print(f"{found.name}: deleted.{kept}", markup=False)
