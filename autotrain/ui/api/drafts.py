"""Routes of the page New run: what there is to choose from, a dataset to look at, and a draft to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from autotrain.data.parts import suggested_split
from autotrain.data.samples import SAMPLES
from autotrain.data.shapes import SHAPES, Suggestion, suggestions
from autotrain.data.store import Dataset
from autotrain.events import Finding
from autotrain.recipe import presets
from autotrain.table import ColumnProfile
from autotrain.task import Column
from autotrain.tasks import TASKS
from autotrain.training.hardware import hardware
from autotrain.ui.api.publications import Checked, checked
from autotrain.ui.drafts import Draft, Look, Target, from_yaml, look
from autotrain.ui.forms import Widget, widgets
from autotrain.ui.services import Services

HEAD_ROWS = 6
LONGEST_CELL = 280
"""Characters of a cell that the preview sends: a text of 100,000 is not worth its bytes here."""


class Role(BaseModel):
    """A role that a column can play."""

    role: str
    title: str
    help: str
    kind: str
    required: bool


class PresetView(BaseModel):
    """A preset with every parameter written out."""

    name: str
    title: str
    description: str
    model: str
    params: dict[str, Any]


class TaskView(BaseModel):
    """A task: the shapes of table it learns from, its presets and form, and what its adapter is asked."""

    name: str
    title: str
    description: str
    shapes: list[str]
    roles: list[Role]
    asks: list[Role]
    verb: str
    generates: bool
    base: str
    presets: list[PresetView]
    form: list[Widget]


class SampleView(BaseModel):
    """A built-in table."""

    name: str
    title: str
    description: str


class Offer(BaseModel):
    """Everything the page can offer before anything is chosen."""

    tasks: list[TaskView]
    samples: list[SampleView]
    shapes: dict[str, list[Role]]
    """The roles of every shape of table."""
    machine: str
    home: str
    largest_upload: int


class Guess(BaseModel):
    """Which column plays a role, how sure that is, and why."""

    role: str
    column: str | None
    certainty: str
    reason: str


class ShapeView(BaseModel):
    """How well a table has a shape, why, and which column plays which role."""

    shape: str
    title: str
    description: str
    fits: bool
    score: float
    reason: str
    mapping: list[Guess]
    tasks: list[str]
    """The tasks that learn from it here, the usual one first."""


class DatasetDetail(BaseModel):
    """A dataset as the page shows it: first rows, columns described, the shapes it may have, findings."""

    id: str
    name: str
    rows: int
    size_bytes: int
    encoding: str
    delimiter: str
    format: str
    sheet: str
    sheets: list[str]
    duplicate_rows: int
    created_at: float
    columns: list[ColumnProfile]
    head: list[dict[str, str]]
    findings: list[Finding]
    suggestions: list[ShapeView]
    split: dict[str, str]
    """The way to split that the table itself asks for, if any."""


class Pasted(BaseModel):
    """Rows from the clipboard; the first line names the columns."""

    text: str = Field(min_length=1, max_length=20_000_000)
    name: str = Field("Pasted rows", min_length=1, max_length=200)


class Named(BaseModel):
    """A built-in sample by name."""

    name: str = Field(max_length=100)


class EditedRecipe(BaseModel):
    """YAML as a person edited it, and the draft it was made from."""

    text: str = Field(max_length=200_000)
    draft: Draft


def router(services: Services) -> APIRouter:
    """Routes under `/studio`, `/datasets` and `/drafts`."""
    made = APIRouter(tags=["new run"])

    @made.get("/studio")
    def offer() -> Offer:
        """Tasks with presets and forms, samples, and this machine in one line."""
        return Offer(
            tasks=[_task(name) for name in TASKS],
            shapes={name: roles(shape.roles) for name, shape in SHAPES.items()},
            samples=[SampleView(name=one.name, title=one.title, description=one.description) for one in SAMPLES],
            machine=hardware().title,
            home=str(services.settings.root),
            largest_upload=services.settings.max_upload_bytes,
        )

    @made.post("/datasets/paste", status_code=201)
    def paste(pasted: Pasted) -> DatasetDetail:
        """Import pasted rows."""
        return detail(services.datasets.add_text(pasted.text, pasted.name))

    @made.post("/datasets/sample", status_code=201)
    def sample(named: Named) -> DatasetDetail:
        """Import a built-in sample."""
        return detail(services.datasets.resolve(f"sample:{named.name}"))

    @made.get("/datasets/{dataset_id}")
    def show(dataset_id: str) -> DatasetDetail:
        """A dataset with its first rows, its profile, and the roles guessed for every shape."""
        return detail(services.datasets.get(dataset_id))

    @made.post("/drafts/look")
    def judge(draft: Draft) -> Look:
        """What is missing, wrong, different from the preset, and what the run would cost here."""
        return look(draft, services)

    @made.post("/drafts/yaml")
    def edited(recipe: EditedRecipe) -> Draft:
        """The draft that edited YAML describes."""
        return from_yaml(recipe.text, recipe.draft)

    @made.post("/drafts/target")
    def target(target: Target) -> Checked:
        """Whether the token may publish there, before anything is spent on training."""
        return checked(target.repository, target.private, services.account)

    return made


def detail(dataset: Dataset) -> DatasetDetail:
    """A dataset as the page shows it; long cells are cut."""
    profile = dataset.profile
    head = [{name: _cut(value) for name, value in row.items()} for row in dataset.head(HEAD_ROWS)]
    return DatasetDetail(
        id=dataset.id,
        name=dataset.name,
        rows=profile.rows,
        size_bytes=profile.size_bytes,
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        format=profile.format,
        sheet=profile.sheet,
        sheets=list(profile.sheets),
        duplicate_rows=profile.duplicate_rows,
        created_at=dataset.created_at.timestamp(),
        columns=[
            column.model_copy(update={"examples": tuple(_cut(example) for example in column.examples)})
            for column in profile.columns
        ],
        head=head,
        findings=list(profile.findings),
        suggestions=[_shape(suggestion) for suggestion in suggestions(profile)],
        split=suggested_split(profile),
    )


def _shape(suggestion: Suggestion) -> ShapeView:
    view = asdict(suggestion) | {"mapping": [Guess(**asdict(guess)) for guess in suggestion.mapping]}
    return ShapeView(**view, tasks=[name for name, task in TASKS.items() if suggestion.shape in task.shapes])


def _cut(value: str | None) -> str:
    value = value or ""
    return value if len(value) <= LONGEST_CELL else f"{value[:LONGEST_CELL]}…"


def roles(columns: Sequence[Column]) -> list[Role]:
    """Roles as the page shows them."""
    return [
        Role(role=one.role, title=one.title, help=one.help, kind=one.kind, required=one.required) for one in columns
    ]


def _task(name: str) -> TaskView:
    task = TASKS[name]
    return TaskView(
        name=name,
        title=task.title,
        description=task.description,
        shapes=list(task.shapes),
        roles=roles(task.columns),
        asks=roles(task.asks),
        verb=task.verb,
        generates=task.generates,
        base=task.base,
        presets=[
            PresetView(
                name=key,
                title=preset.title,
                description=preset.description,
                model=preset.model,
                params=preset.typed_params().model_dump(mode="json"),
            )
            for key, preset in presets(name).items()
        ],
        form=widgets(task.params_class),
    )
