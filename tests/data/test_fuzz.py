"""Whatever bytes a file holds, it is read or refused with a sentence: no other exception leaves the reader."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.data.read import import_table
from autotrain.data.shapes import SHAPES, suggestions
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import Table

ROWS = [{"text": f'text, number {n}\n"quoted"', "label": "ab"[n % 2], "tags": ["O", "B-X"]} for n in range(12)]


def sheet() -> bytes:
    book, sink = openpyxl.Workbook(), io.BytesIO()
    for row in [["text", "label"], *[[row["text"], row["label"]] for row in ROWS]]:
        book.active.append(row)
    book.save(sink)
    return sink.getvalue()


def arrow(write: object) -> bytes:
    sink = io.BytesIO()
    write(pa.Table.from_pylist(ROWS), sink)  # type: ignore[operator]
    return sink.getvalue()


def zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("train/a/1.txt", content)
        archive.writestr("train/b/2.txt", content)
    return sink.getvalue()


CSV = ("text,label\n" + "".join(f'"text, {n} ""quoted""",{"ab"[n % 2]}\n' for n in range(12))).encode()
FILES = {
    "csv": CSV,
    "utf-16": CSV.decode().encode("utf-16"),
    "json": json.dumps(ROWS).encode(),
    "columns": json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}).encode(),
    "jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "gzip": gzip.compress(CSV),
    "parquet": arrow(pq.write_table),
    "feather": arrow(feather.write_feather),
    "xlsx": sheet(),
    "zip": zipped(b"a text\n"),
}
ODD = [b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"\r", b"\n", b"\\", b"[", b"{", b"1e999"]
ODD += [b"\xed\xa0\x80", b"\xf0\x9f\x98\x80"]


def read(content: bytes, name: str) -> None:
    """Import; what could be read is also recognised, checked and walked through."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        home = Settings(home=Path(folder) / "home", max_upload_bytes=5_000_000, max_cell_characters=10_000)
        try:
            profile = import_table(path, Path(folder), home)
        except DataError as error:
            assert str(error).endswith("."), str(error)
            return
        rows = pa.ipc.open_file(pa.memory_map(str(Path(folder) / "table.arrow"))).read_all()
        for suggestion in suggestions(profile):
            columns = {guess.role: guess.column for guess in suggestion.mapping if guess.column}
            needed = [role.role for role in SHAPES[suggestion.shape].roles if role.required]
            if set(needed) <= set(columns):
                SHAPES[suggestion.shape].check(Table(profile, rows), columns)
                list(SHAPES[suggestion.shape].rows(Table(profile, rows), columns))


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    content = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        match data.draw(st.sampled_from(["change", "cut", "insert", "repeat"])):
            case "change" if content:
                content[place] = data.draw(st.integers(0, 255))
            case "cut":
                del content[place:]
            case "insert":
                content[place:place] = data.draw(st.sampled_from(ODD))
            case _:
                content += content[place : place + 50]
    read(bytes(content), f"table.{kind}")


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read(content, "table.csv")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        [b'{"a": ', b'[{"a": ', b"PAR1", b"ARROW1", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00", b"FEA1", b"\xff" * 4]
    ),
    st.binary(max_size=300),
)
def test_any_bytes_behind_the_beginning_of_a_format_are_read_or_refused(start: bytes, rest: bytes) -> None:
    read(start + rest, "table.csv")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from(["json", "jsonl"]))
def test_any_json_is_read_or_refused(value: object, kind: str) -> None:
    lines = value if kind == "jsonl" and isinstance(value, list) else [value]
    read("\n".join(json.dumps(line) for line in lines).encode(), f"table.{kind}")


@pytest.mark.parametrize(
    "content",
    [
        b'text,label\n"never closed,a\nb,c\n',
        b"text,label\na\x00b,c\nd,e\n",
        b"text,label\n\xed\xa0\x80,a\nb,c\n",
        b"text,label\n\xf0\x9f\x98,a\nb,c\n",
        b"text,label\na,b\n\xef\xbb\xbfc,d\n",
        b"text,label\r\na,b\rc,d\ne,f\r\n",
        b'[{"text": "a", "text": "b", "label": 1e400}]',
        b'[{"text": "\\ud800", "label": "a"}]',
        b'[{"text": 123456789012345678901234567890, "label": -0.0}]',
        b'[{"text": NaN, "label": "a"}]',
        b'{"text": "a", "label": "b"}\n{"text": "a"\n',
        b"sep=;\ntext;label\na;b\n",
        b",".join([b"a"] * 10_000) + b"\n" + b",".join([b"1"] * 10_000) + b"\n",
    ],
)
def test_known_kinds_of_damage_are_read_or_refused(content: bytes) -> None:
    read(content, "table.csv")
