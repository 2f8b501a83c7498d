"""JSON as Python, JavaScript and people write it: NaN, comments, commas too many, numbers of any size, half characters.

The fast parsers refuse all of these. Here a text is read by the standard library after what JSON does not know is taken
out, so it has to fit into memory; the reader of JSON asks only when the fast way failed.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from autotrain.errors import DataError

MOST_NESTED = 500
"""Levels of lists and objects. No data is as deep; parsers need memory by the square of it or overflow the stack."""

_CHUNK = 1 << 20
_STRING = r'"(?:[^"\\]|\\.)*"'
_UNKNOWN = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[\]}}])", re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{19}")


def has_long_numbers(line: bytes) -> bool:
    """Whether digits stand together that may not fit into 64 bits; the fast parser would round them in silence."""
    return _LONG_NUMBER.search(line) is not None


def loads(text: str) -> Any:
    """The value of a JSON text; NaN becomes None, numbers beyond a float stay texts. Raises ValueError."""
    try:
        return _parsed(text)
    except json.JSONDecodeError:
        return _parsed(_UNKNOWN.sub(lambda found: found[1] or "", text))


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_constant, parse_float=_float, parse_int=_int, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return _whole(value) if "\\ud" in text or "\\uD" in text else value


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _int(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than Python turns into a number
        return digits


def _whole(value: Any) -> Any:
    """The value without halves of characters, which no UTF-8 can hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


def nested_too_deep(text: bytes) -> bool:
    """Whether a line nests more than `MOST_NESTED` lists and objects."""
    return text.count(b"[") + text.count(b"{") > MOST_NESTED and _depth(text) > MOST_NESTED


def refuse_deep(path: Path, name: str) -> None:
    """Refuse a file whose brackets are nested without end, before a parser meets them. Raises DataError.

    Brackets are first counted wherever they stand, which is fast; only if there are many, those in texts are left out.
    """
    import numpy as np

    level = deepest = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            bytes_ = np.frombuffer(chunk, np.uint8) & ~np.uint8(0x20)  # [ and {, ] and } differ in this bit alone
            steps = (bytes_ == 0x5B).astype(np.int8) - (bytes_ == 0x5D).astype(np.int8)
            sums = np.cumsum(steps, dtype=np.int64)
            deepest = max(deepest, level + int(sums.max()))
            level += int(sums[-1])
    if deepest > MOST_NESTED and _depth_of_file(path) > MOST_NESTED:
        raise DataError(
            f"{name} nests values more than {MOST_NESTED} levels deep, as no table does. Write one flat object for "
            "each row.",
            code="too-deep",
        )


_MARKS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def _depth_of_file(path: Path) -> int:
    with path.open("rb") as file:
        return _depth(file.read(16 * _CHUNK))


def _depth(text: bytes) -> int:
    level = deepest = 0
    inside = False
    for found in _MARKS.finditer(text):
        mark = found[0]
        if mark == b'"':
            inside = not inside
        elif not inside and mark in b"[{":
            level += 1
            deepest = max(deepest, level)
            if deepest > MOST_NESTED:
                break
        elif not inside and mark in b"]}":
            level -= 1
    return deepest
