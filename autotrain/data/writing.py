"""Writing rows as an Arrow file that can be mapped into memory, in batches that keep memory flat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from autotrain.data.header import Header
from autotrain.data.profile import TableWatch
from autotrain.data.reading import Records
from autotrain.table import ROW_COLUMN

TABLE_FILE = "table.arrow"
_BATCH_ROWS = 8_192
_BATCH_CHARACTERS = 16_000_000


def write_rows(records: Records, header: Header, watch: TableWatch, path: Path) -> None:
    """Write rows as an Arrow file of text columns and the hidden row number, and let `watch` see them."""
    schema = pa.schema([*((name, pa.string()) for name in header.names), (ROW_COLUMN, pa.int64())])
    with path.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
        for numbers, cells in _batches(records):
            columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
            watch.see(columns)
            writer.write_batch(pa.record_batch([*columns, pa.array(numbers, pa.int64())], schema))


def _batches(records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Records in batches that are small in rows and in characters, whichever comes first."""
    numbers: list[int] = []
    cells: list[list[str]] = []
    characters = 0
    for number, record in records:
        numbers.append(number)
        cells.append(record)
        characters += sum(map(len, record)) + 64 * len(record)
        if len(numbers) >= _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield numbers, cells
            numbers, cells, characters = [], [], 0
    if numbers:
        yield numbers, cells
