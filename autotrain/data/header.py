"""Column names from a file's first row: every column gets a name, and no two share one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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


def name_columns(row: int, cells: Sequence[str]) -> Header:
    """Name every column: an empty name becomes `column 3`, a name seen before becomes `name_2`."""
    given = [_name(cell) for cell in cells]
    taken = {name for name in given if name} | {ROW_COLUMN}
    names: list[str] = []
    nameless: list[str] = []
    renamed: list[tuple[str, str]] = []
    for position, name in enumerate(given, start=1):
        if not name:
            name = _free(f"column {position}", taken)
            nameless.append(name)
        elif name in names or name == ROW_COLUMN:
            new = _free(f"{name}_2", taken)
            renamed.append((name, new))
            name = new
        taken.add(name)
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


def _free(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the same with the next number that is free."""
    if wanted not in taken:
        return wanted
    stem, _, last = wanted.rpartition("_")
    stem, number = (stem, int(last)) if stem and last.isdigit() else (wanted, 1)
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"
