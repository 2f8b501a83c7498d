"""What is wrong or worth knowing about a column of texts, before a second of training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

from autotrain.data.findings import Rows
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN, Table

LONG_CHARACTERS = 20_000
"""A text this long has some 5,000 tokens, ten times what common encoders read; the rest is never seen."""

FEW_CLASSES = 20
"""Up to here labels are surely classes, even in a tiny table and even if they are numbers."""

LISTED = 5
"""Values and rows that a sentence names."""


def text_findings(table: Table, column: str) -> list[Finding]:
    """What is worth knowing about a column of texts: empty, repeated, very long, or no texts at all."""
    empty, repeated, long = Rows(), Rows(), Rows()
    seen: set[bytes] = set()
    longest = 0
    for number, (text,) in cells_of(table, column):
        if not text.strip():
            empty.add(number)
            continue
        if len(text) > LONG_CHARACTERS:
            long.add(number)
            longest = max(longest, len(text))
        key = text_key(text)
        if key in seen:
            repeated.add(number)
        seen.add(key)
    if not seen:
        return [
            error_finding(
                "no-text", f'Every cell of "{column}" is empty.', "Choose the column that holds the texts.", column
            )
        ]
    found = [*_unlikely_text(table, column)]
    if empty.count:
        found.append(
            rows_finding(
                "empty-text", empty, column, "no text and is left out.", "Fill in the text if the row should count."
            )
        )
    if long.count:
        found.append(
            rows_finding(
                "very-long-text",
                long,
                column,
                f"a text of up to {longest:,} characters; the model reads only the beginning.",
                "Shorten it, or split it into several rows, if what matters stands further down.",
            )
        )
    if repeated.count:
        found.append(
            rows_finding(
                "repeated-text",
                repeated,
                column,
                "a text that an earlier row has too.",
                "Equal texts stay on one side of the split, so scores stay honest. Remove them if they are mistakes.",
            )
        )
    return found


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


def rows_finding(code: str, rows: Rows, column: str, has: str, remedy: str) -> Finding:
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
