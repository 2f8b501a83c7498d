"""From a recipe to a row in the record: import the data, check everything, split, freeze the run's folder, queue it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autotrain.data.freeze import SplitCounts, freeze
from autotrain.data.parts import ignored_split
from autotrain.data.stepped import original_id, stepped
from autotrain.data.store import Dataset
from autotrain.errors import DataError, HubError, ModelError, RecipeError
from autotrain.events import Finding
from autotrain.hub.account import Account
from autotrain.hub.datasets import open_datasets
from autotrain.hub.publish import Publisher
from autotrain.models.catalogue import Catalogue
from autotrain.models.preflight import check_training
from autotrain.recipe import Recipe, parse
from autotrain.runs.folder import RunFolder, write_atomically
from autotrain.runs.store import NewRun, Run, RunStore
from autotrain.settings import Settings
from autotrain.training.hardware import disk_free, hardware
from autotrain.workload import memory_of


@dataclass(frozen=True)
class Prepared:
    """A recipe whose data is imported and whose findings are known."""

    recipe: Recipe
    dataset: Dataset
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be fixed before the run can start."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def prepare(
    recipe: Recipe, settings: Settings, store: RunStore, *, progress: Callable[[int, int], None] | None = None
) -> Prepared:
    """Import the recipe's data and check data, columns and model together.

    Raises:
        RecipeError: the recipe names no data.
        DataError: the file cannot be read as a table.
        ModelError: the base model is unknown.
    """
    if recipe.data is None:
        raise RecipeError(recipe.title, ["has no data; name a file, a dataset or a sample"])
    parse(recipe.model_dump(mode="json", exclude_none=True), recipe.title)
    datasets = open_datasets(settings, Account(store, settings).token)
    dataset = stepped(datasets.resolve(recipe.data.source, progress), recipe.data.steps)
    findings = list(dataset.profile.findings)
    missing = [column for column in recipe.data.columns.values() if dataset.profile.column(column) is None]
    if missing:
        known = ", ".join(f'"{column.name}"' for column in dataset.profile.columns)
        raise DataError(f'{dataset.name} has no column "{missing[0]}". Its columns are {known}.', code="no-such-column")
    task = recipe.the_task()
    findings += task.check(dataset.table(), recipe.data.columns, recipe.typed_params())
    findings += ignored_split(dataset.profile, recipe.data.split.method)
    catalogue = Catalogue(settings)
    findings += catalogue.check(recipe.model, recipe.task)
    findings += possible(recipe, settings, catalogue)
    return Prepared(recipe, dataset, tuple(findings))


def possible(recipe: Recipe, settings: Settings, catalogue: Catalogue) -> list[Finding]:
    """What the recipe's parameters ask of a base model on this machine that it or the machine does not have.

    Of a model that is yet to be downloaded the trainer says it, as soon as it has it.
    """
    whole = hardware()
    found = _devices(recipe.resources.devices, len(whole.accelerators))
    try:
        entry = catalogue.resolve(recipe.model)
    except ModelError:  # the catalogue's own check says so
        return found
    if entry.path is None:
        return found
    machine = whole.share(settings.slots, recipe.resources.devices)
    return found + check_training(recipe.typed_params(), entry.path, entry.title, machine, disk_free(settings.runs))


def _devices(wanted: int, cards: int) -> list[Finding]:
    """A warning only: a worker of another machine on the same record may have what this one has not."""
    if wanted == 1 or wanted <= cards:
        return []
    here = f"this machine has {cards}" if cards else "this machine has none and computes on its processor"
    message = f"The run asks for {wanted} graphics cards; {here}."
    remedy = "Set resources.devices to 1" + (f" to {cards}" if cards > 1 else "") + "."
    waits = " It would wait until a machine with as many takes it." if cards else ""
    return [Finding(severity="warning", code="devices", message=message + waits, remedy=remedy)]


def submit(
    recipe: Recipe,
    settings: Settings,
    store: RunStore,
    *,
    name: str | None = None,
    owner: str = "local",
    queue: bool = True,
) -> Run:
    """Check a recipe and record it as a run: QUEUED, or DRAFT for a caller who will claim it.

    Raises:
        RecipeError, DataError, ModelError: with every finding that stops it; nothing is recorded then.
        HubError: the recipe names a repository that could not be published to.
    """
    prepared = prepare(recipe, settings, store)
    if prepared.errors:
        raise DataError("\n".join(finding.sentence() for finding in prepared.errors), code=prepared.errors[0].code)
    check_target(recipe, settings, store)
    frozen = _frozen(prepared)
    run_id, target = uuid.uuid4().hex[:12], recipe.publish
    rows = _freeze_folder(settings.runs / run_id, frozen, prepared.dataset)
    return store.create(
        NewRun(
            id=run_id,
            name=(name or "").strip() or default_name(prepared),
            task=recipe.task,
            model=recipe.model,
            dataset=prepared.dataset.name,
            recipe=frozen.to_yaml(),
            owner=owner,
            publish=(target.repository, target.private) if target else None,
            priority=recipe.resources.priority,
            devices_wanted=recipe.resources.devices,
            memory_needed=memory_of(frozen, prepared.dataset, rows, Catalogue(settings)),
        ),
        queue=queue,
    )


def check_target(recipe: Recipe, settings: Settings, store: RunStore) -> None:
    """Whether a repository that the recipe names can be written to, before anything is spent on training.

    A Hub that does not answer stops nothing: the adapter can be published later.

    Raises:
        HubError: the token is missing, wrong or read-only, or the name is invalid or someone else's.
    """
    if recipe.publish is None:
        return
    publisher = Publisher(Account(store, settings).token())
    found = publisher.check_target(recipe.publish.repository, private=recipe.publish.private)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        raise HubError("\n".join(finding.sentence() for finding in errors), code=errors[0].code)


def default_name(prepared: Prepared) -> str:
    """A name for people: the data's name and the preset's title."""
    return f"{Path(prepared.dataset.name).stem} · {prepared.recipe.title}"


def _frozen(prepared: Prepared) -> Recipe:
    """The recipe with the imported dataset in place of the file, which may change or vanish."""
    assert prepared.recipe.data is not None
    data = prepared.recipe.data.model_copy(update={"source": original_id(prepared.dataset)})
    return prepared.recipe.model_copy(update={"data": data})


def _freeze_folder(path: Path, recipe: Recipe, dataset: Dataset) -> SplitCounts:
    """Build the run's folder aside and make it real by one rename; how many rows each split has."""
    assert recipe.data is not None
    aside = path.with_name(f".{path.name}")
    try:
        folder = RunFolder(aside)
        folder.data.mkdir(parents=True)
        counts = freeze(dataset, recipe.data.columns, recipe.data.split, folder.data)
        write_atomically(folder.recipe, recipe.to_yaml())
        aside.rename(path)
        return counts
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
