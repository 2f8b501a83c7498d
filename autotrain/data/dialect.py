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
    share: float = 0.0
    clean: bool = True


def names_delimiter(line: str) -> bool:
    """Whether a first line is `sep=;`, which tells a spreadsheet the delimiter and is no row."""
    return re.fullmatch(r'"?sep=[^\r\n]"?\s*', line, re.IGNORECASE) is not None


def detect_dialect(sample: str) -> Dialect:
    """The dialect of a file that begins with `sample`, which should end at a line end.

    Each common delimiter is tried on the sample: the one under which most rows are as wide as the first wins. That is
    more reliable than a general detector on text with much punctuation; clevercsv is asked when no common one fits.
    """
    between = _between_quotes(sample)
    if between is not None and _is_table(_read(sample, between)):
        return between
    readings = [_read(sample, dialect) for dialect in _candidates(sample)]
    # Quotes are ordinary characters only where the file is all but even that way; otherwise one was left open.
    readings = [reading for reading in readings if reading.dialect.quote or reading.share >= 0.95]
    wide = [reading for reading in readings if reading.header >= 2 and reading.share > 0]
    if wide:
        return max(wide, key=_evenness).dialect
    unusual = _unusual(sample)
    if unusual is not None:
        return unusual
    # The first line may be a title: then the rows below it agree among themselves.
    below = [reading for reading in readings if reading.widest_common >= 2 and reading.clean]
    return max(below, key=lambda reading: reading.widest_common).dialect if below else Dialect()


def _evenness(reading: _Reading) -> tuple[float, bool, bool, int]:
    """By what the better reading is chosen. No text has a tab in every row by chance; a list in a cell has commas."""
    return round(reading.share, 2), reading.clean, reading.dialect.delimiter == "\t", reading.header


def ends_in_quotes(sample: str) -> bool:
    """Whether, under a delimiter that its first line has, the sample is even so far and ends inside a quoted cell."""
    first = sample.split("\n", 1)[0]
    tried = [Dialect(delimiter) for delimiter in DELIMITERS if delimiter in first]
    tried += [Dialect(each.delimiter, quote="'") for each in tried if _in_apostrophes(first, each.delimiter)]
    between = _between_quotes(first)
    tried += [between] if between is not None else []
    return any(each.quote in sample and _open_at_end(sample, each) for each in tried)


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
    if _in_apostrophes(sample.split("\n", 1)[0], delimiter):
        yield Dialect(delimiter, quote="'")
    yield Dialect(delimiter)
    if '\\"' in sample or f"\\{delimiter}" in sample:
        yield Dialect(delimiter, escape="\\")
    if '"' in sample and not _quotes_whole_rows(sample):
        yield Dialect(delimiter, quote="")
    if sample.lstrip().startswith("'"):
        yield Dialect(delimiter, quote="'")


def _in_apostrophes(first: str, delimiter: str) -> bool:
    """Whether all names of a first line stand in apostrophes."""
    names = first.rstrip("\r").split(delimiter)
    return len(names) > 1 and all(re.fullmatch("'[^']*'", name) for name in names)


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
    widths: list[tuple[int, bool]] = []
    clean = True
    csv.field_size_limit(len(sample) + 1)
    try:
        widths = _widths(sample, dialect, strict=True)
    except csv.Error:
        clean = False
        try:
            widths = _widths(sample, dialect, strict=False)
        except csv.Error:
            widths = []
    if not widths:
        return _Reading(dialect, 0, 0, clean=clean)
    header, below = widths[0][0], widths[1:] or widths
    filled = Counter(width for width, full in below if full)
    common, rows = filled.most_common(1)[0] if filled else (1, 0)
    # A few texts with a semicolon do not make a column of texts two columns.
    common = common if rows > 0.5 * len(below) else 1
    return _Reading(dialect, header, common, sum(width == header for width, _ in below) / len(below), clean)


def _widths(sample: str, dialect: Dialect, *, strict: bool) -> list[tuple[int, bool]]:
    """Of each record how many cells it has, and whether more than one of them holds something."""
    records = dialect.reader(io.StringIO(sample, newline=""), strict=strict)
    return [(len(record), sum(map(bool, record)) > 1) for record in records if record]


def _between_quotes(sample: str) -> Dialect | None:
    """The delimiter nobody lists, such as `^`, that stands between a first name in quotes and a second."""
    found = re.match(r'"(?:[^"]|"")*"([^\w\s"])"', sample)
    return Dialect(found[1]) if found and found[1] not in DELIMITERS else None


def _unusual(sample: str) -> Dialect | None:
    """A delimiter nobody lists, such as `^` or `~`, if clevercsv sees one and nearly every row agrees."""
    dialect = _by_clevercsv(sample)
    if dialect is None or dialect.delimiter.isalnum() or dialect.delimiter in " .'\"\\/-_\n\r":
        return None
    if dialect.delimiter == ":" and ": " in sample:
        return None  # names and their values, a pair on each line
    return dialect if _is_table(_read(sample, dialect)) else None


def _is_table(reading: _Reading) -> bool:
    return reading.header >= 2 and reading.share >= 0.95 and reading.clean


def _by_clevercsv(sample: str) -> Dialect | None:
    import clevercsv

    try:
        found = clevercsv.Detector().detect(sample[:20_000])
    except Exception:  # the detector raises bare exceptions of several kinds on texts that are no table
        return None
    return Dialect(found.delimiter, found.quotechar or '"') if found is not None and found.delimiter else None
