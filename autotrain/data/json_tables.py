"""JSON lines, and JSON documents that hold rows: arrays of objects, arrays of arrays, columns of values."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autotrain.data.findings import Rows
from autotrain.data.header import name_columns
from autotrain.data.reading import Progress, Reading, Records, cell_text, counted
from autotrain.errors import DataError
from autotrain.events import Finding

MOST_COLUMNS = 10_000
LARGEST_COLUMNS_FILE = 200_000_000
"""Columns of values can only be turned into rows in memory."""

Item = tuple[int, Any]


def read_json(path: Path, name: str, line_limit: int, progress: Progress | None) -> Reading:
    """Rows of a JSON or JSON lines file, in two passes and flat memory: one finds the names, one the rows.

    Raises:
        DataError: it holds no rows, or is not JSON.
    """
    shape, prefix = _shape(path, name)
    if shape == "columns":
        return _columns(path, name)
    bad = Rows()
    items = _lines if shape == "lines" else _document
    names, kind = _names(items(path, name, prefix, line_limit, None, Rows()), name)
    findings: list[Finding] = []
    passing = items(path, name, prefix, line_limit, progress, bad)
    header = name_columns(0, names)
    records = _told(_records(passing, names, kind), bad, findings)
    return Reading("JSON lines" if shape == "lines" else "JSON", header, records, findings)


def _shape(path: Path, name: str) -> tuple[str, str]:
    """`lines`, `document` with the prefix of its rows, or `columns`."""
    import ijson
    import orjson

    with path.open("rb") as file:
        first = _first_line(file)
        try:
            whole = orjson.loads(first)
            rest = any(line.strip() for line in file)
        except ValueError:
            whole, rest = None, False
    if isinstance(whole, dict | list | str) and rest:
        return "lines", ""
    try:
        with path.open("rb") as file:
            _skip_mark(file)
            return _rows_of(ijson.parse(file), name)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise _broken(name, str(error)) from error


def _first_line(file: io.BufferedReader) -> bytes:
    _skip_mark(file)
    line = b""
    while not line.strip():
        line = file.readline()
        if not line:
            break
    return line


def _skip_mark(file: io.BufferedReader) -> None:
    if file.peek(3)[:3] == b"\xef\xbb\xbf":
        file.read(3)


def _rows_of(events: Iterator[tuple[str, str, Any]], name: str) -> tuple[str, str]:
    """Where the rows are: the top array, the first array of objects below the top, or arrays of plain values."""
    previous: tuple[str, str] = ("", "")
    plain = False
    for prefix, event, _ in events:
        if previous[1] == "start_array":
            if previous[0] == "" or event == "start_map":
                return "document", previous[0]
            if event in ("string", "number", "null", "boolean") and previous[0].count(".") == 0:
                plain = True
        if prefix == "" and event in ("string", "number", "null", "boolean"):
            break
        previous = (prefix, event)
        if plain:
            return "columns", ""
    if previous == ("", "end_map"):
        return "columns", ""
    raise DataError(
        f"{name} is JSON, but holds no rows. Write it as an array of objects, or as one object on each line.",
        code="no-rows",
    )


def _lines(path: Path, name: str, _: str, limit: int, progress: Progress | None, bad: Rows) -> Iterator[Item]:
    import orjson

    with counted(path, progress) as file:
        _skip_mark(file)
        number = 0
        while line := file.readline(limit):
            number += 1
            if len(line) >= limit:
                raise DataError(
                    f"Line {number} of {name} is longer than {limit:,} bytes. JSON lines have one row on each line.",
                    code="line-too-long",
                )
            if not line.strip():
                continue
            try:
                yield number, orjson.loads(line)
            except ValueError:
                bad.add(number)


def _document(path: Path, name: str, prefix: str, _: int, progress: Progress | None, bad: Rows) -> Iterator[Item]:
    import ijson

    with counted(path, progress) as file:
        _skip_mark(file)
        try:
            yield from enumerate(ijson.items(file, f"{prefix}.item".lstrip("."), use_float=True), 1)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise _broken(name, str(error)) from error


def _names(items: Iterator[Item], name: str) -> tuple[list[str], str]:
    """Column names in the order they first appear, and what the rows are: objects, lists or plain values."""
    names: dict[str, None] = {}
    first: Any = None
    for _, item in items:
        if first is None:
            first = item
        if isinstance(item, dict):
            names.update(dict.fromkeys(item))
        if len(names) > MOST_COLUMNS:
            raise DataError(
                f"The rows of {name} have more than {MOST_COLUMNS:,} different names. Check that names are not data.",
                code="too-many-columns",
            )
    if names:
        return list(names), "objects"
    if first is None:
        raise DataError(f"{name} holds no rows. Add at least one.", code="header-only")
    if isinstance(first, list):
        return [cell_text(value) for value in first], "lists"
    return ["text"], "values"


def _records(items: Iterator[Item], names: list[str], kind: str) -> Records:
    for number, item in items:
        if kind == "objects":
            if isinstance(item, dict):
                yield number, [cell_text(item.get(name)) for name in names]
        elif kind == "lists":
            if isinstance(item, list) and number > 1:
                yield number, [cell_text(value) for value in (item + [None] * len(names))[: len(names)]]
        else:
            yield number, [cell_text(item)]


def _told(records: Records, bad: Rows, findings: list[Finding]) -> Records:
    yield from records
    if bad.count:
        lines = bad.named().replace("Row", "Line").replace("rows", "lines")
        findings.append(
            Finding(
                severity="warning",
                code="bad-lines",
                message=f"{lines} {'is' if bad.count == 1 else 'are'} not JSON and left out.",
                remedy="Correct these lines in the file if they should count.",
                count=bad.count,
                rows=tuple(bad.first),
            )
        )


def _columns(path: Path, name: str) -> Reading:
    """An object of columns, each an array of values or an object of values by row."""
    import orjson

    if path.stat().st_size > LARGEST_COLUMNS_FILE:
        raise DataError(
            f"{name} holds its columns one after the other, which cannot be read in parts. Write it as one object on "
            "each line.",
            code="not-a-table",
        )
    try:
        whole = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise _broken(name, str(error)) from error
    columns = {
        key: list(value.values()) if isinstance(value, dict) else value
        for key, value in whole.items()
        if isinstance(value, list | dict)
    }
    height = max((len(values) for values in columns.values()), default=0)
    if not columns or not height:
        raise DataError(
            f"{name} is one JSON object, which is one row. Write an array of objects, or one object on each line.",
            code="header-only",
        )
    rows = (
        (number + 1, [cell_text(values[number]) if number < len(values) else "" for values in columns.values()])
        for number in range(height)
    )
    return Reading("JSON", name_columns(0, list(columns)), rows, [])


def _broken(name: str, why: str) -> DataError:
    return DataError(
        f"{name} begins like JSON, but is not complete or not correct ({why.splitlines()[0][:200]}). Export it again, "
        "or correct that place.",
        code="broken-json",
    )
