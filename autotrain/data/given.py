"""A split that the table itself gives: respected, never shuffled, and what it leaks is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from autotrain.data.assign import stratify
from autotrain.data.check import listed
from autotrain.data.parts import part_of
from autotrain.data.units import Array, Units
from autotrain.errors import DataError
from autotrain.events import Finding, Fix
from autotrain.table import ROW_COLUMN, Table

if TYPE_CHECKING:
    from autotrain.data.split import SplitSpec


def divide_as_given(
    table: Table, units: Units, split: SplitSpec, texts: Sequence[str], findings: list[Finding]
) -> Array:
    """A part for each row as the column says. What is not given is taken from the training rows.

    Raises:
        DataError: a value that names no part, or no training rows.
    """
    assert split.column is not None
    part = np.where(units.unit >= 0, _said(table, split.column), -1)
    if not np.any(part == 0):
        raise DataError(
            f'"{split.column}" has no training rows. Write "train" in the rows to learn from, or choose another way '
            "to split.",
            code="empty-split",
        )
    findings += _leaks(units, part, split.column, texts)
    absent = [number for number in (1, 2) if not np.any(part == number)]
    if absent:
        part = _completed(units, part, split, absent)
        names = " and ".join(("training", "validation", "test")[number] for number in absent)
        findings.append(
            Finding(
                severity="warning",
                code="split-completed",
                message=f'"{split.column}" gives no {names} rows, so they are taken from the training rows.',
                remedy="Nothing is to be done, unless they should be others.",
                column=split.column,
            )
        )
    return part.astype(np.int8)


def _said(table: Table, column: str) -> Array:
    encoded = table.rows[column].combine_chunks().dictionary_encode()
    chunks = encoded.chunks if hasattr(encoded, "chunks") else [encoded]
    names = chunks[0].dictionary.to_pylist()
    parts = [part_of(name) if name.strip() else -1 for name in names]
    unknown = [name for name, number in zip(names, parts, strict=True) if number is None]
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks]).astype(np.int64)
    if unknown:
        numbers = table.rows[ROW_COLUMN].to_numpy()[np.isin(codes, [names.index(name) for name in unknown])]
        raise DataError(
            f'"{column}" says {listed(unknown, 3)} (row {numbers[0]}), which is none of train, validation and test. '
            "Correct these cells, or choose another way to split.",
            code="unknown-split",
        )
    return np.array(parts, np.int64)[codes]


def _completed(units: Units, part: Array, split: SplitSpec, absent: list[int]) -> Array:
    """Take what is absent from the training rows, every class alike."""
    others = units.without(part != 0)
    shares = {1: split.validation if 1 in absent else 0.0, 2: split.test if 2 in absent else 0.0}
    chosen = stratify(others, shares[1], shares[2])
    return np.where(part == 0, chosen[others.unit], part)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


def _leaks(units: Units, part: Array, column: str, texts: Sequence[str]) -> list[Finding]:
    """Texts of the test rows that training or validation rows have too."""
    seen = np.zeros(units.count, bool)
    seen[units.unit[(part == 0) | (part == 1)]] = True
    leaked = (part == 2) & seen[units.unit]
    if not np.any(leaked):
        return []
    count, tested = int(leaked.sum()), int((part == 2).sum())
    return [
        Finding(
            severity="warning",
            code="split-leak",
            message=f"{count:,} of {tested:,} test rows ({_percent(count / tested)}) have a text that training or "
            "validation rows have too, so the score will look better than it is.",
            remedy="Leave those training and validation rows out; the test stays as it was given.",
            column=column,
            count=count,
            fix=Fix(
                title="Leave out what the test holds too",
                step={"step": "drop_leaks", "columns": list(texts), "split": column},
            ),
        )
    ]
