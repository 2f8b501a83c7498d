"""Files that are no table, are empty or too large: refused with a sentence that names them and a way out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from autotrain.data.read import import_table
from autotrain.errors import DataError
from autotrain.settings import Settings
from tests.data.test_read import refusal


def workbook(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "PNG image"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "JPEG image"),
        (workbook("notes.bin"), "no table, text, image or sound"),
        (workbook("word/document.xml"), "Word document"),
        (workbook("mimetype", "content.xml"), "OpenDocument"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old Office"),
        (bytes(range(256)) * 20, "not text"),
        (b"\x01\x02\x03\x04" * 200, "not text"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_named_with_a_way_out(
    tmp_path: Path, settings: Settings, content: bytes, what: str
) -> None:
    error = refusal(tmp_path, settings, content, "upload.csv")
    assert error.code == "not-a-table"
    assert what in error.message


@pytest.mark.parametrize(
    "content", [b"", b"\n\n  \n", b"\xef\xbb\xbf", b"\xff\xfe"], ids=["0 bytes", "blank", "bom", "bom 16"]
)
def test_an_empty_file(tmp_path: Path, settings: Settings, content: bytes) -> None:
    assert refusal(tmp_path, settings, content).code == "empty-file"


@pytest.mark.parametrize("content", [b"text,label", b"text,label\n\n\n", b"text\n"])
def test_only_a_header(tmp_path: Path, settings: Settings, content: bytes) -> None:
    error = refusal(tmp_path, settings, content)
    assert error.code == "header-only"


def test_a_file_over_the_limit_says_both_sizes(tmp_path: Path, settings: Settings) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 1000})
    error = refusal(tmp_path, small, b"text,label\n" + b"hello,x\n" * 1000)
    assert error.code == "too-large"
    assert "8.0 kB" in error.message and "1.0 kB" in error.message


def test_a_file_over_the_limit_is_refused_without_reading_it(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "huge.csv"
    with source.open("wb") as file:
        file.truncate(settings.max_upload_bytes + 1)
    with pytest.raises(DataError, match=r"10\.0 GB") as caught:
        import_table(source, tmp_path, settings)
    assert caught.value.code == "too-large"


def test_a_missing_file_and_a_folder(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(DataError, match="There is no file"):
        import_table(tmp_path / "nowhere.csv", tmp_path, settings)
    with pytest.raises(DataError, match="is not a file"):
        import_table(tmp_path, tmp_path, settings)


def test_a_full_disk_is_a_plain_sentence(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "imported").mkdir()
    (tmp_path / "imported" / "table.arrow").symlink_to("/dev/full")
    error = refusal(tmp_path, settings, b"text,label\n" + b"hello there,x\n" * 5000)
    assert error.code == "disk-full"
    assert "Free some space" in error.message
