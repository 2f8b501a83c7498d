"""What a recipe asks of a machine: how much goes through the model, and how much memory that takes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from autotrain.data.nested import items_of
from autotrain.data.store import Dataset
from autotrain.errors import ModelError
from autotrain.models.catalogue import Catalogue
from autotrain.models.costs import Workload
from autotrain.models.estimates import TokenLengths, memory_estimate, token_lengths
from autotrain.recipe import Recipe

TEXT_KINDS = ("text", "messages", "list")
"""Kinds of columns that are read as text."""

SAMPLE_ROWS = 2000
"""Rows whose texts are measured in tokens: enough for a mean, quick for any table."""


class Sizes(Protocol):
    """How many rows each split has."""

    @property
    def train(self) -> int: ...
    @property
    def validation(self) -> int: ...
    @property
    def test(self) -> int: ...


def memory_of(recipe: Recipe, dataset: Dataset, rows: Sizes, catalogue: Catalogue) -> int | None:
    """Bytes that a trainer takes at its peak, on each device; None where nothing is known of the model's size."""
    try:
        entry = catalogue.resolve(recipe.model)
    except ModelError:
        return None
    return memory_estimate(entry, workload(recipe, dataset, rows, entry.path)[0])


def workload(recipe: Recipe, dataset: Dataset, rows: Sizes, model: Path | None) -> tuple[Workload, TokenLengths]:
    """What is trained, as far as it decides the cost, and how long its texts are for the model."""
    assert recipe.data is not None
    typed = recipe.typed_params()
    params, effort = typed.model_dump(), recipe.the_task().effort(typed, recipe.data.columns)
    texts = _read_texts(recipe, dataset, apart=effort.texts > 1)
    lengths = token_lengths(model, texts, int(params.get("max_length", 128)))
    work = Workload(
        train_rows=rows.train,
        validation_rows=rows.validation,
        test_rows=rows.test,
        mean_tokens=lengths.mean,
        longest_tokens=lengths.longest,
        epochs=float(params.get("num_train_epochs", 3)),
        batch_size=int(params.get("per_device_train_batch_size", 16)),
        accumulation=int(params.get("gradient_accumulation_steps", 1)),
        lora_rank=int(params.get("lora_r", 8)),
        max_steps=int(params.get("max_steps", 0)),
        whole=params.get("training_method") == "full",
        quantization=params.get("quantization", "none"),
        evaluations=int(params.get("evaluations_per_epoch", 1)),
        effort=effort,
    )
    return work, lengths


def _read_texts(recipe: Recipe, dataset: Dataset, *, apart: bool) -> list[str]:
    """What the model reads of the first rows, near enough to count tokens: the cells of a row after another, or each
    apart."""
    assert recipe.data is not None
    roles = [role.role for role in recipe.the_task().columns if role.kind in TEXT_KINDS and role.role != "tags"]
    columns = [recipe.data.columns[role] for role in roles if role in recipe.data.columns]
    rows = dataset.table().rows.select(list(dict.fromkeys(columns))).slice(0, SAMPLE_ROWS).to_pylist()
    read = [[_plain(cell) for cell in row.values() if cell] for row in rows]
    return [text for cells in read for text in cells] if apart else ["\n".join(cells) for cells in read if cells]


def _plain(cell: str) -> str:
    """A list of words as they stand in a text; other cells as they are."""
    return " ".join(items_of(cell)) if cell.startswith("[") and not cell.startswith("[{") else cell
