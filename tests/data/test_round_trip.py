"""Any table that a standard writer writes reads back equal, whatever its cells hold."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autotrain.settings import Settings
from tests.data.reading import read

ODD = [
    '"',
    "'",
    ",",
    ";",
    "\t",
    "|",
    "\n",
    "\r\n",
    "\r",
    "\ufeff",
    "\0",
    "😀",
    "שלום",
    "مرحبا",
    " ",
    "\\",
    "#",
    "=1+1",
    "\u2028",
    "\x0b",
]
CELL = st.lists(st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=5).map(
    "".join
)
NAME = st.sampled_from(["text", "label", "a name", "naïve", "x,y", 'the "quoted"', "Überschrift", "数", "id", "2"])

Rows = list[tuple[str, ...]]


@st.composite
def tables(draw: st.DrawFn, cell: st.SearchStrategy[str] = CELL) -> Rows:
    """Names and at least one row in which every column has a value, so that no column is without any."""
    names = draw(st.lists(NAME, min_size=2, max_size=4, unique=True))
    rows = draw(st.lists(st.tuples(*[cell] * len(names)), max_size=6))
    return [tuple(names), *rows, tuple("filled" for _ in names)]


def as_frame(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame(rows[1:], columns=list(rows[0]), dtype=str)


def as_arrow(rows: Rows) -> pa.Table:
    return pa.table(
        {name: pa.array([row[place] for row in rows[1:]], pa.string()) for place, name in enumerate(rows[0])}
    )


def by_csv(**how: object) -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        file = io.StringIO(newline="")
        csv.writer(file, **how).writerows(rows)  # type: ignore[arg-type]
        return file.getvalue().encode()

    return write


def by_pandas(rows: Rows) -> bytes:
    return as_frame(rows).to_csv(index=False).encode()


def by_arrow_csv(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pyarrow.csv.write_csv(as_arrow(rows), sink)
    return sink.getvalue()


def by_arrow(write: Callable[[pa.Table, io.BytesIO], object]) -> Callable[[Rows], bytes]:
    def written(rows: Rows) -> bytes:
        sink = io.BytesIO()
        write(as_arrow(rows), sink)
        return sink.getvalue()

    return written


def stream(table: pa.Table, sink: io.BytesIO) -> None:
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def records(rows: Rows) -> list[dict[str, str]]:
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


DELIMITED: dict[str, Callable[[Rows], bytes]] = {
    "csv.writer": by_csv(),
    "csv.writer, all quoted": by_csv(quoting=csv.QUOTE_ALL),
    "csv.writer, line feeds": by_csv(lineterminator="\n"),
    "csv.writer, excel-tab": by_csv(dialect="excel-tab"),
    "csv.writer, semicolons": by_csv(delimiter=";"),
    "csv.writer, pipes": by_csv(delimiter="|", quoting=csv.QUOTE_ALL),
    "csv.writer, unix": by_csv(dialect="unix"),
    "csv.writer, numbers without quotes": by_csv(quoting=csv.QUOTE_NONNUMERIC),
    "csv.writer, tabs and quotes": by_csv(delimiter="\t", quoting=csv.QUOTE_ALL),
    "csv.writer, carets": by_csv(delimiter="^", quoting=csv.QUOTE_ALL),
    "csv.writer, apostrophes": by_csv(quotechar="'", quoting=csv.QUOTE_ALL),
    "pandas": by_pandas,
    "pyarrow.csv": by_arrow_csv,
}
OTHERS: dict[str, tuple[str, Callable[[Rows], bytes]]] = {
    "json records": ("t.json", lambda rows: json.dumps(records(rows)).encode()),
    "json records, not escaped": (
        "t.json",
        lambda rows: json.dumps(records(rows), ensure_ascii=False, indent=2).encode(),
    ),
    "json columns": (
        "t.json",
        lambda rows: json.dumps(
            {name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}
        ).encode(),
    ),
    "json lists": ("t.json", lambda rows: json.dumps(rows).encode()),
    "json lines": ("t.jsonl", lambda rows: "".join(json.dumps(row) + "\n" for row in records(rows)).encode()),
    "pandas json": ("t.json", lambda rows: as_frame(rows).to_json(orient="records").encode()),
    "pandas json lines": (
        "t.jsonl",
        lambda rows: as_frame(rows).to_json(orient="records", lines=True, force_ascii=False).encode(),
    ),
    "parquet": ("t.parquet", by_arrow(pq.write_table)),
    "feather": ("t.feather", by_arrow(pyarrow.feather.write_feather)),
    "arrow stream": ("t.arrow", by_arrow(stream)),
}

property_test = hypothesis_settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    deadline=None,
)


@pytest.mark.parametrize("writer", DELIMITED)
@property_test
@given(rows=tables())
def test_delimited_text_reads_back_equal(writer: str, rows: Rows, tmp_path: Path, settings: Settings) -> None:
    # Where a tenth of the bytes are control characters, the file is taken for binary data and refused.
    assume(sum(" " > letter not in "\t\r\n" for row in rows for cell in row for letter in cell) < 3)
    if writer in ("csv.writer, line feeds", "pandas"):
        # These two leave a lone carriage return without quotes, where nobody can tell it from the end of a row.
        assume(not any("\r" in cell and not set(cell) & set(',"\n') for row in rows for cell in row))
    assert_equal(DELIMITED[writer](rows), "table.csv", rows, tmp_path, settings)


@pytest.mark.parametrize("writer", OTHERS)
@property_test
@given(rows=tables())
def test_typed_formats_read_back_equal(writer: str, rows: Rows, tmp_path: Path, settings: Settings) -> None:
    name, write = OTHERS[writer]
    assert_equal(write(rows), name, rows, tmp_path, settings)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@property_test
@given(rows=tables(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Co", "Cn"]), max_size=12)))
def test_every_unicode_encoding_reads_back_equal(encoding: str, rows: Rows, tmp_path: Path, settings: Settings) -> None:
    # Without a mark UTF-16 is known by the zeros of Western letters, so there have to be some.
    rows = [*rows, *[tuple("plain words of a western language" for _ in rows[0])] * 9]
    text = by_csv()(rows).decode()
    assert_equal(text.encode(encoding), "table.csv", rows, tmp_path, settings)


@property_test
@given(rows=tables())
def test_escaped_quotes_read_back_equal(rows: Rows, tmp_path: Path, settings: Settings) -> None:
    """Where a quote behind a delimiter shows it. Bare cells with a backslash could as well mean the backslash."""
    assume(sum(" " > letter not in "\t\r\n" for row in rows for cell in row for letter in cell) < 3)
    rows = [*rows, tuple('say "so", please' for _ in rows[0])]
    write = by_csv(doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL)
    assert_equal(write(rows), "table.csv", rows, tmp_path, settings)


@pytest.mark.parametrize("writer", ["csv.writer", "csv.writer, all quoted", "pandas", "pyarrow.csv"])
@property_test
@given(name=NAME, cells=st.lists(CELL, max_size=6))
def test_one_column_reads_back_equal(
    writer: str, name: str, cells: list[str], tmp_path: Path, settings: Settings
) -> None:
    # Where most cells hold another delimiter, bare as writers leave it, the name could be the title of wider rows.
    rows = [(name,), *[(cell,) for cell in cells], *[("filled",)] * (len(cells) + 1)]
    assume(sum(" " > letter not in "\t\r\n" for cell in cells for letter in cell) < 2)
    if writer == "pandas":
        assume(not any("\r" in cell and not set(cell) & set(',"\n') for cell in cells))
    assert_equal(DELIMITED[writer](rows), "table.csv", rows, tmp_path, settings)


SHEET_CELL = st.lists(
    st.sampled_from(['"', ",", ";", "😀", "שלום", "=1+1", "two\nlines", "a"]) | st.text("abc äß", max_size=4),
    max_size=5,
).map("".join)


@property_test
@given(rows=tables(SHEET_CELL))
def test_workbooks_read_back_equal(rows: Rows, tmp_path: Path, settings: Settings) -> None:
    """But for cells of blanks, which the writer drops, and a first equals sign, which it takes for a formula's."""
    rows = [rows[0], *[tuple(cell.lstrip("=") if cell.strip() else "" for cell in row) for row in rows[1:]]]
    rows = [rows[0], *[row for row in rows[1:] if any(row)]]
    book = openpyxl.Workbook()
    for number, row in enumerate(rows, 1):
        for place, cell in enumerate(row, 1):
            if cell:
                book.active.cell(number, place, cell).data_type = "s"
    sink = io.BytesIO()
    book.save(sink)
    assert_equal(sink.getvalue(), "table.xlsx", rows, tmp_path, settings)


@property_test
@given(rows=tables(SHEET_CELL))
def test_open_documents_read_back_equal(rows: Rows, tmp_path: Path, settings: Settings) -> None:
    """But for cells of blanks, which spreadsheets write as empty ones, and rows without a cell."""
    rows = [rows[0], *[tuple(cell if cell.strip() else "" for cell in row) for row in rows[1:]]]
    rows = [rows[0], *[row for row in rows[1:] if any(row)]]
    assert_equal(by_odfpy(rows), "table.ods", rows, tmp_path, settings)


def by_odfpy(rows: Rows) -> bytes:
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableCell, TableRow
    from odf.text import P

    document, table, sink = OpenDocumentSpreadsheet(), Table(name="sheet"), io.BytesIO()
    for row in rows:
        line = TableRow()
        for text in row:
            cell = TableCell(valuetype="string") if text else TableCell()
            for paragraph in text.split("\n") if text else []:
                cell.addElement(P(text=paragraph))
            line.addElement(cell)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    document.save(sink)
    return sink.getvalue()


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\r\n\n"])
def test_line_ends_of_every_kind_and_mixed(line_end: str, tmp_path: Path, settings: Settings) -> None:
    lines = ["text,label", "one,a", '"two\r\nlines",b', '"and\rtwo",c', "last,d"]
    found = read(line_end.join(lines).encode(), tmp_path, settings)
    assert found.rows == [("one", "a"), ("two\r\nlines", "b"), ("and\rtwo", "c"), ("last", "d")]
    mixed = "text,label\r\none,a\ntwo,b\rthree,c\r\n"
    assert read(mixed.encode(), tmp_path, settings).rows == [("one", "a"), ("two", "b"), ("three", "c")]


@pytest.mark.parametrize("writer", ["csv.writer", "pyarrow.csv"])
def test_ten_thousand_columns(writer: str, tmp_path: Path, settings: Settings) -> None:
    names = tuple(f"column {number}" for number in range(10_000))
    rows = [names, *[tuple(f"{row}-{number}" for number in range(10_000)) for row in range(3)]]
    assert_equal(DELIMITED[writer](rows), "table.csv", rows, tmp_path, settings)


@pytest.mark.parametrize("name", [*DELIMITED, *OTHERS])
def test_cells_of_a_million_bytes(name: str, tmp_path: Path, settings: Settings) -> None:
    long = 'A "long" text, with\nlines. ' * 40_000
    rows = [("text", "label"), (long[:1_000_000], "a"), ("short", "b"), (long[5:1_000_005], "c")]
    file, write = OTHERS.get(name) or ("table.csv", DELIMITED[name])
    assert_equal(write(rows), file, rows, tmp_path, settings)


def assert_equal(content: bytes, name: str, rows: Rows, folder: Path, settings: Settings) -> None:
    found = read(content, folder, settings, name)
    assert found.names == rows[0]
    assert found.rows == rows[1:]
