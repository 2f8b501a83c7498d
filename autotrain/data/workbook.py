"""Excel workbooks and OpenDocument spreadsheets: one sheet, which is the first that holds a table or a named one."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autotrain.data.header import name_columns
from autotrain.data.reading import Progress, Reading, Records, cell_text
from autotrain.errors import DataError
from autotrain.events import Finding

LARGEST_UNPACKED = 2_000_000_000
"""Bytes of a workbook once unpacked: the library holds a sheet whole, and a small file can unpack to anything."""


def read_workbook(path: Path, name: str, progress: Progress | None, wanted: str | None = None) -> Reading:
    """Rows of the sheet `wanted`, or of the first with at least two. The first row that is not empty has the names.

    Raises:
        DataError: it is locked, damaged, too large once unpacked, or has no such sheet or none with rows.
    """
    import python_calamine as calamine

    _refuse_bomb(path, name)
    try:
        with calamine.load_workbook(str(path)) as book:
            names = [sheet.name for sheet in book.sheets_metadata]
            for sheet_name in names if wanted is None else [_known(wanted, names, name)]:
                sheet = book.get_sheet_by_name(sheet_name)
                rows = sheet.to_python(skip_empty_area=False)
                first = next((number for number, row in enumerate(rows) if any(_text(cell) for cell in row)), None)
                if first is not None and len(rows) - first > 1:
                    return _reading(rows, first, sheet_name, names, progress)
    except calamine.PasswordError as error:
        raise DataError(
            f"{name} is locked with a password. Save it without one and choose it again.", code="locked"
        ) from error
    except calamine.CalamineError as error:
        raise _damaged(name, str(error)) from error
    except BaseException as error:
        # A number too large for its buffers makes the library panic, which is no Exception, so that nobody stops it.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(name, str(error)) from error
    what = f"{name} has no sheet with" if wanted is None else f'The sheet "{wanted}" of {name} does not have'
    raise DataError(f"{what} names in one row and data below. Add at least one row.", code="header-only")


def _damaged(name: str, why: str) -> DataError:
    return DataError(
        f"{name} cannot be read as a spreadsheet ({why[:200]}). Open it, save the sheet as CSV, and choose that file.",
        code="damaged-file",
    )


def _known(wanted: str, names: Sequence[str], name: str) -> str:
    """The sheet's name as the file has it; capitals do not count, as in spreadsheets themselves."""
    for each in names:
        if each.casefold() == wanted.strip().casefold():
            return each
    listed = ", ".join(f'"{each}"' for each in names[:20])
    raise DataError(f'{name} has no sheet "{wanted}". Its sheets are {listed}.', code="no-such-sheet")


def _refuse_bomb(path: Path, name: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # the library says what is wrong with it
    if size > LARGEST_UNPACKED:
        raise DataError(
            f"{name} unpacks to {size / 1e9:.1f} GB, more than a spreadsheet may. Save the sheet as CSV.",
            code="too-large",
        )


def _reading(
    rows: list[list[Any]], first: int, sheet: str, sheets: Sequence[str], progress: Progress | None
) -> Reading:
    width = max(len(row) for row in rows)
    names = [_text(cell) for cell in rows[first]]
    used = [
        place
        for place in range(width)
        if (place < len(names) and names[place]) or any(place < len(row) and _text(row[place]) for row in rows[first:])
    ]
    header = name_columns(first + 1, [names[place] if place < len(names) else "" for place in used])
    findings: list[Finding] = []
    if len(sheets) > 1:
        others = ", ".join(f'"{other}"' for other in sheets if other != sheet)
        findings.append(
            Finding(
                severity="warning",
                code="several-sheets",
                message=f'The file has {len(sheets)} sheets; "{sheet}" was read, and not {others}.',
                remedy="If another one is meant, choose it above the rows, or name it as in book.xlsx#Sheet.",
                count=len(sheets) - 1,
            )
        )
    records = _records(rows, first, used, progress)
    return Reading("spreadsheet", header, records, findings, names_in_file=True, sheet=sheet, sheets=tuple(sheets))


def _records(rows: list[list[Any]], first: int, used: list[int], progress: Progress | None) -> Records:
    for number in range(first + 1, len(rows)):
        row = rows[number]
        cells = [_text(row[place]) if place < len(row) else "" for place in used]
        if any(cells):
            yield number + 1, cells
        if progress is not None and number % 1000 == 0:
            progress(number, len(rows))
    if progress is not None:
        progress(len(rows), len(rows))


def _text(cell: Any) -> str:
    """A cell as the spreadsheet shows it: whole numbers without a point, dates in ISO's form."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    if isinstance(cell, dt.date | dt.time | dt.timedelta):
        return str(cell)
    return cell_text(cell)
