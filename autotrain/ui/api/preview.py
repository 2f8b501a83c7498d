"""The route of what the model will see: the first encoded batch of a draft, or of another shape of its table."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from autotrain.data.shapes import SHAPES
from autotrain.data.store import Dataset
from autotrain.encoding.batch import EncodedBatch
from autotrain.encoding.media import MEDIA_SHAPES, MediaBatch, media_preview
from autotrain.encoding.preview import preview
from autotrain.encoding.texts import Rewriting
from autotrain.errors import AutotrainError, DataError, ModelError
from autotrain.events import Finding
from autotrain.recipe import presets
from autotrain.task import Masking
from autotrain.tasks import TASKS
from autotrain.ui.drafts import Draft, drafted, drafted_rows
from autotrain.ui.services import Services

DEFAULT_LENGTH = 128
"""The cut for shapes that no task here learns from yet; the model's own limit comes first."""
LONGER = {
    "chat": 1024,
    "prompt-completion": 1024,
    "preference": 1024,
    "feedback": 1024,
    "prompt-answer": 1024,
    "plain-text": 1024,
    "text-to-text": 512,
    "question-answering": 384,
}
"""Such shapes whose texts are longer."""


class Asked(BaseModel):
    """A draft; or one of its table's other shapes, with the columns that play its roles."""

    draft: Draft
    shape: str | None = Field(None, max_length=50)
    columns: dict[str, str] = {}


class Seen(BaseModel):
    """What was found in the rows of this shape, and the batch unless it cannot be made."""

    findings: list[Finding]
    batch: EncodedBatch | None = None
    media: MediaBatch | None = None


def router(services: Services) -> APIRouter:
    """The route under `/drafts`."""
    made = APIRouter(tags=["new run"])

    @made.post("/drafts/preview")
    def first_batch(asked: Asked) -> Seen:
        """The first rows as tokens, what is learned from, and how many rows the length cuts off."""
        draft = asked.draft
        dataset = drafted_rows(draft, services)
        task = TASKS.get(draft.task)
        shape = asked.shape or (task.shape_for(draft.columns) if task else "")
        if dataset is None or shape not in SHAPES:
            raise DataError("Choose the data first.", code="no-data")
        columns = asked.columns or draft.columns
        findings = SHAPES[shape].check(dataset.table(), columns) if asked.shape else []
        if any(finding.code == "no-such-column" for finding in findings):
            return Seen(findings=findings)
        if shape in MEDIA_SHAPES:
            model = _folder_here(draft.model, services)
            media = media_preview(dataset.table(), shape, columns, dataset.files_folder, model)
            return Seen(findings=[*findings, *media.findings], media=media)
        own = task is not None and shape in task.shapes
        params = _params(draft) if own else {}
        length = int(params.get("max_length") or LONGER.get(shape, DEFAULT_LENGTH))
        rewriting = Rewriting(**{name: params[name] for name in Rewriting.__dataclass_fields__ if name in params})
        masking = task.masking(params) if task is not None and own else None
        key = _Key(dataset, shape, tuple(columns.items()))
        batch = _batch(key, _folder(draft.model, services), length, rewriting, masking)
        return Seen(findings=[*findings, *batch.findings], batch=batch)

    return made


class _Key:
    """Rows under a shape and columns, so that the same batch is made once."""

    def __init__(self, dataset: Dataset, shape: str, columns: tuple[tuple[str, str], ...]) -> None:
        self.dataset, self.shape, self.columns = dataset, shape, columns

    def __hash__(self) -> int:
        return hash((self.dataset.id, self.shape, self.columns))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and (other.dataset.id, other.shape, other.columns) == (
            self.dataset.id,
            self.shape,
            self.columns,
        )


@lru_cache(maxsize=32)
def _batch(key: _Key, model: Path, max_length: int, rewriting: Rewriting, masking: Masking | None) -> EncodedBatch:
    return preview(key.dataset.table(), key.shape, dict(key.columns), model, max_length, rewriting, masking)


def _params(draft: Draft) -> dict[str, Any]:
    """The settings that the run would have: the preset's with the draft's, without these while one is wrong."""
    recipe = drafted(draft)[0] or presets(draft.task).get(draft.preset)
    return (recipe.typed_params() if recipe else TASKS[draft.task].params_class()).model_dump()


def _folder_here(model: str, services: Services) -> Path | None:
    """Where the model lies, if it is here; images and sounds have a usual preparation without one."""
    try:
        return _folder(model, services)
    except AutotrainError:
        return None


def _folder(model: str, services: Services) -> Path:
    """Where the model's tokenizer lies; one that is not here yet has none to ask."""
    if not model.strip():
        raise ModelError("Choose a model first: each cuts texts into tokens in its own way.", code="no-model")
    entry = services.catalogue.resolve(model)
    if entry.path is None:
        raise ModelError(
            f"{entry.title} is not on this machine yet. Its first batch can be shown once it is downloaded.",
            code="not-downloaded",
        )
    return entry.path
