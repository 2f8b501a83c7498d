"""The number that a worked answer comes to: marked as such, or the last one in the text."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from autotrain.data.numbers import number_of

_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u202f": "\u00a0", "\u2009": "\u00a0", "\u2019": "'"})
"""Minus signs, narrow spaces and apostrophes as typesetting has them."""
_PLAIN = r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:[,' \u00a0]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.,/])(?P<sign>(?<![\d)\]]\s)[+-])?(?:(?P<fraction>\\[dt]?frac{{(?P<above>{_PLAIN})}}{{(?P<below>{_PLAIN})}})"
    rf"|(?:[$€£¥]\s?)?(?P<number>{_PLAIN})(?P<power>[eE][+-]?\d{{1,3}})?"
    rf"(?:(?:\s?/\s?)(?P<over>{_PLAIN})(?![\d/]))?)(?P<percent>\s?\\?%)?",
    re.ASCII,
)
_MARKED = "####"
"""Before the result in GSM8K (Cobbe et al., 2021, arXiv:2110.14168)."""
_BOXED = re.compile(r"\\boxed\s*{")
READ = 20_000
"""Characters of an answer that are looked at, from its end: nobody writes a result that long."""


class Value(NamedTuple):
    """A number, and whether it was written in percent."""

    number: float
    percent: bool = False


def final_number(text: str) -> Value | None:
    r"""The number an answer comes to: after the last `####`, in the last `\boxed{}`, or else the last in the text.

    Thousands may be parted by commas, apostrophes or spaces; a comma before other than three digits parts the fraction.
    `3/4` and `\frac{3}{4}` are 0.75; `40 %` is 40, in percent. None where there is no number.
    """
    text = text[-READ:].translate(_SIGNS)
    for part in (_after_mark(text), _boxed(text)):
        if part is not None and (found := _last(part, first=part is not text)) is not None:
            return found
    return _last(text)


def same_number(one: Value, other: Value, tolerance: float) -> bool:
    """Whether two numbers are equal up to a tolerance. 40 % is 40 as well as 0.4: people write either."""
    readings = [(one.number, other.number)]
    if one.percent != other.percent:
        readings.append((one.number / 100, other.number) if one.percent else (one.number, other.number / 100))
    return any(math.isclose(left, right, rel_tol=1e-14, abs_tol=tolerance) for left, right in readings)


def _after_mark(text: str) -> str | None:
    before, mark, after = text.rpartition(_MARKED)
    return after if mark else None


def _boxed(text: str) -> str | None:
    """What the last box holds; braces within it are counted."""
    boxes = list(_BOXED.finditer(text))
    if not boxes:
        return None
    start, depth = boxes[-1].end(), 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start:place]
    return text[start:]


def _last(text: str, *, first: bool = False) -> Value | None:
    """The last number of a text, or the first one where the text is the result itself and what follows explains it."""
    found = None
    for match in _NUMBER.finditer(text):
        value = _value(match)
        if value is not None:
            found = value
            if first:
                break
    return found


def _value(match: re.Match[str]) -> Value | None:
    above, below = match["above"] or match["number"], match["below"] or match["over"]
    number = _read((above or "") + (match["power"] or ""))
    if number is None:
        return None
    if below is not None:
        divisor = _read(below)
        if not divisor:
            return None if match["fraction"] else Value(divisor or 0.0)  # 5/0 is no number, and its last one is 0
        number /= divisor
    number = -number if match["sign"] == "-" else number
    return Value(number, match["percent"] is not None) if math.isfinite(number) else None


def _read(digits: str) -> float | None:
    """A number as people write it, `1.234,56` among them."""
    point, comma = digits.find("."), digits.find(",")
    return number_of(digits.replace(".", "").replace(",", ".") if -1 < point < comma else digits)
