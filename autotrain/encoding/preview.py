"""The first encoded batch of a table, made by a child process so that the asking one stays light."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from autotrain.asking import ask
from autotrain.data.shapes import SHAPES
from autotrain.encoding.batch import ENCODED_SHAPES, SAMPLE_ROWS, EncodedBatch
from autotrain.encoding.texts import AS_IT_IS, Rewriting
from autotrain.errors import DataError
from autotrain.table import Table
from autotrain.task import Masking

SECONDS = 60
"""A tokenizer is loaded and 2,000 rows are encoded in a few; after this something hangs."""
_CHARACTERS = 20_000_000
"""Characters that are sent to the child at most."""


def preview(
    table: Table,
    shape: str,
    columns: Mapping[str, str],
    model: Path,
    max_length: int,
    rewriting: Rewriting = AS_IT_IS,
    masking: Masking | None = None,
) -> EncodedBatch:
    """What the model in the folder `model` will see of a table; with `masking`, where some of it is hidden.

    Raises:
        DataError: no row has the shape, the shape holds no texts, or the rows cannot be encoded.
        ModelError: the folder has no tokenizer.
    """
    if shape not in ENCODED_SHAPES:
        raise DataError(f"{SHAPES[shape].title} have no tokens to show.", code="no-preview")
    numbered = list(islice(SHAPES[shape].rows(table, columns), SAMPLE_ROWS))
    if not numbered:
        raise DataError("No row can be encoded. Fix what is marked first.", code="no-rows")
    rows = _affordable([row for _, row in numbered])
    numbers = [number for number, _ in numbered[: len(rows)]]
    asked = {"shape": shape, "rows": rows, "numbers": numbers, "model": str(model), "max_length": max_length}
    asked["rewriting"] = asdict(rewriting)
    asked["masking"] = asdict(masking) if masking is not None else None
    answer = ask("autotrain.encoding", asked, seconds=SECONDS, what="The rows could not be encoded")
    return EncodedBatch.model_validate(answer)


def _affordable(rows: list[object]) -> list[object]:
    """As many rows as may be sent; the first one always."""
    kept: list[object] = []
    characters = 0
    for row in rows:
        characters += len(json.dumps(row))
        if kept and characters > _CHARACTERS:
            break
        kept.append(row)
    return kept
