"""Routes of the Hub's datasets: search, what can be chosen of one, its first rows, and the import."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from autotrain.hub.datasets import Choices, FirstRows, HubDataset, HubSource, parse_source
from autotrain.ui.api.datasets import DatasetView, view
from autotrain.ui.api.imports import Key
from autotrain.ui.services import Services


class Chosen(BaseModel):
    """A dataset of the Hub, and which part of it."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^\s*[^@#\s]+\s*$")
    revision: str | None = Field(None, max_length=200, pattern=r"^[^#]*$")
    config: str | None = Field(None, max_length=200, pattern=r"^[^/]*$")
    split: str | None = Field(None, max_length=200)

    def source(self) -> HubSource:
        """As recipes name it. Raises DataError."""
        return parse_source(
            str(
                HubSource(
                    self.name.strip(), (self.revision or "").strip() or None, self.config or None, self.split or None
                )
            )
        )


def router(services: Services) -> APIRouter:
    """Routes under `/hub/datasets` and the import under `/datasets`."""
    made = APIRouter(tags=["datasets of the Hub"])

    @made.get("/hub/datasets")
    def search(query: Annotated[str, Query(max_length=200)] = "") -> list[HubDataset]:
        """Datasets whose name holds the query, the most downloaded first."""
        return services.hub.search(query)

    @made.post("/hub/datasets/choices")
    def choices(chosen: Chosen) -> Choices:
        """The configurations of a dataset, and the splits and columns of one."""
        return services.hub.choices(chosen.source())

    @made.post("/hub/datasets/rows")
    def first_rows(chosen: Chosen) -> FirstRows:
        """The first rows, streamed: nothing is kept."""
        return services.hub.first_rows(chosen.source())

    @made.post("/datasets/hub", status_code=201)
    def take(chosen: Chosen, key: Key = None) -> DatasetView:
        """Import one split, or all of a configuration."""
        with services.imports.following(key) as progress:
            return view(services.datasets.add_hub(str(chosen.source()), progress))

    return made
