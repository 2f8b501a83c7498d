"""Times as people write them, as numbers that can be ordered."""

from __future__ import annotations

import re
import warnings

import numpy as np

from autotrain.data.findings import Rows
from autotrain.data.units import Array
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN, Table

_DAY_AND_MONTH = re.compile(r"\s*(\d{1,2})([./-])(\d{1,2})\2\d{2,4}\b", re.ASCII)


def parsed_times(table: Table, column: str) -> tuple[Array, list[Finding]]:
    """Seconds since 1970, or the plain numbers of the column; NaN where a cell holds neither.

    `03/04/2024` is read day first when dots part it or another cell has a first number over 12, else month first.
    """
    import pandas

    cells = pandas.Series(table.rows[column].to_pylist(), dtype="object")
    numbers = pandas.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    empty = cells.str.strip() == ""
    if np.isnan(numbers[~empty.to_numpy()]).mean() > 0.5 if (~empty).any() else False:
        day_first, unclear = _day_first(cells)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            moments = pandas.to_datetime(cells, errors="coerce", format="mixed", dayfirst=day_first, utc=True)
        numbers = moments.astype("datetime64[ns, UTC]").astype("int64").to_numpy(np.float64) / 1e9
        numbers[moments.isna().to_numpy()] = np.nan
    else:
        unclear = False
    return numbers, [*_undated(table, column, numbers), *_unclear(column, unclear)]


def _day_first(cells: object) -> tuple[bool, bool]:
    """Whether the day comes first, and whether that could not be told."""
    dotted = first = second = seen = 0
    for cell in cells:  # type: ignore[attr-defined]
        match = _DAY_AND_MONTH.match(cell)
        if match:
            seen += 1
            dotted += match[2] == "."
            first += int(match[1]) > 12
            second += int(match[3]) > 12
    if dotted > seen / 2 or first > second:
        return True, False
    return False, bool(seen) and not second


def _undated(table: Table, column: str, numbers: Array) -> list[Finding]:
    missing = np.isnan(numbers)
    if not np.any(missing):
        return []
    rows = Rows()
    for number in table.rows[ROW_COLUMN].to_numpy()[missing].tolist():
        rows.add(number)
    return [
        Finding(
            severity="warning",
            code="no-time",
            message=f'{rows.named()} {"has" if rows.count == 1 else "have"} no date or number in "{column}" and '
            f"{'is' if rows.count == 1 else 'are'} left out.",
            remedy="Fill in the time if the row should count.",
            column=column,
            count=rows.count,
            rows=tuple(rows.first),
        )
    ]


def _unclear(column: str, unclear: bool) -> list[Finding]:
    if not unclear:
        return []
    return [
        Finding(
            severity="warning",
            code="unclear-dates",
            message=f'The dates in "{column}" could have the day or the month first; they are read month first.',
            remedy="Write them as 2024-12-31 if the day comes first.",
            column=column,
        )
    ]
