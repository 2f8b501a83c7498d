"""The first rows of a file whose beginning alone is at hand: shown while the rest is still on its way."""

from __future__ import annotations

import bz2
import io
import lzma
import resource
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from autotrain.asking import Progress, answer_with, ask
from autotrain.data.columnar import read_columnar
from autotrain.data.formats import COMPRESSED, format_of
from autotrain.data.read import import_table
from autotrain.data.writing import TABLE_FILE
from autotrain.errors import DataError
from autotrain.settings import UPLOAD, Settings
from autotrain.table import ROW_COLUMN

HEAD_BYTES = 1 << 18
"""What is read of a file's beginning, and of what a compressed one unpacks to."""
ROWS = 10
LONGEST_CELL = 400
_SECONDS = 30
_TABLES = frozenset({".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson"})


class Glance(BaseModel):
    """The first rows, cells in the order of the columns; long ones are cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def glance(head: bytes, name: str, settings: Settings) -> Glance | None:
    """The first rows of a table that begins with `head`, or None where a beginning does not tell.

    Formats that keep what is needed at their end, such as Parquet, ZIP and workbooks, are among the latter.
    """
    with tempfile.TemporaryDirectory(dir=settings.root, prefix=UPLOAD) as folder:
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


def glance_inside(path: Path, name: str, settings: Settings) -> Glance | None:
    """The first rows of a whole file whose format keeps what is needed at its end; None for other formats.

    A child process reads it: Parquet, Arrow, or the first table of a ZIP archive.
    """
    if format_of(path) not in ("parquet", "arrow", "zip"):
        return None
    asked = {"path": str(path.resolve()), "name": name, "settings": settings.model_dump(mode="json")}
    try:
        found = ask("autotrain.data.glance", asked, seconds=_SECONDS, what=f"{name} was not looked into")
    except DataError:  # the import will say what is wrong with it
        return None
    return Glance.model_validate(found) if found else None


def look_inside(asked: dict[str, Any], _: Progress) -> dict[str, Any] | None:
    """The child's work, in as much memory as an import may have."""
    settings, path = Settings(**asked["settings"]), Path(asked["path"])
    resource.setrlimit(resource.RLIMIT_DATA, (settings.import_memory_bytes, settings.import_memory_bytes))
    kind = format_of(path)
    if kind == "zip":
        found = _in_archive(path, settings)
    else:
        reading = read_columnar(path, asked["name"], str(kind), None)
        rows = [tuple(cell[:LONGEST_CELL] for cell in cells) for _, cells in islice(reading.records, ROWS)]
        found = Glance(columns=reading.header.names, rows=tuple(rows))
    return found.model_dump(mode="json") if found else None


def _in_archive(path: Path, settings: Settings) -> Glance | None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if Path(entry.filename).suffix.casefold() in _TABLES and not entry.is_dir():
                with archive.open(entry) as file:
                    return glance(file.read(HEAD_BYTES), Path(entry.filename).name, settings)
    return None


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


if __name__ == "__main__":
    answer_with(look_inside)
