"""Column names from a file's first row: every column gets a name, and no two share one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from autotrain.errors import DataError
from autotrain.table import ROW_COLUMN

_TYPES = frozenset({"c", "continuous", "d", "discrete", "s", "string", "t", "time"})
_ROLE = re.compile(r"(class|meta|ignore|i|m|c)?( ?\w+=\w+)*")
LONGEST_NAME = 200
"""A longer name is a text that ended up in the first row; whole, it would break every page and message."""


@dataclass(frozen=True)
class Header:
    """The names, the row they stand in, and what had to be changed about them."""

    row: int
    names: tuple[str, ...]
    nameless: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]


MOST_COLUMNS = 20_000
"""Of a table that is described column by column; more are a matrix, or a file made to do harm."""


def refuse_too_many(columns: int, name: str) -> None:
    """Refuse a table that is wider than any that somebody trains texts with. Raises DataError."""
    if columns > MOST_COLUMNS:
        raise DataError(
            f"{name} has {columns:,} columns, and at most {MOST_COLUMNS:,} are accepted. Keep those that are needed, "
            "such as the text and its label.",
            code="too-many-columns",
        )


def name_columns(row: int, cells: Sequence[str]) -> Header:
    """Name every column: an empty name becomes `column 3`, a name seen before becomes `name_2`."""
    given = [_name(cell) for cell in cells]
    taken = {name for name in given if name} | {ROW_COLUMN}
    names: list[str] = []
    seen = {ROW_COLUMN}
    next_number: dict[str, int] = {}
    nameless: list[str] = []
    renamed: list[tuple[str, str]] = []
    for position, name in enumerate(given, start=1):
        if not name:
            name = _free(f"column {position}", taken, next_number)
            nameless.append(name)
        elif name in seen:
            new = _free(f"{name}_2", taken, next_number)
            renamed.append((name, new))
            name = new
        taken.add(name)
        seen.add(name)
        names.append(name)
    return Header(row, tuple(names), tuple(nameless), tuple(renamed))


def describes_types(cells: Sequence[str]) -> bool:
    """Whether a row gives the types of the columns, as the second row of Orange's tables does."""
    return len(cells) > 1 and all(cell.strip().lower() in _TYPES for cell in cells)


def describes_roles(cells: Sequence[str]) -> bool:
    """Whether a row gives the roles of the columns, as the third row of Orange's tables does."""
    return any(map(str.strip, cells)) and all(_ROLE.fullmatch(cell.strip().lower()) for cell in cells)


def _name(cell: str) -> str:
    name = " ".join(cell.replace("\x00", "").replace("\ufeff", "").split())
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _free(wanted: str, taken: set[str], next_number: dict[str, int]) -> str:
    """`wanted`, or the same with the next number that is free; `next_number` remembers it for each stem."""
    if wanted not in taken:
        return wanted
    stem, _, last = wanted.rpartition("_")
    stem, number = (stem, int(last)) if stem and last.isdigit() else (wanted, 1)
    number = max(number, next_number.get(stem, 0))
    while f"{stem}_{number}" in taken:
        number += 1
    next_number[stem] = number + 1
    return f"{stem}_{number}"
