"""`autotrain evaluate`, `judge`: how good a finished adapter is on another file, or in the eyes of another model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autotrain.cli.context import console, find_run, not_written, open_record, open_settings
from autotrain.errors import DataError

if TYPE_CHECKING:
    from autotrain.report import Judgement, Report


def evaluate(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A run's id or name, or the folder of a finished adapter.")],
    data: Annotated[str, typer.Option(help="A file with the answers that are right, or what a recipe may name.")],
    output: Annotated[Path | None, typer.Option(help="Where the whole report goes, as JSON.")] = None,
    model: Annotated[Path | None, typer.Option(help="Of an adapter's folder: its base model's folder.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda:0; what this machine has, by default.")] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Let the judge of Settings compare the written answers.")
    ] = False,
    steps: Annotated[bool, typer.Option(help="Do the steps of the run's recipe on these rows too.")] = True,
) -> None:
    """Repeat a run's test evaluation on another file.

    Columns are found by their names in the training; others are named by role: `--text review --label stars`.
    """
    from rich.progress import Progress

    from autotrain import api
    from autotrain.judge import JudgePlaces, judge_report

    settings, out, columns = open_settings(), console(), _columns(context.args)
    if device not in (None, "cpu") and not str(device).startswith("cuda"):
        raise DataError(f"--device is {device!r}, which is no device here: cpu, or cuda:0.", code="no-such-device")
    place = JudgePlaces(open_record(settings), settings).required() if judge else None
    with Progress(console=out, transient=True) as bar:
        shown = bar.add_task("evaluating", total=1.0)
        report = api.evaluate(
            what,
            data,
            columns,
            model=model,
            settings=settings,
            with_steps=steps,
            device=device,
            progress=lambda share: bar.update(shown, completed=share),
        )
        if place is not None:
            asked = bar.add_task(f"asking {place.model}", total=1.0)
            judgement = judge_report(report, place, progress=lambda share: bar.update(asked, completed=share))
            report = report.model_copy(update={"judgement": judgement})
    if output is not None:
        try:
            output.write_text(report.model_dump_json(indent=1), "utf-8")
        except OSError as error:
            raise not_written(output, error) from error
    show_report(report, out)
    if output is not None:
        out.print(f"Wrote {output}.", markup=False)


def show_report(report: Report, out: Any) -> None:
    """The verdict, the scores beside the baselines, and what a reader must know."""
    from autotrain.cli.train import scores_table

    out.print(report.verdict(), markup=False)
    out.print(scores_table(report))
    for sentence in report.notes:
        out.print(sentence, markup=False)
    if report.judgement is not None:
        show_judgement(report.judgement, out)
    out.print(f"Rows: {report.split.test:,}", markup=False)


def judge(
    run: Annotated[str, typer.Argument(help="A run's id, the beginning of it, or its name.")],
    output: Annotated[Path | None, typer.Option(help="Where the judgement goes, as JSON.")] = None,
) -> None:
    """Let the judge of Settings compare the answers that a finished run wrote with those of its base model.

    Each pair is asked twice, in both orders. The judgement is kept with the run.
    """
    from rich.progress import Progress

    from autotrain.judge import judge_run

    settings, out = open_settings(), console()
    store = open_record(settings)
    found = find_run(store, run)
    with Progress(console=out, transient=True) as bar:
        shown = bar.add_task("judging", total=1.0)
        judgement = judge_run(found.id, store, settings, lambda share: bar.update(shown, completed=share))
    if output is not None:
        try:
            output.write_text(judgement.model_dump_json(indent=1), "utf-8")
        except OSError as error:
            raise not_written(output, error) from error
    show_judgement(judgement, out)


def show_judgement(judgement: Judgement, out: Any) -> None:
    """The outcome, and what a reader must know of it."""
    for sentence in (judgement.sentence(), *judgement.notes):
        out.print(sentence, markup=False)


def _columns(extra: list[str]) -> dict[str, str]:
    """`--text review` as {"text": "review"}. Raises DataError for what is no such option."""
    from autotrain.cli.train import pairs
    from autotrain.errors import RecipeError

    try:
        return dict(pairs(extra))
    except RecipeError as error:
        raise DataError(error.message) from error
