"""Rows spread evenly over a table, so that a sorted file is not judged by its beginning."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from autotrain.table import ROW_COLUMN, Table


def spread(table: Table, columns: list[str], most: int) -> pa.Table:
    """Up to `most` rows of some columns, with the numbers of the rows in the original file."""
    rows = table.rows.select([ROW_COLUMN, *dict.fromkeys(columns)])
    if len(rows) <= most:
        return rows
    return rows.take(pa.array(np.linspace(0, len(rows) - 1, most).astype(np.int64)))
