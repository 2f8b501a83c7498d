"""Routes of the disk: what the data home holds, and freeing what the policy lets go."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from autotrain.retention.checkpoints import Prunable, prunable
from autotrain.retention.sweeping import sweep
from autotrain.retention.usage import disk_usage
from autotrain.training.hardware import disk_free
from autotrain.ui.services import Services


class PrunableView(BaseModel):
    """Checkpoints of one run that are no longer kept."""

    run_id: str
    name: str
    size_bytes: int
    reason: str


class StorageView(BaseModel):
    """Bytes on disk."""

    runs: int = Field(description="Without their checkpoints.")
    checkpoints: int
    datasets: int
    models: int
    free: int
    prunable: list[PrunableView] = Field(description="What may be deleted now.")
    kept_days: int = Field(description="Days that checkpoints to go on from are kept.")


class Freed(BaseModel):
    """What was deleted."""

    size_bytes: int
    pruned: list[PrunableView]


def router(services: Services) -> APIRouter:
    """Routes under `/storage`."""
    made = APIRouter(prefix="/storage", tags=["settings"])
    settings, store = services.settings, services.store

    @made.get("")
    def show() -> StorageView:
        """What takes up the disk, and what of it may go."""
        usage = disk_usage(settings)
        return StorageView(
            **{name: getattr(usage, name) for name in ("runs", "checkpoints", "datasets", "models")},
            free=disk_free(settings.root),
            prunable=_views(prunable(settings, store)),
            kept_days=settings.checkpoint_retention_days,
        )

    @made.post("/prune")
    def prune() -> Freed:
        """Delete checkpoints that are no longer kept. Adapters, reports, events and recipes stay."""
        done = sweep(settings, store)
        return Freed(size_bytes=sum(one.size_bytes for one in done), pruned=_views(done))

    return made


def _views(found: list[Prunable]) -> list[PrunableView]:
    return [PrunableView(**vars(one)) for one in found]
