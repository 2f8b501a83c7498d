"""A run's own copy of its rows: three Arrow streams with columns named by role, the profile and the mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from autotrain.data.near import near_findings, near_rows, parted, without_templates
from autotrain.data.read import PROFILE_FILE, plain_errors
from autotrain.data.split import SPLITS, Splits, SplitSpec, split_table
from autotrain.data.store import Dataset
from autotrain.errors import DataError
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN

MAPPING_FILE = "mapping.json"
LABEL_ROLE = "label"
LEARNED_ROLES = frozenset(
    {LABEL_ROLE, "labels", "tags", "spans", "answers", "target", "completion", "chosen", "rejected", "score"}
    | {"passage", "relevance", "positive", "negative", "answer"}
)
"""What rows are not compared by: the same text belongs together, whatever is learned of it; and a query together with
all its passages."""
REPEATED_ROLES = frozenset({"query", "anchor"})
"""Texts of which one comes again in many rows by itself, and is no template for that."""
_SPLIT_FIELDS = ("method", "column", "validation", "test", "folds", "fold", "near_duplicates", "seed")


@dataclass(frozen=True)
class SplitCounts:
    """Rows of each split, rows left out, rows by label and split, and what is worth knowing of the split."""

    train: int
    validation: int
    test: int
    dropped: int
    per_class: dict[str, tuple[int, int, int]]
    findings: tuple[Finding, ...] = ()


def count_splits(dataset: Dataset, columns: Mapping[str, str], split: SplitSpec) -> SplitCounts:
    """How the rows would be divided, without writing anything. Raises DataError."""
    return _counts(_divide(dataset, columns, split))


def freeze(dataset: Dataset, columns: Mapping[str, str], split: SplitSpec, folder: Path) -> SplitCounts:
    """Write train.arrow, validation.arrow, test.arrow, profile.json and mapping.json into `folder`.

    Args:
        dataset: where the rows are.
        columns: which column of the dataset plays each role; the role `label` is what is learned.
        split: the shares and the seed.
        folder: an existing folder, to be filled.

    Raises:
        DataError: a column does not exist, there are too few rows to split, or the disk is full.
    """
    divided = _divide(dataset, columns, split)
    counts = _counts(divided)
    with plain_errors(dataset.name):
        for number, name in enumerate(SPLITS):
            write_rows(dataset.table().rows, columns, divided.part == number, folder / f"{name}.arrow")
        (folder / PROFILE_FILE).write_text(dataset.profile.model_dump_json(indent=1), "utf-8")
        mapping = {
            "dataset": {"id": dataset.id, "name": dataset.name, "source": dataset.source},
            "columns": dict(columns),
            "split": {name: getattr(split, name) for name in _SPLIT_FIELDS},
            "counts": {name: value for name, value in vars(counts).items() if name != "findings"},
        }
        (folder / MAPPING_FILE).write_text(json.dumps(mapping, indent=1, ensure_ascii=False), "utf-8")
    return counts


def read_split(folder: Path, name: str) -> pa.Table:
    """The rows of `train`, `validation` or `test` in a run's data folder, memory-mapped.

    Raises:
        DataError: the file is missing or damaged.
    """
    path = folder / f"{name}.arrow"
    try:
        return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"The run's {name} rows in {path} cannot be read ({error}). Start the run again from its recipe.",
            code="damaged-split",
        ) from error


def _divide(dataset: Dataset, columns: Mapping[str, str], split: SplitSpec) -> Splits:
    for role, column in columns.items():
        if dataset.profile.column(column) is None:
            known = ", ".join(f'"{each.name}"' for each in dataset.profile.columns[:20])
            raise DataError(
                f'{dataset.name} has no column "{column}" for the role {role}. Its columns are {known}.',
                code="no-such-column",
            )
    texts = [column for role, column in columns.items() if role not in LEARNED_ROLES]
    searched = split.near_duplicates == "together" and split.method != "given"
    near = near_rows(dataset, texts) if searched else None
    near, said = without_templates(near) if near is not None and not REPEATED_ROLES & set(columns) else (near, [])
    label = columns.get(LABEL_ROLE)
    try:
        made = split_table(dataset.table(), texts, label, split, near)
    except DataError:
        if near is None or not np.any(near >= 0):
            raise
        made = split_table(dataset.table(), texts, label, split)  # too few rows to be that strict
        return replace(made, findings=(*made.findings, *said, parted(dataset)))
    said = [*said, *(near_findings(dataset, texts, near) if searched else [])]
    return replace(made, findings=(*made.findings, *said))


def _counts(splits: Splits) -> SplitCounts:
    train, validation, test = (splits.count(name) for name in SPLITS)
    return SplitCounts(train, validation, test, splits.dropped, splits.per_class, splits.findings)


def write_rows(rows: pa.Table, columns: Mapping[str, str], chosen: np.ndarray, path: Path) -> None:
    """Write the chosen rows with columns named by role, batch by batch, so that memory does not grow with the table."""
    schema = pa.schema([*((role, pa.string()) for role in columns), (ROW_COLUMN, pa.int64())])
    start = 0
    with path.open("wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for batch in rows.to_batches():
            picked = batch.filter(pa.array(chosen[start : start + len(batch)]))
            start += len(batch)
            if len(picked):
                cells = [picked.column(column) for column in columns.values()]
                writer.write_batch(pa.record_batch([*cells, picked.column(ROW_COLUMN)], schema))
