"""How a file's cells are divided: delimiter, quote and escape characters."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = (",", "\t", ";", "|")
_PEEK = 65_536
"""Characters of a sample that are looked at cell by cell: enough to see how a writer works."""


@dataclass(frozen=True)
class Dialect:
    """What `csv.reader` needs to know. An empty `quote` means that quotes are ordinary characters.

    `spaced` says that there are blanks between a delimiter and a quote, which belong to no cell.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    spaced: bool = False

    def reader(self, lines: Iterator[str], *, strict: bool = False) -> Iterator[list[str]]:
        """Records of `lines`, each a list of cells."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            skipinitialspace=self.spaced,
            strict=strict,
        )


@dataclass(frozen=True)
class _Reading:
    """How evenly a sample reads under one dialect."""

    dialect: Dialect
    header: int
    widest_common: int
    share: float
    clean: bool


def names_delimiter(line: str) -> bool:
    """Whether a first line is `sep=;`, which tells a spreadsheet the delimiter and is no row."""
    return re.fullmatch(r'"?sep=[^\r\n]"?\s*', line, re.IGNORECASE) is not None


def detect_dialect(sample: str) -> Dialect:
    """The dialect of a file that begins with `sample`, which should end at a line end.

    Each common delimiter is tried on the sample: the one under which most rows are as wide as the first wins. That is
    more reliable than a general detector on text with much punctuation; clevercsv is asked when no common one fits.
    """
    readings = [_read(sample, dialect) for dialect in _candidates(sample)]
    # Quotes are ordinary characters only where the file is all but even that way; otherwise one was left open.
    readings = [reading for reading in readings if reading.dialect.quote or reading.share >= 0.95]
    wide = [reading for reading in readings if reading.header >= 2 and reading.share > 0]
    if wide:
        return max(wide, key=lambda reading: (round(reading.share, 2), reading.clean, reading.header)).dialect
    unusual = _unusual(sample)
    if unusual is not None:
        return unusual
    # The first line may be a title: then the rows below it agree among themselves.
    below = [reading for reading in readings if reading.widest_common >= 2 and reading.clean]
    return max(below, key=lambda reading: reading.widest_common).dialect if below else Dialect()


def ends_in_quotes(sample: str) -> bool:
    """Whether, under a delimiter that its first line has, the sample is even so far and ends inside a quoted cell."""
    if sample.count('"') < 1:
        return False
    first = sample.split("\n", 1)[0]
    return any(_open_at_end(sample, Dialect(delimiter)) for delimiter in DELIMITERS if delimiter in first)


def _open_at_end(sample: str, dialect: Dialect) -> bool:
    widths: list[int] = []
    csv.field_size_limit(len(sample) + 1)
    try:
        widths += (len(record) for record in dialect.reader(io.StringIO(sample, newline=""), strict=True) if record)
    except csv.Error as error:
        return "unexpected end" in str(error) and len(set(widths)) == 1
    return False


def _candidates(sample: str) -> list[Dialect]:
    return [each for delimiter in DELIMITERS for each in _quotings(sample, delimiter)]


def _quotings(sample: str, delimiter: str) -> Iterator[Dialect]:
    """The ways that cells between such delimiters may be quoted; of two that read evenly the first is taken."""
    if _spaced(sample[:_PEEK], delimiter):
        yield Dialect(delimiter, spaced=True)
    yield Dialect(delimiter)
    if '\\"' in sample or f"\\{delimiter}" in sample:
        yield Dialect(delimiter, escape="\\")
    if '"' in sample and not _quotes_whole_rows(sample):
        yield Dialect(delimiter, quote="")
    if sample.lstrip().startswith("'"):
        yield Dialect(delimiter, quote="'")


def _spaced(sample: str, delimiter: str) -> bool:
    """Whether a cell begins with blanks and a quote. No writer leaves such a cell bare if the quote belongs to it."""
    if not re.search(f'{re.escape(delimiter)} +"', sample):
        return False
    end = f"(?:{re.escape(delimiter)}|[\r\n]|\\Z)"
    cells = re.compile(
        f'(?:"(?:[^"]|"")*"|(?P<spaced> +"(?:[^"]|"")*" *)(?={end})|[^{re.escape(delimiter)}\r\n]*){end}'
    )
    return any(cell["spaced"] for cell in cells.finditer(sample))


def _quotes_whole_rows(sample: str) -> bool:
    """Whether each of the first rows is one quoted cell, as a spreadsheet saves a CSV that it took for one column."""
    lines = sample[:_PEEK].splitlines()[:20]
    return len(lines) > 1 and all(re.fullmatch(r'"(?:[^"]|"")*"', line) for line in lines)


def _read(sample: str, dialect: Dialect) -> _Reading:
    widths, clean = [], True
    csv.field_size_limit(len(sample) + 1)
    try:
        widths = [len(record) for record in dialect.reader(io.StringIO(sample, newline=""), strict=True) if record]
    except csv.Error:
        clean = False
        try:
            widths = [len(record) for record in dialect.reader(io.StringIO(sample, newline="")) if record]
        except csv.Error:
            widths = []
    if not widths:
        return _Reading(dialect, 0, 0, 0.0, clean)
    below = widths[1:] or widths
    common, _ = Counter(below).most_common(1)[0]
    return _Reading(dialect, widths[0], common, sum(width == widths[0] for width in below) / len(below), clean)


def _unusual(sample: str) -> Dialect | None:
    """A delimiter nobody lists, such as `^` or `~`, if clevercsv sees one and nearly every row agrees."""
    import clevercsv

    try:
        found = clevercsv.Detector().detect(sample[:20_000])
    except Exception:  # the detector raises bare exceptions of several kinds on texts that are no table
        return None
    if found is None or not found.delimiter or found.delimiter.isalnum() or found.delimiter in " .'\"\\/-_\n\r":
        return None
    if found.delimiter == ":" and ": " in sample:
        return None  # names and their values, a pair on each line
    reading = _read(sample, Dialect(found.delimiter, found.quotechar or '"'))
    return reading.dialect if reading.header >= 2 and reading.share >= 0.95 and reading.clean else None
