"""`autotrain train`: a recipe from the terminal, with the same trainer process as the page."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autotrain.cli.context import console, open_datasets, open_record, open_settings
from autotrain.cli.results import show_publication
from autotrain.errors import DataError, RecipeError

if TYPE_CHECKING:
    from autotrain.recipe import Recipe
    from autotrain.runs.store import Run
    from autotrain.settings import Settings
    from autotrain.task import Task


def train(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="A recipe file; the presets lie in recipes/.")],
    data: Annotated[str | None, typer.Option(help="A file, a dataset id, or sample:<name>.")] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(help="A change to the rows as YAML, such as '{step: trim, columns: [text]}'; may be repeated."),
    ] = None,
    split_method: Annotated[
        str | None, typer.Option(help="stratified, grouped, time, k-fold or given; see docs/data.md.")
    ] = None,
    split_by: Annotated[str | None, typer.Option(help="The group, time or split column.")] = None,
    fold: Annotated[int | None, typer.Option(help="Which fold is the test, with --split-method k-fold.")] = None,
    folds: Annotated[int | None, typer.Option(help="How many folds there are.")] = None,
    model: Annotated[str | None, typer.Option(help="Another base model: a name, a folder, or a Hub id.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for the run.")] = None,
    publish: Annotated[str | None, typer.Option(help="Repository to push the finished adapter to.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Make that repository public.")] = False,
    devices: Annotated[int | None, typer.Option(help="Graphics cards to train on.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high: who goes first where runs wait.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Leave it to the worker of `autotrain up`.")] = False,
) -> None:
    """Train a recipe.

    Every role and every parameter of the task is an option too: `--text review --label stars --learning-rate 1e-4`.
    `autotrain recipes params` lists them.
    """
    from autotrain import api, submission
    from autotrain.recipe import load

    settings = open_settings()
    split = {"method": split_method, "column": split_by, "fold": fold, "folds": folds}
    given = {key: value for key, value in split.items() if value is not None}
    asked = {"devices": devices, "priority": priority}
    changes: dict[str, Any] = {"split": given, "data": data, "step": step, "model": model, "publish": publish}
    changes |= {"private": not public, "resources": asked}
    out = console()
    wanted = with_options(load(recipe), changes, context.args, Guessing(settings, out))
    if queue:
        run = submission.submit(wanted, settings, open_record(settings), name=name)
        out.print(f"Queued as {run.id} ({run.name}). Follow it on the page or with `autotrain runs show {run.id}`.")
        out.print(open_record(settings).queue().why(run.id) or "", markup=False)
        return
    interrupted = _interruptible()
    with Follower(out) as follower:
        finished = api.train(wanted, settings=settings, name=name, on_event=follower, stopping=interrupted.is_set)
    if interrupted.is_set() and finished.run.state == "queued":
        from jobs.up import is_up

        heir = "The running app goes on with it" if is_up(settings) else "`autotrain up` goes on with it"
        out.print(
            f"Stopped with a checkpoint. {heir}; `autotrain runs pause {finished.run.id}` keeps it waiting, "
            f"`autotrain runs cancel {finished.run.id}` ends it."
        )
        raise typer.Exit(1)
    show_result(finished.run, finished.folder.path, out)
    if finished.run.state != "succeeded":
        raise typer.Exit(1)
    for publication in open_record(settings).publications(finished.run.id):
        show_publication(publication, finished.run, settings, out)


def _interruptible() -> threading.Event:
    """Set by Ctrl-C: the trainer then finishes its step and keeps a checkpoint. A second Ctrl-C ends at once."""
    asked = threading.Event()

    def ask(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    return asked


class Guessing:
    """Finds the columns that the command line does not name, as the page does: those that are sure."""

    def __init__(self, settings: Settings, out: Any) -> None:
        self._settings, self._out = settings, out

    def split(self, source: str) -> dict[str, str]:
        """How the table itself asks to be split; nothing if it does not."""
        from autotrain.data.parts import suggested_split

        found = suggested_split(open_datasets(self._settings).resolve(source).profile)
        if found:
            self._out.print(f'Split: as the column "{found["column"]}" says', markup=False)
        return found

    def __call__(self, task: Task, source: str, named: dict[str, str]) -> dict[str, str]:
        """The columns for all roles. Raises DataError; RecipeError when one is not sure."""
        from autotrain.data.findings import ONE_COLUMN

        if not task.missing(named):
            return named
        profile = open_datasets(self._settings).resolve(source).profile
        sure = {guess.role: guess.column for guess in task.suits(profile).mapping if guess.certainty == "sure"}
        columns = {role: column for role, column in sure.items() if column and column not in named.values()} | named
        absent = [column.role for column in task.missing(columns)]
        stopping = [
            finding.sentence()
            for finding in profile.findings
            if finding.severity == "error" or finding.code == ONE_COLUMN
        ]
        if absent and stopping:
            raise DataError("\n".join(stopping))
        if absent:
            options = " ".join(f"--{role} COLUMN" for role in absent)
            has = ", ".join(column.name for column in profile.columns)
            raise RecipeError(
                "columns", [f"which one is the {' and which the '.join(absent)}? Add {options}; {source} has {has}"]
            )
        self._out.print("Columns: " + ", ".join(f"{role}: {name}" for role, name in columns.items()), markup=False)
        return columns


def with_options(recipe: Recipe, changes: dict[str, Any], extra: list[str], guessing: Guessing) -> Recipe:
    """The recipe with the options of the command line put in; parameters are checked with the rest of the recipe.

    Raises:
        RecipeError: an option that is neither a role nor a parameter of the task, or a value out of bounds.
    """
    from autotrain.recipe import parse

    body = recipe.model_dump(mode="json", exclude_none=True)
    if changes["model"]:
        body["model"] = changes["model"]
    if changes["publish"]:
        body["publish"] = {"repository": changes["publish"], "private": changes["private"]}
    body["resources"] |= {name: value for name, value in changes.get("resources", {}).items() if value is not None}
    data = body.setdefault("data", {"columns": {}})
    _change_data(data, changes)
    task = recipe.the_task()
    roles = [column.role for column in task.columns]
    for option, value in pairs(extra):
        if option in roles:
            data["columns"][option] = value
        elif option in task.params_class.model_fields:
            body.setdefault("params", {})[option] = value
        else:
            known = ", ".join(f"--{name.replace('_', '-')}" for name in [*roles, *task.params_class.model_fields])
            raise RecipeError(recipe.title, [f"--{option.replace('_', '-')} is not an option of {task.name}: {known}"])
    if "source" not in data:
        raise RecipeError(recipe.title, ["has no data: add --data FILE, or --data sample:language-identification"])
    if "split" not in data and (found := guessing.split(data["source"])):
        data["split"] = found
    data["columns"] = guessing(task, data["source"], data["columns"])
    return parse(body, recipe.title)


def _change_data(data: dict[str, Any], changes: dict[str, Any]) -> None:
    if changes["data"]:
        data["source"] = changes["data"]
    if changes.get("step"):
        data["steps"] = [_parsed(text) for text in changes["step"]]
    if changes.get("split"):
        data["split"] = data.get("split", {}) | changes["split"]


def _parsed(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError("--step", [f"{text!r} is not YAML: {' '.join(str(error).split())}"]) from error


def pairs(extra: list[str]) -> list[tuple[str, str]]:
    """Options and their values: `--text review` or `--text=review`. Raises RecipeError for what is neither."""
    pairs: list[tuple[str, str]] = []
    rest = iter(extra)
    for word in rest:
        if not word.startswith("--"):
            raise RecipeError("command line", [f"{word!r} is not an option; options are written --name value"])
        option, equals, value = word.removeprefix("--").partition("=")
        if not equals:
            following = next(rest, None)
            if following is None:
                raise RecipeError("command line", [f"{word} has no value"])
            value = following
        pairs.append((option.replace("-", "_"), value))
    return pairs


class Follower:
    """Shows a run's events as a progress bar and lines."""

    def __init__(self, out: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._out = out
        self._bar = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=out,
        )
        self._phase = self._bar.add_task("queue", total=None, note="")

    def __enter__(self) -> Follower:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, event: Any) -> None:
        """Show one event."""
        match event.kind:
            case "phase":
                self._bar.reset(self._phase, description=event.name, total=1, note="")
                self._bar.update(self._phase, completed=event.fraction or 0.0)
            case "progress":
                speed = f"{event.samples_per_second:.0f} samples/s" if event.samples_per_second else ""
                self._bar.update(
                    self._phase,
                    total=event.total_steps,
                    completed=event.step,
                    note=f"step {event.step}/{event.total_steps} {speed}",
                )
            case "metric" if any(name.startswith("eval_") for name in event.values):
                values = "  ".join(
                    f"{name} {value:.4g}" for name, value in event.values.items() if name.startswith("eval_")
                )
                self._out.print(f"epoch {event.epoch:.2f}  {values}")
            case "log" | "finding":
                text = event.text if event.kind == "log" else event.sentence()
                self._out.print(text, markup=False)


def show_result(run: Run, folder: Path, out: Any) -> None:
    """The headline of a finished run: its verdict, its scores beside the baselines, where the adapter lies."""
    from autotrain.report import Report
    from autotrain.runs.folder import RunFolder

    files = RunFolder(folder)
    if run.state != "succeeded" or not files.report.exists():
        out.print(f"{run.name}: {run.state}. {run.reason or ''}", markup=False)
        if run.state == "paused":
            out.print(f"Go on:   autotrain runs resume {run.id}", markup=False)
        return
    report = Report.model_validate_json(files.report.read_text("utf-8"))
    out.print(report.verdict(), markup=False)
    out.print(scores_table(report))
    out.print(f"Adapter: {files.adapter}", markup=False)
    out.print(f'Try it:  autotrain predict {run.id} "some text"', markup=False)


def scores_table(report: Any) -> Any:
    """Scores of the tuned model with their 95 % intervals, beside each baseline."""
    from rich.table import Table

    table = Table()
    table.add_column("score")
    table.add_column("this model")
    for baseline in report.baselines:
        table.add_column(baseline.title)
    for score in report.scores:
        interval = f" ({score.low:.3f} to {score.high:.3f})" if score.low is not None and score.high is not None else ""
        others = [
            next((f"{s.value:.3f}" for s in baseline.scores if s.name == score.name), "")
            for baseline in report.baselines
        ]
        table.add_row(score.title, f"{score.value:.3f}{interval}", *others)
    return table
