"""Writing rows as an Arrow file that can be mapped into memory, in batches that keep memory flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from autotrain.data.header import Header
from autotrain.data.profile import TableWatch
from autotrain.data.reading import Records
from autotrain.table import ROW_COLUMN

TABLE_FILE = "table.arrow"
_BATCH_ROWS = 8_192
_BATCH_CHARACTERS = 16_000_000


Batches = Iterator[tuple[Sequence[int] | pa.Array, list[pa.Array]]]
"""Row numbers, and for each column the cells of these rows."""


def write_rows(records: Records, header: Header, watch: TableWatch, path: Path) -> None:
    """Write rows as an Arrow file of text columns and the hidden row number, and let `watch` see them."""
    write_batches(in_batches(records), header, watch, path)


def write_batches(batches: Batches, header: Header, watch: TableWatch, path: Path) -> None:
    """`write_rows` for rows that come as columns."""
    schema = pa.schema([*((name, pa.string()) for name in header.names), (ROW_COLUMN, pa.int64())])
    with path.open("wb") as file, pa.ipc.new_file(file, schema) as writer, ThreadPoolExecutor(1) as beside:
        seen = beside.submit(lambda: None)
        for numbers, columns in batches:
            seen.result()  # one batch is looked at while the next is read: never more than two are in memory
            seen = beside.submit(watch.see, columns)
            writer.write_batch(pa.record_batch([*columns, pa.array(numbers, pa.int64())], schema))
        seen.result()


def in_batches(records: Records) -> Batches:
    """Records as columns."""
    for numbers, cells in _batches(records):
        yield numbers, [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]


def _batches(records: Records) -> Iterator[tuple[list[int], list[list[str]]]]:
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
