"""Files made to do harm are refused, or read as what they say they are, within the child's limits."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
import zipfile
import zlib
from copy import copy
from pathlib import Path
from string import ascii_uppercase

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autotrain.data.store import Dataset, DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings
from tests.data.reading import read, sentence

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
COUNTED = (
    b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    b'count="99999999999" uniqueCount="18446744073709551615"><si><t>a</t></si></sst>'
)


def sheet(*cells: tuple[str, str]) -> bytes:
    """A workbook whose sheet has these cells, each at its place such as A1."""
    rows = "".join(
        f'<row r="{place.lstrip(ascii_uppercase)}"><c r="{place}" t="inlineStr"><is><t>{text}</t></is></c></row>'
        for place, text in cells
    )
    start = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return workbook({"xl/worksheets/sheet1.xml": f"{start}{rows}</sheetData></worksheet>".encode()})


def open_document(rows: str, head: bytes = b"") -> bytes:
    names = ("office", "table", "text")
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names)
    content = f"""<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name="s">
        <table:table-row>{cell("text")}{cell("label")}</table:table-row>{rows}
        </table:table></office:spreadsheet></office:body></office:document-content>"""
    manifest = b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    return zipped({"mimetype": kind, "content.xml": head + content.encode(), "META-INF/manifest.xml": manifest})


def cell(text: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{text}</text:p></table:table-cell>'


def parquet_of_a_long_footer() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"], "label": ["b"]}), sink)
    return sink.getvalue()[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1"


def arrow_that_unpacks_to_a_quadrillion_bytes() -> bytes:
    table, sink = pa.table({"text": ["a" * 1000] * 10, "label": ["b"] * 10}), io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    first, *rest = sink.getvalue().split(b"\x28\xb5\x2f\xfd")  # before each zstd frame stands its length
    return b"\x28\xb5\x2f\xfd".join([first[:-8] + struct.pack("<q", 2**50), *rest])


def tar_of_a_size(size: bytes) -> bytes:
    """A TAR whose member says to be as large, with a checksum that agrees."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        entry = tarfile.TarInfo("a.csv")
        entry.size = len(TABLE)
        archive.addfile(entry, io.BytesIO(TABLE))
    content = bytearray(sink.getvalue())
    content[124:136] = size
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


def zip_that_lies_about_sizes() -> bytes:
    large = zipped({"a.csv": b"text,label\n" + b"a,b\n" * 2_000_000})
    return large.replace(struct.pack("<I", 8_000_011), struct.pack("<I", 30))


def zip_that_tells_one_member_a_thousand_times() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"text,label\n" + b"a,b\n" * 2_000_000)
        for number in range(1000):
            again = copy(archive.filelist[0])
            again.filename = f"{number}.csv"
            archive.filelist.append(again)
    return sink.getvalue()


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
    "a workbook that counts more texts than there are": ("a.xlsx", workbook({"xl/sharedStrings.xml": COUNTED})),
    "a cell in the last corner of a sheet": ("a.xlsx", sheet(("A1", "text"), ("A2", "one"), ("XFD1048576", "far"))),
    "a cell beyond every sheet": ("a.xlsx", sheet(("A1", "text"), ("A2", "one"), ("ZZZZZZZ4294967295", "far"))),
    "entities without end in an OpenDocument": (
        "a.ods",
        open_document(f"<table:table-row>{cell('&a9;')}</table:table-row>", LAUGHS + b"]>"),
    ),
    "a row that is repeated two billion times": (
        "a.ods",
        open_document(f'<table:table-row table:number-rows-repeated="2000000000">{cell("x")}</table:table-row>'),
    ),
    "a footer of two gigabytes": ("a.parquet", parquet_of_a_long_footer()),
    "a column that unpacks to a quadrillion bytes": ("a.arrow", arrow_that_unpacks_to_a_quadrillion_bytes()),
    "a member of nine exabytes": ("a.tar", tar_of_a_size(b"\x80\0\0\0\x7f" + b"\xff" * 7)),
    "a member of less than nothing": ("a.tar", tar_of_a_size(b"\xff" * 12)),
    "sizes that are too small": ("a.zip", zip_that_lies_about_sizes()),
    "one member under a thousand names": ("a.zip", zip_that_tells_one_member_a_thousand_times()),
    "a name that ends in the middle": ("a.zip", zipped({"ab.csv": TABLE}).replace(b"ab.csv", b"a\0.csv")),
    "a number of millions of digits": ("a.json", b'[{"text": ' + b"1" * 5_000_000 + b', "label": "a"}]'),
    "a million names": ("a.jsonl", b"{" + b",".join(b'"k%d":1' % number for number in range(1_000_000)) + b"}\n"),
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
        sentence(error, name.removesuffix(".gz") if name in error.message else "a.csv")  # or the member of an archive
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


@pytest.mark.parametrize(
    "case", ["a workbook that counts more texts than there are", "entities without end in a workbook"]
)
def test_what_breaks_the_library_is_a_sentence_even_without_a_child(
    case: str, tmp_path: Path, settings: Settings
) -> None:
    name, content = HOSTILE[case]
    with pytest.raises(DataError) as caught:
        read(content, tmp_path, settings, name)
    sentence(caught.value, name)
