"""The command line: up, train, evaluate, judge, predict, runs, data, models, export, push, backup, restore, doctor."""

from __future__ import annotations

import errno

import typer

from autotrain.cli import backups, data, diagnose, evaluate, models, recipes, results, runs, serve, train
from autotrain.errors import AutotrainError

app = typer.Typer(
    name="autotrain",
    help="No-code fine-tuning: a table becomes an evaluated adapter on the Hugging Face Hub.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up")(serve.up)
app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(train.train)
app.command("evaluate", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(evaluate.evaluate)
app.command("judge")(evaluate.judge)
app.command("predict")(results.predict)
app.command("export")(results.export)
app.command("push")(results.push)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("doctor")(diagnose.doctor)
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")
app.add_typer(recipes.app, name="recipes")


def main() -> None:
    """Entry of the console script. What is raised on purpose is printed as a sentence, with exit status 1."""
    try:
        app()
    except AutotrainError as error:
        typer.echo(f"autotrain: {error.message}", err=True)
        raise SystemExit(1) from None
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        raise SystemExit(0) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        typer.echo("autotrain: There is no space left on the disk. Free some space and try again.", err=True)
        raise SystemExit(1) from None
