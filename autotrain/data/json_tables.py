"""JSON lines, and JSON documents that hold rows: arrays of objects, arrays of arrays, columns of values."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from autotrain.data.findings import Rows
from autotrain.data.header import name_columns
from autotrain.data.lenient_json import has_long_numbers, loads, nested_too_deep, refuse_deep
from autotrain.data.reading import Progress, Reading, Records, cell_text, counted
from autotrain.data.squad_json import Questions
from autotrain.errors import DataError
from autotrain.events import Finding

MOST_COLUMNS = 10_000
LARGEST_COLUMNS_FILE = 200_000_000
"""Columns of values can only be turned into rows in memory."""

Item = tuple[int, Any]


def read_json(path: Path, name: str, line_limit: int, progress: Progress | None) -> Reading:
    """Rows of a JSON or JSON lines file, in two passes and flat memory: one finds the names, one the rows.

    A document with what JSON does not know, such as NaN or comments, is read in memory if it is not too large.

    Raises:
        DataError: it holds no rows, is not JSON, or is nested without end.
    """
    refuse_deep(path, name)
    try:
        return _read(path, name, line_limit, progress)
    except DataError as error:
        if error.code != "broken-json" or path.stat().st_size > LARGEST_COLUMNS_FILE:
            raise
        return _read_leniently(path, name, error)


def _read(path: Path, name: str, line_limit: int, progress: Progress | None) -> Reading:
    shape, prefix = _shape(path, name, line_limit)
    if shape == "columns":
        return _columns(path, name)
    bad, odd = Rows(), Rows()
    items = _lines if shape == "lines" else _document
    nested = Questions()
    names, kind = _names(nested.of(items(path, name, prefix, line_limit, None, Rows())), name)
    findings = nested.findings()
    passing = Questions().of(items(path, name, prefix, line_limit, progress, bad))
    header = name_columns(0, names)
    word = "Line" if shape == "lines" else "Row"
    records = _told(_records(passing, names, kind, odd), word, bad, odd, findings)
    return Reading("JSON lines" if shape == "lines" else "JSON", header, records, findings)


def _read_leniently(path: Path, name: str, problem: DataError) -> Reading:
    """The rows of a document that only a patient parser reads; without success the first problem stands."""
    try:
        whole = loads(path.read_bytes().decode("utf-8-sig"))
    except ValueError:
        raise problem from None
    rows = whole if isinstance(whole, list) else next((each for each in _values(whole) if _are_rows(each)), None)
    if rows is None:
        return _of_columns(whole, name) if isinstance(whole, dict) else _refuse_rowless(name)
    nested = Questions()
    rows = list(nested.of(enumerate(rows, 1)))
    names, kind = _names(iter(rows), name)
    findings = nested.findings()
    odd = Rows()
    records = _told(_records(iter(rows), names, kind, odd), "Row", Rows(), odd, findings)
    return Reading("JSON", name_columns(0, names), records, findings)


def _values(whole: Any) -> Iterator[Any]:
    if isinstance(whole, dict):
        for value in whole.values():
            yield value
            yield from _values(value)


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _shape(path: Path, name: str, line_limit: int) -> tuple[str, str]:
    """`lines`, `document` with the prefix of its rows, or `columns`."""
    import ijson

    with path.open("rb") as file:
        first = _first_line(file, line_limit)
        try:
            whole = _value(first) if len(first) < line_limit else None
            rest = whole is not None and bool(_first_line(file, line_limit).strip())
        except ValueError:
            whole, rest = None, False
    if isinstance(whole, dict | list | str) and (rest or name.casefold().endswith((".jsonl", ".ndjson"))):
        return "lines", ""
    try:
        with path.open("rb") as file:
            _skip_mark(file)
            return _rows_of(ijson.parse(file, use_float=True), name)
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        raise _broken(name, str(error)) from error


def _value(line: bytes) -> Any:
    """The value of one line. Raises ValueError."""
    import orjson

    if nested_too_deep(line):
        raise ValueError("nested too deep")
    try:
        if not has_long_numbers(line):
            return orjson.loads(line)
    except ValueError:
        pass
    return loads(line.decode("utf-8"))


def _first_line(file: io.BufferedReader, limit: int) -> bytes:
    """The next line that is not blank, and no more of it than a line may have: a document may be one line."""
    if file.tell() == 0:
        _skip_mark(file)
    while (line := file.readline(limit)) and not line.strip():
        pass
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
    return _refuse_rowless(name)


def _refuse_rowless(name: str) -> NoReturn:
    raise DataError(
        f"{name} is JSON, but holds no rows. Write it as an array of objects, or as one object on each line.",
        code="no-rows",
    )


def _lines(path: Path, name: str, _: str, limit: int, progress: Progress | None, bad: Rows) -> Iterator[Item]:
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
                yield number, _value(line)
            except ValueError:
                bad.add(number)


def _document(path: Path, name: str, prefix: str, _: int, progress: Progress | None, bad: Rows) -> Iterator[Item]:
    import ijson

    with counted(path, progress) as file:
        _skip_mark(file)
        try:
            yield from enumerate(ijson.items(file, f"{prefix}.item".lstrip("."), use_float=True), 1)
        except (ijson.JSONError, ValueError, ArithmeticError) as error:
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


def _records(items: Iterator[Item], names: list[str], kind: str, odd: Rows) -> Records:
    """The rows as texts; items that are no row like the others are noted in `odd`."""
    for number, item in items:
        if kind == "values":
            yield number, [cell_text(item)]
        elif kind == "objects" and isinstance(item, dict):
            yield number, [cell_text(item.get(name)) for name in names]
        elif kind == "lists" and isinstance(item, list) and len(item) <= len(names):
            if number > 1:
                yield number, [cell_text(value) for value in item + [None] * (len(names) - len(item))]
        else:
            odd.add(number)


def _told(records: Records, word: str, bad: Rows, odd: Rows, findings: list[Finding]) -> Records:
    yield from records
    for rows, code, what in ((bad, "bad-lines", "not JSON"), (odd, "odd-rows", "no row like the others")):
        if rows.count:
            named = rows.named().replace("Row", word).replace("rows", f"{word.lower()}s")
            findings.append(
                Finding(
                    severity="warning",
                    code=code,
                    message=f"{named} {'is' if rows.count == 1 else 'are'} {what} and left out.",
                    remedy=f"Correct {'it' if rows.count == 1 else 'them'} in the file if "
                    f"{'it' if rows.count == 1 else 'they'} should count.",
                    count=rows.count,
                    rows=tuple(rows.first),
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
    return _of_columns(whole, name)


def _of_columns(whole: dict[str, Any], name: str) -> Reading:
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
