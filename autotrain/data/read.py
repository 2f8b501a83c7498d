"""Reading a delimited text file of any size into an Arrow table and a profile, in flat memory."""

from __future__ import annotations

import csv
import errno
import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from autotrain.data.dialect import Dialect, detect_dialect
from autotrain.data.encoding import Examined, examine
from autotrain.data.findings import FileFacts, Rows, file_findings
from autotrain.data.formats import refuse_other_formats
from autotrain.data.header import Header, name_columns
from autotrain.data.profile import TableWatch
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN, Profile

TABLE_FILE, PROFILE_FILE = "table.arrow", "profile.json"
_SAMPLE_CHARACTERS = 262_144
_BATCH_ROWS = 8_192
_BATCH_CHARACTERS = 16_000_000
_LINE_CELLS = 16
"""A line longer than this many of the longest cells is no row of a table; reading it whole could fill the memory."""

Progress = Callable[[int, int], None]


def import_csv(source: Path, folder: Path, settings: Settings, progress: Progress | None = None) -> Profile:
    """Read `source` into `folder`/table.arrow and `folder`/profile.json.

    Every cell is kept as the file has it. Rows are numbered as a spreadsheet shows them: the header is row 1.

    Args:
        source: a file of comma, tab, semicolon or otherwise delimited text, in any encoding.
        folder: an existing folder, to be filled.
        settings: gives the limits on the file and on a cell.
        progress: called with bytes done and bytes in all.

    Raises:
        DataError: the file is no table, is empty, too large, or the disk is full.
    """
    return import_examined(source, check_file(source, settings), folder, settings, progress, name=source.name)


def check_file(source: Path, settings: Settings, name: str | None = None) -> Examined:
    """Refuse what cannot be a table and find out the encoding, in one pass over the bytes. Raises DataError."""
    name = name or source.name
    with plain_errors(name):
        if not source.exists():
            raise DataError(f"There is no file {source}. Check the path.", code="no-such-file")
        if not source.is_file():
            raise DataError(f"{source} is not a file. Choose a table saved as CSV.", code="not-a-table")
        size, limit = source.stat().st_size, settings.max_upload_bytes
        if size > limit:
            raise DataError(
                f"{name} has {size_text(size)}, and at most {size_text(limit)} are accepted. Take a part of its rows, "
                "or raise AUTOTRAIN_MAX_UPLOAD_BYTES.",
                code="too-large",
            )
        refuse_other_formats(source, name)
        return examine(source)


def import_examined(
    source: Path, examined: Examined, folder: Path, settings: Settings, progress: Progress | None, *, name: str
) -> Profile:
    """`import_csv` for a file that `check_file` has seen."""
    with plain_errors(name):
        dialect = detect_dialect(_sample(source, examined.encoding))
        reader = _Import(source, name, examined, settings, progress)
        try:
            profile = reader.run(dialect, folder)
        except _OpenQuote as problem:
            profile = _without_quotes(reader, dialect, folder, problem)
        (folder / PROFILE_FILE).write_text(profile.model_dump_json(indent=1), "utf-8")
    return profile


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """Turn the operating system's refusals into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DataError(
                f"There is no space left on the disk to import {name}. Free some space and try again; "
                "nothing half-finished was left behind.",
                code="disk-full",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise DataError(
                f"{name} may not be read or its import not be written ({error.strerror}). Check the permissions of "
                f"{error.filename or name}.",
                code="not-readable",
            ) from error
        raise DataError(f"{name} could not be read: {error}. Check the disk and try again.", code="io") from error


class _OpenQuote(Exception):
    """A quote that was opened in `row` swallowed the rest of the file."""

    def __init__(self, row: int) -> None:
        self.row = row


class _Counted(io.RawIOBase):
    """A file that reports how far it has been read."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self._file, self._size, self._progress, self._done = file, size, progress, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._done += count
        if self._progress is not None:
            self._progress(min(self._done, self._size), self._size)
        return int(count)


class _Import:
    """One reading of a file under one dialect."""

    def __init__(
        self, source: Path, name: str, examined: Examined, settings: Settings, progress: Progress | None
    ) -> None:
        self.source, self.name, self.examined, self.settings, self.progress = source, name, examined, settings, progress

    def run(self, dialect: Dialect, folder: Path) -> Profile:
        self._short, self._wide, self._damaged = Rows(), Rows(), Rows()
        self._widths: Counter[int] = Counter()
        self._ended = False
        with self.source.open("rb", buffering=0) as raw:
            counted = io.BufferedReader(_Counted(raw, self.examined.size, self.progress), 1 << 20)
            text = io.TextIOWrapper(counted, self.examined.encoding, errors="replace", newline="")
            records = self._records(text, dialect)
            header = self._header(records)
            watch = TableWatch(header.names)
            self._write(self._even(records, len(header.names)), header, watch, folder / TABLE_FILE)
        self._refuse_empty(watch.rows, header)
        return self._profile(dialect, header, watch)

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        limit = _LINE_CELLS * self.settings.max_cell_characters
        self._line = 0
        while line := text.readline(limit):
            self._line += 1
            if len(line) >= limit and not line.endswith(("\n", "\r")):
                raise DataError(
                    f"Line {self._line} of {self.name} is longer than {limit:,} characters. A table has one row on "
                    "each line; check that this is a CSV file.",
                    code="line-too-long",
                )
            if self._line == 1 and line.lower().startswith("sep=") and len(line.strip()) <= 5:
                continue
            yield line
        self._ended = True

    def _records(self, text: io.TextIOWrapper, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
        """Records with their row numbers. A blank line is a row to a spreadsheet, so it is counted and skipped."""
        csv.field_size_limit(self.settings.max_cell_characters)
        number, reader = 0, dialect.reader(self._lines(text))
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if dialect.quote:
                    raise _OpenQuote(number + 1) from error
                raise DataError(
                    f"Row {number + 1} of {self.name} has a cell longer than "
                    f"{self.settings.max_cell_characters:,} characters. Shorten it or split it into several rows.",
                    code="cell-too-long",
                ) from error
            number += 1
            if self._ended:  # the file ended inside this record: its quote was never closed
                raise _OpenQuote(number)
            if record:
                yield number, record

    def _header(self, records: Iterator[tuple[int, list[str]]]) -> Header:
        number, cells = next(records, (0, []))
        while cells and not any(cell.strip() for cell in cells):
            number, cells = next(records, (0, []))
        if not cells:
            raise DataError(
                f"{self.name} is empty. Choose a file with column names in its first row and data below.",
                code="empty-file",
            )
        return name_columns(number, cells)

    def _even(self, records: Iterator[tuple[int, list[str]]], width: int) -> Iterator[tuple[int, list[str]]]:
        """Records of exactly `width` cells: short ones are filled up, wide ones with more data are set aside."""
        replaced = self.examined.encoding.startswith("utf-8") and self.examined.guessed
        for number, record in records:
            self._widths[len(record)] += 1
            if len(record) < width:
                self._short.add(number)
                record = record + [""] * (width - len(record))
            elif len(record) > width:
                if any(cell.strip() for cell in record[width:]):
                    self._wide.add(number)
                    continue
                record = record[:width]
            if replaced and any("\ufffd" in cell for cell in record):
                self._damaged.add(number)
            yield number, record

    def _write(self, records: Iterator[tuple[int, list[str]]], header: Header, watch: TableWatch, path: Path) -> None:
        schema = pa.schema([*((name, pa.string()) for name in header.names), (ROW_COLUMN, pa.int64())])
        with path.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
            for numbers, cells in _batches(records):
                columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
                watch.see(columns, cells)
                writer.write_batch(pa.record_batch([*columns, pa.array(numbers, pa.int64())], schema))

    def _refuse_empty(self, rows: int, header: Header) -> None:
        aside = self._wide.count
        if aside > max(1, rows):
            width, times = self._widths.most_common(1)[0]
            cells = "1 cell" if len(header.names) == 1 else f"{len(header.names)} cells"
            raise DataError(
                f"Row {header.row} of {self.name} has {cells}, but {times:,} rows have {width}. If row {header.row} is "
                "a title, delete it; if texts hold the delimiter, put them in quotes; then save as CSV again.",
                code="ragged",
            )
        if rows == 0:
            raise DataError(
                f"{self.name} has column names in row {header.row} but no rows below. Add at least one row of data.",
                code="header-only",
            )

    def _profile(self, dialect: Dialect, header: Header, watch: TableWatch) -> Profile:
        columns = watch.profiles()
        facts = FileFacts(self.examined, header, columns, watch.rows, self._short, self._wide, self._damaged)
        return Profile(
            rows=watch.rows,
            columns=columns,
            duplicate_rows=watch.duplicate_rows,
            size_bytes=self.examined.size,
            sha256=self.examined.sha256,
            encoding=self.examined.encoding,
            delimiter=dialect.delimiter,
            findings=tuple(file_findings(facts)),
        )


def _without_quotes(reader: _Import, dialect: Dialect, folder: Path, problem: _OpenQuote) -> Profile:
    """Read again with quotes as ordinary characters, as some tab-separated exports mean them; refuse if uneven."""
    try:
        profile = reader.run(Dialect(dialect.delimiter, quote=""), folder)
        even = not any(finding.code in ("short-rows", "wide-rows") for finding in profile.findings)
    except DataError as error:
        if error.code in ("cell-too-long", "line-too-long"):
            raise
        even = False
    if even:
        return profile
    raise DataError(
        f'Row {problem.row} of {reader.name} opens a quote (") that is never closed, or has a cell of more than '
        f"{reader.settings.max_cell_characters:,} characters. Close the quote, write it twice if it belongs to the "
        "text, or shorten the cell.",
        code="open-quote",
    ) from problem


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


def _sample(source: Path, encoding: str) -> str:
    """The file's beginning, up to the last whole line."""
    with source.open(encoding=encoding, errors="replace", newline="") as text:
        sample = text.read(_SAMPLE_CHARACTERS)
    if sample.lower().startswith("sep="):
        sample = sample.split("\n", 1)[-1]
    if len(sample) < _SAMPLE_CHARACTERS:
        return sample
    end = max(sample.rfind("\n"), sample.rfind("\r"))
    return sample[: end + 1] if end > 0 else sample


def size_text(count: int) -> str:
    """A size in bytes for people, in powers of ten as file managers show it."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
