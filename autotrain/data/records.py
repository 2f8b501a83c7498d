"""Records of delimited text, one by one and carefully: what people do to quotes and lines is repaired or named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from autotrain.data.dialect import Dialect, names_delimiter
from autotrain.data.reading import Records
from autotrain.data.stream import Utf8Stream
from autotrain.errors import DataError

LINE_CELLS = 16
"""A line longer than this many of the longest cells is no row of a table; reading it whole could fill the memory."""


class OpenQuote(Exception):
    """A quote that was opened in `row` swallowed the rest of the file."""

    def __init__(self, row: int) -> None:
        self.row = row


class RecordReader:
    """Reads records from a stream, as many as are wanted, and leaves the rest of the stream to others."""

    def __init__(self, stream: Utf8Stream, dialect: Dialect, longest_cell: int, name: str) -> None:
        self._stream, self._dialect, self._longest_cell, self._name = stream, dialect, longest_cell, name
        self._text = io.StringIO()
        self._ended = False
        self._lines_read = 0
        self.number = 0
        """Of the last row that was read, as a spreadsheet counts: a blank line is a row."""

    def skipped(self, rows: int, lines: int) -> None:
        """Somebody else read these."""
        self.number += rows
        self._lines_read += lines

    def records(self, size: int) -> Records:
        """Records of about `size` bytes, or of the file's end. A blank line is counted and skipped.

        Raises:
            OpenQuote: a quote is never closed, or far away.
            DataError: a line or a cell is too long.
        """
        csv.field_size_limit(self._longest_cell + 1)  # the library refuses a field of this very size
        self._used = 0
        reader = self._dialect.reader(self._lines(size))
        while self._used < size and (record := self._record(reader)) is not None:
            self.number += 1
            if self._ended:  # the file ended inside this record: its quote was never closed
                raise OpenQuote(self.number)
            if record:
                yield self.number, record
        self._stream.give_back(self._text.read())

    def _record(self, reader: Iterator[list[str]]) -> list[str] | None:
        try:
            return next(reader, None)
        except csv.Error as error:
            if self._dialect.quote:
                raise OpenQuote(self.number + 1) from error
            raise DataError(
                f"Row {self.number + 1} of {self._name} has a cell longer than {self._longest_cell:,} characters. "
                "Shorten it or split it into several rows.",
                code="cell-too-long",
            ) from error

    def _lines(self, size: int) -> Iterator[str]:
        limit = LINE_CELLS * self._longest_cell
        while block := self._stream.take_lines(size, 4 * limit):
            self._text = io.StringIO(block, newline="")
            while line := self._text.readline(limit):
                self._lines_read += 1
                self._used += len(line)
                if len(line) >= limit and not line.endswith(("\n", "\r")):
                    raise DataError(
                        f"Line {self._lines_read} of {self._name} is longer than {limit:,} characters. A table has one "
                        "row on each line; check that this is a CSV file.",
                        code="line-too-long",
                    )
                if self._lines_read == 1 and names_delimiter(line):
                    continue
                yield line
        self._ended = True
