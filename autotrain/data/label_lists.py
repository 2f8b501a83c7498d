"""Several labels in one cell: a list, or names parted by a sign."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from typing import Any

from autotrain.data.nested import parsed
from autotrain.table import ColumnProfile

SEPARATORS = ("|", ";", ",")
"""What may part labels, the surest first: a comma also stands within names."""
LONGEST_LABEL, MOST_WORDS = 40, 4
"""Characters and words of what still looks like a label, when a column's cells are judged."""


def separator_of(cells: Iterable[str]) -> str:
    """The sign that parts labels in these cells: the surest one that any of them has, and a comma where none has."""
    seen: set[str] = set()
    for cell in cells:
        if cell[:1] != "[":
            seen.update(sign for sign in SEPARATORS if sign in cell)
        if SEPARATORS[0] in seen:
            break
    return next((sign for sign in SEPARATORS if sign in seen), SEPARATORS[-1])


def labels_in(cell: str, separator: str) -> list[str] | None:
    """The different labels of a cell in its order, none for an empty one; None for a list that cannot be read.

    A list is JSON, or as Python writes it: `["news", "sport"]`, `['news', 'sport']`.
    """
    plain = cell.strip()
    names: list[Any] | None
    if plain[:1] == "[":
        names = _listed(plain)
    elif plain[:1] == "{":
        names = None
    else:
        names = plain.split(separator)
    if names is None or not all(isinstance(name, str | int | float) for name in names):
        return None
    return list(dict.fromkeys(name for name in (" ".join(str(each).split()) for each in names) if name))


def _listed(cell: str) -> list[Any] | None:
    value = parsed(cell)
    if value is None and len(cell) < 100_000:
        try:
            value = ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return value if isinstance(value, list) else None


def looks_parted(column: ColumnProfile, *, named: bool) -> bool:
    """Whether a column seems to hold several short labels in a cell, which come again in other cells.

    Args:
        column: described.
        named: whether its name speaks of labels; without it a comma says nothing.
    """
    if column.kind not in ("category", "text"):
        return False
    cells = list(dict.fromkeys([*(value for value, _ in column.top_values), *column.examples]))
    sign = separator_of(cells)
    made = [labels_in(cell, sign) for cell in cells]
    several = sum(len(labels or ()) > 1 for labels in made)
    if (sign == "," and not named and not any(cell[:1] == "[" for cell in cells)) or several < max(1, 0.1 * len(cells)):
        return False
    if not all(labels is not None and all(_short(label) for label in labels) for labels in made):
        return False
    times = Counter(label for labels in made for label in labels or ())
    return len(times) < times.total()


def _short(label: str) -> bool:
    return len(label) <= LONGEST_LABEL and len(label.split()) <= MOST_WORDS
