"""What is wrong or worth knowing about a column of texts, before a second of training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from autotrain.data.findings import Rows
from autotrain.events import Finding, Fix
from autotrain.table import ROW_COLUMN, Table

LONG_CHARACTERS = 20_000
"""A text this long has some 5,000 tokens, ten times what common encoders read; the rest is never seen."""

FEW_CLASSES = 20
"""Up to here labels are surely classes, even in a tiny table and even if they are numbers."""

LISTED = 5
"""Values and rows that a sentence names."""


def text_findings(table: Table, column: str) -> list[Finding]:
    """What is worth knowing about a column of texts: empty, repeated, very long, or no texts at all."""
    texts = _read(table, column)
    if not texts.keys:
        message = f'Every cell of "{column}" is empty.'
        return [error_finding("no-text", message, "Choose the column that holds the texts.", column)]
    found = (code for code in _SAID if texts.rows[code].count)
    return [*_unlikely_text(table, column), *(_said(code, texts, column) for code in found)]


@dataclass
class _Texts:
    """A column of texts, read once. `rows` are those each finding is about."""

    keys: set[bytes] = field(default_factory=set)
    longest: int = 0
    rows: dict[str, Rows] = field(default_factory=lambda: {code: Rows() for code in _SAID})


def _read(table: Table, column: str) -> _Texts:
    texts = _Texts()
    for number, (text,) in cells_of(table, column):
        plain = text.strip()
        if not plain:
            texts.rows["empty-text"].add(number)
            continue
        if len(text) > LONG_CHARACTERS:
            texts.rows["very-long-text"].add(number)
            texts.longest = max(texts.longest, len(text))
        if len(plain) != len(text):
            texts.rows["outer-space"].add(number)
        key = text_key(text)
        if key in texts.keys:
            texts.rows["repeated-text"].add(number)
        texts.keys.add(key)
    return texts


_SAID: dict[str, tuple[str, str]] = {
    "empty-text": ("no text and is left out.", "Fill in the text if the row should count."),
    "very-long-text": (
        "a text of up to {longest:,} characters; the model reads only the beginning.",
        "Shorten it, or split it into several rows, if what matters stands further down.",
    ),
    "outer-space": (
        "white space before or after the text.",
        "It hardly matters to most models, but may tell classes apart by accident.",
    ),
    "repeated-text": (
        "a text that an earlier row has too.",
        "Equal texts stay on one side of the split, so scores stay honest. Remove them if they are mistakes.",
    ),
}
_FIXES = {
    "empty-text": ("Drop rows without a text", "drop_empty"),
    "outer-space": ("Trim the texts", "trim"),
    "repeated-text": ("Keep the first of equal texts", "deduplicate"),
}


def _said(code: str, texts: _Texts, column: str) -> Finding:
    has, remedy = _SAID[code]
    title, step = _FIXES.get(code, ("", ""))
    fix = Fix(title=title, step={"step": step, "columns": [column]}) if step else None
    return rows_finding(code, texts.rows[code], column, has.format(longest=texts.longest), remedy, fix)


def missing_columns(table: Table, columns: Mapping[str, str]) -> list[Finding]:
    """Roles whose column the table does not have: such names come from edited YAML or from another table."""
    known = [name for name in table.rows.column_names if name != ROW_COLUMN]
    return [
        error_finding(
            "no-such-column",
            f'There is no column "{column}", which is chosen as {role}.',
            f"Choose one of {listed(known, 20)}.",
            column,
        )
        for role, column in columns.items()
        if column not in known
    ]


def _unlikely_text(table: Table, column: str) -> Iterator[Finding]:
    profile = table.profile.column(column)
    if profile is None or profile.kind in ("text", "long text", "empty"):
        return
    if profile.kind == "category" and profile.distinct > FEW_CLASSES:
        return
    what = {"id": "identifiers", "url": "web addresses", "number": "numbers", "date": "dates"}.get(profile.kind)
    yield warning_finding(
        "text-unlikely",
        f'"{column}" is chosen as text but seems to hold {what or f"only {profile.distinct} different values"}: '
        f"{listed(profile.examples, 3)}.",
        "Choose the column that holds what people wrote, if this is not it.",
        column,
    )


def cells_of(table: Table, *columns: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Row numbers in the original file with some columns' cells, batch by batch."""
    for batch in table.rows.select([ROW_COLUMN, *columns]).to_batches():
        for number, *cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield number, tuple(cells)


def text_key(text: str) -> bytes:
    return blake2b(" ".join(text.split()).casefold().encode("utf-8", "surrogatepass"), digest_size=12).digest()


def rows_finding(code: str, rows: Rows, column: str, has: str, remedy: str, fix: Fix | None = None) -> Finding:
    """A warning about rows; `has` is what each of them has, and ends the sentence."""
    if rows.count > 1:
        has = has.replace(" and is left out", " and are left out")
    message = f"{rows.named()} {'has' if rows.count == 1 else 'have'} {has}"
    return Finding(
        severity="warning",
        code=code,
        message=message,
        remedy=remedy,
        column=column,
        count=rows.count,
        rows=tuple(rows.first),
        fix=fix,
    )


def error_finding(code: str, message: str, remedy: str, column: str) -> Finding:
    return Finding(severity="error", code=code, message=message, remedy=remedy, column=column)


def warning_finding(code: str, message: str, remedy: str, column: str, count: int | None = None) -> Finding:
    return Finding(severity="warning", code=code, message=message, remedy=remedy, column=column, count=count)


def listed(values: Sequence[str] | Counter[str], most: int = LISTED) -> str:
    """`"a", "b", "c"` or `"a", "b" and 3 more`."""
    shown = [quoted(value) for value in list(values)[:most]]
    rest = len(values) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")


def quoted(value: str) -> str:
    return f'"{value}"' if len(value) <= 60 else f'"{value[:59]}…"'
