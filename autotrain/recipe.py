"""A recipe: the whole description of a run, as data. YAML in, YAML out; every problem is reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autotrain.data.steps import Step
from autotrain.errors import RecipeError, flaw
from autotrain.runs.state import Priority
from autotrain.task import Params, Task
from autotrain.tasks import TASKS


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Split(_Part):
    """How the rows are divided. Shares are of the whole table; the rest is for training.

    `stratified`: by chance, every class alike. `grouped`: rows with the same `column` stay together. `time`: the newest
    by `column` are for the test. `k-fold`: part number `fold` of `folds` is for the test. `given`: as `column` says.
    """

    method: Literal["stratified", "grouped", "time", "k-fold", "given"] = Field("stratified", title="Method")
    column: str | None = Field(None, title="Group, time or split column")
    validation: float = Field(0.1, gt=0, lt=0.5, title="Validation share")
    test: float = Field(0.1, gt=0, lt=0.5, title="Test share")
    folds: int = Field(5, ge=2, le=50, title="Folds")
    fold: int = Field(1, ge=1, title="Fold for the test")
    near_duplicates: Literal["together", "ignore"] = Field("together", title="Nearly equal texts")
    seed: int = Field(42, ge=0, title="Split seed")

    @model_validator(mode="after")
    def _complete(self) -> Split:
        if self.method in ("grouped", "time", "given") and not self.column:
            raise ValueError(f"{self.method} needs a column: name it in split.column, or choose method: stratified")
        if self.fold > self.folds:
            raise ValueError(f"there is no fold {self.fold} of {self.folds}; choose 1 to {self.folds}")
        return self


class Data(_Part):
    """Where the rows come from and which column plays which role.

    `source` is a path to a file, the id of an imported dataset, or `sample:<name>`. `steps` change the rows before
    they are checked and split.
    """

    source: str
    columns: dict[str, str]
    steps: tuple[Step, ...] = ()
    split: Split = Split()


class PublishTarget(_Part):
    """Where the finished adapter should go. `repository` is `name` or `owner/name`."""

    repository: str
    private: bool = True


class Resources(_Part):
    """What a run asks of a machine. Without graphics cards it computes on the processor, whatever `devices` says."""

    devices: int = Field(1, ge=1, le=64, title="Graphics cards")
    priority: Priority = Field("normal", title="Priority")


class Recipe(_Part):
    """A task, a base model, its parameters; and, unless it is a preset, the data.

    `model` is a name from the catalogue, a local folder, or a Hub id, optionally `id@revision`.
    """

    version: Literal[1] = 1
    task: str
    title: str
    description: str = ""
    model: str
    data: Data | None = None
    params: dict[str, Any] = {}
    publish: PublishTarget | None = None
    resources: Resources = Resources()

    def with_data(self, source: str | Path, **columns: str) -> Recipe:
        """This recipe on a file, a dataset id or `sample:<name>`; `columns` says which column plays each role.

        Raises:
            RecipeError: a role the task does not have, or one that is missing.
        """
        split = self.data.split if self.data is not None else Split()
        data = Data(source=str(source), columns=columns, split=split)
        return parse(self.model_copy(update={"data": data}).model_dump(mode="json", exclude_none=True), self.title)

    def the_task(self) -> Task:
        """The task this recipe names."""
        return TASKS[self.task]

    def typed_params(self) -> Params:
        """The parameters in the task's own type. PyYAML reads 2e-5 as text; here it becomes a number."""
        return self.the_task().params_class.model_validate(self.params)

    def to_yaml(self) -> str:
        """As YAML, with every parameter written out, so that a later change of a default changes nothing."""
        body = self.model_dump(mode="json", exclude_none=True)
        body["params"] = self.typed_params().model_dump(mode="json")
        return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=100)


def parse(document: object, source: str = "recipe") -> Recipe:
    """A recipe from parsed YAML or JSON.

    Raises:
        RecipeError: with every problem found: unknown keys, unknown task, parameters out of bounds, missing roles.
    """
    if not isinstance(document, Mapping):
        raise RecipeError(source, ["is not a mapping of keys to values; start from one of the presets in recipes/"])
    problems: list[str] = []
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(document)
    except ValidationError as error:
        problems += _problems(error)
    name = document.get("task")
    if isinstance(name, str):
        if name not in TASKS:
            problems.append(f"task: {name!r} is not one of {', '.join(sorted(TASKS))}")
        else:
            problems += _task_problems(TASKS[name], document)
    if problems or recipe is None:
        raise RecipeError(source, problems)
    return recipe


def loads(text: str, source: str = "recipe") -> Recipe:
    """A recipe from YAML text. Raises RecipeError."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(source, [f"is not YAML: {' '.join(str(error).split())}"]) from error
    return parse(document, source)


def load(path: Path) -> Recipe:
    """A recipe from a file. Raises RecipeError.

    `recipes/<task>/<preset>.yaml` is the preset of that name from any folder, unless a file of one's own lies there.
    """
    shipped = recipes_folder().parent / path
    try:
        found = shipped if path.parts[:1] == ("recipes",) and not path.exists() and shipped.is_file() else path
        text = found.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            str(path), [f"cannot be read ({error}). Check the path; `autotrain recipes list` shows the presets."]
        ) from error
    return loads(text, str(path))


def recipes_folder() -> Path:
    """Where the presets lie: in the wheel beside this module, in a checkout beside the package."""
    shipped = Path(__file__).parent / "shipped" / "recipes"
    return shipped if shipped.is_dir() else Path(__file__).parent.parent / "recipes"


def presets(task: str) -> dict[str, Recipe]:
    """The presets of a task by file name (`fast`, `balanced`, `best`), quickest first."""
    folder = recipes_folder() / task.replace("-", "_")
    found = {path.stem: load(path) for path in folder.glob("*.yaml")}
    order = ("fast", "balanced", "best")
    return dict(sorted(found.items(), key=lambda item: (order.index(item[0]) if item[0] in order else 9, item[0])))


def _task_problems(task: Task, document: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []
    params = document.get("params") or {}
    if isinstance(params, Mapping):
        try:
            task.params_class.model_validate(dict(params))
        except ValidationError as error:
            problems += _problems(error, "params")
    data = document.get("data")
    columns = data.get("columns") if isinstance(data, Mapping) else None
    if isinstance(columns, Mapping):
        known = {column.role for column in task.columns}
        problems += [
            f"data.columns: {role!r} is not a role of {task.name}; its roles are {', '.join(sorted(known))}"
            for role in columns
            if role not in known
        ]
        needed = sorted(column.role for column in task.missing(columns))
        problems += [f"data.columns: the role {role!r} has no column" for role in needed]
    return problems


def _problems(error: ValidationError, *prefix: str) -> list[str]:
    return [_sentence(".".join([*prefix, *map(str, item["loc"])]), dict(item)) for item in error.errors()]


def _sentence(where: str, problem: Mapping[str, Any]) -> str:
    if problem["type"] == "missing":
        return f"{where}: is missing"
    shown = repr(problem["input"])
    return f"{where}: {shown if len(shown) <= 80 else shown[:77] + '...'} {flaw(problem)}"
