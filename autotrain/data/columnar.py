"""Parquet, Arrow and Feather files: batches of typed columns as rows of text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autotrain.data.header import name_columns
from autotrain.data.reading import Progress, Reading, Records, cell_text
from autotrain.errors import DataError

BATCH_ROWS = 4096
_DAMAGE = (pa.ArrowException, OSError, ValueError, SystemError, IndexError, KeyError, OverflowError)
"""What the library raises for bytes that somebody changed."""


def read_columnar(path: Path, name: str, kind: str, progress: Progress | None) -> Reading:
    """Rows of a `parquet` or `arrow` file. Raises DataError when it is damaged."""
    try:
        names, rows, batches = _parquet(path) if kind == "parquet" else _arrow(path)
    except _DAMAGE as error:
        raise _damaged(name, kind, error) from error
    title = {"parquet": "Parquet", "arrow": "Arrow"}[kind]
    return Reading(title, name_columns(0, names), _records(batches, rows, name, kind, progress), [])


def _parquet(path: Path) -> tuple[list[str], int, Iterator[pa.RecordBatch]]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, memory_map=True)
    return list(file.schema_arrow.names), file.metadata.num_rows, file.iter_batches(BATCH_ROWS)


def _arrow(path: Path) -> tuple[list[str], int, Iterator[pa.RecordBatch]]:
    """An IPC file or stream; Feather's second version is an IPC file, its first is asked of its own reader."""
    import pyarrow.feather as feather

    with path.open("rb") as probe:
        start = probe.read(6)
    if start.startswith(b"FEA1"):
        table = feather.read_table(path, memory_map=True)
        return list(table.schema.names), table.num_rows, iter(table.to_batches(BATCH_ROWS))
    source = pa.memory_map(str(path))
    if start.startswith(b"ARROW1"):
        reader = pa.ipc.open_file(source)
        parts = (reader.get_batch(number) for number in range(reader.num_record_batches))
        rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
        return list(reader.schema.names), rows, parts
    stream = pa.ipc.open_stream(source)
    return list(stream.schema.names), 0, iter(stream)


def _records(batches: Iterator[pa.RecordBatch], rows: int, name: str, kind: str, progress: Progress | None) -> Records:
    number = 0
    try:
        for batch in batches:
            batch.validate(full=True)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                part = batch.slice(start, BATCH_ROWS)
                for cells in zip(*(_texts(column) for column in part.columns), strict=True):
                    number += 1
                    yield number, list(cells)
                if progress is not None:
                    progress(number, max(rows, number))
    except _DAMAGE as error:
        raise _damaged(name, kind, error) from error


def _texts(column: pa.Array) -> list[str]:
    """A column's cells as text: what Arrow can write as text, it writes; nested values become JSON."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if not pa.types.is_nested(column.type) and not pa.types.is_binary(column.type):
        try:
            return list(pc.fill_null(column.cast(pa.string()), "").to_pylist())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return [cell_text(_plain(value)) for value in column.to_pylist()]


def _plain(value: Any) -> Any:
    """Bytes are no text: a short note stands for them."""
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _damaged(name: str, kind: str, error: Exception) -> DataError:
    why = (str(error).splitlines() or ["no reason given"])[0][:200]
    return DataError(
        f"{name} is a damaged or incomplete {kind.capitalize()} file ({why}). Export or download it again.",
        code="damaged-file",
    )
