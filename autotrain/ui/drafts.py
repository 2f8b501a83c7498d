"""A draft of a run: what the page has so far, as a recipe, with what is missing, what differs and what it will cost."""

from __future__ import annotations

import shlex
import threading
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from autotrain.data.freeze import SplitCounts, count_splits
from autotrain.data.parts import ignored_split
from autotrain.data.stepped import original_id, stepped
from autotrain.data.steps import STEPS, Step
from autotrain.data.store import Dataset, DatasetStore
from autotrain.errors import AutotrainError, DataError, RecipeError
from autotrain.events import Finding
from autotrain.models.estimates import estimate, machine_flops
from autotrain.recipe import Recipe, Split, loads, parse, presets
from autotrain.submission import possible
from autotrain.table import ColumnProfile
from autotrain.tasks import TASKS
from autotrain.training.hardware import hardware
from autotrain.ui.forms import Change, changes
from autotrain.ui.services import Services
from autotrain.workload import workload


class Target(BaseModel):
    """Where the finished adapter should go."""

    repository: str = Field(max_length=200)
    private: bool = True


class Draft(BaseModel):
    """What a person has chosen so far. Every part may still be missing."""

    task: str = "text-classification"
    dataset: str | None = None
    columns: dict[str, str] = {}
    model: str = Field("", max_length=1000)
    preset: str = "balanced"
    params: dict[str, Any] = {}
    steps: list[dict[str, Any]] = Field([], max_length=100)
    split: dict[str, Any] = {}
    publish: Target | None = None
    resources: dict[str, Any] = {}


class Cost(BaseModel):
    """What the run will take on this machine."""

    steps: int
    effective_batch_size: int
    batch: str
    seconds_low: float
    seconds_high: float
    memory_bytes: int
    fit: str
    sentence: str
    basis: str
    truncated: float


class Rows(BaseModel):
    """How the rows will be divided, exactly, and how many are left out for want of a text or a label."""

    train: int
    validation: int
    test: int
    dropped: int
    per_class: dict[str, tuple[int, int, int]]


class Mended(BaseModel):
    """The rows after the draft's steps, described."""

    rows: int
    duplicate_rows: int
    columns: list[ColumnProfile]


class Look(BaseModel):
    """A draft looked at: everything the summary and the three steps show."""

    missing: list[str]
    findings: list[Finding]
    model_findings: list[Finding]
    problems: list[str]
    changes: list[Change]
    steps: list[str]
    mended: Mended | None
    rows: Rows | None
    cost: Cost | None
    recipe: str
    command: str


def look(draft: Draft, services: Services) -> Look:
    """Everything there is to say about a draft, however unfinished."""
    recipe, problems = drafted(draft)
    dataset, trouble = _dataset(draft, services.datasets)
    problems += [trouble] if trouble else []
    complete = dataset is not None and not problems and not _unmapped(draft)
    findings, rows = judged(recipe, dataset) if complete and recipe and dataset else ([], None)
    model_findings = services.catalogue.check(draft.model, draft.task) if draft.model.strip() else []
    if recipe and not problems and not any(finding.severity == "error" for finding in model_findings):
        model_findings += possible(recipe, services.settings, services.catalogue)
    return Look(
        missing=missing(draft, dataset, [*findings, *model_findings], problems),
        findings=findings,
        model_findings=model_findings,
        problems=problems,
        changes=_changes(draft) if not problems else [],
        steps=[step.sentence() for step in _steps(draft)],
        mended=_mended(dataset) if dataset and dataset.id != draft.dataset else None,
        rows=rows,
        cost=cost(recipe, dataset, rows, services) if rows and recipe and dataset else None,
        recipe=recipe.to_yaml() if recipe else "",
        command=command(draft, recipe, dataset) if recipe else "",
    )


def _mended(dataset: Dataset) -> Mended:
    profile = dataset.profile
    return Mended(rows=profile.rows, duplicate_rows=profile.duplicate_rows, columns=list(profile.columns))


def drafted_rows(draft: Draft, services: Services) -> Dataset | None:
    """The draft's rows after its steps. Raises DataError when a step cannot be done."""
    dataset, trouble = _dataset(draft, services.datasets)
    if trouble:
        raise DataError(trouble)
    return dataset


def drafted(draft: Draft) -> tuple[Recipe | None, list[str]]:
    """The draft as a recipe, or everything that keeps it from being one. Without data it is a recipe without data."""
    preset = _preset(draft)
    body = preset.model_dump(mode="json", exclude_none=True)
    body["params"] = body["params"] | draft.params
    if draft.model.strip():
        body["model"] = draft.model.strip()
    if draft.publish is not None and draft.publish.repository.strip():
        body["publish"] = {"repository": draft.publish.repository.strip(), "private": draft.publish.private}
    if draft.resources:
        body["resources"] = draft.resources
    if draft.dataset and not _unmapped(draft):
        body["data"] = {"source": draft.dataset, "columns": draft.columns}
        if draft.steps:
            body["data"]["steps"] = draft.steps
        if draft.split:
            body["data"]["split"] = draft.split
    try:
        return parse(body, "recipe"), []
    except RecipeError as error:
        return None, list(error.problems)


def from_yaml(text: str, draft: Draft) -> Draft:
    """The draft as edited YAML says it. Raises RecipeError with every problem."""
    recipe = loads(text, "The YAML")
    known = presets(recipe.task)
    preset = next((name for name, each in known.items() if each.title == recipe.title), draft.preset)
    data = recipe.data
    return Draft(
        task=recipe.task,
        dataset=data.source if data else draft.dataset,
        columns=data.columns if data else draft.columns,
        model=recipe.model,
        preset=preset,
        params=recipe.typed_params().model_dump(mode="json"),
        steps=[step.model_dump(mode="json") for step in data.steps] if data else draft.steps,
        split=data.split.model_dump(mode="json") if data else draft.split,
        publish=Target(**recipe.publish.model_dump()) if recipe.publish else None,
        resources=recipe.resources.model_dump(mode="json", exclude_defaults=True),
    )


def missing(draft: Draft, dataset: Dataset | None, findings: list[Finding], problems: list[str]) -> list[str]:
    """What is still to do, the first thing first, each as the Start button would say it."""
    if dataset is None:
        return ["Choose the data"]
    wanted = [f"Choose the {title.lower()} column" for title in _unmapped(draft)]
    wanted += [] if draft.model.strip() else ["Choose a model"]
    wanted += ["Correct a setting"] if problems else []
    wanted += ["Fix what is marked “must fix”"] if any(each.severity == "error" for each in findings) else []
    return wanted


def cost(recipe: Recipe, dataset: Dataset, rows: Rows, services: Services) -> Cost | None:
    """Steps, time and memory here; None when the model's size or the settings that decide it are not known."""
    try:
        entry = services.catalogue.resolve(recipe.model)
    except AutotrainError:
        return None
    work, lengths = workload(recipe, dataset, rows, entry.path)
    machine = hardware().share(services.settings.slots, recipe.resources.devices)
    found = estimate(entry, work, machine, machine_flops(services.settings, machine))
    if found is None:
        return None
    return Cost(
        **{name: getattr(found, name) for name in Cost.model_fields if hasattr(found, name)},
        batch=f"{work.batch_size} × {work.accumulation} × {len(machine.devices)}",
        truncated=lengths.truncated,
    )


def command(draft: Draft, recipe: Recipe, dataset: Dataset | None) -> str:
    """The command that would do the same from a terminal."""
    words = ["autotrain", "train", f"recipes/{draft.task.replace('-', '_')}/{draft.preset}.yaml"]
    words += ["--data", original_id(dataset) if dataset else "my.csv"]
    for role in TASKS[draft.task].columns:
        if role.role in draft.columns:
            words += [f"--{role.role}", draft.columns[role.role]]
    if recipe.model != _preset(draft).model:
        words += ["--model", recipe.model]
    for change in _changes(draft):
        words += [f"--{change.name.replace('_', '-')}", str(change.value)]
    for step in recipe.data.steps if recipe.data else ():
        words += ["--step", step.model_dump_json()]
    if recipe.data is not None:
        words += _split_words(recipe.data.split)
    if recipe.publish is not None:
        words += ["--publish", recipe.publish.repository, *([] if recipe.publish.private else ["--public"])]
    for name, value in recipe.resources.model_dump(mode="json", exclude_defaults=True).items():
        words += [f"--{name}", str(value)]
    return " ".join(shlex.quote(word) for word in words)


def _split_words(split: Split) -> list[str]:
    options = {"--split-method": split.method, "--split-by": split.column}
    if split.method == "k-fold":
        options |= {"--folds": str(split.folds), "--fold": str(split.fold)}
    words = [word for option, value in options.items() if value for word in (option, value)]
    return words if split.method != "stratified" else []


def judged(recipe: Recipe, dataset: Dataset) -> tuple[list[Finding], Rows | None]:
    """What the task finds in the rows, and how they will be divided; None when they cannot be.

    Remembered, because it reads every row. One at a time, because the page asks again while the first answer is made.
    """
    assert recipe.data is not None
    columns = tuple(recipe.data.columns.items())
    with _reading:
        findings = list(_checked(_Key(dataset), recipe.task, columns))
        if any(finding.severity == "error" for finding in findings):
            return findings, None
        divided = _divided(_Key(dataset), columns, recipe.data.split)
    findings += ignored_split(dataset.profile, recipe.data.split.method)
    if isinstance(divided, Finding):
        return [*findings, divided], None
    return [*findings, *divided.findings], Rows(**{name: getattr(divided, name) for name in Rows.model_fields})


_reading = threading.Lock()


class _Key:
    """A dataset by its content's id, so that the same content is read once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __hash__(self) -> int:
        return hash(self.dataset.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.dataset.id == self.dataset.id


@lru_cache(maxsize=32)
def _checked(key: _Key, task: str, columns: tuple[tuple[str, str], ...]) -> tuple[Finding, ...]:
    named = TASKS[task]
    return tuple(named.check(key.dataset.table(), dict(columns), named.params_class()))


@lru_cache(maxsize=32)
def _divided(key: _Key, columns: tuple[tuple[str, str], ...], split: Split) -> SplitCounts | Finding:
    """The counts, or why the rows cannot be divided."""
    try:
        return count_splits(key.dataset, dict(columns), split)
    except DataError as error:
        return Finding.of(error)


def _steps(draft: Draft) -> tuple[Step, ...]:
    """The draft's steps; none where they are none, which the recipe's check says."""
    try:
        return STEPS.validate_python(draft.steps)
    except ValidationError:
        return ()


def _dataset(draft: Draft, datasets: DatasetStore) -> tuple[Dataset | None, str]:
    """The draft's rows after its steps; or the rows as they are, and why the steps cannot be done."""
    if not draft.dataset:
        return None, ""
    try:
        dataset = datasets.get(draft.dataset)
    except AutotrainError:  # deleted since the draft was made: the page asks for data again
        return None, ""
    try:
        return stepped(dataset, _steps(draft)), ""
    except DataError as error:
        return dataset, str(error)


def _unmapped(draft: Draft) -> list[str]:
    return [role.title for role in TASKS[draft.task].missing(draft.columns)]


def _preset(draft: Draft) -> Recipe:
    if draft.task not in TASKS:
        raise RecipeError("draft", [f"{draft.task!r} is not one of {', '.join(TASKS)}"])
    known = presets(draft.task)
    return known.get(draft.preset) or next(iter(known.values()))


def _changes(draft: Draft) -> list[Change]:
    preset = _preset(draft)
    try:
        return changes(TASKS[draft.task].params_class, preset.params, preset.params | draft.params)
    except ValidationError:
        return []
