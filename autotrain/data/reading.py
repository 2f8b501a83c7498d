"""A file that is being read as a table, whatever its format."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from autotrain.data.header import Header
from autotrain.events import Finding

Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all, most often bytes."""

Records = Iterator[tuple[int, list[str]]]
"""Rows with their numbers in the original file: a spreadsheet's row, a line of JSON lines, the place in an array."""


@dataclass
class Reading:
    """Names, and rows that are as wide. `findings` is filled while the rows are read."""

    format: str
    header: Header
    records: Records
    findings: list[Finding]
    names_in_file: bool = False
    """Whether the names are a row of the file, which a person may have forgotten to write."""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    """The sheet of a workbook that is read, and all its sheets."""


def stretch(progress: Progress | None, begin: float, end: float) -> Progress | None:
    """What one part of the work calls, so that it is told as the share from `begin` to `end` of the whole."""
    if progress is None:
        return None

    def told(done: int, total: int) -> None:
        progress(round(total * begin + done * (end - begin)), total)

    return told


class CountedFile(io.RawIOBase):
    """A file that reports how far it has been read."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self._file, self._size, self._progress, self._done = file, size, progress, 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._done += count
        if self._progress is not None:
            self._progress(min(self._done, self._size), self._size)
        return int(count)


def counted(path: Path, progress: Progress | None) -> io.BufferedReader:
    """The file's bytes, buffered, with progress."""
    return io.BufferedReader(CountedFile(path.open("rb", buffering=0), path.stat().st_size, progress), 1 << 20)


def cell_text(value: object) -> str:
    """A value of a typed format as the text of a cell: nothing is empty, text stays, all else is as JSON writes it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    import orjson

    if isinstance(value, float) and not math.isfinite(value):  # JSON has no word for it, and would say null
        return "" if math.isnan(value) else str(value)
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8")
    except (TypeError, ValueError):  # numbers beyond 64 bits, half of a surrogate pair
        import json

        return json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
