"""Routes of base models: list, search, add by name with progress, remove."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from autotrain.models.architectures import suited
from autotrain.models.catalogue import ModelEntry
from autotrain.models.costs import Workload
from autotrain.models.estimates import estimate, machine_flops
from autotrain.models.starter import ADDABLE, addable, remove_model
from autotrain.training.hardware import hardware
from autotrain.ui.adding import Adding, Progress
from autotrain.ui.services import Services

_USUAL = Workload(
    train_rows=1000, validation_rows=100, test_rows=100, mean_tokens=64, longest_tokens=128, batch_size=16
)
"""What a fit badge in a list supposes before anything is known about the data."""
_SUPPOSED = f"In batches of {_USUAL.batch_size} texts of up to {_USUAL.longest_tokens} tokens:"


class ModelView(BaseModel):
    """A line of the model list. `fit` is for this machine and a usual workload."""

    id: str
    title: str
    source: str
    architecture: str | None
    parameters: int | None
    size_bytes: int | None
    license: str | None
    gated: bool
    recommended: bool
    suits: bool
    """Whether it is of the kind that the task needs, as far as its architecture tells."""
    reason: str
    fit: Literal["fits", "tight", "too big"] | None
    fit_sentence: str
    downloads: int
    removable: bool


class ModelList(BaseModel):
    """Models, local ones first, and why the Hub's are missing when they are."""

    models: list[ModelView]
    note: str | None = None


class AddableView(BaseModel):
    """A model that can be added by name."""

    name: str
    title: str
    reason: str
    license: str
    download_bytes: int
    size_bytes: int
    here: bool
    progress: Progress | None


class Wanted(BaseModel):
    """A model to add."""

    name: str = Field(max_length=100)


def router(services: Services) -> APIRouter:
    """Routes under `/models`."""
    made = APIRouter(prefix="/models", tags=["models"])
    adding = Adding(services.settings)

    @made.get("")
    def list_models(
        search: Annotated[str, Query(max_length=200)] = "",
        hub: bool = False,
        task: Annotated[str, Query(max_length=100)] = "text-classification",
    ) -> ModelList:
        """Models on this machine at once; with `hub`, also the Hub's, which may take seconds."""
        found = services.catalogue.choices(search, task, hub=hub)
        return ModelList(models=_views(found.entries, task, services), note=found.note)

    @made.get("/addable")
    def list_addable() -> list[AddableView]:
        """Models that can be added by name, and how far each one is."""
        return [
            AddableView(
                name=model.name,
                title=model.title,
                reason=model.reason,
                license=model.license,
                download_bytes=model.download_bytes,
                size_bytes=model.size_bytes,
                here=(services.settings.models / model.name).is_dir(),
                progress=adding.progress(model.name),
            )
            for model in ADDABLE.values()
        ]

    @made.post("/addable", status_code=202)
    def add(wanted: Wanted) -> Progress:
        """Begin to add a model; ask `/models/addable` how far it is."""
        return adding.start(addable(wanted.name).name)

    @made.delete("/addable/{name}", status_code=204)
    def cancel(name: str) -> None:
        """Stop adding a model."""
        adding.cancel(name)

    @made.delete("/{name}", status_code=204)
    def remove(name: str) -> None:
        """Remove an added model and its weights."""
        remove_model(name, services.settings)

    return made


def _views(entries: tuple[ModelEntry, ...], task: str, services: Services) -> list[ModelView]:
    machine = hardware().share(services.settings.slots)
    flops = machine_flops(services.settings, machine)
    kinds, views = suited(task), []
    for entry in entries:
        found = estimate(entry, _USUAL, machine, flops)
        views.append(
            ModelView(
                id=entry.id,
                title=entry.title,
                source=entry.source,
                architecture=entry.architecture,
                parameters=entry.parameters,
                size_bytes=entry.size_bytes,
                license=entry.license,
                gated=entry.gated,
                recommended=task in entry.recommended_for,
                suits=kinds is None or entry.architecture is None or entry.architecture in kinds,
                reason=entry.reason,
                fit=found.fit if found else None,
                fit_sentence=f"{_SUPPOSED} {found.sentence}" if found else "",
                downloads=entry.downloads,
                removable=entry.path is not None and entry.path.parent == services.settings.models,
            )
        )
    return views
