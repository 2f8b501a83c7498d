"""How many rows each label has, as bars."""

from __future__ import annotations

import math
from collections import Counter

import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from autotrain.table import Table

SHOWN = 30
LONGEST_LABEL = 200


class Bar(BaseModel):
    """One label, its rows, and its share of all rows that have a label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    count: int
    share: float


class Balance(BaseModel):
    """The labels with the most rows; `others` are the rows of all further ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    bars: tuple[Bar, ...]
    classes: int
    rows: int
    others: int
    evenness: float = Field(ge=0, le=1, description="1 when all labels have as many rows, near 0 when one has all.")


def balance(table: Table, column: str) -> Balance:
    """Rows by label. Empty cells are no label."""
    counts = label_counts(table, column)
    rows = counts.total()
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    return Balance(
        column=column,
        bars=tuple(Bar(label=label[:LONGEST_LABEL], count=times, share=times / rows) for label, times in shown),
        classes=len(counts),
        rows=rows,
        others=rows - sum(times for _, times in shown),
        evenness=_evenness(counts),
    )


def label_counts(table: Table, column: str) -> Counter[str]:
    """Rows by label, batch by batch."""
    counts: Counter[str] = Counter()
    for chunk in table.rows[column].chunks:
        for pair in pc.value_counts(chunk):
            if label := pair["values"].as_py().strip():
                counts[label] += pair["counts"].as_py()
    return counts


def _evenness(counts: Counter[str]) -> float:
    """Pielou's index: the entropy of the labels as a share of what it could be."""
    if len(counts) < 2:
        return 0.0
    shares = [times / counts.total() for times in counts.values()]
    return round(min(1.0, -sum(share * math.log(share) for share in shares) / math.log(len(counts))), 4)
