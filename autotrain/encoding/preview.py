"""The first encoded batch of a table, made by a child process so that the asking one stays light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from autotrain.data.shapes import SHAPES
from autotrain.encoding.batch import ENCODED_SHAPES, SAMPLE_ROWS, EncodedBatch
from autotrain.errors import DataError
from autotrain.table import Table

SECONDS = 60
"""A tokenizer is loaded and 2,000 rows are encoded in a few; after this something hangs."""
_CHARACTERS = 20_000_000
"""Characters that are sent to the child at most."""


def preview(table: Table, shape: str, columns: Mapping[str, str], model: Path, max_length: int) -> EncodedBatch:
    """What the model in the folder `model` will see of a table.

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
    return _answered({"shape": shape, "rows": rows, "numbers": numbers, "model": str(model), "max_length": max_length})


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


def _answered(asked: dict[str, object]) -> EncodedBatch:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "autotrain.encoding"],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=SECONDS,
            env=environment,
            check=False,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"The rows were not encoded within {SECONDS} s. Try again.", code="too-slow") from error
    except ValueError as error:
        raise DataError("The rows could not be encoded. Look at the log of the app.", code="not-encoded") from error
    if "error" in answer:
        raise DataError(answer["error"]["message"], code=answer["error"]["code"])
    return EncodedBatch.model_validate(answer["batch"])
