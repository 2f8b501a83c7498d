"""`autotrain recipes`: the presets and what can be set."""

from __future__ import annotations

from typing import Annotated

import typer

from autotrain.cli.context import console

app = typer.Typer(help="The presets, and every parameter with its meaning and bounds.", no_args_is_help=True)


@app.command("list")
def list_presets() -> None:
    """The presets of every task."""
    from autotrain.recipe import presets, recipes_folder
    from autotrain.tasks import TASKS

    out = console()
    for task in TASKS.values():
        out.print(f"[bold]{task.name}[/bold]  {task.title}")
        for name, preset in presets(task.name).items():
            path = recipes_folder() / task.name.replace("-", "_") / f"{name}.yaml"
            out.print(f"  {preset.title:<10} {preset.description}", markup=False)
            out.print(f"  {'':<10} {path}", markup=False)


@app.command()
def params(task: Annotated[str, typer.Argument(help="A task's name.")] = "text-classification") -> None:
    """Every parameter of a task: its option, default, bounds and meaning."""
    from rich.table import Column, Table

    from autotrain.errors import RecipeError
    from autotrain.tasks import TASKS

    if task not in TASKS:
        raise RecipeError("autotrain recipes params", [f"{task!r} is not a task; the tasks are {', '.join(TASKS)}"])
    table = Table(Column("option", no_wrap=True), "default", "bounds", "meaning")
    for role in TASKS[task].columns:
        table.add_row(f"--{role.role}", "needed" if role.required else "", "a column's name", role.help)
    schema = TASKS[task].params_class.model_json_schema()["properties"]
    for group in dict.fromkeys(field.get("group", "") for field in schema.values()):
        table.add_section()
        if group:
            table.add_row(f"[bold]{group}[/bold]")
        for name, field in schema.items():
            if field.get("group", "") == group:
                option, default = f"--{name.replace('_', '-')}", str(field.get("default", ""))
                table.add_row(option, default, _bounds(field), field.get("description", ""))
    console().print(table)


def _bounds(field: dict[str, object]) -> str:
    if isinstance(choices := field.get("enum"), list):
        return " | ".join(map(str, choices))
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {field[key]}" for key, sign in words.items() if key in field)
