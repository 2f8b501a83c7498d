"""Numbers as people write them in tables, as floats."""

from __future__ import annotations

import math
import re

from autotrain.data.kinds import is_number

YES = frozenset({"true", "yes", "y", "t", "ja", "oui", "si", "sí", "sim", "да", "是", "relevant"})
NO = frozenset({"false", "no", "n", "f", "nein", "non", "não", "нет", "否", "irrelevant", "not relevant"})
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:[,' \u00a0]\d{3})+(?:\.\d+)?")
_GROUPED_COMMA = re.compile(r"[1-9]\d{0,2}(?:[' \u00a0]\d{3})+,\d+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,(?!\d{3}$)\d+\s*%?|[+-]?0,\d+\s*%?", re.ASCII)


def number_of(cell: str) -> float | None:
    """The number a cell holds, None where there is none: `12`, `1,200` (1200), `0,5` (0.5), `3e-4`, `40 %` (40).

    A comma before exactly three digits parts thousands, except after a lone zero. What a float has no place for, such
    as 1e999, is no number either.
    """
    if not is_number(cell):
        return None
    plain = cell.strip().rstrip("% \u00a0")
    sign, digits = (-1, plain[1:]) if plain.startswith("-") else (1, plain.removeprefix("+"))
    if _GROUPED.fullmatch(digits):
        digits = re.sub(r"[,' \u00a0]", "", digits)
    elif _GROUPED_COMMA.fullmatch(digits):
        digits = re.sub(r"[' \u00a0]", "", digits)
    try:
        found = sign * float(digits.replace(",", "."))
    except ValueError:  # two commas, or groups that begin with a zero
        return None
    return found if math.isfinite(found) else None


def has_decimal_comma(cell: str) -> bool:
    """Whether a comma in this cell surely parts the fraction: `0,5` and `12,75`, but not `1,200`."""
    return _DECIMAL_COMMA.fullmatch(cell.strip()) is not None


def has_unclear_comma(cell: str) -> bool:
    """Whether a comma is read as parting thousands, but might part a fraction of three digits: `1,200`."""
    return re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}\s*%?", cell.strip(), re.ASCII) is not None


def relevance_of(cell: str) -> float | None:
    """The relevance in a cell: yes is 1, no is 0, a number is itself; None where there is none."""
    plain = cell.strip().casefold()
    if plain in YES:
        return 1.0
    return 0.0 if plain in NO else number_of(cell)
