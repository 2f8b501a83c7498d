"""The first rows of a file are known from its beginning, for every format that is read from the front."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from autotrain.data.glance import HEAD_BYTES, ROWS, Glance, glance, glance_inside
from autotrain.settings import Settings


def noisy(number: int) -> str:
    """Text that does not compress away, so that a compressed beginning is a beginning."""
    return f"{number} é {random.Random(number).randbytes(150).hex()}"


TABLE = [{"text": noisy(number), "label": "ab"[number % 2]} for number in range(3_000)]


def csv_text(end: str = "\n") -> str:
    return end.join(["text,label", *(f"{row['text']},{row['label']}" for row in TABLE), ""])


FILES = {
    "csv": ("a.csv", csv_text().encode()),
    "csv of an old Mac": ("a.csv", csv_text("\r").encode()),
    "csv in UTF-16": ("a.csv", csv_text().encode("utf-16")),
    "csv in Latin 1": ("a.csv", csv_text().encode("latin-1")),
    "gzip": ("a.csv.gz", gzip.compress(csv_text().encode())),
    "bzip2": ("a.csv.bz2", bz2.compress(csv_text().encode(), 1)),
    "xz": ("a.csv.xz", lzma.compress(csv_text().encode())),
    "zstd": ("a.csv.zst", pa.compress(csv_text().encode(), "zstd", asbytes=True)),
    "json lines": ("a.jsonl", "".join(json.dumps(row) + "\n" for row in TABLE).encode()),
    "json": ("a.json", json.dumps(TABLE).encode()),
    "json within an object": ("a.json", json.dumps({"version": 1, "tags": ["x"], "data": TABLE}, indent=1).encode()),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_beginning_shows_the_first_rows(settings: Settings, kind: str) -> None:
    name, content = FILES[kind]
    head = content[:HEAD_BYTES]
    assert len(head) < len(content)
    found = glance(head, name, settings)
    assert found == Glance(columns=("text", "label"), rows=tuple((row["text"], row["label"]) for row in TABLE[:ROWS]))
    assert list(settings.root.glob(".upload-*")) == []


def test_a_beginning_that_does_not_tell_is_no_mistake(settings: Settings) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(TABLE), sink)
    for name, content in {
        "a.parquet": sink.getvalue()[:HEAD_BYTES],
        "a.csv": b"",
        "b.csv": b"one line that never ends" * 1_000,
        "a.json": b'{"data": ',
        "a.json.gz": gzip.compress(b"[")[:-4],
        "a.png": b"\x89PNG\r\n\x1a\n" + bytes(1_000),
    }.items():
        assert glance(content, name, settings) is None, name


def test_formats_that_are_read_from_their_end_show_the_first_rows_of_the_whole_file(
    settings: Settings, tmp_path: Path
) -> None:
    expected = Glance(columns=("text", "label"), rows=tuple((row["text"], row["label"]) for row in TABLE[:ROWS]))
    pq.write_table(pa.Table.from_pylist(TABLE), tmp_path / "a.parquet")
    pa.feather.write_feather(pa.Table.from_pylist(TABLE), tmp_path / "a.feather")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.md", "# About")
        archive.writestr("data/train.csv", csv_text())
    for name in ("a.parquet", "a.feather", "a.zip"):
        assert glance_inside(tmp_path / name, name, settings) == expected, name
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-100])
    (tmp_path / "a.csv").write_text(csv_text(), "utf-8")
    for name in ("b.parquet", "a.csv"):
        assert glance_inside(tmp_path / name, name, settings) is None


def test_long_cells_are_cut(settings: Settings) -> None:
    found = glance(b"text,label\n" + b"x" * 10_000 + b",a\nshort,b\n", "a.csv", settings)
    assert found is not None and len(found.rows[0][0]) == 400
