"""The first rows of a file whose beginning alone is at hand: shown while the rest is still on its way."""

from __future__ import annotations

import bz2
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from autotrain.data.formats import COMPRESSED, format_of
from autotrain.data.read import import_table
from autotrain.data.writing import TABLE_FILE
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN

HEAD_BYTES = 1 << 18
"""What is read of a file's beginning, and of what a compressed one unpacks to."""
ROWS = 10
LONGEST_CELL = 400


class Glance(BaseModel):
    """The first rows, cells in the order of the columns; long ones are cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def glance(head: bytes, name: str, settings: Settings) -> Glance | None:
    """The first rows of a table that begins with `head`, or None where a beginning does not tell.

    Formats that keep what is needed at their end, such as Parquet, ZIP and workbooks, are among the latter.
    """
    with tempfile.TemporaryDirectory(dir=settings.root, prefix=".upload-") as folder:
        path = Path(folder) / f"head{Path(name).suffix[:10]}"
        path.write_bytes(head)
        if (kind := format_of(path)) in COMPRESSED:
            path = path.with_suffix("")
            path.write_bytes(head := _unpacked(head, str(kind)))
            kind = format_of(path)
        if kind not in (None, "json") or not (whole := _whole_rows(head, kind)):
            return None
        path.write_bytes(whole)
        target = Path(folder) / "table"
        target.mkdir()
        try:
            import_table(path, target, settings, name=name)
        except DataError:  # the import of the whole file will say what is wrong with it
            return None
        return _first_rows(target / TABLE_FILE)


def _first_rows(path: Path) -> Glance:
    with pa.memory_map(str(path)) as file:
        rows = pa.ipc.open_file(file).get_batch(0).slice(0, ROWS).drop_columns([ROW_COLUMN])
        cells = ([str(cell)[:LONGEST_CELL] for cell in column.to_pylist()] for column in rows.columns)
        return Glance(columns=tuple(rows.schema.names), rows=tuple(zip(*cells, strict=True)))


def _unpacked(head: bytes, kind: str) -> bytes:
    """The beginning of what a compressed file holds; empty when not even that can be told."""
    openers: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.decompressobj(wbits=47),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lzma.LZMADecompressor,
    }
    try:
        if kind in openers:
            return bytes(openers[kind]().decompress(head, HEAD_BYTES))
        with pa.CompressedInputStream(pa.BufferReader(head), kind) as stream:
            return _until_it_breaks(stream)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, pa.ArrowException):
        return b""


def _until_it_breaks(stream: pa.CompressedInputStream) -> bytes:
    read = io.BytesIO()
    try:
        while read.tell() < HEAD_BYTES and (chunk := stream.read(1 << 14)):
            read.write(chunk)
    except (OSError, pa.ArrowException):  # here the beginning ends
        pass
    return read.getvalue()


def _whole_rows(head: bytes, kind: str | None) -> bytes:
    """The rows that are whole; the last one is cut somewhere."""
    import orjson

    if kind == "json":
        lines = head[: head.rfind(b"\n") + 1]
        try:
            orjson.loads(lines.split(b"\n", 1)[0])
        except ValueError:
            items = _items(head)
            return orjson.dumps(items) if items else b""
        return lines
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 4 * 4]
    return head[: head.rfind(b"\n") + 1] or head[: head.rfind(b"\r") + 1]


def _items(head: bytes) -> list[Any]:
    """The first rows of a JSON document: of the first array in it that holds objects."""
    import ijson

    place, opened = None, None
    try:
        for prefix, event, _ in ijson.parse(io.BytesIO(head)):
            if event == "start_map" and opened is not None:
                place = opened
                break
            opened = prefix if event == "start_array" else None
    except ijson.JSONError:
        return []
    found: list[Any] = []
    if place is not None:
        try:
            for item in ijson.items(io.BytesIO(head), f"{place}.item".lstrip("."), use_float=True):
                found.append(item)
        except (ijson.JSONError, ValueError):  # here the beginning ends
            pass
    return found[:ROWS]
