"""The rules of the house: layers, light imports, budgets, types, style."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import autotrain.tasks
from autotrain.recipe import load, presets, recipes_folder
from autotrain.tasks import TASKS

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "autotrain").rglob("*.py"), *(ROOT / "jobs").rglob("*.py"), ROOT / "app.py"])
HEAVY = ("torch", "transformers", "datasets", "peft", "sklearn", "evaluate", "pandas", "accelerate")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.mark.parametrize("command", [("check", "."), ("format", "--check", ".")], ids=["lint", "format"])
def test_the_code_is_clean(command: tuple[str, ...]) -> None:
    result = run("-m", "ruff", *command)
    assert result.returncode == 0, result.stdout + result.stderr


def test_types_are_strict() -> None:
    result = run("-m", "mypy")
    assert result.returncode == 0, result.stdout[-4000:]


def test_the_layers_hold() -> None:
    result = run("-c", "from importlinter.cli import lint_imports_command as c; c()")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    "module",
    [
        "autotrain",
        "autotrain.cli",
        "autotrain.recipe",
        "autotrain.submission",
        "autotrain.runs.sql",
        "autotrain.predictor",
        "jobs.supervisor",
        "jobs.worker",
    ],
)
def test_no_heavy_library_is_imported_before_it_is_used(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    result = run("-c", code)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [name for extra in project["optional-dependencies"].values() for name in extra]
    declared = {canonical(re.split(r"[\[<>=~! ]", name, maxsplit=1)[0]) for name in [*project["dependencies"], *extras]}
    owners = packages_distributions()
    undeclared = {
        name.split(".")[0]
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in imported(node)
        if name.split(".")[0] not in {*sys.stdlib_module_names, "autotrain", "jobs"}
        and not declared & {canonical(owner) for owner in owners.get(name.split(".")[0], [])}
    }
    assert undeclared == set()


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []


def canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_file_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_files_and_functions_keep_to_their_budgets() -> None:
    over: list[str] = []
    for path in SOURCES:
        text = path.read_text("utf-8")
        limit = 200 if path.parent.name == "tasks" else 400
        if len(text.splitlines()) > limit:
            over.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines, at most {limit}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 60:
                    over.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines, at most 60")
    assert over == []


def test_no_file_is_a_grab_bag() -> None:
    names = {"utils", "common", "helpers", "misc", "manager"}
    assert [path.name for path in SOURCES if path.stem in names] == []


def test_every_task_file_is_in_the_list_and_only_there() -> None:
    files = {module.name for module in pkgutil.iter_modules(autotrain.tasks.__path__)}
    assert files == {type(task).__module__.rsplit(".", 1)[-1] for task in TASKS.values()}
    assert {name.replace("-", "_") for name in TASKS} == files


def test_every_preset_validates_and_every_task_has_three() -> None:
    found = sorted(recipes_folder().rglob("*.yaml"))
    assert len(found) == 3 * len(TASKS)
    for path in found:
        assert load(path).task.replace("-", "_") == path.parent.name
    for task in TASKS:
        assert list(presets(task)) == ["fast", "balanced", "best"]


def test_the_top_level_holds_what_was_agreed() -> None:
    agreed = {
        "pyproject.toml",
        "README.md",
        "app.py",
        "autotrain",
        "jobs",
        "recipes",
        "tests",
        "Procfile",
        "docs",
        "LICENSE",
    }
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    top = {name.split("/")[0] for name in listed}
    assert {name for name in top if not name.startswith(".")} <= agreed | {"CHANGELOG.md"}


def test_the_composition_root_is_short() -> None:
    assert len((ROOT / "app.py").read_text("utf-8").splitlines()) < 50
