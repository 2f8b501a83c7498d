"""The files that predictions are written to: CSV for people, Parquet for what is more than text."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from autotrain.answers import AnyAnswer

# A spreadsheet takes a cell that starts so for a formula and runs it (OWASP, "CSV injection", and ASVS 1.2.10).
# The wide forms are those of Japanese keyboards.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?%?")

ROWS_AT_ONCE = 2_000
"""Rows that are written to a Parquet file together."""


class Out(Protocol):
    """Takes a table row by row. The answer is None where a row has none."""

    def header(self, names: Sequence[str]) -> None: ...
    def row(self, cells: Sequence[str], answer: AnyAnswer | None, columns: Sequence[str]) -> None: ...


class CsvOut:
    """A CSV, in which nothing runs when a spreadsheet opens it."""

    def __init__(self, file: Any) -> None:
        self._out = csv.writer(file)

    def header(self, names: Sequence[str]) -> None:
        """The names of all columns."""
        self._out.writerow([neutral(name) for name in names])

    def row(self, cells: Sequence[str], answer: AnyAnswer | None, columns: Sequence[str]) -> None:
        """The row's own cells, then those of its answer in the order of `columns`."""
        said = answer.cells() if answer is not None else dict.fromkeys(columns, "")
        self._out.writerow([neutral(cell) for cell in (*cells, *(said[name] for name in columns))])


class ParquetOut:
    """A Parquet file: the row's own cells are texts, the answer's what they are, such as lists of numbers."""

    def __init__(self, path: Path) -> None:
        self._path, self._names = path, list[str]()
        self._rows: list[list[Any]] = []
        self._answered = False
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def header(self, names: Sequence[str]) -> None:
        """The names of all columns."""
        self._names = list(names)

    def row(self, cells: Sequence[str], answer: AnyAnswer | None, columns: Sequence[str]) -> None:
        """As for a CSV; a row without an answer has nulls."""
        said = answer.typed() if answer is not None else dict.fromkeys(columns)
        self._rows.append([*cells, *(said[name] for name in columns)])
        self._answered = self._answered or answer is not None  # before, the kinds of the answer's columns are not known
        if self._answered and len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa  # it brings numpy, which who only asks does without
        import pyarrow.parquet as pq

        if not self._rows:
            return
        columns = list(zip(*self._rows, strict=True))
        if self._writer is None:
            self._schema = pa.schema(list(zip(self._names, map(_kind, columns), strict=True)))
            self._writer = pq.ParquetWriter(self._path, self._schema)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []


def _kind(values: Sequence[Any]) -> Any:
    """Lists of numbers are vectors; anything else is text. Where nothing is known yet, it is text too."""
    import pyarrow as pa

    first = next((value for value in values if value is not None), "")
    return pa.list_(pa.float32()) if isinstance(first, list) else pa.string()


def neutral(cell: str) -> str:
    """The cell, with a leading apostrophe where a spreadsheet would run it; plain numbers stay numbers."""
    if cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
