"""Delimited text in the manner of the well-known collections of odd files: rows that make sense, or a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from autotrain.errors import DataError
from autotrain.settings import Settings
from tests.data import malformed_csv
from tests.data.reading import read, sentence

Rows = list[tuple[str, ...]]

READ: dict[str, tuple[bytes, Rows]] = {
    "commas in quotes": (
        b'first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123\nA,B,C,"D, E",1\n',
        [
            ("first", "last", "address", "city", "zip"),
            ("John", "Doe", "120 any st.", "Anytown, WW", "08123"),
            ("A", "B", "C", "D, E", "1"),
        ],
    ),
    "empty cells": (b'a,b,c\n1,"",""\n2,3,4\n', [("a", "b", "c"), ("1", "", ""), ("2", "3", "4")]),
    "empty cells, carriage returns": (
        b'a,b,c\r\n1,"",""\r\n2,3,4\r\n',
        [("a", "b", "c"), ("1", "", ""), ("2", "3", "4")],
    ),
    "doubled quotes": (b'a,b\n1,"ha ""ha"" ha"\n3,4\n', [("a", "b"), ("1", 'ha "ha" ha'), ("3", "4")]),
    "json in a cell": (
        b'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n2,"{}"\n',
        [("key", "val"), ("1", '{"type": "Point", "coordinates": [102.0, 0.5]}'), ("2", "{}")],
    ),
    "line feeds in cells": (
        b'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        [("a", "b", "c"), ("1", "2", "3"), ("Once upon \na time", "5", "6"), ("7", "8", "9")],
    ),
    "line ends in cells": (
        b'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n',
        [("a", "b", "c"), ("1", "2", "3"), ("Once upon \r\na time", "5", "6"), ("7", "8", "9")],
    ),
    "quotes and line feeds": (b'a,b\n1,"ha \n""ha"" \nha"\n3,4\n', [("a", "b"), ("1", 'ha \n"ha" \nha'), ("3", "4")]),
    "simple": (b"a,b,c\n1,2,3\n", [("a", "b", "c"), ("1", "2", "3")]),
    "characters": ("a,b,c\n1,2,3\n4,5,ʤ\n".encode(), [("a", "b", "c"), ("1", "2", "3"), ("4", "5", "ʤ")]),
    "no end of the last line": (b"a,b\n1,2\n3,4", [("a", "b"), ("1", "2"), ("3", "4")]),
    "a lone carriage return": (b"a,b\r1,2\r3,4\r", [("a", "b"), ("1", "2"), ("3", "4")]),
    "a mark of UTF-8": (b"\xef\xbb\xbfa,b\n1,2\n", [("a", "b"), ("1", "2")]),
    "the mark before quotes": (b'\xef\xbb\xbf"a","b"\n"1","2"\n', [("a", "b"), ("1", "2")]),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbfa,b\n1,2\n", [("a", "b"), ("1", "2")]),
    "blank lines above": (b"\n\n\na,b\n1,2\n", [("a", "b"), ("1", "2")]),
    "blank lines between": (b"a,b\n\n1,2\n\n\n3,4\n", [("a", "b"), ("1", "2"), ("3", "4")]),
    "blank lines below": (b"a,b\n1,2\n\n\n\n", [("a", "b"), ("1", "2")]),
    "rows of delimiters below": (b"a,b\n1,2\n,\n,\n", [("a", "b"), ("1", "2"), ("", ""), ("", "")]),
    "a delimiter at the end of each line": (
        b"a,b,\n1,2,\n3,4,\n",
        [("a", "b", "column 3"), ("1", "2", ""), ("3", "4", "")],
    ),
    "sep= as a spreadsheet writes it": (b"sep=;\na;b\n1;2\n", [("a", "b"), ("1", "2")]),
    "semicolons and decimal commas": (b"a;b\n1,5;2,5\n3,5;4,5\n", [("a", "b"), ("1,5", "2,5"), ("3,5", "4,5")]),
    "tabs and commas in texts": (
        b"a\tb\nyes, no\tx\nwell, then, so\ty\n",
        [("a", "b"), ("yes, no", "x"), ("well, then, so", "y")],
    ),
    "pipes": (b"a|b\n1|2\n3|4\n", [("a", "b"), ("1", "2"), ("3", "4")]),
    "carets": (b"a^b^c\n1^2^3\n4^5^6\n7^8^9\n", [("a", "b", "c"), ("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9")]),
    "blanks around delimiters": (b"a , b\n1 , 2\n", [("a", "b"), ("1 ", " 2")]),
    "a quote inside a cell": (b'a,b\n5" pipe,1\n6" pipe,2\n', [("a", "b"), ('5" pipe', "1"), ('6" pipe', "2")]),
    "apostrophes": (b"a,b\nit's,that's\n'quoted',x\n", [("a", "b"), ("it's", "that's"), ("'quoted'", "x")]),
    "backslashes before quotes": (
        b'a,b\n"say \\"hi\\" now",1\n"and \\"so\\" on",2\n',
        [("a", "b"), ('say "hi" now', "1"), ('and "so" on', "2")],
    ),
    "backslashes that mean themselves": (
        b"a,b\nC:\\new,1\nC:\\old,2\n",
        [("a", "b"), ("C:\\new", "1"), ("C:\\old", "2")],
    ),
    "one column": (b"text\none\ntwo\nthree\n", [("text",), ("one",), ("two",), ("three",)]),
    "a form feed in a cell": (b"a,b\none\x0ctwo,1\nx,2\n", [("a", "b"), ("one\x0ctwo", "1"), ("x", "2")]),
    "zeros in cells": (b"a,b\nan old\x00 record,1\nx,2\n", [("a", "b"), ("an old\x00 record", "1"), ("x", "2")]),
    "formulas": (b"a,b\n=1+1,@SUM(A1)\n-2,+3\n", [("a", "b"), ("=1+1", "@SUM(A1)"), ("-2", "+3")]),
    "UTF-16 without a mark": (
        "a,b\none,two\nthree,four\n".encode("utf-16-le"),
        [("a", "b"), ("one", "two"), ("three", "four")],
    ),
    "Windows": (
        "name,city\nJosé,Málaga\nZoë,Århus\nBjörn,Göteborg\n".encode("cp1252"),
        [("name", "city"), ("José", "Málaga"), ("Zoë", "Århus"), ("Björn", "Göteborg")],
    ),
    "the separator of lines within a cell": (
        "a,b\none\u2028two,1\nx\x85y,2\n".encode(),
        [("a", "b"), ("one\u2028two", "1"), ("x\x85y", "2")],
    ),
    "short rows": (
        b"a,b,c\n1,2\n3,4,5\n6\n7,8,9\n",
        [("a", "b", "c"), ("1", "2", ""), ("3", "4", "5"), ("6", "", ""), ("7", "8", "9")],
    ),
    "a wide row": (b"a,b\n1,2\n3,4,5\n6,7\n8,9\n", [("a", "b"), ("1", "2"), ("6", "7"), ("8", "9")]),
    "names that repeat": (b"a,a,a\n1,2,3\n", [("a", "a_2", "a_3"), ("1", "2", "3")]),
    "names that are missing": (b"a,,c\n1,2,3\n", [("a", "column 2", "c"), ("1", "2", "3")]),
    "names of blanks": (b"a,  ,c\n1,2,3\n", [("a", "column 2", "c"), ("1", "2", "3")]),
}  # fmt: skip

REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "line ends only": b"\r\n\r\n\n",
    "blanks only": b"   \t  \n  ",
    "a mark only": b"\xef\xbb\xbf",
    "names only": b"a,b,c\n",
    "delimiters only": b",,,\n,,,\n",
    "a web page": b"<!DOCTYPE html><html><body><table><tr><td>1</td></tr></table></body></html>",
    "XML": b"<?xml version='1.0'?><rows><row/></rows>",
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "a JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200),
    "a program": b"\x7fELF\x02\x01\x01" + bytes(500),
    "zeros": bytes(1000),
    "random bytes": bytes(range(256)) * 20,
    "an RTF document": b"{\\rtf1\\ansi a,b\\par 1,2}",
    "a database": b"SQLite format 3\x00" + bytes(500),
    "a pickle": b"\x80\x04\x95" + bytes(range(200)),
}


@pytest.mark.parametrize("case", READ)
def test_odd_files_are_read_as_a_person_would(case: str, tmp_path: Path, settings: Settings) -> None:
    content, (names, *rows) = READ[case]
    found = read(content, tmp_path, settings, "odd.csv")
    assert (found.names, found.rows) == (names, rows)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_with_a_sentence(case: str, tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(DataError) as caught:
        read(REFUSED[case], tmp_path, settings, "odd.csv")
    sentence(caught.value, "odd.csv")


@pytest.mark.parametrize("rows", [2, 400_000])
def test_a_quote_that_is_never_closed_costs_no_row_and_is_said(rows: int, tmp_path: Path, settings: Settings) -> None:
    found = read(b'a,b\n1,2\n"3,4\n' + b"5,6\n" * rows, tmp_path, settings, "odd.csv")
    assert found.rows[:3] == [("1", "2"), ('"3', "4"), ("5", "6")] and len(found.rows) == rows + 2
    assert found.codes[-1] == "quotes-kept"


def test_bytes_of_two_encodings_are_said(tmp_path: Path, settings: Settings) -> None:
    content = "name,city\nJosé,Málaga\n".encode() + "Zoë,Århus\n".encode("cp1252")
    found = read(content, tmp_path, settings, "odd.csv")
    assert len(found.rows) == 2 and found.codes


@pytest.mark.parametrize("case", malformed_csv.READ)
def test_what_was_done_to_odder_files_is_said(case: str, tmp_path: Path, settings: Settings) -> None:
    content, (names, *rows), codes = malformed_csv.READ[case]
    found = read(content, tmp_path, settings, "odd.csv")
    assert (found.names, found.rows, found.codes) == (names, rows, codes)


@pytest.mark.parametrize("case", malformed_csv.REFUSED)
def test_odder_files_are_refused_for_what_they_are(case: str, tmp_path: Path, settings: Settings) -> None:
    content, code = malformed_csv.REFUSED[case]
    with pytest.raises(DataError) as caught:
        read(content, tmp_path, settings, "odd.csv")
    sentence(caught.value, "odd.csv")
    assert caught.value.code == code


def is_text(content: bytes) -> bool:
    """Whether a case is about characters, and not about the bytes they are written in."""
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


ALL = {case: found[:2] for case, found in (READ | malformed_csv.READ).items()}
TEXTS = [case for case, (content, _) in ALL.items() if is_text(content)]


@pytest.mark.parametrize("case", ALL)
def test_compression_changes_no_cell(case: str, tmp_path: Path, settings: Settings) -> None:
    content, (names, *rows) = ALL[case]
    found = read(gzip.compress(content), tmp_path, settings, "odd.csv.gz")
    assert (found.names, found.rows) == (names, rows)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("case", TEXTS)
def test_another_encoding_changes_no_cell(case: str, encoding: str, tmp_path: Path, settings: Settings) -> None:
    content, (names, *rows) = ALL[case]
    found = read(content.decode().removeprefix("\ufeff").encode(encoding), tmp_path, settings, "odd.csv")
    assert (found.names, found.rows) == (names, rows)
