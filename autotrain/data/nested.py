"""Cells that hold a structure: JSON lists and objects, tags parted by spaces, and what kind of thing they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from autotrain.table import ColumnKind

LONGEST_JUDGED = 100_000
"""Characters of a cell that are still parsed to judge its kind; what is longer says nothing."""

_TAG = r"(?:O|[BIESLUM]-[^\s,;]+)"
TAGS = re.compile(rf"{_TAG}(?: {_TAG})+")
"""`O B-PER I-PER O`: tags of the words of a text, parted by spaces."""


def parsed(cell: str) -> Any:
    """The JSON value of a cell that begins like a list or an object; None if it is none."""
    import orjson

    if cell[:1] not in "[{" or not cell:
        return None
    try:
        return orjson.loads(cell)
    except (orjson.JSONDecodeError, RecursionError):
        return None


def items_of(cell: str) -> list[str]:
    """The items of a list cell: JSON, or parted by spaces."""
    value = parsed(cell)
    return [str(item) for item in value] if isinstance(value, list) else cell.split()


def list_like(cell: str, items: Sequence[str]) -> str:
    """Items as a list cell written the way `cell` is."""
    import orjson

    return orjson.dumps(list(items)).decode() if cell[:1] == "[" else " ".join(items)


def kind_of(cell: str) -> ColumnKind | None:
    """What kind of structure a cell holds, or None."""
    if len(cell) > LONGEST_JUDGED:
        return None
    value = parsed(cell)
    if isinstance(value, Mapping):
        if {"text", "answer_start"} <= set(value):
            return "answers"
        return "boxes" if "bbox" in value else None
    if not isinstance(value, list) or not value:
        return None
    return _kind_of_list(value)


def _kind_of_list(value: Sequence[Any]) -> ColumnKind | None:
    if all(isinstance(item, Mapping) for item in value):
        names = set(value[0])
        if {"role", "content"} <= names or {"from", "value"} <= names:
            return "messages"
        if {"text", "answer_start"} <= names:
            return "answers"
        if {"start", "end"} <= names:
            return "spans"
        return "boxes" if "bbox" in names else None
    if all(_is_box(item) for item in value):
        return "boxes"
    return "list" if all(isinstance(item, str | int | float | bool) for item in value) else None


def _is_box(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 4 and all(isinstance(number, int | float) for number in item)
