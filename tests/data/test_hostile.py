"""Files made to do harm are refused, or read as what they say they are, within the child's limits."""

from __future__ import annotations

import gzip
import io
import struct
import time
import zipfile
import zlib
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autotrain.data.store import Dataset, DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings
from tests.data.reading import sentence

TABLE = b"text,label\n" + b"".join(b"a text number %d,%s\n" % (number, b"ab"[number % 2 :][:1]) for number in range(30))


def zipped(files: dict[str, bytes], behind: bytes = b"") -> bytes:
    sink = io.BytesIO(behind)
    with zipfile.ZipFile(sink, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


def png(width: int, height: int) -> bytes:
    """A picture that says to be as large, and holds a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def workbook(parts: dict[str, bytes]) -> bytes:
    """A workbook with other contents for some of its parts."""
    book, sink = openpyxl.Workbook(), io.BytesIO()
    for row in (["text", "label"], ["one", "a"], ["two", "b"]):
        book.active.append(row)
    book.save(sink)
    with zipfile.ZipFile(sink) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return zipped(files | parts)


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">' + b"".join(
    b'<!ENTITY a%d "%s">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10)
)
STRINGS = LAUGHS + (
    b']><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="1">'
    b"<si><t>&a9;</t></si></sst>"
)
FILE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + (
    b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&e;</t></si></sst>'
)


def parquet_of_many_rows() -> bytes:
    """A Parquet file whose footer counts more rows than the world has."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"]}), sink)
    content = sink.getvalue()
    return content.replace(b"\x16\x04", b"\x16\xfe", 4)


HOSTILE: dict[str, tuple[str, bytes]] = {
    "a table with an archive behind it": ("a.csv", zipped({"b.csv": TABLE}, behind=TABLE)),
    "a picture with an archive behind it": ("a.png", zipped({"b.csv": TABLE}, behind=png(8, 8))),
    "a document with an archive behind it": ("a.pdf", zipped({"b.csv": TABLE}, behind=b"%PDF-1.7\n%%EOF\n")),
    "an archive that calls itself a table": ("a.csv", zipped({"b.csv": TABLE})),
    "an archive in an archive in an archive": ("a.zip", zipped({"b.zip": zipped({"c.zip": zipped({"d.csv": TABLE})})})),
    "a picture of ten billion points": (
        "a.zip",
        zipped({"x/a.png": png(100_000, 100_000), "y/b.png": png(100_000, 9)}),
    ),
    "zeros that were packed": ("a.csv.gz", gzip.compress(bytes(300_000_000), 9)),
    "entities without end in a workbook": ("a.xlsx", workbook({"xl/sharedStrings.xml": STRINGS})),
    "a file of this machine in a workbook": ("a.xlsx", workbook({"xl/sharedStrings.xml": FILE})),
    "a sheet that is no XML": ("a.xlsx", workbook({"xl/worksheets/sheet1.xml": b"\x00" * 1000})),
    "a million columns": ("a.csv", b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n" + b"," * 999_999 + b"\n"),
    "rows without number": ("a.parquet", parquet_of_many_rows()),
    "quotes without end": ("a.csv", b'text,label\n"' + b'a""' * 3_000_000),
}


def imported(content: bytes, name: str, folder: Path, settings: Settings) -> Dataset | None:
    """What becomes of it: a dataset, or nothing with a sentence; and quickly."""
    (folder / name).write_bytes(content)
    begun = time.monotonic()
    store = DatasetStore(settings.model_copy(update={"import_memory_bytes": 2_000_000_000, "import_seconds": 60}))
    try:
        return store.add(folder / name)
    except DataError as error:
        sentence(error, name.removesuffix(".gz"))
        assert store.list() == [] and [path.name for path in settings.datasets.iterdir()] == []
        return None
    finally:
        assert time.monotonic() - begun < 60


@pytest.mark.parametrize("case", HOSTILE)
def test_it_is_refused_or_read_as_what_it_is(case: str, tmp_path: Path, settings: Settings) -> None:
    name, content = HOSTILE[case]
    dataset = imported(content, name, tmp_path, settings)
    if dataset is not None:
        cells = "".join(cell for row in dataset.head(5) for cell in row.values())
        assert "root:" not in cells and "haha" not in cells
        assert dataset.disk_bytes() < 50_000_000


def test_what_stands_first_decides_what_a_file_is(tmp_path: Path, settings: Settings) -> None:
    """A table with an archive behind it is a table, in which the archive is noise; a picture is a picture."""
    dataset = imported(*reversed(HOSTILE["a table with an archive behind it"]), tmp_path, settings)
    assert dataset is None or dataset.profile.format == "delimited text"
    assert imported(*reversed(HOSTILE["a picture with an archive behind it"]), tmp_path, settings) is None
    read = imported(*reversed(HOSTILE["an archive that calls itself a table"]), tmp_path, settings)
    assert read is not None and read.profile.rows == 30
