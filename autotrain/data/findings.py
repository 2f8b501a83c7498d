"""What a file's reader noticed, as sentences with a remedy: repaired rows, renamed columns, a guessed encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from autotrain.data.encoding import Examined
from autotrain.data.header import Header
from autotrain.data.kinds import is_number
from autotrain.events import Finding, Fix
from autotrain.table import ColumnProfile

LISTED_ROWS = 20
"""Row numbers a finding lists; its count says how many there are in all."""

DROPPED_ROWS = 10_000
"""Rows that a fix leaves out by their numbers; with more, the file itself wants mending."""

ONE_COLUMN = "one-column"
"""The code of what is wrong or not with a table of one column, as the task takes it."""


@dataclass
class Rows:
    """Row numbers worth naming: all are counted, the first few are kept."""

    count: int = 0
    known: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Note one row."""
        self.count += 1
        if len(self.known) < DROPPED_ROWS:
            self.known.append(number)

    @property
    def first(self) -> list[int]:
        """The rows that a finding lists."""
        return self.known[:LISTED_ROWS]

    def dropping(self) -> Fix | None:
        """Leaving these rows out; None when there are too many to name."""
        if not self.count or self.count > DROPPED_ROWS:
            return None
        title = "Leave out this row" if self.count == 1 else f"Leave out these {self.count:,} rows"
        return Fix(title=title, step={"step": "drop_rows", "rows": list(self.known)})

    def named(self) -> str:
        """`Row 5`, `3 rows (5, 9 and 12)` or `40 rows (2, 3, 4 and 37 more)`, for the beginning of a sentence."""
        if self.count == 1:
            return f"Row {self.first[0]}"
        shown = self.first[:3] if self.count > 4 else self.first
        rest = self.count - len(shown)
        listed = ", ".join(str(number) for number in shown[: -1 if not rest else None])
        listed += f" and {rest:,} more" if rest else f" and {shown[-1]}"
        return f"{self.count:,} rows ({listed})"


@dataclass(frozen=True)
class FileFacts:
    """Everything one reading of a file noticed."""

    examined: Examined
    header: Header
    columns: Sequence[ColumnProfile]
    rows: int
    short: Rows
    wide: Rows
    damaged: Rows
    names_in_file: bool = True


def file_findings(facts: FileFacts) -> list[Finding]:
    """What is worth knowing about the file itself, whatever it is used for."""
    return [*_columns(facts), *_ragged(facts), *_encoding(facts)]


def described(rows: Rows) -> Iterator[Finding]:
    """Rows that describe the columns and are no data."""
    if rows.count:
        yield Finding(
            severity="warning",
            code="described-columns",
            message=f"Rows {' and '.join(map(str, rows.first))} describe the columns, as Orange writes them. They are "
            "left out.",
            remedy="Nothing is to be done, unless these are rows of data.",
            count=rows.count,
            rows=tuple(rows.first),
        )


def _columns(facts: FileFacts) -> Iterator[Finding]:
    header = facts.header
    if len(header.names) == 1 and facts.columns[0].kind != "messages":
        yield Finding(
            severity="warning",  # texts alone are enough to learn a language from
            code=ONE_COLUMN,
            message=f'The file has only one column, "{_short(header.names[0])}".',
            remedy="Texts alone teach a model a language or a field. To sort texts it takes a column of labels too; if "
            "the file has both, save it again with commas or tabs between the columns.",
        )
    for old, new in header.renamed:
        yield Finding(
            severity="warning",
            code="duplicate-column-name",
            message=f'More than one column is called "{_short(old)}"; a later one is called "{_short(new)}" here.',
            remedy="Rename one of them in the file if that is confusing.",
            column=new,
        )
    filled = [name for name in header.nameless if not _empty(facts, name)]
    if filled:
        listed = ", ".join(f'"{name}"' for name in filled[:5]) + (" …" if len(filled) > 5 else "")
        yield Finding(
            severity="warning",
            code="empty-column-name",
            message=f"{len(filled)} {_plural(len(filled), 'column has', 'columns have')} no name: {listed} here.",
            remedy=f"Write a name into row {header.row} of the file if the column is needed.",
            column=filled[0],
            count=len(filled),
        )
    if facts.names_in_file and _first_row_is_data(facts):
        shown = ", ".join(f'"{_short(name, 30)}"' for name in header.names[:4])
        yield Finding(
            severity="warning",
            code="no-header",
            message=f"Row {header.row} looks like data, not like column names: {shown}.",
            remedy="It is used as names and not as a row. If it is data, put a row of names above it.",
            rows=(header.row,),
        )


def _ragged(facts: FileFacts) -> Iterator[Finding]:
    width = len(facts.header.names)
    if facts.short.count:
        yield Finding(
            severity="warning",
            code="short-rows",
            message=f"{facts.short.named()} {_plural(facts.short.count, 'has', 'have')} fewer cells than the "
            f"{width} columns; the missing cells count as empty.",
            remedy="Check these rows in the file if the cells should not be empty.",
            count=facts.short.count,
            rows=tuple(facts.short.first),
        )
    if facts.wide.count:
        yield Finding(
            severity="warning",
            code="wide-rows",
            message=f"{facts.wide.named()} {_plural(facts.wide.count, 'has', 'have')} more cells than the {width} "
            f"columns and {_plural(facts.wide.count, 'is', 'are')} left out.",
            remedy="Put a text that holds the delimiter in quotes, and import the file again.",
            count=facts.wide.count,
            rows=tuple(facts.wide.first),
        )


def _encoding(facts: FileFacts) -> Iterator[Finding]:
    if facts.damaged.count:
        yield Finding(
            severity="warning",
            code="damaged-characters",
            message=f"{facts.damaged.named()} {_plural(facts.damaged.count, 'holds', 'hold')} bytes that are not "
            'UTF-8; they are shown as "\ufffd".',
            remedy="Correct these characters in the file, or save it again as UTF-8.",
            count=facts.damaged.count,
            rows=tuple(facts.damaged.first),
        )
    elif facts.examined.guessed and not facts.examined.encoding.startswith("utf-8"):
        read_as = _ENCODINGS.get(facts.examined.encoding, facts.examined.encoding)
        yield Finding(
            severity="warning",
            code="encoding-guessed",
            message=f"The file is not in UTF-8; it was read as {read_as}.",
            remedy="Look at letters with accents in the first rows. If they are wrong, save the file as UTF-8.",
        )


_ENCODINGS = {
    "cp1252": "Western European (Windows-1252, Latin-1)",
    "cp1250": "Central European (Windows-1250)",
    "cp1251": "Cyrillic (Windows-1251)",
    "cp1253": "Greek (Windows-1253)",
    "cp1254": "Turkish (Windows-1254)",
    "cp1255": "Hebrew (Windows-1255)",
    "cp1256": "Arabic (Windows-1256)",
    "cp1257": "Baltic (Windows-1257)",
    "koi8_r": "Cyrillic (KOI8-R)",
    "big5": "Chinese (Big5)",
    "euc_jp": "Japanese (EUC-JP)",
    "euc_kr": "Korean (EUC-KR)",
    "mac_roman": "Western European (old Mac)",
    "gb18030": "Chinese (GB 18030)",
    "shift_jis": "Japanese (Shift JIS)",
}


def _first_row_is_data(facts: FileFacts) -> bool:
    """Whether every name reads like a cell of its own column; one that does may be chance (`spam` above `spam`).

    No column of numbers is called `-1.5`, whatever the others are called.
    """
    named = [
        (name, column)
        for name, column in zip(facts.header.names, facts.columns, strict=True)
        if name not in facts.header.nameless and column.kind != "empty"
    ]
    if any(column.kind == "number" and re.fullmatch(r"-\d+|-?\d*\.\d+", name) for name, column in named):
        return True
    return len(named) > 1 and all(_like_a_cell(name, column) for name, column in named)


def _like_a_cell(name: str, column: ColumnProfile) -> bool:
    if column.kind in ("category", "boolean"):
        return dict(column.top_values).get(name, 0) >= 2
    if column.kind in ("number", "id"):
        return is_number(name) or (column.kind == "id" and any(char.isdigit() for char in name))
    if column.kind in ("text", "long text"):
        return len(name.split()) > 3 or len(name) > 60
    return any(char.isdigit() for char in name)


def _empty(facts: FileFacts, name: str) -> bool:
    return next(column.kind == "empty" for column in facts.columns if column.name == name)


def _short(name: str, limit: int = 60) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
