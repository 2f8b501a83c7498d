"""Rows that Arrow parses at once are the rows that the careful reader would have read one by one."""

from __future__ import annotations

import io
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autotrain.data import delimited
from autotrain.data.dialect import Dialect
from autotrain.data.read import import_table
from autotrain.data.records import OpenQuote, RecordReader
from autotrain.data.stream import Utf8Stream
from autotrain.data.well_formed import parse_block
from autotrain.data.writing import TABLE_FILE
from autotrain.settings import Settings

PIECES = st.lists(
    st.sampled_from([",", ",", '"', '""', "\n", "\r\n", "\r", "a", "b c", "é", "😀", " ", "\\", "'", ";", "\x00"]),
    max_size=24,
).map("".join)
WELL_FORMED = st.lists(
    st.tuples(
        st.sampled_from(["a", '"a"', '"a,b"', '"a""b"', '"x\ny"', '""', "", " q "]), st.sampled_from(["b", '"\n"', ""])
    ),
    min_size=1,
    max_size=8,
).map(lambda rows: "".join(f"{left},{right}\n" for left, right in rows))


def carefully(text: str, dialect: Dialect) -> list[tuple[int, list[str]]] | None:
    """Rows of the careful reader; None where it says that a quote is open."""
    stream = Utf8Stream(io.BytesIO(text.encode()), "utf-8", clean=True)
    try:
        return list(RecordReader(stream, dialect, 1000, "table.csv").records(1 << 20))
    except OpenQuote:
        return None


@given(text=PIECES | WELL_FORMED, quote=st.sampled_from(['"', "'", ""]), ended=st.booleans())
@example(text='a,"b"c"\nd,e\n', quote='"', ended=True)
@example(text='a,"b\n', quote='"', ended=True)
@example(text="a,b\n\nc,d\n", quote='"', ended=True)
@example(text='"a""",b\n"""",c\n', quote='"', ended=False)
def test_what_is_parsed_at_once_reads_the_same(text: str, quote: str, ended: bool) -> None:
    dialect = Dialect(quote=quote)
    columns, end = parse_block(text.encode(), ["one", "two"], dialect, ended=ended)
    if not end:
        return
    rows = [list(row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]
    expected = carefully(text.encode()[:end].decode(), dialect)
    assert expected == list(enumerate(rows, 1))


@given(text=WELL_FORMED)
def test_what_is_well_formed_is_parsed_at_once(text: str) -> None:
    assert parse_block(text.encode(), ["one", "two"], Dialect(), ended=True)[1] == len(text.encode())


def test_a_block_ends_where_a_row_does() -> None:
    columns, end = parse_block(b'a,"b\nb"\nc,"d\nd', ["one", "two"], Dialect(), ended=False)
    assert end == len(b'a,"b\nb"\n')
    assert [column.to_pylist() for column in columns] == [["a"], ["b\nb"]]


@pytest.mark.parametrize(
    "block",
    [b"a,b,c\n", b"a\n", b'a,b"c"d\n', b'a, "b"\n', b"a,b\rc,d\n", b"\n", b"a\x00,b\n", b'a,"b', b"a,\xff\n"],
    ids=[
        "wide",
        "narrow",
        "quote inside",
        "blank before quote",
        "lone return",
        "blank line",
        "nul",
        "open",
        "no utf-8",
    ],
)
def test_anything_unusual_is_left_to_the_careful_reader(block: bytes) -> None:
    assert parse_block(block, ["one", "two"], Dialect(), ended=True) == ([], 0)


@given(
    rows=st.lists(PIECES, min_size=1, max_size=30),
    size=st.integers(1, 64),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_blocks_of_any_size_read_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], size: int, encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    source = folder / "table.csv"
    source.write_bytes(("text,label\n" + "".join(f"{row},x\n" for row in rows) + "the end,y\n").encode(encoding))
    with patch.object(delimited, "BLOCK_BYTES", size), patch.object(delimited, "_HEAD_BYTES", 1):
        in_blocks = outcome(source, folder)
    with patch.object(delimited, "parse_block", lambda *_, **__: ([], 0)):
        one_by_one = outcome(source, folder)
    assert in_blocks == one_by_one


def outcome(source: Path, folder: Path) -> object:
    """Everything that an import says and stores, or its refusal."""
    try:
        profile = import_table(source, folder, Settings(home=folder))
    except Exception as error:
        return type(error), str(error)
    rows = pa.ipc.open_file(folder / TABLE_FILE).read_all().to_pylist()
    return profile.model_dump(), rows


def test_a_stream_gives_back_what_was_not_used() -> None:
    stream = Utf8Stream(io.BytesIO("é\nü\nö".encode("cp1252")), "cp1252", clean=True)
    text = stream.take_lines(4, 100)
    stream.give_back(text[2:])
    assert stream.take_lines(100, 100) == "ü\nö"
    assert stream.take_lines(100, 100) == ""
