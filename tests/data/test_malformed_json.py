"""JSON in the manner of the well-known test suites: rows that make sense, or a sentence that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrain.errors import DataError
from autotrain.settings import Settings
from tests.data.malformed_json import EITHER, INVALID, VALID
from tests.data.reading import Read, read, sentence

ALL = VALID | INVALID | EITHER
ONE = b'{"text": "one", "label": "a"}'


def told(content: bytes, folder: Path, settings: Settings, name: str = "odd.json") -> Read | DataError:
    """What was read; or the refusal, after its sentence was looked at."""
    try:
        return read(content, folder, settings, name)
    except DataError as error:
        sentence(error, name)
        return error


@pytest.mark.parametrize("name", ["odd.json", "odd.csv"])
@pytest.mark.parametrize("case", ALL)
def test_alone_in_a_file(case: str, name: str, tmp_path: Path, settings: Settings) -> None:
    told(ALL[case], tmp_path, settings, name)


@pytest.mark.parametrize("case", VALID)
def test_any_value_in_a_cell(case: str, tmp_path: Path, settings: Settings) -> None:
    content = b"[" + ONE + b', {"text": ' + VALID[case] + b', "label": "b"}]'
    found = read(content, tmp_path, settings, "odd.json")
    assert found.column("label") == ["a", "b"] and found.codes == []


@pytest.mark.parametrize("case", VALID)
def test_any_value_in_a_line(case: str, tmp_path: Path, settings: Settings) -> None:
    content = ONE + b'\n{"text": ' + VALID[case].replace(b"\n", b" ") + b', "label": "b"}\n' + ONE
    found = read(content, tmp_path, settings, "odd.jsonl")
    assert found.column("label") == ["a", "b", "a"] and found.codes == []


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_value_in_a_cell_is_mended_or_the_file_is_refused(
    case: str, tmp_path: Path, settings: Settings
) -> None:
    content = b"[" + ONE + b', {"text": ' + INVALID[case] + b', "label": "b"}]'
    found = told(content, tmp_path, settings)
    if isinstance(found, DataError):
        assert found.code in ("broken-json", "too-deep")
    else:
        assert found.column("label") == ["a", "b"] and found.column("text")[0] == "one"


@pytest.mark.parametrize("case", INVALID | EITHER)
def test_a_line_that_is_no_json_costs_that_line_alone(case: str, tmp_path: Path, settings: Settings) -> None:
    broken = (INVALID | EITHER)[case].replace(b"\r", b" ").replace(b"\n", b" ")
    found = told(ONE + b'\n{"text": ' + broken + b', "label": "b"}\n' + ONE + b"\n", tmp_path, settings, "odd.jsonl")
    if isinstance(found, DataError):
        assert "nested" in case or "opening" in case or case == "structure_open_array_object"
    elif found.column("label") != ["a", "b", "a"]:
        assert found.column("label") == ["a", "a"] and found.finding("bad-lines").rows == (2,)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("NaN", ""),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("1e400", "1e400"),
        ("100000000000000000000", "100000000000000000000"),
        ("-123123123123123123123123", "-123123123123123123123123"),
        ("9" * 5000, "9" * 5000),
        ('"\\ud800"', "\ufffd"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\u0000"', "\0"),
        ('"tab\there"', "tab\there"),
        ('{"a": 1, "a": 2}', '{"a":2}'),
        ("[1, 2,]", "[1,2]"),
        ('/* "note" */ "x"', "x"),
        ('"http://example.org/*a*/,]"', "http://example.org/*a*/,]"),
        ("0.1", "0.1"),
        ("-0.0", "-0.0"),
        ("true", "true"),
        ("null", ""),
    ],
)
@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_what_each_value_becomes(value: str, cell: str, kind: str, tmp_path: Path, settings: Settings) -> None:
    row = f'{{"text": {value}, "label": "b"}}'.encode()
    content = b"[" + ONE + b"," + row + b"]" if kind == "json" else ONE + b"\n" + row + b"\n"
    if kind == "json" and value == '"\\ud800"':
        cell = "?"  # the streaming parser's own sign for half a character
    assert read(content, tmp_path, settings, f"odd.{kind}").column("text") == ["one", cell]


def test_json_as_people_write_it(tmp_path: Path, settings: Settings) -> None:
    content = b"""\xef\xbb\xbf// exported by hand
    {"version": 2, "rows": [
      {"text": "a // b", "label": "x",}, /* done */
      {"text": "c, ]", "label": "y"}, // last
    ],}"""
    found = read(content, tmp_path, settings, "hand.json")
    assert found.rows == [("a // b", "x"), ("c, ]", "y")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_json_in_other_encodings(encoding: str, kind: str, tmp_path: Path, settings: Settings) -> None:
    rows = ['{"text": "où êtes-vous", "label": "français"}', '{"text": "très bien", "label": "français"}']
    text = "\n".join(rows) if kind == "jsonl" else f"[{', '.join(rows)}]"
    found = read(text.encode(encoding), tmp_path, settings, f"odd.{kind}")
    assert found.rows == [("où êtes-vous", "français"), ("très bien", "français")]
    assert found.codes == (["encoding-guessed"] if encoding == "cp1252" else [])


def test_items_that_are_no_rows_are_said(tmp_path: Path, settings: Settings) -> None:
    found = read(b"[" + ONE + b', 7, "text", null, [1], ' + ONE + b"]", tmp_path, settings, "odd.json")
    assert len(found.rows) == 2
    assert found.finding("odd-rows").rows == (2, 3, 4, 5)
    found = read(b'[["text", "label"], ["a", "b"], ["c", "d", "e"], ["f"]]', tmp_path, settings, "odd.json")
    assert found.rows == [("a", "b"), ("f", "")]
    assert found.finding("odd-rows").rows == (3,)


@pytest.mark.parametrize("cut", range(1, 60, 3))
def test_a_truncated_document_is_refused_and_truncated_lines_cost_one_line(
    cut: int, tmp_path: Path, settings: Settings
) -> None:
    lines = b"".join(ONE + b"\n" for _ in range(4))
    document = b"[" + b",".join([ONE] * 4) + b"]"
    assert isinstance(told(document[:-cut], tmp_path, settings), DataError)
    found = read(lines[: -cut - 1], tmp_path, settings, "odd.jsonl")
    assert set(found.rows) == {("one", "a")} and len(found.rows) == 4 - 1 - cut // (len(ONE) + 1) + (cut == 0)


@pytest.mark.parametrize("deep", ["[", '{"a":', '[{"":'])
def test_nesting_without_end_is_refused_at_once(deep: str, tmp_path: Path, settings: Settings) -> None:
    for content in (deep * 100_000, f'[{{"text": {deep * 100_000}', "[" * 600 + "]" * 600):
        error = told(content.encode(), tmp_path, settings)
        assert isinstance(error, DataError) and error.code == "too-deep"


def test_brackets_in_texts_are_no_nesting(tmp_path: Path, settings: Settings) -> None:
    row = '{"text": "' + "[" * 5000 + '\\"{", "label": "a"}'
    assert read(f"[{row}, {row}]".encode(), tmp_path, settings, "odd.json").profile.rows == 2
    assert read(f"{row}\n{row}".encode(), tmp_path, settings, "odd.jsonl").profile.rows == 2
