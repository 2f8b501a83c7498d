"""Every format a table may come in reads as the same table; what is broken, locked or a trap is a plain sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from autotrain.data.store import Dataset, DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN

ROWS = [
    {"text": f"a text, with a comma\nand number {n}: ünï – 表 🙂", "label": "ab"[n % 2], "stars": n} for n in range(30)
]
TEXTS = [(row["text"], row["label"], str(row["stars"])) for row in ROWS]


def csv_bytes() -> bytes:
    return pd.DataFrame(ROWS).to_csv(index=False).encode()


def parquet_bytes() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


def arrow_bytes(kind: str) -> bytes:
    sink, table = io.BytesIO(), pa.Table.from_pylist(ROWS)
    writer = pa.ipc.new_file(sink, table.schema) if kind == "file" else pa.ipc.new_stream(sink, table.schema)
    with writer:
        writer.write_table(table, 7)
    return sink.getvalue()


def feather_bytes(version: int) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(pa.Table.from_pylist(ROWS), sink, version=version, compression="uncompressed")
    return sink.getvalue()


def sheet_bytes(engine: str) -> bytes:
    sink = io.BytesIO()
    pd.DataFrame(ROWS).to_excel(sink, index=False, engine=engine)
    return sink.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "json": lambda: json.dumps(ROWS).encode(),
    "indented json": lambda: json.dumps(ROWS, indent=2, ensure_ascii=False).encode(),
    "json with a mark": lambda: b"\xef\xbb\xbf" + json.dumps(ROWS).encode(),
    "json under a name": lambda: json.dumps({"version": 1, "data": ROWS}).encode(),
    "json of columns": lambda: json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}).encode(),
    "json as pandas writes it": lambda: pd.DataFrame(ROWS).to_json().encode(),
    "json of lists": lambda: json.dumps([list(ROWS[0]), *(list(row.values()) for row in ROWS)]).encode(),
    "json lines": lambda: "\n".join(json.dumps(row) for row in ROWS).encode(),
    "json lines with blank ones": lambda: "\r\n\r\n".join(json.dumps(row) for row in ROWS).encode(),
    "parquet": parquet_bytes,
    "arrow file": lambda: arrow_bytes("file"),
    "arrow stream": lambda: arrow_bytes("stream"),
    "feather": lambda: feather_bytes(2),
    "excel": lambda: sheet_bytes("openpyxl"),
    "opendocument": lambda: sheet_bytes("odf"),
    "gzip": lambda: gzip.compress(csv_bytes()),
    "bzip2": lambda: bz2.compress(csv_bytes()),
    "xz": lambda: lzma.compress(csv_bytes()),
    "zstd": lambda: bytes(pa.Codec("zstd").compress(csv_bytes(), asbytes=True)),
    "compressed json lines": lambda: gzip.compress("\n".join(json.dumps(row) for row in ROWS).encode()),
}


def load(datasets: DatasetStore, folder: Path, content: bytes, name: str = "mine.data") -> Dataset:
    path = folder / name
    path.write_bytes(content)
    return datasets.add(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_the_same_table(datasets: DatasetStore, tmp_path: Path, kind: str) -> None:
    dataset = load(datasets, tmp_path, FORMATS[kind]())
    table = dataset.table().rows
    assert table.column_names == ["text", "label", "stars", ROW_COLUMN]
    found = list(zip(*(table[name].to_pylist() for name in ("text", "label", "stars")), strict=True))
    # A spreadsheet and OpenDocument write a line break in a cell in their own ways.
    assert [tuple(cell.replace("\r\n", "\n") for cell in row) for row in found] == TEXTS
    assert dataset.profile.rows == 30 and dataset.profile.format
    assert dataset.profile.findings == ()


def test_rows_are_numbered_as_a_person_finds_them(datasets: DatasetStore, tmp_path: Path) -> None:
    lines = load(datasets, tmp_path, b'{"a": 1, "b": 2}\n\nnot json\n{"a": 3, "b": 4}\n').table()
    assert lines.rows[ROW_COLUMN].to_pylist() == [1, 4]
    (finding,) = [finding for finding in lines.profile.findings if finding.code == "bad-lines"]
    assert "Line 3 is not JSON and left out" in finding.message and finding.rows == (3,)
    sheet = load(datasets, tmp_path, FORMATS["excel"]()).table()
    assert sheet.rows[ROW_COLUMN].to_pylist()[:2] == [2, 3]


def test_names_come_from_every_row_and_values_keep_their_form(datasets: DatasetStore, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "one", "ok": True, "score": 0.5},
        {"text": None, "tags": ["x", "y"], "meta": {"deep": [1, None]}},
    ]
    table = load(datasets, tmp_path, json.dumps(rows).encode()).table().rows.drop_columns([ROW_COLUMN])
    assert table.to_pylist() == [
        {"text": "one", "ok": "true", "score": "0.5", "tags": "", "meta": ""},
        {"text": "", "ok": "", "score": "", "tags": '["x","y"]', "meta": '{"deep":[1,null]}'},
    ]


def test_typed_columns_are_written_as_people_would(datasets: DatasetStore, tmp_path: Path) -> None:
    import datetime as dt

    table = pa.table(
        {
            "day": [dt.date(2026, 3, 1), None],
            "words": [["a", "b"], []],
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "picture": [b"\x00\x01", None],
            "flag": [True, False],
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    rows = load(datasets, tmp_path, sink.getvalue()).table().rows.drop_columns([ROW_COLUMN]).to_pylist()
    assert rows == [
        {"day": "2026-03-01", "words": '["a","b"]', "kind": "x", "picture": '"(2 bytes)"'.strip('"'), "flag": "true"},
        {"day": "", "words": "[]", "kind": "y", "picture": "", "flag": "false"},
    ]


def test_a_workbook_with_several_sheets_says_which_was_read(datasets: DatasetStore, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    data = book.create_sheet("Data")
    for row in (["text", "label"], ["hello", 1], ["there", 2.5]):
        data.append(row)
    book.save(tmp_path / "book.xlsx")
    dataset = datasets.add(tmp_path / "book.xlsx")
    assert dataset.head(2) == [{"text": "hello", "label": "1"}, {"text": "there", "label": "2.5"}]
    (finding,) = [finding for finding in dataset.profile.findings if finding.code == "several-sheets"]
    assert '"Data" was read, and not "Notes"' in finding.message


def two_sheets(path: Path) -> Path:
    book = openpyxl.Workbook()
    for sheet, word in ((book.active, "first"), (book.create_sheet("Second sheet"), "second")):
        for row in (["text", "label"], [f"the {word} text", "a"], [f"one more {word} text", "b"]):
            sheet.append(row)
    book.active.title = "First"
    book.create_sheet("Empty")
    book.save(path)
    return path


def test_another_sheet_of_a_workbook_is_a_dataset_of_its_own(datasets: DatasetStore, tmp_path: Path) -> None:
    path = two_sheets(tmp_path / "book.xlsx")
    first = datasets.add(path)
    assert (first.profile.sheet, first.profile.sheets) == ("First", ("First", "Second sheet", "Empty"))
    path.unlink()
    second = datasets.choose_sheet(first.id, "Second sheet")
    assert second.id != first.id and second.name == "book.xlsx (Second sheet)"
    assert second.head(1) == [{"text": "the second text", "label": "a"}]
    assert datasets.choose_sheet(second.id, "Second sheet").id == second.id
    assert datasets.choose_sheet(second.id, "First").id == first.id
    with pytest.raises(DataError, match='The sheet "Empty" of book.xlsx does not have names'):
        datasets.choose_sheet(first.id, "Empty")


def test_a_sheet_is_named_after_a_hash_sign(datasets: DatasetStore, tmp_path: Path) -> None:
    path = two_sheets(tmp_path / "book.xlsx")
    second = datasets.resolve(f"{path}#second sheet")
    assert second.head(1)[0]["text"] == "the second text" and second.name == "book.xlsx (Second sheet)"
    with pytest.raises(DataError, match='has no sheet "Third". Its sheets are "First", "Second sheet", "Empty"'):
        datasets.resolve(f"{path}#Third")
    (tmp_path / "table.csv").write_bytes(csv_bytes())
    with pytest.raises(DataError, match="is no workbook"):
        datasets.resolve(f"{tmp_path / 'table.csv'}#First")
    (tmp_path / "a#b.csv").write_bytes(csv_bytes())
    assert datasets.resolve(tmp_path / "a#b.csv").profile.sheets == ()


def test_the_same_compressed_file_twice_is_one_dataset(datasets: DatasetStore, tmp_path: Path) -> None:
    packed = FORMATS["gzip"]()
    assert load(datasets, tmp_path, packed).id == load(datasets, tmp_path, packed, "again.csv.gz").id


BROKEN = {
    "half a gzip": (lambda: FORMATS["gzip"]()[:-40], "damaged or incomplete gzip"),
    "half a zstd": (lambda: FORMATS["zstd"]()[:-40], "damaged or incomplete zstd"),
    "half an xz": (lambda: FORMATS["xz"]()[:-40], "damaged or incomplete xz"),
    "half a bzip2": (lambda: FORMATS["bzip2"]()[:-40], "damaged or incomplete bzip2"),
    "half a parquet": (lambda: parquet_bytes()[:-40], "damaged or incomplete Parquet"),
    "half an arrow file": (lambda: arrow_bytes("file")[:-40], "damaged or incomplete Arrow"),
    "half a workbook": (lambda: sheet_bytes("openpyxl")[:-40], "incomplete archive"),
    "half a json": (lambda: json.dumps(ROWS).encode()[:-40], "not complete or not correct"),
    "gzip in gzip": (lambda: gzip.compress(gzip.compress(csv_bytes())), "compressed twice"),
    "a picture in gzip": (lambda: gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(100)), "PNG image"),
    "one json object": (lambda: b'{"text": "only", "label": "one"}', "one row"),
    "a locked workbook": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old Office"),
    "an empty workbook": (lambda: empty_workbook(), "no sheet with names"),
}


def empty_workbook() -> bytes:
    sink = io.BytesIO()
    openpyxl.Workbook().save(sink)
    return sink.getvalue()


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_a_sentence_and_leaves_nothing(datasets: DatasetStore, tmp_path: Path, kind: str) -> None:
    make, words = BROKEN[kind]
    with pytest.raises(DataError, match=words):
        load(datasets, tmp_path, make())
    assert datasets.list() == []


def test_a_small_file_that_unpacks_to_a_large_one_is_stopped(settings: Settings, tmp_path: Path) -> None:
    small = DatasetStore(settings.model_copy(update={"max_upload_bytes": 1_000_000}))
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        load(small, tmp_path, gzip.compress(b"text,label\n" + b"a,b\n" * 1_000_000))


def test_a_workbook_that_unpacks_to_gigabytes_is_not_opened(datasets: DatasetStore, tmp_path: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/workbook.xml", "w", force_zip64=True) as file:
            for _ in range(2100):
                file.write(bytes(1_000_000))
    with pytest.raises(DataError, match="unpacks to 2.1 GB"):
        load(datasets, tmp_path, sink.getvalue())
