"""Delimited text: comma, tab, semicolon or otherwise, in any encoding, with what people do to it repaired or named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from autotrain.data.dialect import Dialect, detect_dialect, ends_in_quotes, names_delimiter
from autotrain.data.encoding import Examined
from autotrain.data.findings import FileFacts, Rows, described, file_findings
from autotrain.data.header import Header, describes_roles, describes_types, name_columns, refuse_too_many
from autotrain.data.profile import TableWatch
from autotrain.data.reading import Progress, Records, counted
from autotrain.data.records import OpenQuote, RecordReader
from autotrain.data.stream import Utf8Stream
from autotrain.data.well_formed import parse_block
from autotrain.data.writing import TABLE_FILE, Batches, in_batches, write_batches
from autotrain.errors import DataError
from autotrain.events import Finding
from autotrain.settings import Settings
from autotrain.table import Profile

BLOCK_BYTES = 1 << 20
"""Text that is parsed at once: enough rows for the columns to be worth it, little enough to be nothing in memory."""
_HEAD_BYTES = 1 << 16
_SAMPLE_CHARACTERS = 262_144
_LONGEST_SAMPLE = 16 * _SAMPLE_CHARACTERS


def import_delimited(
    source: Path, examined: Examined, folder: Path, settings: Settings, progress: Progress | None, name: str
) -> Profile:
    """Read a file of delimited text into `folder`. Raises DataError."""
    dialect = detect_dialect(_sample(source, examined.encoding))
    reader = _Import(source, name, examined, settings, progress)
    try:
        profile, row = reader.run(dialect, folder), None
    except OpenQuote as problem:
        profile, row = _without_quotes(reader, dialect, folder, problem), problem.row
        dialect = Dialect(dialect.delimiter, quote="")
    return profile if dialect.quote else profile.model_copy(update={"findings": (*profile.findings, _quotes_kept(row))})


class _Import:
    """One reading of a file under one dialect."""

    def __init__(
        self, source: Path, name: str, examined: Examined, settings: Settings, progress: Progress | None
    ) -> None:
        self.source, self.name, self.examined, self.settings, self.progress = source, name, examined, settings, progress

    def run(self, dialect: Dialect, folder: Path) -> Profile:
        self._short, self._wide, self._damaged, self._described = Rows(), Rows(), Rows(), Rows()
        self._widths: Counter[int] = Counter()
        found = self.examined
        with counted(self.source, self.progress) as raw:
            stream = Utf8Stream(raw, found.encoding, clean=not found.guessed)
            reader = RecordReader(stream, dialect, self.settings.max_cell_characters, self.name)
            records = reader.records(_HEAD_BYTES)
            header = self._header(records)
            watch = TableWatch(header.names)
            head = list(self._without_descriptions(records))
            rows = chain(
                in_batches(self._even(iter(head), len(header.names))), self._batches(stream, reader, dialect, header)
            )
            write_batches(rows, header, watch, folder / TABLE_FILE)
        self._refuse_empty(watch.rows, header)
        return self._profile(dialect, header, watch)

    def _batches(self, stream: Utf8Stream, reader: RecordReader, dialect: Dialect, header: Header) -> Batches:
        """Block by block: at once where it is well formed, carefully where it is not."""
        width = len(header.names)
        while stream.peek(1):
            block = stream.peek(BLOCK_BYTES)
            columns, end = parse_block(block, header.names, dialect, ended=stream.ended)
            if not end or not self._fit(columns, block):
                yield from in_batches(self._even(reader.records(BLOCK_BYTES), width))
                continue
            rows = len(columns[0])
            yield pa.array(range(reader.number + 1, reader.number + 1 + rows), pa.int64()), columns
            self._widths[width] += rows
            reader.skipped(rows, block.count(b"\n", 0, end))
            stream.skip(end)

    def _fit(self, columns: Sequence[pa.Array], block: bytes) -> bool:
        """Whether there is nothing about these rows that the careful reader would refuse or note."""
        limit = self.settings.max_cell_characters
        if len(block) > limit and any((pc.max(pc.binary_length(column)).as_py() or 0) > limit for column in columns):
            return False
        return not (self._watches_damage and b"\xef\xbf\xbd" in block)

    @property
    def _watches_damage(self) -> bool:
        return self.examined.encoding.startswith("utf-8") and self.examined.guessed

    def _header(self, records: Records) -> Header:
        number, cells = next(records, (0, []))
        while cells and not any(cell.strip() for cell in cells):
            number, cells = next(records, (0, []))
        if not cells:
            raise DataError(
                f"{self.name} is empty. Choose a file with column names in its first row and data below.",
                code="empty-file",
            )
        refuse_too_many(len(cells), self.name)
        cells[0] = cells[0].lstrip("\ufeff")  # files that were put together have the mark more than once
        return name_columns(number, cells)

    def _without_descriptions(self, records: Records) -> Records:
        """The records below the rows of types and roles that Orange writes under the names."""
        head = list(islice(records, 2))
        if len(head) == 2 and describes_types(head[0][1]) and describes_roles(head[1][1]):
            for number, _ in head:
                self._described.add(number)
        else:
            yield from head
        yield from records

    def _even(self, records: Records, width: int) -> Records:
        """Records of exactly `width` cells: short ones are filled up, wide ones with more data are set aside."""
        replaced = self._watches_damage
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
            findings=(*described(self._described), *file_findings(facts)),
        )


def _quotes_kept(row: int | None) -> Finding:
    opened = "they do not match" if row is None else f"row {row} opens one that is never closed"
    return Finding(
        severity="warning",
        code="quotes-kept",
        message=f'Quotes (") are read as ordinary characters: as marks around cells {opened}.',
        remedy="If they do mark cells, close each, and write those twice that belong to a text.",
        rows=() if row is None else (row,),
    )


def _without_quotes(reader: _Import, dialect: Dialect, folder: Path, problem: OpenQuote) -> Profile:
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


def _sample(source: Path, encoding: str) -> str:
    """The file's beginning, up to the last whole line; longer where it would end inside a long quoted cell."""
    with source.open(encoding=encoding, errors="replace", newline="") as text:
        sample = text.read(_SAMPLE_CHARACTERS)
        while len(sample) < _LONGEST_SAMPLE and ends_in_quotes(_whole_lines(sample)):
            more = text.read(len(sample))
            if not more:
                break
            sample += more
        whole = not text.read(1)
    first, _, rest = sample.partition("\n")
    if names_delimiter(first):
        sample = rest
    return sample if whole else _whole_lines(sample)


def _whole_lines(sample: str) -> str:
    end = max(sample.rfind("\n"), sample.rfind("\r"))
    return sample[: end + 1] if end > 0 else sample
